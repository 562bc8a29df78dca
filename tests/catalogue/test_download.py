"""Downloads from a local server, complete, interrupted, killed or wrong, and through Google Drive's pages."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shelftalk.catalogue import download as module
from shelftalk.catalogue.download import ARCHIVES, Archive, download, published
from shelftalk.cli.main import run
from shelftalk.errors import Busy, Damaged, NotFound, NotWritable, Unreachable
from shelftalk.workspace import lock
from tests.catalogue.samples import json_lines, rows
from tests.catalogue.web import QUOTA, Web, certify, serving


def archive_bytes(padding: int = 3_000_000, seed: int = 5) -> bytes:
    """Return a zip like the published one: trn.json.gz, and other files that are not read."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("LF-Amazon-1.3M/trn.json.gz", gzip.compress(json_lines(rows(30)), mtime=0))
        archive.writestr("LF-Amazon-1.3M/tst.json.gz", random.Random(seed).randbytes(padding))
    return content.getvalue()


CONTENT = archive_bytes()
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(module, "RETRIES", 1)
    with serving(Web(CONTENT)) as web:
        yield web


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "in a folder" / "raw.zip"


def fetch(web: Web, target: Path, digest: str | None = None) -> str:
    return download(published("amazontitles", web.address), target, digest)


def left(target: Path) -> list[str]:
    """Return the names of the other files in the target's folder, except the lock of a failed call."""
    return sorted(file.name for file in target.parent.iterdir() if not file.name.endswith(".lock"))


def only_part(target: Path) -> Path:
    (part,) = target.parent.glob("raw.zip.download????????.part")
    return part


def test_a_file_arrives_whole_with_its_hash_and_nothing_beside_it(web: Web, target: Path) -> None:
    seen: list[tuple[int, int]] = []
    digest = download(published("amazontitles", web.address), target, DIGEST, lambda *done: seen.append(done))
    assert digest == DIGEST
    assert target.read_bytes() == CONTENT
    assert sorted(target.parent.iterdir()) == [target]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_file_that_is_there_is_checked_and_not_fetched(web: Web, target: Path) -> None:
    fetch(web, target)
    requested = len(web.ranges)
    assert fetch(web, target, DIGEST.upper()) == DIGEST
    assert len(web.ranges) == requested
    target.write_bytes(CONTENT[:-40])
    with pytest.raises(Damaged, match=r"raw.zip is not what was published: it is no zip .*; remove it, run"):
        fetch(web, target)
    assert target.stat().st_size == len(CONTENT) - 40  # an existing file belongs to the user


def test_a_lost_connection_is_resumed_within_the_call(web: Web, target: Path) -> None:
    web.cuts = [1_000_000]
    assert fetch(web, target) == DIGEST
    assert web.ranges[0] == 0
    assert 0 < web.ranges[1] <= 1_000_000


def test_after_too_many_interruptions_the_next_call_resumes(web: Web, target: Path) -> None:
    web.cuts = [1_200_000, 700_000]
    with pytest.raises(Unreachable, match=r"failed: .* run the same command again to resume") as caught:
        fetch(web, target)
    assert "\n" not in str(caught.value)
    kept = only_part(target).stat().st_size
    assert kept == 3 << 19  # gdown writes in chunks of half a MiB
    assert left(target) == [only_part(target).name]
    web.ranges.clear()
    assert fetch(web, target) == DIGEST
    assert web.ranges == [0, kept]  # the first request asks only for the file's URL and size
    assert sorted(target.parent.iterdir()) == [target]


