"""LiteLLM: prints what it got from the server, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it fetches a list of prices

import litellm

MODEL = f"openai/{os.environ['MODEL']}"
COMMON = {"api_base": os.environ["BASE_URL"], "api_key": "unused", "temperature": 0}
SHORT = {**COMMON, "model": MODEL, "messages": [{"role": "user", "content": os.environ["REQUEST"]}], "max_tokens": 8}

NOTES = {"user": "ada", "metadata": {"chat": "7"}, "store": True}

whole = litellm.completion(**SHORT)
chunks = list(litellm.completion(**SHORT, stream=True, stream_options={"include_usage": True}))
raw = litellm.text_completion(
    **COMMON, model=f"text-completion-openai/{os.environ['MODEL']}", prompt=os.environ["PROMPT"], max_tokens=8
)
try:
    litellm.completion(**SHORT, frequency_penalty=1)
    refused = []
except litellm.BadRequestError as error:
    refused = [type(error).__name__, "frequency_penalty" if "frequency_penalty" in str(error) else None]

print(
    json.dumps(
        {
            "version": version("litellm"),
            "chat": whole.choices[0].message.content,
            "usage": whole.usage.total_tokens,
            "notes": litellm.completion(**SHORT, **NOTES).choices[0].message.content,
            "stream": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
            "stream usage": chunks[-1].usage.total_tokens,
            "completion": raw.choices[0].text,
            "async": asyncio.run(litellm.acompletion(**SHORT)).choices[0].message.content,
            "refused": refused,
        }
    )
)
