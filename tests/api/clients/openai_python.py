"""The openai package for Python: prints what it got from the server, as JSON."""

from __future__ import annotations

import asyncio
import json
import os

import openai

BASE_URL, MODEL = os.environ["BASE_URL"], os.environ["MODEL"]
USER = [{"role": "user", "content": os.environ["REQUEST"]}]
SHORT = {"model": MODEL, "max_tokens": 8, "temperature": 0}
NOTES = {
    "user": "ada",
    "metadata": {"chat": "7"},
    "store": True,
    "safety_identifier": "ada",
    "prompt_cache_key": "pegs",
    "service_tier": "auto",
    "parallel_tool_calls": True,
    "verbosity": "low",
}


async def chat_later() -> str:
    async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="unused") as client:
        answer = await client.chat.completions.create(messages=USER, **SHORT)
        stream = await client.chat.completions.create(messages=USER, stream=True, **SHORT)
        streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert streamed == answer.choices[0].message.content
        return streamed


def error_of(call) -> list:
    try:
        call()
    except openai.APIError as error:
        return [type(error).__name__, error.param, error.code]
    return []


with openai.OpenAI(base_url=BASE_URL, api_key="unused") as client:
    create = client.chat.completions.create
    chunks = list(create(messages=USER, stream=True, stream_options={"include_usage": True}, **SHORT))
    whole = create(messages=USER, **SHORT)
    got = {
        "version": openai.__version__,
        "models": [model.id for model in client.models.list()],
        "model": client.models.retrieve(MODEL).id,
        "chat": whole.choices[0].message.content,
        "usage": whole.usage.total_tokens,
        "notes": create(messages=USER, **SHORT, **NOTES).choices[0].message.content,
        "long": create(**{**SHORT, "max_tokens": 128_000}, messages=USER).choices[0].finish_reason,
        "stream": "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]),
        "stream usage": chunks[-1].usage.total_tokens,
        "completion": client.completions.create(prompt=os.environ["PROMPT"], user="ada", **SHORT).choices[0].text,
        "async": asyncio.run(chat_later()),
        "refused": error_of(lambda: create(messages=USER, frequency_penalty=1, **SHORT)),
        "missing": error_of(lambda: create(messages=USER, model="other")),
        "responses": error_of(lambda: client.responses.create(model=MODEL, input="Oak peg")),
        "embeddings": error_of(lambda: client.embeddings.create(model=MODEL, input="Oak peg")),
    }
print(json.dumps(got))