@pytest.mark.kill
def test_a_kill_costs_nothing_that_has_arrived(web: Web, target: Path) -> None:
    web.pause = 0.05
    command = [sys.executable, "-c", "from shelftalk.cli import main; main()", "download", "amazontitles"]
    process = subprocess.Popen([*command, "--url", web.address, "--output", str(target)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size > 1 << 20 for part in target.parent.glob("*.part")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = only_part(target).stat().st_size
    assert not target.exists()
    web.pause = 0.0
    web.ranges.clear()
    assert fetch(web, target) == DIGEST
    assert web.ranges == [0, kept]
    assert sorted(target.parent.iterdir()) == [target]


def test_a_kill_before_the_check_fetches_nothing_again(web: Web, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("raw.zip.download").write_bytes(CONTENT)
    assert fetch(web, target) == DIGEST
    assert web.ranges == []


def test_a_file_that_changed_between_two_calls_is_not_accepted(web: Web, target: Path) -> None:
    web.cuts = [1_000_000, 0]
    with pytest.raises(Unreachable):
        fetch(web, target)
    web.content, web.tag = archive_bytes(seed=6), '"2"'
    with pytest.raises(Damaged, match="is not what was published"):
        fetch(web, target)
    assert left(target) == []
    assert fetch(web, target) == hashlib.sha256(web.content).hexdigest()


def test_a_server_that_cannot_resume_is_reported_with_advice(web: Web, target: Path) -> None:
    web.cuts = [1_000_000, 0]
    with pytest.raises(Unreachable):
        fetch(web, target)
    web.honours_ranges = False
    with pytest.raises(Unreachable, match=r"did not honor .* or remove .*\.part to start again\.$"):
        fetch(web, target)
    only_part(target).unlink()
    assert fetch(web, target) == DIGEST


def test_a_server_that_sends_less_than_it_announces_gives_no_file(web: Web, target: Path) -> None:
    web.announced = len(CONTENT) + 5
    with pytest.raises(Unreachable, match="run the same command again to resume"):
        fetch(web, target)
    assert not target.exists()


def test_another_size_than_published_gives_no_file(web: Web, target: Path) -> None:
    archive = Archive("raw.zip", web.address, (len(CONTENT) + 1, len(CONTENT) + 9))
    with pytest.raises(Damaged, match=rf"it has {len(CONTENT):,} bytes, and {len(CONTENT) + 1:,} to .* were expected"):
        download(archive, target)
    assert left(target) == []
    assert download(archive._replace(sizes=(len(CONTENT), len(CONTENT))), target) == DIGEST


def _flipped(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!doctype html><title>Sign in</title>", "it is no zip and begins with <!doctype html>"),
        (CONTENT[:-100], "it is no zip"),
        (_flipped(CONTENT, 2_000_000), " in it is wrong"),
        (_flipped(CONTENT, 200), "trn.json.gz in it is wrong"),
        (archive_bytes(9).replace(b"trn.json", b"all.json"), "holds 2 files of products"),
    ],
)
def test_an_invalid_archive_is_removed(web: Web, target: Path, content: bytes, why: str) -> None:
    web.content, web.kind = content, "text/html" if content[:1] == b"<" else web.kind
    with pytest.raises(Damaged) as caught:
        fetch(web, target)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left(target) == []


def test_a_wrong_hash_keeps_the_file_because_the_hash_may_be_mistyped(web: Web, target: Path) -> None:
    with pytest.raises(Damaged, match=f"has the SHA-256 {DIGEST}, not abc; give the right --sha256, or remove"):
        fetch(web, target, "abc")
    assert left(target) == ["raw.zip.download"]
    web.ranges.clear()
    assert fetch(web, target, DIGEST) == DIGEST
    assert web.ranges == []
    with pytest.raises(Damaged):
        fetch(web, target, "abc")
    assert target.exists()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_address_without_a_file_is_reported(web: Web, target: Path, status: int) -> None:
    web.status = status
    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1 answers {status} .*; check the address \(--url\)"):
        fetch(web, target)
    assert left(target) == []


def test_an_unreachable_server_is_reported_in_one_line(web: Web, target: Path) -> None:
    web.address = "http://127.0.0.1:9/raw.zip"
    with pytest.raises(Unreachable, match=r"download from 127\.0\.0\.1 failed: .*[Rr]efused.*; check the network"):
        fetch(web, target)
    web.address = "raw.zip"
    with pytest.raises(Unreachable, match=r"from raw\.zip failed: Invalid URL 'raw\.zip'.*; check the network"):
        fetch(web, target)
    web.address = "http://no-such-host.invalid/raw.zip"
    with pytest.raises(
        Unreachable, match=r"from no-such-host\.invalid failed: Failed to resolve .*; check the network"
    ):
        fetch(web, target)


def test_two_at_once_are_kept_apart(web: Web, target: Path) -> None:
    with lock(target, "download"), pytest.raises(Busy, match=r"raw.zip is in use by process"):
        fetch(web, target)


def test_a_disk_too_small_is_reported_before_it_is_full(
    web: Web, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 5, 5))
    with pytest.raises(NotWritable, match=r"5 bytes are free there and .* are to come; free some space"):
        fetch(web, target)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_reported(web: Web, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(NotWritable):
        fetch(web, tmp_path / "raw.zip")


@pytest.fixture
def drive(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Google Drive simulated by a proxy, with the real names and URLs."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    web.tls, trusted = certify(tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", web.address.rpartition("/")[0])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    monkeypatch.setenv("HOME", str(tmp_path))
    return web


def test_google_drives_question_is_answered_and_the_file_resumed(drive: Web, target: Path, tmp_path: Path) -> None:
    archive = ARCHIVES["amazontitles"]._replace(sizes=(len(CONTENT), len(CONTENT)))
    drive.cuts = [1_000_000, 0]
    with pytest.raises(Unreachable, match=r"drive\.google\.com failed: .*to resume"):
        download(archive, target)
    kept = only_part(target).stat().st_size
    drive.ranges.clear()
    assert download(archive, target) == DIGEST
    assert drive.ranges == [0, kept]
    requested = [query["id"] for query in drive.queries if "id" in query]
    assert requested == [["12zH4mL2RX8iSvH0VCNnd3QxO4DzuHWnK"]] * len(requested)
    assert {"confirm": ["t"], "uuid": ["12-34"]}.items() <= drive.queries[-1].items()
    assert not (tmp_path / ".cache").exists()  # no cookies are kept


def test_an_exceeded_quota_is_reported_in_one_line_with_advice(drive: Web, target: Path) -> None:
    drive.page = QUOTA
    with pytest.raises(Unreachable) as caught:
        download(ARCHIVES["amazontitles"], target)
    message = str(caught.value)
    assert message.startswith(
        "drive.google.com refuses to serve LF-Amazon-1.3M.raw.zip: Too many users have viewed or downloaded this file "
    )
    assert message.endswith("in a browser and give shelftalk prepare the file.")
    assert "\n" not in message
    assert left(target) == []


def test_a_name_that_is_not_published_is_reported() -> None:
    with pytest.raises(NotFound, match="no data set 'amazon' to download; there is: amazontitles"):
        published("amazon")


def test_the_command_says_what_comes_next_and_prepare_reads_the_file(
    web: Web, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["download", "amazontitles", "--url", web.address, "--output", str(target)]
    assert run(command) == 0
    shown = capsys.readouterr().out
    assert f"{target}: {len(CONTENT):,} bytes, SHA-256 {DIGEST}" in shown
    following = f"shelftalk prepare '{target}' --name amazontitles"
    assert f"Next: {following}" in shown
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"file": str(target), "bytes": len(CONTENT), "sha256": DIGEST, "next": following}
    arguments = ["prepare", str(target), "--name", "amazontitles", "--workspace", str(tmp_path / "w"), "--json"]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == 30


def test_mistakes_are_reported_before_the_download(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["download", "books"]) == 2
    assert "no data set 'books'" in capsys.readouterr().err
    assert run(["download", "amazontitles", "--output", str(tmp_path)]) == 2
    assert f"--output {tmp_path} is a folder; give a file in it." in capsys.readouterr().err
    assert run(["download", "amazontitles", "--sha256", "abc"]) == 2
    assert "--sha256 must be 64 hexadecimal digits, got 'abc'." in capsys.readouterr().err
    program = "import sys; sys.modules['gdown'] = None\nfrom shelftalk.cli import main; main()"
    command = [sys.executable, "-c", program, "download", "amazontitles"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("needs gdown, not installed here: pip install 'shelftalk[download]'")
