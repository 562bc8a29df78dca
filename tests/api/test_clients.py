"""Unmodified clients of other projects, as they come from PyPI and npm, against `shelftalk serve` with the tiny model.

They are in .venv/clients (see the Makefile), each in a process of its own: they need other versions of openai than
shelftalk's tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from shelftalk.prompts import ENGLISH
from tests.api.test_server import served
from tests.conftest import ROOT

CLIENTS = Path(__file__).parent / "clients"
INSTALLED = ROOT / ".venv" / "clients"
REQUEST = "Oak peg 3 cm"
REFUSED = ["BadRequestError", "frequency_penalty", "unsupported_parameter"]
MISSING = ["NotFoundError", "model", "model_not_found"]
NO_ROUTE = ["NotFoundError", None, "not_found"]
CURE = "There is no route '/v1/responses'; have the client use the Chat Completions API, /v1/chat/completions."

ERRORS: dict[str, dict[str, list[Any]]] = {
    "openai_python.py": {"refused": REFUSED, "missing": MISSING, "responses": NO_ROUTE, "embeddings": NO_ROUTE},
    "langchain_python.py": {"refused": ["OpenAIInvalidRequestError", *REFUSED[1:]]},
    "llama_index_python.py": {"refused": REFUSED},
    "litellm_python.py": {"refused": REFUSED[:2]},
    "openai_node.cjs": {"refused": REFUSED, "missing": MISSING, "responses": NO_ROUTE},
    "ai_sdk.cjs": {
        "refused": ["AI_APICallError", 400, "frequency_penalty is not supported here; leave it out."],
        "responses": ["AI_APICallError", 404, CURE],
    },
}


@dataclass(frozen=True)
class Served:
    """A server, and what it answers to a plain request."""

    address: str
    model: str
    text: str
    tokens: int


@pytest.fixture(scope="module")
def server(tiny_run: Any) -> Iterator[Served]:
    with served(tiny_run) as (address, _):
        body = {"model": tiny_run.name, "prompt": ENGLISH.prompt_for(REQUEST), "max_tokens": 8, "temperature": 0}
        plain = answer(address, body)
        text = plain["choices"][0]["text"]
        assert text
        yield Served(address, tiny_run.name, text, plain["usage"]["total_tokens"])


def answer(address: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the server's answer to a request for a completion."""
    found: dict[str, Any] = httpx.post(f"{address}/v1/completions", json=body, timeout=60).json()
    return found


def got(command: list[str], server: Served) -> dict[str, Any]:
    """Return what a client printed."""
    variables = {"BASE_URL": f"{server.address}/v1", "MODEL": server.model}
    variables |= {
        "REQUEST": REQUEST,
        "PROMPT": ENGLISH.prompt_for(REQUEST),
        "NODE_PATH": str(INSTALLED / "node_modules"),
    }
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OPENAI_API_KEY")}
    done = subprocess.run(command, env=kept | variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def check(found: dict[str, Any], server: Served, errors: dict[str, list[Any]]) -> None:
    assert {name: found[name] for name in errors} == errors
    expected = dict.fromkeys(("chat", "notes", "stream", "completion", "async"), server.text)
    if "sent" in found:  # with more around the prompt than the test gave
        sent = found["sent"] if isinstance(found["sent"], dict) else json.loads(found["sent"])
        assert ENGLISH.prompt_for(REQUEST) in sent["prompt"]
        expected["completion"] = answer(server.address, sent)["choices"][0]["text"]
    for name, text in expected.items():
        assert name == "async" or name in found
        assert found.get(name, text) == text, name
    assert {found[name] for name in ("usage", "stream usage") if name in found} == {server.tokens}
    assert found.get("models", ["base", server.model]) == ["base", server.model]
    assert found.get("long", "length") in ("length", "stop")


@pytest.mark.kill
@pytest.mark.skipif(
    not (INSTALLED / "installed").exists(), reason="the clients are not in .venv/clients; make test installs them"
)
@pytest.mark.parametrize("script", ERRORS)
def test_a_client_of_another_project_works_unmodified(server: Served, script: str) -> None:
    program = INSTALLED / "bin" / ("node" if script.endswith(".cjs") else "python")
    found = got([str(program), str(CLIENTS / script)], server)
    check(found, server, ERRORS[script])
    assert found["version"] == pinned()[script]


@pytest.mark.kill
def test_the_newest_openai_client_works_unmodified(server: Served) -> None:
    script = "openai_python.py"
    check(got([sys.executable, str(CLIENTS / script)], server), server, ERRORS[script])


def pinned() -> dict[str, str]:
    """Return the version of each script's client."""
    python = dict(re.findall(r"^([\w-]+)==(\S+)$", (CLIENTS / "requirements.txt").read_text(), re.MULTILINE))
    node = json.loads((CLIENTS / "package.json").read_text())["dependencies"]
    return {
        "openai_python.py": python["openai"],
        "langchain_python.py": python["langchain-openai"],
        "llama_index_python.py": python["llama-index-llms-openai-like"],
        "litellm_python.py": python["litellm"],
        "openai_node.cjs": node["openai"],
        "ai_sdk.cjs": node["ai"],
    }


def test_the_table_of_clients_names_the_versions_that_are_tested() -> None:
    table = re.search(r"^\| client \|.*?(?=\n\n)", (ROOT / "docs" / "serving.md").read_text(), re.MULTILINE | re.DOTALL)
    assert table is not None
    newest = re.search(r"^openai==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert newest is not None
    node = json.loads((CLIENTS / "package.json").read_text())["dependencies"]
    for version in (newest[1], *pinned().values(), *node.values()):
        assert f" {version}" in table[0]
