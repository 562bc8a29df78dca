"""Two hundred parallel clients: a third disconnect early, one in twenty sends an invalid request."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.api.served import PATIENCE, RUN, raw_request
from tests.api.test_server import environment
from tests.conftest import ROOT

CLIENTS = 200
INVALID = [
    b"{",
    b'{"title": 1}',
    b"[" * 5000,
    b'{"model": "pegs", "prompt": "\\ud800"}',
    b'{"model": "nope", "prompt": "x"}',
]


async def one_client(port: int, number: int) -> str:
    """Return the status of the client's response, or how it disconnected."""
    path = ("/v1/completions", "/v1/chat/completions", "/v1/describe")[number % 3]
    prompt = f"Oak peg {number} " + "x" * 2000
    bodies = {
        "/v1/completions": {"model": RUN, "prompt": prompt, "stream": number % 2 == 0},
        "/v1/chat/completions": {"model": "base", "messages": [{"role": "user", "content": prompt}], "stream": True},
        "/v1/describe": {"title": prompt},
    }
    body = INVALID[number // 20 % len(INVALID)] if number % 20 == 7 else json.dumps(bodies[path]).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = raw_request(path, body, "content-type: application/json\r\nconnection: close\r\n")
        disconnects = number % 3 == number // 3 % 3 and number % 20 != 7
        if disconnects and number % 2:
            writer.write(request[: len(request) // 2])
            await writer.drain()
            return "left while sending"
        writer.write(request)
        await writer.drain()
        if disconnects:
            await asyncio.sleep(0.05 * (number % 5))
            return "left while waiting"
        return (await reader.read()).split(b" ", 2)[1].decode()
    finally:
        writer.close()


async def one_round(port: int) -> Counter[str]:
    return Counter(await asyncio.gather(*(one_client(port, number) for number in range(CLIENTS))))


def resident(process: int) -> int:
    """Return a process's resident memory in kilobytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.kill
@pytest.mark.parametrize("rounds", [3, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_two_hundred_clients_do_no_harm_and_leave_nothing_behind(tmp_path: Path, rounds: int) -> None:
    command = [sys.executable, "-m", "tests.api.served", "0.002", "4", "100"]
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True
        ) as server,
    ):
        assert server.stdout is not None
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        try:
            for _ in range(rounds):  # the allocator's own room grows for a while, on Python 3.10 for longest
                asyncio.run(one_round(port))
            before = resident(server.pid)
            seen = sum((asyncio.run(one_round(port)) for _ in range(rounds)), Counter[str]())
            after = resident(server.pid)
        finally:
            server.terminate()
        assert server.wait(PATIENCE) == 0
    assert set(seen) <= {"200", "400", "404", "429", "503", "left while sending", "left while waiting"}, seen
    assert seen["200"] > rounds * 40, seen
    assert seen["400"] + seen["404"] == rounds * CLIENTS / 20
    assert seen["left while sending"] + seen["left while waiting"] >= rounds * 0.3 * CLIENTS, seen
    assert after < before * 1.05, (before, after)
    assert "Traceback" not in log.read_text()
