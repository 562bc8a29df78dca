"""The public face: its names, what importing it costs, one loaded model for many texts, and its refusals."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import shelftalk
from shelftalk import Run, Workspace, pipeline
from shelftalk.errors import InvalidSettings, NotFound, UserError
from shelftalk.generation import choose
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import read_json, write_json
from tests.library.conftest import SETTINGS, write_products

SHORT = {"max_new_tokens": 6}
OAK = {"material": "oiled oak"}
LIGHT = """
import sys
import shelftalk
from shelftalk import *
from shelftalk import Catalogue, Run, Workspace
heavy = {"torch", "transformers", "chromadb", "pyarrow", "numpy", "rich", "typer"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
workspace = Workspace("nowhere")
assert (workspace.runs(), workspace.catalogues()) == ([], [])
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert shelftalk.errors.NotFound and issubclass(shelftalk.errors.NotFound, ShelftalkError)
"""


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The slots of every engine that is loaded; the engines are real."""
    found: list[int] = []
    load = choose.open_engine

    def counted(*arguments: Any, **options: Any) -> Any:
        found.append(options["slots"])
        return load(*arguments, **options)

    monkeypatch.setattr(choose, "open_engine", counted)
    return found


def test_importing_all_names_loads_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_names_are_a_dozen_and_are_shown() -> None:
    assert len(shelftalk.__all__) == 12
    assert set(dir(shelftalk)) == {*shelftalk.__all__, "__version__"}
    for name in shelftalk.__all__:
        assert getattr(shelftalk, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Workspaces'"):
        shelftalk.Workspaces  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError):
        from shelftalk import nothing  # type: ignore[attr-defined]  # noqa: F401


def test_the_package_says_that_it_is_typed() -> None:
    assert (files("shelftalk") / "py.typed").is_file()


def test_a_second_description_loads_no_model_again(run: Run, loads: list[int]) -> None:
    with run:
        first = run.describe("Oak Tray", OAK, settings=SHORT)
        assert run.describe("Oak Tray", OAK, settings=SHORT) == first
        run.compare("Oak Tray", OAK, settings=SHORT)
        assert loads == [1]
        together = list(run.describe_all(["Oak Bowl", ("Oak Tray", OAK)], settings=SHORT))
        assert together[1] == first
        list(run.describe_all(["Oak Bowl"], settings=SHORT))
        assert run.describe("Oak Tray", OAK, settings=SHORT) == first
        assert loads == [1, 16]  # one that writes many texts at once was needed
    assert run.describe("Oak Tray", OAK, settings=SHORT) == first  # after `close` it is loaded again
    assert loads == [1, 16, 1]
    run.close()
    run.close()


def test_settings_that_the_loaded_engine_lacks_load_another(run: Run, loads: list[int]) -> None:
    with run:
        run.describe("Oak Tray", settings=SHORT)
        run.describe("Oak Tray", settings={**SHORT, "repetition_penalty": 1.5})
        run.describe("Oak Tray", settings={**SHORT, "repetition_penalty": 1.5})
        assert loads == [1, 1]


def test_a_description_is_that_of_ask(run: Run) -> None:
    settings = DecodingSettings.from_mapping(SHORT)
    stored = run._stored
    asked = pipeline.ask(stored, "Oak Tray", settings, attributes=tuple(OAK.items()))
    with run:
        assert run.describe("Oak Tray", {"Material": " oiled  oak "}, settings=SHORT) == asked.tuned
        assert run.compare("Oak Tray", OAK, settings=SHORT) == asked
    assert asked.base != asked.tuned


def test_a_comparison_is_in_the_language_of_the_run(copy: Workspace) -> None:
    file = copy.folder / "runs" / "first" / "run.json"
    write_json(file, {**read_json(file), "language": "de"})
    with copy.open_run("first") as run:
        found = run.compare("Oak Tray", settings=SHORT)
    assert (found.language, found.claims_checked) == ("de", False)


def test_products_are_read_as_their_texts_are_taken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelftalk.library.run.PART", 2)
    taken = []

    def titles() -> Iterator[str]:
        for number in range(1000):
            taken.append(number)
            yield f"Oak Tray {number}"

    with run:
        texts = run.describe_all(titles(), settings=SHORT)
        first = next(texts)
        assert taken == [0, 1]
        next(texts)
        assert run.describe("Oak Tray 0", settings=SHORT) == first
        assert next(texts) and taken == [0, 1, 2, 3]
        assert list(run.describe_all([])) == []


def test_threads_share_a_run(run: Run) -> None:
    titles = [f"Oak Tray {number}" for number in range(6)]
    with run, ThreadPoolExecutor(3) as threads:
        alone = [run.describe(title, settings=SHORT) for title in titles]
        run.close()
        jobs: list[Callable[[], list[shelftalk.Description]]] = [
            lambda: [run.describe(title, settings=SHORT) for title in titles],
            lambda: list(run.describe_all(titles, settings=SHORT)),
            lambda: [run.compare(title, settings=SHORT).tuned for title in titles],
        ]
        assert [one.result() for one in [threads.submit(job) for job in jobs]] == [alone] * 3


def test_a_grounded_text_is_written_with_the_references(run: Run) -> None:
    with run:
        assert run.describe("Oak Tray", OAK, grounded=True, settings=SHORT).tokens
        assert len(list(run.describe_all(["Oak Tray", ("Bowl", OAK)], grounded=True, settings=SHORT))) == 2


def test_nothing_is_printed_and_messages_are_logged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare(write_products(tmp_path / "products.csv"), name="mine")
    with workspace.train("mine", name="first", settings={**SETTINGS, "epochs": 1}) as run:
        list(run.describe_all([("Oak Tray", {"colour": "red"}), ("Bowl", {"colour": "blue"})], settings=SHORT))
        run.export(tmp_path / "merged", "merged")
    assert capfd.readouterr() == ("", "")
    said = [one.getMessage() for one in caplog.records if one.name == "shelftalk"]
    assert said.count("Run 'first' was not trained on colour, which is used all the same; it knows: material.") == 1
    assert any(isinstance(one, logging.NullHandler) for one in logging.getLogger("shelftalk").handlers)


def test_progress_is_counted_to_its_end(copy: Workspace, made: Path) -> None:
    calls: dict[str, list[tuple[int, int]]] = {}

    def count(name: str) -> Callable[[int, int], None]:
        return lambda done, total: calls.setdefault(name, []).append((done, total))

    copy.prepare([made / "products.csv"], name="again", on_progress=count("prepare"))
    run = copy.train("again", name="second", preset="quick-test", settings=SETTINGS, on_progress=count("train"))
    run.describe_file(made / "products.csv", copy.folder / "texts.csv", settings=SHORT, on_progress=count("file"))
    assert {name: done[-1][0] == done[-1][1] > 0 for name, done in calls.items()} == dict.fromkeys(calls, True)
    assert list(calls) == ["prepare", "train", "file"]
    assert run.settings["lora_rank"] == 8 and run.settings["epochs"] == 2  # of the preset, and assigned


def test_a_callback_that_raises_ends_the_call_and_it_resumes(
    copy: Workspace, made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Enough(Exception):
        pass

    def stop_at(most: int) -> Callable[[int, int], None]:
        def stop(done: int, total: int) -> None:
            if done >= most:
                raise Enough

        return stop

    settings = {**SETTINGS, "checkpoint_every": 1}
    with pytest.raises(Enough):
        copy.train("mine", name="second", settings=settings, on_progress=stop_at(4))
    assert not copy.open_run("second").finished
    run = copy.train("mine", name="second")
    assert run.finished and run.settings == copy.open_run("first").settings | {"checkpoint_every": 1}
    adapters = [(copy.open_run(name).folder / "adapter" / "adapter_model.safetensors") for name in ("first", "second")]
    assert adapters[0].read_bytes() == adapters[1].read_bytes()
    output = copy.folder / "texts.csv"
    with pytest.raises(Enough):
        run.describe_file(made / "products.csv", output, settings=SHORT, on_progress=stop_at(1))
    assert not output.exists()
    assert run.describe_file(made / "products.csv", output, settings=SHORT).described == 25
    said = [one.getMessage() for one in caplog.records]
    assert any(one.startswith("Going on from update") for one in said)
    assert any(one.startswith("Going on: ") for one in said)


def test_a_finished_run_is_kept_and_other_settings_are_refused(copy: Workspace) -> None:
    before = (copy.open_run("first").folder / "adapter" / "manifest.json").stat().st_mtime_ns
    run = copy.train("mine", name="first")
    assert (run.folder / "adapter" / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(InvalidSettings, match="epochs: 2, now 3"):
        copy.train("mine", name="first", settings={"epochs": 3})


def test_a_run_that_has_not_finished_says_so(copy: Workspace, tmp_path: Path) -> None:
    run = copy.open_run("first")
    shutil.rmtree(run.folder / "adapter")
    assert not run.finished
    calls: list[Callable[[], object]] = [
        lambda: run.describe("Oak Tray"),
        lambda: list(run.describe_all(["Oak Tray"])),
        lambda: run.describe_file("titles.csv", tmp_path / "texts.csv"),
        lambda: run.compare("Oak Tray"),
        lambda: run.references("Oak Tray"),
        lambda: run.evidence("Oak Tray", "A tray."),
        lambda: run.evaluate(),
        lambda: run.export(tmp_path / "export"),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="Run 'first' has not finished"):
            call()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.describe("  "), "The title must be a text that is not empty, got '  '."),
        (lambda run: run.describe(7), "The title must be a text that is not empty, got 7."),
        (lambda run: run.describe("Tray", ["material"]), "attributes must map names to values, got ['material']."),
        (lambda run: run.describe("Tray", {"size": 3}), "must be texts, got 'size': 3."),
        (lambda run: run.describe("Tray", {"material": float("nan")}), "must be texts, got 'material': nan."),
        (lambda run: run.describe("Tray", settings={"temprature": 1}), "did you mean temperature?"),
        (lambda run: list(run.describe_all(["Tray", ("Bowl",)])), "A product must be a title, or a pair of title"),
        (lambda run: list(run.describe_all("Tray")), "products must be several titles, got the text 'Tray'"),
        (lambda run: list(run.describe_all([("Bowl", "oak")])), "attributes must map names to values, got 'oak'."),
        (lambda run: run.compare("Tray", references=0), "references must be at least 1, got 0."),
        (lambda run: run.references(""), "The title must be a text that is not empty, got ''."),
        (lambda run: run.references("Tray", 0), "The number of references must be at least 1, got 0."),
        (lambda run: run.evidence("Tray", ""), "The text must be a text that is not empty, got ''."),
        (lambda run: run.evaluate(max_products=0), "max_products must be at least 1, got 0."),
        (lambda run: run.evaluate(ways=["before"]), "--ways must be of"),
        (lambda run: run.evaluate(ways="base"), "ways must be several texts, such as ['base'], got the text 'base'."),
        (lambda run: run.describe("Tray", settings=["seed"]), "settings must map names to values, got ['seed']."),
        (lambda run: run.export("x", "onnx"), "onnx"),
    ],
)
def test_a_wrong_argument_is_an_error_of_the_user(
    run: Run, call: Callable[[Any], object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as raised:
        call(run)
    assert said in str(raised.value)
    run.close()


def test_names_and_splits_are_checked(copy: Workspace, made: Path) -> None:
    with pytest.raises(UserError, match="source must be a file, a folder, or several of them; got none"):
        copy.prepare([], name="nothing")
    with pytest.raises(UserError, match="not allowed"):
        copy.prepare(made / "products.csv", name="../mine")
    with pytest.raises(NotFound, match="There is no run 'second'"):
        copy.open_run("second")
    with pytest.raises(NotFound, match="There is no catalogue 'yours'"):
        copy.train("yours", name="second")
    with pytest.raises(UserError, match="split must be one of train, validation, test, got 'all'"):
        copy.open_catalogue("mine").products("all")


def test_an_evaluation_has_what_the_report_says(copy: Workspace) -> None:
    run = copy.open_run("first")
    found = run.evaluate(max_products=2, ways=("base", "tuned"), settings=SHORT)
    assert found.products == 2 and found.report.is_file()
    measure = found.measures["bits_per_byte"]
    assert measure.before == found.result["base"]["bits_per_byte"]
    assert measure.after == found.result["tuned"]["bits_per_byte"]
    assert measure.difference == pytest.approx(measure.after - measure.before, abs=1e-3)
    assert (measure.interval, measure.verdict) == (None, None)
    assert run.evaluate(max_products=2, ways=("tuned",), settings=SHORT).measures == {}


def test_positions_of_evidence_are_those_of_the_given_text(run: Run) -> None:
    text = "\n  It holds 3 kg, for wet towels beside the bath.\n"
    with run:
        evidence = run.evidence("Peg", text)
    assert evidence.claims and evidence.spans
    assert [text[one.start : one.end] for one in evidence.claims] == [one.text for one in evidence.claims]
    assert [text[one.start : one.end] for one in evidence.spans] == [one.text for one in evidence.spans]
