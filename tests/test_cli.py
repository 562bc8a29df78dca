"""The commands as a user types them, on the tiny model: results, JSON, exit codes, one line for each user error."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import shutil
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from shelftalk.cli import doctor
from shelftalk.cli.main import run
from shelftalk.presets import preset_names
from shelftalk.workspace import Workspace
from tests.conftest import TINY_SETTINGS, write_catalogue_file
from tests.forks import PATIENCE, Command, run_in_forks
from tests.shell import Shell

TINY = [f"--set={name}={'all' if value is None else value}" for name, value in TINY_SETTINGS.as_mapping().items()]


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "workspace", capsys)


def test_all_stages(shell: Shell, tmp_path: Path) -> None:
    source = write_catalogue_file(tmp_path / "pegs.jsonl")
    prepared = shell.json("prepare", source, "--name", "pegs", "--test-share", "0.2")
    assert prepared["read"] == prepared["kept"] == sum(prepared["split"].values()) == 30
    assert prepared["rejected"] == {}
    trained = shell.json("train", "pegs", "--run", "one", *TINY)
    assert (trained["name"], trained["status"], trained["catalogue"]) == ("one", "finished", "pegs")
    assert shell.json("index", "one")["products"] == prepared["split"]["train"]
    answer = shell.json("ask", "one", "What is an oak peg?", "--max-new-tokens", "8")
    assert answer["query"] == "What is an oak peg?"
    assert isinstance(answer["base"]["text"], str)
    assert isinstance(answer["tuned"]["text"], str)
    assert len(answer["references"]) == 3
    assert set(answer["references"][0]) == {"title", "description", "similarity", "uid", "near", "alike"}
    similarities = [reference["similarity"] for reference in answer["references"]]
    assert similarities == sorted(similarities, reverse=True)
    result = shell.json("evaluate", "one", "--max-products", "3", "--max-new-tokens", "8")
    assert result["n"] == 3
    assert result == shell.json("evaluate", "one", "--max-products", "3", "--max-new-tokens", "8")
    (listed,) = shell.json("runs")
    assert listed["indexed"]


def test_references_are_exactly_what_was_trained_on(trained: Shell, tiny_run) -> None:
    from shelftalk.pipeline import open_index

    assert open_index(tiny_run).uids() == {product.uid for product in tiny_run.products()}


def test_what_a_person_reads(trained: Shell) -> None:
    code, out, _ = trained("ask", "pegs", "Oak peg 3 cm", "--max-new-tokens", "8")
    assert code == 0
    assert out.index("before") < out.index("after") < out.index("similarity")
    code, out, _ = trained("compare", "pegs", "--count", "2", "--max-new-tokens", "8")
    assert code == 0
    assert out.count("never trained on") == 2
    code, out, _ = trained("evaluate", "pegs", "--max-products", "2", "--max-new-tokens", "8")
    assert code == 0
    assert "bits per byte" in out
    assert "n = 2" in out
    code, out, _ = trained("inspect", "pegs", "--base-model", "tiny")
    assert code == 0
    assert "30 of 30 rows kept" in out
    assert "Of 30 descriptions a max_tokens would cut: 128: 0 (0%)" in out
    assert "Proposed: --set max_tokens=128, which cuts at most 1 %." in out
    code, out, _ = trained("runs")
    assert code == 0
    assert "finished" in out


def test_attributes_are_shown_after_preparing_and_by_inspect(shell: Shell, tmp_path: Path) -> None:
    lines = ["title,content,Material,Size,price", *(f"Peg {one},Beech {one}.,{'oak' * 99},S[0m,3" for one in range(12))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    code, out, _ = shell("prepare", tmp_path / "a.csv", "--name", "pegs")
    assert code == 0
    assert "Columns of attributes: Material, Size; cut: 12 values too long.\n" in out
    assert "Not taken" not in out
    code, out, _ = shell("inspect", "pegs", "--base-model", "nobody/has-this-model")
    assert code == 0
    assert re.search(r"Material +12 +0\.0% +(oak){13}…\n", out)
    assert re.search(r"Size +12 +0\.0% +S\[0m *\n", out)
    summary = shell.json("prepare", tmp_path / "a.csv", "--name", "pegs", "--attributes", "size")
    assert summary["attributes"] == {"Size": 12}
    _, out, _ = shell("prepare", tmp_path / "a.csv", "--name", "pegs", "--attributes", "none")
    assert "Columns of attributes: none.\n" in out
    assert "attributes must be a text" in shell.mistake(
        "prepare", tmp_path / "a.csv", "--name", "b", "--attributes", ""
    )
    assert "no column 'weave' (--attributes)" in shell.mistake(
        "prepare", tmp_path / "a.csv", "--name", "b", "--attributes", "weave"
    )


def test_columns_that_could_hold_attributes_and_were_not_taken_are_said(shell: Shell, tmp_path: Path) -> None:
    names = "título,descrição,tipo,bom saber,preço,vazia,conteúdo"
    rows = [f"Pino {one},De faia {one}.,pino,seca ao ar,3,,2 peças" for one in range(12)]
    (tmp_path / "a.csv").write_text("\n".join([names, *rows]), encoding="utf-8")
    _, out, _ = shell("prepare", tmp_path / "a.csv", "--name", "pinos")
    assert "Columns of attributes: tipo.\n" in out
    said = "Not taken, for want of a usual name: bom saber, conteúdo. --attributes all takes them too.\n"
    assert said in out
    for chosen in ("all", "tipo", "none"):
        _, out, _ = shell("prepare", tmp_path / "a.csv", "--name", "pinos", "--attributes", chosen)
        assert "Not taken" not in out


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("Um cabide para os {} casacos.", (), "Portuguese (pt), found in them; requests are in it too."),
        ("Um cabide para os {} casacos.", ("--language", "en-GB"), "English (en); requests are in it too."),
        ("Oak {}", ("--language", "eu"), "eu; requests are in English, for want of words in it."),
        ("Oak {}", (), "no language that is known; requests are in English."),
    ],
)
def test_prepare_and_inspect_say_the_language_of_texts_and_requests(
    shell: Shell, tmp_path: Path, text: str, options: tuple[str, ...], said: str
) -> None:
    lines = [f"Cabide {number},{text.format(number)}" for number in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(["title,content", *lines]), encoding="utf-8")
    for command in (("prepare", tmp_path / "a.csv", "--name", "a", *options), ("inspect", "a", "--base-model", "tiny")):
        assert f"Texts in {said} --language names another.\n" in shell(*command)[1]


def test_inspect_says_which_attributes_support_the_descriptions_claims(shell: Shell, tmp_path: Path) -> None:
    lines = [
        "title,content,Material,Size",
        *(f"Peg {one},Made of beech in Oslo. No. {one}.,beech,S" for one in range(12)),
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    shell("prepare", tmp_path / "a.csv", "--name", "pegs", "--test-share", "0.2")
    found = shell.json("inspect", "pegs", "--base-model", "nobody/has-this-model")
    assert found["support"]["products"] == found["split"]["train"]
    assert set(found["support"]["attributes"]) == {"Material"}
    share = found["support"]["attributes"]["Material"]
    _, out, _ = shell("inspect", "pegs", "--base-model", "nobody/has-this-model")
    assert re.search(rf"Material +12 +{share:.1%} +beech *\n", out)
    assert f"{share:.0%} by attributes" in out
    assert "(a sample)" in out
    assert "Attributes: the texts tell 50%" in out
    assert re.search(r"not in 'Peg \d+': …Made of beech in \[Oslo\]\. No\. \d+\.…", out)
    assert "Expect: the house's voice, and invented facts" in out


def test_lengths_in_tokens_are_left_out_where_the_model_is_not_here(trained: Shell) -> None:
    code, out, err = trained("inspect", "pegs", "--base-model", "nobody/has-this-model", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["kept"] == 30
    assert found["tokens"] is None
    assert "nobody/has-this-model has not been downloaded yet" in err
    tokens = trained.json("inspect", "pegs", "--base-model", "tiny")["tokens"]
    assert tokens["max_tokens"] == 128
    assert sum(tokens["histogram"]["rows"]) == tokens["products"]


@pytest.fixture
def rehearsals_in_forks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an estimate's processes begin with everything imported."""
    monkeypatch.setattr("shelftalk.training.estimate.subprocess", run_in_forks(tmp_path / "rehearsals"))


