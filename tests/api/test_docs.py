"""The examples of docs/serving.md run unchanged, and its numbers equal those of the code."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from shelftalk.api import limits
from shelftalk.api.chat_tasks import TITLE_CHARACTERS
from shelftalk.catalogue.attributes import MOST_ATTRIBUTES, NAME_CHARACTERS, VALUE_CHARACTERS
from shelftalk.generation.engine import CONTEXT
from tests.api.served import AFTER, RUN, make_app, running
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


def examples(language: str, address: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    return [one.replace("http://127.0.0.1:8000", address).replace('"first"', f'"{RUN}"') for one in found]


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    with running(make_app()) as address:
        for line in "".join(examples("sh", address)).splitlines():
            done = subprocess.run(line, shell=True, capture_output=True, check=True, timeout=20)
            assert "error" not in json.loads(done.stdout)
        (python,) = examples("python", address)
        exec(compile(python, "serving.md", "exec"), {})
    assert capsys.readouterr().out == AFTER


def test_the_limits_are_those_of_the_code() -> None:
    default = limits.Limits()
    for said in (
        f"| body | {default.body_bytes // 1024**2} MiB, ",
        f"| {limits.PROMPT_CHARACTERS} characters | 400 |",
        f"| keys of an object | {limits.KEYS} |",
        f"an object of texts, at most {MOST_ATTRIBUTES}, with names up to {NAME_CHARACTERS}\n",
        f"\ncharacters and values up to {VALUE_CHARACTERS}:",
        f"| `max_tokens` | {limits.MAX_TOKENS} | as long as it may be: {limits.MAX_TOKENS} tokens",
        f"| `max_new_tokens` of `/v1/describe` | {limits.MAX_TOKENS} |",
        f"| messages of a chat; parts of its last user message | {limits.MESSAGES}; {limits.PARTS} |",
        f"prompt and text together | {CONTEXT} tokens, or",
        f"up to {TITLE_CHARACTERS} characters; for Open WebUI",
        f"| {limits.CHOICES}; {limits.PROMPTS}; {limits.STOPS}; {limits.REFERENCES} |",
        f"`--slots` ({default.slots}); {default.queue} |",
    ):
        assert said in TEXT


def test_every_parameter_is_documented() -> None:
    schemas = make_app().openapi()["components"]["schemas"]
    for schema in ("CompletionRequest", "ChatRequest", "StreamOptions"):
        for name in schemas[schema]["properties"]:
            if name not in ("messages", "prompt"):
                assert re.search(rf"[`.]{name}\b", TEXT), name


def test_every_route_is_documented() -> None:
    assert all(path in TEXT for path in make_app().openapi()["paths"])
