"""LangChain's langchain-openai: prints what it got from the server, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
from importlib.metadata import version

import openai
from langchain_openai import ChatOpenAI, OpenAI

REQUEST = os.environ["REQUEST"]
COMMON = {"base_url": os.environ["BASE_URL"], "api_key": "unused", "model": os.environ["MODEL"], "temperature": 0}

chat = ChatOpenAI(**COMMON, max_tokens=8, stream_usage=True)
noted = ChatOpenAI(**COMMON, max_tokens=8, model_kwargs={"user": "ada"}, metadata={"chat": "7"}, store=True)
whole = chat.invoke([("system", "Be brief."), ("user", REQUEST)])
chunks = list(chat.stream(REQUEST))
try:
    ChatOpenAI(**COMMON, frequency_penalty=1).invoke(REQUEST)
    refused = []
except openai.BadRequestError as error:
    refused = [type(error).__name__, error.param, error.code]

print(
    json.dumps(
        {
            "version": version("langchain-openai"),
            "chat": whole.content,
            "usage": whole.usage_metadata["total_tokens"],
            "notes": noted.invoke(REQUEST).content,
            "stream": "".join(chunk.content for chunk in chunks),
            "stream usage": sum(chunk.usage_metadata["total_tokens"] for chunk in chunks if chunk.usage_metadata),
            "completion": OpenAI(**COMMON, max_tokens=8).invoke(os.environ["PROMPT"]),
            "async": asyncio.run(chat.ainvoke(REQUEST)).content,
            "refused": refused,
        }
    )
)
