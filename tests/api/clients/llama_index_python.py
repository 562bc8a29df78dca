"""LlamaIndex's llama-index-llms-openai-like: prints what it got from the server, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
from importlib.metadata import version

import openai
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

COMMON = {"api_base": os.environ["BASE_URL"], "api_key": "unused", "model": os.environ["MODEL"], "temperature": 0}
MESSAGES = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content=os.environ["REQUEST"])]

NOTES = {"user": "ada", "metadata": {"chat": "7"}}

chat = OpenAILike(**COMMON, max_tokens=8, is_chat_model=True)
noted = OpenAILike(**COMMON, max_tokens=8, is_chat_model=True, additional_kwargs=NOTES)
raw = OpenAILike(**COMMON, max_tokens=8, is_chat_model=False)
whole = chat.chat(MESSAGES)
try:
    OpenAILike(**COMMON, is_chat_model=True, additional_kwargs={"frequency_penalty": 1}).chat(MESSAGES)
    refused = []
except openai.BadRequestError as error:
    refused = [type(error).__name__, error.param, error.code]

print(
    json.dumps(
        {
            "version": version("llama-index-llms-openai-like"),
            "chat": whole.message.content,
            "usage": whole.raw.usage.total_tokens,
            "notes": noted.chat(MESSAGES).message.content,
            "stream": "".join(chunk.delta or "" for chunk in chat.stream_chat(MESSAGES)),
            "completion": raw.complete(os.environ["PROMPT"]).text,
            "async": asyncio.run(chat.achat(MESSAGES)).message.content,
            "refused": refused,
        }
    )
)