@pytest.mark.kill
@pytest.mark.usefixtures("rehearsals_in_forks")
def test_an_estimate_is_of_the_run_and_leaves_nothing(trained: Shell) -> None:
    before = sorted(trained.root.rglob("*"))
    code, out, err = trained("estimate", "pegs", *TINY)
    assert code == 0, err
    assert out.startswith("23 products, 12 updates, ")
    assert [line.split()[0] for line in out.splitlines()[1:5]] == ["estimate", "time", "memory", "disk"]
    assert out.splitlines()[-1] == "It fits."
    found = trained.json("estimate", "pegs", *TINY)
    assert found["updates"] == trained.json("runs", "show", "pegs")["steps"] == 12
    assert found["catalogue"] == "pegs"
    assert found["fits"] is True
    assert sorted(trained.root.rglob("*")) == before


@pytest.mark.kill
@pytest.mark.usefixtures("rehearsals_in_forks")
def test_the_presets_estimates_are_a_table(trained: Shell) -> None:
    code, out, err = trained("estimate", "pegs", "--presets", "--set", "base_model=tiny")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["preset", "products", "time", "memory", "fits"]
    assert {line.split()[0] for line in lines[1:-1]} == set(preset_names())
    assert all(line.split()[1] == "23" and line.endswith("yes") for line in map(str.rstrip, lines[1:-1]))
    assert "memory available: " in lines[-1]


