"""A real server: the unmodified openai client, signals, the command, and its startup errors."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from shelftalk.api import limits
from shelftalk.api.limits import Limits
from shelftalk.cli.main import run
from shelftalk.generation.llama_cpp_engine import settings_obstacle
from shelftalk.settings import DecodingSettings
from tests.api.served import AFTER, BEFORE, ENDLESS, KEY, PATIENCE, RUN, WatchedEngine, make_app, running, until
from tests.conftest import ROOT

USER: Any = [{"role": "user", "content": "Oak peg"}]


@contextmanager
def openai_client(app: Any, key: str = "unused") -> Iterator[openai.OpenAI]:
    with running(app) as address, openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
        yield client


def test_the_openai_client_works_unmodified() -> None:
    with openai_client(make_app()) as client:
        assert [model.id for model in client.models.list()] == ["base", RUN]
        assert client.models.retrieve(RUN).id == RUN
        text = client.completions.create(model="base", prompt="Oak peg:", max_tokens=50, n=2, seed=1, temperature=0.5)
        assert [choice.text for choice in text.choices] == [BEFORE, BEFORE]
        chat = client.chat.completions.create(model=RUN, messages=USER, stop=["own"], max_completion_tokens=50)
        assert chat.choices[0].message.content == "After, a peg with a voice of its"
        assert chat.usage is not None
        assert chat.usage.total_tokens == chat.usage.prompt_tokens + chat.usage.completion_tokens


def test_the_openai_client_streams() -> None:
    with openai_client(make_app()) as client:
        texts = client.completions.create(model=RUN, prompt="Oak peg:", stream=True)
        assert "".join(chunk.choices[0].text for chunk in texts) == AFTER
        chat = client.chat.completions.create(
            model=RUN, messages=USER, stream=True, stream_options={"include_usage": True}
        )
        *chunks, last = list(chat)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == AFTER
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert last.usage is not None
        assert last.usage.completion_tokens == 9
        with client.chat.completions.stream(model=RUN, messages=USER) as events:
            assert events.get_final_completion().choices[0].message.content == AFTER


def test_the_openai_client_raises_its_own_errors() -> None:
    engine = WatchedEngine(pause=0.02)
    with openai_client(make_app(engine, Limits(slots=1, queue=0), KEY), KEY) as client:
        with pytest.raises(openai.NotFoundError):
            client.completions.create(model="other", prompt="x")
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model=RUN, messages=USER, tools=[{"type": "function"}])  # type: ignore[list-item]
        assert refused.value.param == "tools"
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="another").models.list()
        with client.completions.create(model=RUN, prompt=ENDLESS, max_tokens=1000, stream=True) as stream:
            next(iter(stream))
            with pytest.raises(openai.RateLimitError) as full:
                client.completions.create(model=RUN, prompt="x")
            assert int(full.value.response.headers["retry-after"]) > 0
        until(lambda: engine.computing == 0)
        assert client.completions.create(model=RUN, prompt="x").choices[0].text == AFTER


def test_the_longest_text_of_the_server_is_one_that_llama_cpp_writes() -> None:
    assert settings_obstacle(DecodingSettings(max_new_tokens=limits.MAX_TOKENS)) is None


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "SHELFTALK_API_KEY"}
    return {**kept, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONUNBUFFERED": "1", **more}


@pytest.mark.kill
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_also_while_it_streams(end: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.api.served", "0.05", "1", "5"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        body = {"model": RUN, "prompt": ENDLESS, "max_tokens": 1000, "stream": True}
        with httpx.stream("POST", f"{address}/v1/completions", json=body, timeout=PATIENCE) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("data: ")
            server.send_signal(end)
            rest = [line for line in lines if line]
        assert server.wait(PATIENCE) == 0
    assert len(rest) < 500  # of a thousand words, which take fifty seconds
    assert json.loads(rest[-1].removeprefix("data: "))["error"]["code"] == "shutting_down"


@contextmanager
def served(tiny_run: Any, *options: str, **variables: str) -> Iterator[tuple[str, list[str]]]:
    """Run `shelftalk serve` on the tiny run; yield the address and the printed lines; the last one is a curl call."""
    command = [sys.executable, "-m", "shelftalk", "serve", tiny_run.name, "--port", "0", *options]
    command += ["--workspace", str(tiny_run.workspace.root)]
    with subprocess.Popen(command, env=environment(**variables), stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = ""
        while "curl" not in said:
            line = server.stderr.readline()
            assert line, said
            said += line
        address = re.search(r"http://[\w.:]+", said)
        assert address is not None
        try:
            yield address[0], said.splitlines()
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0


def check_raw_prompts(client: openai.OpenAI, model: str) -> None:
    """Check with a real engine that a start token is dropped, and that the longest text of the server is taken."""

    def completion(prompt: str, max_tokens: int) -> Any:
        return client.completions.create(model=model, prompt=prompt, max_tokens=max_tokens, temperature=0)

    plain, started = (completion(f"{start}Oak peg:", 8) for start in ("", "<bos>"))
    assert (started.choices[0].text, started.usage) == (plain.choices[0].text, plain.usage)
    assert completion("<bos>", 8).usage.prompt_tokens == 1
    assert completion("Oak peg:", limits.MAX_TOKENS).usage.completion_tokens > 0
    assert completion("Oak peg:", 100_000).usage.completion_tokens > 0
    for limit in (1000, limits.MAX_TOKENS, 100_000):  # the tiny model has 1,024 positions
        cut = completion("y" * 1018, limit)
        assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 5)
        with pytest.raises(openai.BadRequestError, match="prompt has 2001 tokens") as refused:
            completion("y" * 2000, limit)
        assert (refused.value.param, refused.value.code) == ("prompt", "context_length_exceeded")


@pytest.mark.kill
def test_the_command_serves_what_ask_says(tiny_run: Any) -> None:
    from shelftalk.pipeline import ask

    settings = DecodingSettings(max_new_tokens=8, temperature=0)
    asked = ask(tiny_run, "Oak peg 3 cm", settings, 2).as_mapping()
    with served(tiny_run) as (address, said):
        body = {"title": "Oak peg 3 cm", "max_new_tokens": 8, "temperature": 0, "references": 2}
        assert httpx.post(f"{address}/v1/describe", json=body, timeout=60).json() == asked
        with openai.OpenAI(base_url=f"{address}/v1", api_key="unused") as client:
            for model, side in (("base", "base"), (tiny_run.name, "tuned")):
                messages: Any = [{"role": "user", "content": "Oak peg 3 cm"}]
                chat = client.chat.completions.create(model=model, messages=messages, max_tokens=8, temperature=0)
                assert chat.choices[0].message.content == asked[side]["text"]
                assert chat.usage is not None
                assert chat.usage.prompt_tokens > 4
            check_raw_prompts(client, tiny_run.name)
        curl = subprocess.run(said[-1], shell=True, capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(curl.stdout)["query"] == "Oak peg"


@pytest.mark.kill
def test_the_command_takes_the_key_from_a_file_or_the_environment_and_never_shows_it(
    tiny_run: Any, tmp_path: Path
) -> None:
    file = tmp_path / "key file"
    file.write_text(f"{KEY}\n")
    with served(tiny_run, "--host", "0.0.0.0", "--api-key-file", str(file), SHELFTALK_API_KEY="e" * 40) as (
        address,
        said,
    ):
        assert KEY not in "".join(said)
        assert "127.0.0.1" in address
        for key, status in ((KEY, 200), ("e" * 40, 401)):
            headers = {"authorization": f"Bearer {key}", "host": "shop.example"}
            assert httpx.get(f"{address}/v1/models", headers=headers).status_code == status
        curl = subprocess.run(said[-1], shell=True, capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(curl.stdout)["query"] == "Oak peg"


def mistake(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    return line


def test_what_the_command_refuses_is_one_line_before_anything_is_loaded(
    tiny_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("shelftalk.pipeline.open_index", forbidden)
    monkeypatch.delenv("SHELFTALK_API_KEY", raising=False)
    command = ["serve", "pegs", "--workspace", str(tiny_run.workspace.root)]
    for host in ("0.0.0.0", "::"):
        line = mistake([*command, "--host", host], capsys)
        assert "needs an API key of 32 bytes or more" in line
        assert "SHELFTALK_API_KEY" in line
    assert "no address" in mistake([*command, "--host", "no such host"], capsys)
    assert "cannot be taken" in mistake([*command, "--host", "192.0.2.1", "--api-key-file", _key(tmp_path)], capsys)
    assert "cannot be read" in mistake([*command, "--api-key-file", str(tmp_path / "none")], capsys)
    monkeypatch.setenv("SHELFTALK_API_KEY", "short")
    assert "32 or more" in mistake(command, capsys)
    monkeypatch.delenv("SHELFTALK_API_KEY")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = mistake([*command, "--port", port], capsys)
        assert f"Port {port} of 127.0.0.1 cannot be taken" in line
        assert "choose another --port" in line
    assert "no run 'nope'" in mistake(["serve", "nope", *command[2:]], capsys)


def _key(folder: Path) -> str:
    (folder / "key").write_text(KEY)
    return str(folder / "key")


def test_without_the_packages_the_command_says_how_to_install_them(
    tiny_run: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    line = mistake(["serve", "pegs", "--workspace", str(tiny_run.workspace.root)], capsys)
    assert "fastapi" in line
    assert "pip install 'shelftalk[serve]'" in line