def test_doctor_never_shows_a_token(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    code, out, err = shell("doctor", "--json")
    assert code == 0
    assert json.loads(out)["hugging_face_token_found"] is True
    assert "hf_canary" not in out + err


def test_a_token_of_hf_auth_login_is_found(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(doctor, "product_rate", lambda *_: 1e9)  # measuring takes seconds
    assert json.loads(shell("doctor", "--json")[1])["hugging_face_token_found"] is False
    (tmp_path / "token").write_text("hf_canary\n")
    _, out, err = shell("doctor", "--json")
    assert json.loads(out)["hugging_face_token_found"] is True
    assert "hf_canary" not in out + err


def test_doctor_prints_no_line_without_a_value(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "product_rate", lambda *_: 1e9)
    monkeypatch.setattr(doctor, "limited_by", lambda: None)
    assert "limited by" not in shell("doctor")[1]
    monkeypatch.setattr(doctor, "limited_by", lambda: "ONEDNN_MAX_CPU_ISA")
    assert re.search(r"limited by +ONEDNN_MAX_CPU_ISA", shell("doctor")[1])


def test_doctor_says_that_cuda_lies_here_without_a_card_and_what_to_do(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "product_rate", lambda *_: 1e9)
    monkeypatch.setattr("torch.version.cuda", None)
    assert json.loads(shell("doctor", "--json")[1])["torch_too_large"] is None
    monkeypatch.setattr("torch.version.cuda", "13.0")
    found = json.loads(shell("doctor", "--json")[1])
    if found["device"] == "cpu":
        assert "CUDA 13.0" in found["torch_too_large"]
        assert "https://download.pytorch.org/whl/cpu" in found["torch_too_large"]
    else:
        assert found["torch_too_large"] is None


def test_the_workspace_may_stand_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELFTALK_WORKSPACE", str(tmp_path / "mine"))
    assert run(["prepare", str(write_catalogue_file(tmp_path / "pegs.jsonl")), "--name", "pegs"]) == 0
    assert (tmp_path / "mine" / "catalogues" / "pegs").is_dir()
    other = tmp_path / "other"  # the option is stronger
    assert run(["prepare", str(tmp_path / "pegs.jsonl"), "--name", "pegs", "--workspace", str(other)]) == 0
    assert (other / "catalogues" / "pegs").is_dir()


def test_doctor_says_what_is_fast_and_how_fast(shell: Shell) -> None:
    found = json.loads(shell("doctor", "--json")[1])
    assert found["instruction_set"]
    assert found["fp32_gflops"] > 0
    if found["precision"] == "bf16":
        assert found["fast_formats"] == "fp32 and bf16"
        assert found["bf16_gflops"] > 0
    else:
        assert "bf16 is emulated" in found["fast_formats"]
        assert found["bf16_gflops"] is None


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 100)


def truncated_gzip(path: Path) -> None:
    whole = gzip.compress(write_catalogue_file(path).read_bytes())
    path.write_bytes(whole[: len(whole) // 2])


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("picture.png", "nothing here")


def other_columns(path: Path) -> None:
    path.write_text("colour,price\nred,3\n")


def three_products(path: Path) -> None:
    write_catalogue_file(path, 3)


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("empty.jsonl", lambda path: path.write_bytes(b""), ["empty"]),
        ("binary.jsonl", binary, ["binary.jsonl"]),
        ("half.json.gz", truncated_gzip, ["truncated"]),
        ("other.zip", other_zip, ["holds no file of products", "picture.png"]),
        ("other.csv", other_columns, ["colour", "price", "--title-field"]),
        ("three.jsonl", three_products, ["3"]),
        ("x" * 300, lambda path: None, ["cannot be opened: file name too long"]),
        ("nested.jsonl", lambda path: path.write_text("[" * 10_000 + "]" * 10_000 + "\n"), ["nested.jsonl"]),
    ],
)
def test_a_file_that_cannot_be_a_catalogue_gets_one_line(shell: Shell, tmp_path: Path, name, make, words) -> None:
    path = tmp_path / name
    make(path)
    line = shell.mistake("prepare", path, "--name", "bad")
    for word in words:
        assert word in line
    assert not (shell.root / "catalogues" / "bad").exists()


def test_a_file_of_another_kind_says_how_it_was_read(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "pegs.csv"
    rows = [f"7;Größe {number};Hält {number} Mäntel." for number in range(12)]
    path.write_bytes("\n".join(["Unsere Waren", "id;Name;Beschreibung", *rows, ""]).encode("cp1252"))
    code, out, _ = shell("prepare", path, "--name", "pegs")
    assert code == 0
    assert "pegs.csv was read with encoding windows-1252, semicolons, the names of its columns in line 2.\n" in out
    assert "Column id holds no ids: 11 rows have one that another title has. The rows are numbered;" in out
    assert "Title read from Name, description from Beschreibung, rows numbered, since no column holds ids.\n" in out
    assert "holds no ids" not in shell("prepare", path, "--name", "none", "--no-id")[1]
    assert "give one of them" in shell.mistake("prepare", path, "--name", "two", "--no-id", "--id-field", "id")
    summary = shell.json("prepare", path, "--name", "given", "--encoding", "windows-1250", "--header-line", "2")
    assert summary["source"]["encoding"] == "windows-1250"


def test_malformed_rows_do_not_stop_a_file(shell: Shell, tmp_path: Path) -> None:
    path = write_catalogue_file(tmp_path / "mixed.jsonl")
    with path.open("ab") as file:
        file.write(b'[1, 2]\n{"uid": "x"\n\xff\xfe\n' + b"[" * 10_000 + b"]" * 10_000 + b"\n")
        file.write(b'{"title": "' + b"a" * 50_000_000 + b'", "content": "x"}\n')
    summary = shell.json("prepare", path, "--name", "mixed")
    assert summary["kept"] == 30
    assert summary["read"] == 35
    rejects = [json.loads(line) for line in (shell.root / "catalogues/mixed/rejects.jsonl").read_text().splitlines()]
    assert [reject["line"] for reject in rejects] == [31, 32, 33, 34, 35]
    assert {reject["reason"] for reject in rejects} >= {
        "not_an_object",
        "invalid_json",
        "invalid_utf8",
        "line_too_long",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "nope", "x"], ["no run 'nope'", "there are: pegs"]),
        (["train", "nope", "--run", "a"], ["no catalogue 'nope'", "there are: pegs"]),
        (["train", "pegs", "--run", "../x"], ["../x", "not allowed"]),
        (["train", "pegs", "--run", "a", "--preset", "nope"], ["nope", "overnight"]),
        (
            ["train", "pegs", "--run", "a", "--set", "epoch=1", "--set", "batch_size=0"],
            ["did you mean epochs?", "got 0"],
        ),
        (["train", "pegs", "--run", "pegs", "--set", "epochs=9"], ["epochs: 2, now 9"]),
        (["train", "pegs", "--run", "a", "--set", "base_model=nope"], ["base model 'nope'"]),
        (["ask", "pegs", "   "], ["TEXT is empty"]),
        (["ask", "pegs", "x", "--temperature", "-1"], ["temperature must be at least 0"]),
        (["inspect", "nope"], ["no catalogue 'nope'"]),
        (["inspect", "pegs", "--base-model", "nope"], ["base model 'nope'"]),
        (["estimate", "nope"], ["no catalogue 'nope'", "there are: pegs"]),
        (["estimate", "pegs", "--set", "epoch=1"], ["did you mean epochs?"]),
        (["estimate", "pegs", "--preset", "nope"], ["nope", "overnight"]),
        (["estimate", "pegs", "--presets", "--preset", "demo"], ["leave out --preset demo"]),
        (["estimate", "pegs", "--presets", "--set", "epoch=1"], ["did you mean epochs?"]),
        (["estimate", "pegs", "--set", "base_model=nope"], ["base model 'nope'"]),
        (["frobnicate"], ["frobnicate"]),
        (["ask"], ["RUN"]),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_2(trained: Shell, arguments: list[str], words: list[str]) -> None:
    line = trained.mistake(*arguments)
    for word in words:
        assert word in line


def test_an_unexpected_failure_is_one_line_and_exit_1(
    trained: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from shelftalk.runs import describe

    def fail(*_: object) -> None:
        raise ZeroDivisionError("by design\nsecond line")

    monkeypatch.setattr(describe, "list_runs", fail)
    code, _, err = trained("runs")
    assert code == 1
    assert err.splitlines() == [
        "Error: ZeroDivisionError: by design (unexpected; run again with --debug for the traceback)"
    ]
    assert run(["runs"], debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EPERM, "no"), "Permission denied; run again with --debug"),
        (PermissionError(errno.EACCES, "no", "in/x"), "Permission denied: in/x; ask its owner"),
        (NotADirectoryError(errno.ENOTDIR, "no", "in/x"), "NotADirectoryError: [Errno 20] no: 'in/x' (unexpected"),
        (FileExistsError(errno.EEXIST, "no", "in/x"), "FileExistsError: [Errno 17] no: 'in/x' (unexpected"),
        (OSError(errno.ENOSPC, "no", "out/x"), "Cannot write out/x: the disk is full"),
        (OSError(errno.EDQUOT, "no", "out/x"), "Cannot write out/x: the disk quota is used up"),
        (OSError(errno.EROFS, "no", "out/x"), "Cannot write out/x: the file system is read-only"),
    ],
)
def test_an_error_of_the_disk_says_no_more_than_is_known(
    trained: Shell, monkeypatch: pytest.MonkeyPatch, error: OSError, says: str
) -> None:
    from shelftalk.runs import describe

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(describe, "list_runs", fail)
    code, _, err = trained("runs")
    assert code == 1
    assert err.splitlines()[-1].startswith(f"Error: {says}")


def test_a_workspace_that_cannot_be_written_is_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    source = write_catalogue_file(tmp_path / "pegs.jsonl")
    shell = Shell(tmp_path / "file" / "workspace", capsys)
    code, _, err = shell("prepare", source, "--name", "pegs")
    assert code == 1
    assert "a file stands where a folder should be" in err.splitlines()[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_read_only_workspace_is_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fixed").mkdir(mode=0o555)
    source = write_catalogue_file(tmp_path / "pegs.jsonl")
    code, _, err = Shell(tmp_path / "fixed" / "workspace", capsys)("prepare", source, "--name", "pegs")
    assert code == 1
    assert "permission denied" in err.splitlines()[-1]


def wait_until(condition: Callable[[], object], process: Command) -> None:
    """Wait for what a process is to do, as long as it lives."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.returncode is None, process.stderr
        assert time.monotonic() < deadline, process.stderr
        time.sleep(0.005)


def begin_training(shell: Shell, folder: Path, epochs: int) -> Command:
    """Start the training of a run `long` and return once its first update is logged."""
    settings = [*TINY, f"--set=epochs={epochs}", "--set=checkpoint_every=30"]
    process = Command(["train", "pegs", "--run", "long", *settings, "--workspace", shell.root], folder)
    metrics = shell.root / "runs" / "long" / "metrics.jsonl"
    wait_until(lambda: metrics.is_file() and metrics.read_text(), process)
    return process


@pytest.fixture
def prepared(tiny_run, shell: Shell) -> Shell:
    """A shell in a workspace with the catalogue `pegs` and no run."""
    for part in ("catalogues", "models"):
        shutil.copytree(tiny_run.workspace.root / part, shell.root / part)
    return shell


@pytest.mark.kill
def test_ctrl_c_is_130_and_the_same_command_goes_on(prepared: Shell, tmp_path: Path) -> None:
    process = begin_training(prepared, tmp_path / "streams", epochs=6)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130, process.stderr
    assert process.stderr.splitlines()[-1] == "Stopped. Run the same command again to go on."
    command = ["train", "pegs", "--run", "long", *TINY, "--set=epochs=6", "--set=checkpoint_every=30"]
    code, _, err = prepared(*command)
    assert code == 0
    assert "Going on from update" in err


@pytest.mark.kill
def test_a_token_on_standard_input_reaches_no_file(prepared: Shell, tmp_path: Path) -> None:
    settings = [*TINY, "--set=epochs=1"]
    arguments = ["train", "pegs", "--run", "one", *settings, "--token-stdin", "--workspace", prepared.root]
    process = Command(arguments, tmp_path / "streams", stdin="hf_canary\n")
    assert process.wait() == 0, process.stderr
    assert "hf_canary" not in process.stdout + process.stderr
    assert not any(b"hf_canary" in file.read_bytes() for file in prepared.root.rglob("*") if file.is_file())


@pytest.mark.kill
def test_a_detached_run_from_start_to_deletion(prepared: Shell, tmp_path: Path) -> None:
    """The run waits for its turn until the test has looked at it."""
    from shelftalk.training.jobs import device_name
    from shelftalk.training.queue import turn

    shell, streams = prepared, tmp_path / "streams"
    command = ["train", "pegs", "--run", "apart", *TINY, "--detach"]
    with turn(Workspace(shell.root), device_name(), "another", lambda _: None):
        starting = Command([*command, "--token-stdin", "--workspace", shell.root], streams, stdin="hf_canary\n")
        assert starting.wait() == 0, starting.stderr
        assert "shelftalk runs follow apart" in starting.stdout
        assert "shelftalk runs stop apart" in starting.stdout
        state = json.loads((shell.root / "runs/apart/state.json").read_text())
        assert state["status"] == shell.json("runs")[0]["status"] == "queued"
        code, _, err = shell("runs", "delete", "apart", "--yes")
        assert code == 1
        assert "in use by process" in err
        process_id = err.split("process ")[1].split()[0]
        if Path("/proc").is_dir():
            assert b"hf_canary" not in Path(f"/proc/{process_id}/cmdline").read_bytes()
            assert b"hf_canary" not in Path(f"/proc/{process_id}/environ").read_bytes()
        following = Command(["runs", "follow", "apart", "--workspace", shell.root], streams)
        wait_until(lambda: following.stderr.startswith("apart: queued"), following)
    assert following.wait() == 0, following.stderr
    assert "apart: finished, update 12 of 12, loss " in following.stderr.splitlines()[-1]
    assert "tokens/s" in following.stderr.splitlines()[-1]
    assert not any(b"hf_canary" in file.read_bytes() for file in shell.root.rglob("*") if file.is_file())
    assert shell.json(*command)["status"] == shell.json("runs", "resume", "apart")["status"] == "finished"
    assert (
        [one["name"] for one in shell.json("runs")] == [one["name"] for one in shell.json("runs", "list")] == ["apart"]
    )
    assert shell("runs", "delete", "apart", "--yes")[0] == 0
    assert shell.json("runs") == []


@pytest.mark.kill
def test_a_run_that_was_stopped_is_shown_followed_and_resumed(prepared: Shell, tmp_path: Path) -> None:
    """The run stands still while it is watched, so that it has not ended before it is stopped."""
    shell = prepared
    training = begin_training(shell, tmp_path / "streams", epochs=12)
    training.send_signal(signal.SIGSTOP)
    assert shell.json("runs")[0]["status"] == "running"
    watching = Command(["runs", "follow", "long", "--workspace", shell.root], tmp_path / "streams")
    wait_until(lambda: watching.stderr.startswith("long: "), watching)
    watching.send_signal(signal.SIGINT)
    assert watching.wait() == 0, watching.stderr
    assert watching.stderr.splitlines()[-1] == "long continues. Stop it with: shelftalk runs stop long"
    training.send_signal(signal.SIGCONT)
    assert shell.json("runs", "stop", "long")["status"] == "stopped"
    assert training.wait() == 130, training.stderr
    code, _, err = shell("runs", "follow", "long")
    assert code == 130
    assert "long: stopped, update" in err
    shown = shell.json("runs", "show", "long")
    assert shown["status"] == shown["state"]["status"] == "stopped"
    assert shown["step"] == shown["metrics"]["step"] < shown["steps"]
    assert shown["settings"]["epochs"] == 12
    assert shown["paths"]["adapter"] is None
    assert "update" not in shell.mistake("runs", "stop", "long")
    code, out, _ = shell("runs", "show", "long")
    assert code == 0
    assert "stopped" in out
    assert re.search(r"disk\n  run +\d+\.\d MiB\n", out)
    code, out, err = shell("runs", "resume", "long")
    assert code == 0
    assert "Going on from update" in err
    assert "Adapter: " in out
    assert shell("runs", "follow", "long")[0] == 0


def test_a_run_is_made_ready(trained: Shell) -> None:
    made = trained.json("runs", "ready", "pegs")
    assert made == {"run": "pegs", "indexed": made["indexed"], "engine": made["engine"]}
    code, out, _ = trained("runs", "ready", "pegs")
    assert code == 0
    assert f"pegs is ready: {made['indexed']} products indexed, {made['engine']} writes." in out


def test_a_run_is_renamed(tiny_run, shell: Shell) -> None:
    shutil.copytree(tiny_run.workspace.root, shell.root)
    assert "no run 'nope'; there are: pegs" in shell.mistake("runs", "rename", "nope", "other")
    code, _, err = shell("runs", "rename", "pegs", "other")
    assert (code, err.strip()) == (0, "pegs is now called other.")
    renamed = shell.json("runs", "rename", "other", "third")
    assert [renamed] == shell.json("runs")
    assert renamed["name"] == "third"


def test_deleting_asks_first(trained: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    for answer in ("n\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        code, _, _ = trained("runs", "delete", "pegs")
        assert code == 1
    assert [one["name"] for one in trained.json("runs")] == ["pegs"]


@pytest.mark.parametrize("command", ["show", "follow", "stop", "resume", "ready", "delete"])
def test_a_run_that_is_not_there_is_a_mistake(trained: Shell, command: str) -> None:
    assert "no run 'nope'; there are: pegs" in trained.mistake("runs", command, "nope")


def test_control_characters_of_a_text_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from shelftalk.cli import output

    stream = output.AnswerStream()
    stream.show("tuned", "a \x1b]0;title\x07 \x1b[2J \x9b31m peg :100:\n\tb")
    shown = capsys.readouterr().out
    assert "a \ufffd]0;title\ufffd \ufffd[2J \ufffd31m peg :100:" in shown
    assert "\n" in shown
    assert not set(shown) & set("\x1b\x07\x9b")
