"""Describe a whole file of titles with a scripted engine: order, bad rows, kills, errors."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow.parquet as pq
import pytest

from shelftalk.catalogue.encodings import find_encoding
from shelftalk.catalogue.known_attributes import KnownAttributes
from shelftalk.catalogue.settings import FileSettings
from shelftalk.errors import Busy, Failure, InvalidSettings, NotFound, NotWritable, UnreadableInput, UserError
from shelftalk.generation import catalogue
from shelftalk.generation.catalogue import Job, describe_titles
from shelftalk.generation.engine import Engine
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.generation.tables import OWN
from shelftalk.generation.texts import Texts
from shelftalk.prompts import ENGLISH
from shelftalk.records import Description, Faults, Reference
from shelftalk.rules.house_rules import HouseRules
from shelftalk.settings import DecodingSettings
from shelftalk.workspace import lock, read_json, sha256
from tests.catalogue.samples import write_parquet
from tests.conftest import ROOT
from tests.forks import call, start

if TYPE_CHECKING:  # it loads Chroma, which each fork would do again
    from shelftalk.retrieval.search import Index

SETTINGS = DecodingSettings(max_new_tokens=12)
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}


class FakeIndex:
    """Finds two products for every text; their similarity shows which texts were searched together."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def search_all(self, texts: Sequence[str], k: int) -> list[list[Reference]]:
        self.asked.append(list(texts))
        return [
            [
                Reference(f"{text}-{n}", f"near {text}", "...", round(0.9 - n / 10, 4), None if n else "12" not in text)
                for n in range(min(k, 2))
            ]
            for text in texts
        ]


def answer(prompt: str, tuned: bool) -> str:
    """Describe a title; texts for numbers that end in 3, 5 and 7 are empty, repetitive and too long."""
    assert tuned
    title = prompt.partition("\n")[0]
    return {"3": "", "5": "a b c d a b c d a b c", "7": " ".join(map(str, range(100)))}.get(
        title[-1], f"Card of {title}."
    )


def write_titles(path: Path, count: int = 20) -> Path:
    """Write a CSV of `count` titles of different lengths, with two bad rows in every ten."""
    lines = ["sku,title,price"]
    for number in range(count):
        if number % 10 == 4:
            lines.append(f"{number},   ,1")
        elif number % 10 == 8:
            lines.append(f"{number},half,open,1")
        else:
            lines.append(f"{number},Oak {'peg ' * (number % 3)}{number},1")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def job(folder: Path, name: str = "out.csv", count: int = 20, **changes: Any) -> Job:
    source = folder / "titles.csv"
    if not source.exists():
        write_titles(source, count)
    known: dict[str, Any] = {
        "source": source,
        "output": folder / name,
        "settings": SETTINGS,
        "model": {"run": "pegs", "adapter": "0" * 64},
        "record": folder / "records" / f"{name}.json",
        "template": ENGLISH,
        "references": 2,
    }
    return Job(**{**known, **changes})


def describe(
    one: Job, engine: Engine | None = None, index: FakeIndex | None = None, **listeners: Any
) -> dict[str, Any]:
    return describe_titles(
        one, lambda: engine or ScriptedEngine(answer), lambda: cast("Index", index or FakeIndex()), **listeners
    )


def not_to_be_loaded() -> Any:
    raise AssertionError("this was not to be loaded")


def rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines(), delimiter="\t" if path.suffix == ".tsv" else ","))


def left_beside(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()} - {"titles.csv", "records"}


class DiesAfter:
    """An engine that writes in reverse order, as engines may, and fails after some descriptions."""

    name = "mortal"
    context = None

    def __init__(self, count: float, error: BaseException) -> None:
        self.count, self.error, self.asked, self.closed = count, error, list[str](), False

    def complete(self, prompt: str, **_: Any) -> Description:
        raise NotImplementedError

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        assert on_description is not None
        for number in reversed(range(len(prompts))):
            if self.count == 0:
                raise self.error
            self.count -= 1
            self.asked.append(prompts[number])
            on_description(number, ScriptedEngine(answer).complete(prompts[number], tuned=tuned, settings=settings))
        return []

    def tokenize(self, text: str) -> list[int]:
        raise AssertionError("a catalogue is written without counting tokens")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_row_is_at_its_position_in_every_format(tmp_path: Path, suffix: str) -> None:
    heard: list[str] = []
    summary = describe(job(tmp_path, f"out{suffix}"), DiesAfter(-1, RuntimeError()), say=heard.append)
    found = rows(tmp_path / f"out{suffix}")
    assert [int(row["line"]) for row in found] == list(range(2, 22))
    flags = ["", "", "", "empty", "missing_title", "repetitive", "", "cut", "invalid_csv", ""] * 2
    assert [row["flag"] for row in found] == flags
    read = [str(n) if n % 10 != 8 else None if suffix == ".jsonl" else "" for n in range(20)]
    assert [row.get("sku") for row in found] == read
    assert [row["raw"] for row in found] == [f"{n},half,open,1" if n % 10 == 8 else "" for n in range(20)]
    assert found[11]["title"] == "Oak peg peg 11"
    assert found[11]["description"] == "Card of Oak peg peg 11."
    assert found[17]["description"].endswith("10 11")
    assert found[14]["description"] == found[18]["description"] == ""
    assert [found[number]["nearest"] for number in (11, 12, 14)] == ["near", "nothing near", ""]
    assert [bool(row["detail"]) for row in found] == [bool(flag) and flag != "missing_title" for flag in flags]
    if suffix in (".jsonl", ".parquet"):
        assert found[11]["references"] == [
            {"uid": "Oak peg peg 11-0", "title": "near Oak peg peg 11", "similarity": 0.9},
            {"uid": "Oak peg peg 11-1", "title": "near Oak peg peg 11", "similarity": 0.8},
        ]
        assert found[14]["references"] == []
    else:
        assert (found[11]["reference_2_uid"], found[11]["reference_2_similarity"]) == ("Oak peg peg 11-1", "0.8")
        assert found[14]["reference_1_uid"] == ""
    assert (summary["rows"], summary["described"], summary["before"]) == (20, 16, 0)
    assert summary["flags"] == {"empty": 2, "repetitive": 2, "cut": 2}
    assert summary["bad_rows"] == {
        "missing_title": {"count": 2, "lines": [6, 16]},
        "invalid_csv": {"count": 2, "lines": [10, 20]},
    }
    assert summary["rows_per_second"] > 0
    assert "2 cannot be described, missing title (line 6, 16); the output has each in its place." in heard
    assert left_beside(tmp_path) == {f"out{suffix}"}


CLAIMS = "It is made of brass, 12 cm long, from Oslo."


def write_products(path: Path) -> Path:
    """Write three products with attributes; for the last one the engine writes nothing."""
    path.write_text("title,material,=finish,length\nPeg 1,brass,,12 cm\nPeg 2,oak,oiled,15 cm\nPeg 3,oak,oiled,\n")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_what_a_text_claims_without_support_and_leaves_out_is_in_columns(tmp_path: Path, suffix: str) -> None:
    one = job(
        tmp_path,
        f"out{suffix}",
        source=write_products(tmp_path / "products.csv"),
        known=KnownAttributes(["material", "=finish", "length"]),
    )
    summary = describe(one, ScriptedEngine(lambda prompt, tuned: "" if "Peg 3" in prompt else CLAIMS))
    found = [(row["unsupported"], row["contradicted"], row["untold"]) for row in rows(one.output)]
    untold = "=finish; length"
    if suffix in (".jsonl", ".parquet"):
        assert found == [(1, 0, ""), (1, 2, f"material; {untold}"), (None, None, "")]
    else:
        assert found == [("1", "0", ""), ("1", "2", f"material; {untold}"), ("", "", "")]
    assert summary["faults"] == {"unsupported": 2, "contradicted": 1, "untold": 1, "broken_rules": 0}


def test_a_claim_that_a_reference_states_is_supported_also_after_an_interruption(tmp_path: Path) -> None:
    """The output has no descriptions of references, and the index finds other ones in the second call."""

    class Oslo(FakeIndex):
        def search_all(self, texts: Sequence[str], k: int) -> list[list[Reference]]:
            return [[Reference("1", "A peg", "From Oslo.", 0.9)] for _ in texts]

    source = write_products(tmp_path / "products.csv")
    one = job(tmp_path, "out.jsonl", source=source)
    engine = ScriptedEngine(lambda prompt, tuned: CLAIMS)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        describe(one, engine, Oslo(), progress=stop)
    describe(one, engine)
    assert [row["unsupported"] for row in rows(one.output)] == [2, 2, 3]  # Oslo is stated in the first two
    with_attributes = job(tmp_path, "known.jsonl", source=source, known=KnownAttributes(["material"]))
    describe(with_attributes, engine, Oslo())  # what another product's text says is no support for one with attributes
    assert [row["unsupported"] for row in rows(with_attributes.output)] == [1, 1, 2]


def test_each_rows_references_stand_in_its_prompt_where_they_are_asked_for(tmp_path: Path) -> None:
    prompts: list[str] = []

    def note(prompt: str, tuned: bool) -> str:
        prompts.append(prompt)
        return "Holds a coat."

    one = job(tmp_path, count=2, with_references=True)
    describe(one, ScriptedEngine(note))
    assert [prompt.count("near Oak") for prompt in prompts] == [2, 2]
    titles = [prompt.removesuffix(ENGLISH.end).rpartition("\n")[2] for prompt in prompts]
    assert titles == ["Oak 0", "Oak peg 1"]
    assert all(prompt.count(f"near {title}") == 2 for title, prompt in zip(titles, prompts, strict=True))
    with pytest.raises(UserError, match="not both"):
        describe(job(tmp_path, "both.csv", with_references=True, grounded=True))
    with pytest.raises(UserError, match="at least 1, got 0"):
        describe(job(tmp_path, "none.csv", with_references=True, references=0))


def test_how_an_unusual_file_is_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    searches: list[bytes] = []

    def noted(sample: bytes, head: bytes) -> str:
        searches.append(sample)
        return find_encoding(sample, head)

    monkeypatch.setattr("shelftalk.catalogue.files.find_encoding", noted)
    source = tmp_path / "titles.csv"
    source.write_bytes("Unsere Waren\nid;Name\n1;Größe\n2;Süße\n3;Bär\n".encode("cp1252"))
    describe(job(tmp_path, source=source), say=said.append)
    assert said[0] == ("titles.csv is read with encoding windows-1252, semicolons, the names of its columns in line 2.")
    assert [(row["id"], row["Name"]) for row in rows(tmp_path / "out.csv")] == [
        ("1", "Größe"),
        ("2", "Süße"),
        ("3", "Bär"),
    ]
    assert len(searches) == 2  # of the whole file, for its columns and its form; not at each reading of its rows


def test_attributes_that_nearly_all_products_had_are_missed(tmp_path: Path) -> None:
    said: list[str] = []
    names = ["type", "material"]
    one = job(tmp_path, source=write_products(tmp_path / "a.csv"), known=KnownAttributes(names, usual=names))
    describe(one, say=said.append)
    assert "Nearly all products that it learned from have type: without them it writes worse." in said[0]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_output_has_all_columns_of_the_input_in_their_order_then_its_own(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "shop.csv"
    source.write_text(
        "SKU;Title;Description;Saving;Tag;Tag\n"
        'a;Oak peg 1;"<p>Old &amp; dear</p>";;x;y\n'
        'b;"Oak peg 2";;-5;=1;\n'
        "c;Oak peg 3;;x;1;2;3;4\n",
        encoding="utf-8",
    )
    one = job(tmp_path, f"out{suffix}", source=source, references=0)
    describe(one)
    found = rows(tmp_path / f"out{suffix}")
    given = ["SKU", "Title", "Description", "Saving", "Tag", "Tag (2)"]
    own = [f"new_{name}" if name == "description" else name for name in OWN if suffix != ".csv" or name != "references"]
    assert list(found[0]) == [*given, *own]
    assert [found[0][name] for name in given] == ["a", "Oak peg 1", "<p>Old &amp; dear</p>", "", "x", "y"]
    assert (found[0]["new_description"], found[0]["words"]) == ("Card of Oak peg 1.", "5" if suffix == ".csv" else 5)
    assert (found[1]["Saving"], found[1]["Tag"]) == ("-5", "'=1" if suffix == ".csv" else "=1")
    assert (found[2].get("SKU") or "", found[2]["raw"], found[2]["flag"]) == (
        "",
        "c;Oak peg 3;;x;1;2;3;4",
        "invalid_csv",
    )

    texts = Texts(one.texts)
    assert len(texts) == 3 and [text.line for text in map(texts.__getitem__, range(3))] == [2, 3, 4]
    assert (texts[0].uid, texts[0].old, texts[0].description) == ("a", "Old & dear", "Card of Oak peg 1.")
    assert texts.columns("flag", "title") == [["", "", "invalid_csv"], ["Oak peg 1", "Oak peg 2", ""]]


def test_keys_that_come_late_and_values_that_are_no_texts_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "late.jsonl"
    late = '{"title": "Late", "size": {"width": [1, 2.5]}, "count": 12345678901234567, "none": null, "yes": true}'
    source.write_text('{"title": "Peg"}\n' * 150 + f"{late}\n{{torn\n", encoding="utf-8")
    for suffix in (".csv", ".jsonl"):
        describe(job(tmp_path, f"out{suffix}", source=source, references=0))
    row, torn = rows(tmp_path / "out.csv")[-2:]
    assert list(row)[:5] == ["title", "size", "count", "none", "yes"]
    assert [row[name] for name in list(row)[1:5]] == ['{"width":[1,2.5]}', "12345678901234567", "", "True"]
    assert torn["raw"] == "{torn"
    assert rows(tmp_path / "out.jsonl")[150]["description"] == "Card of Late."


def test_each_text_is_checked_against_the_house_rules(tmp_path: Path) -> None:
    rules = HouseRules(never=("card of",), most_words=5)
    one = job(tmp_path, rules=rules)
    summary = describe(one)
    found = rows(tmp_path / "out.csv")
    assert found[0]["broken_rules"] == "never: Card of"
    assert found[11]["broken_rules"].split("; ") == [
        "never: Card of",
        "length: 6 words, and at most 5 are wanted",
    ]
    assert summary["faults"]["broken_rules"] == sum(bool(row["broken_rules"]) for row in found) > 10
    assert summary["rules"] == {rule: sum(rule in row["broken_rules"] for row in found) for rule in ("never", "length")}
    assert Texts(one.texts)[0].broken_rules == ["never: Card of"]
    with pytest.raises(UserError, match="exists and is not this job's output"):
        describe(job(tmp_path))  # which has no rules


def test_grounded_writes_again_what_breaks_a_rule(tmp_path: Path) -> None:
    def obeys_later(prompt: str, tuned: bool) -> str:
        asked.append(prompt)
        return "A cheap peg of oak." if len(asked) == 1 else "A peg of oak."

    asked: list[str] = []
    source = tmp_path / "titles.csv"
    source.write_text("title\nOak peg\n")
    one = job(tmp_path, grounded=True, rules=HouseRules(never=("cheap",)))
    describe(one, ScriptedEngine(obeys_later))
    assert (rows(tmp_path / "out.csv")[0]["description"], len(asked)) == ("A peg of oak.", 2)


def test_only_an_unchanged_output_is_replaced_and_only_by_a_complete_one(
    tmp_path: Path,
) -> None:
    describe(job(tmp_path))
    before = (tmp_path / "out.csv").read_bytes()
    write_titles(tmp_path / "titles.csv", 25)
    with pytest.raises(UserError, match="not this job's output"):
        describe(job(tmp_path))
    with pytest.raises(RuntimeError):
        describe(job(tmp_path, replace=True), DiesAfter(3, RuntimeError()))
    assert (tmp_path / "out.csv").read_bytes() == before
    describe(job(tmp_path, replace=True))
    assert len(rows(tmp_path / "out.csv")) == 25
    record = read_json(tmp_path / "records" / "out.csv.json")
    (tmp_path / "out.csv").write_bytes(before)  # as after a kill between the writing of the record and of the output
    assert record["replaces"] == sha256(tmp_path / "out.csv")
    assert describe(job(tmp_path, replace=True))["described"] == 20
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(UserError, match="not this job's output"):
        describe(job(tmp_path, replace=True, references=1))


def test_windows_change_nothing_but_what_is_asked_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(job(tmp_path))
    monkeypatch.setattr(catalogue, "WINDOW", 5)
    index = FakeIndex()
    describe(job(tmp_path, "windows.csv"), index=index)
    assert [len(asked) for asked in index.asked] == [5, 5, 5, 1]
    assert (tmp_path / "windows.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_no_references_means_no_index(tmp_path: Path) -> None:
    describe_titles(job(tmp_path, references=0), lambda: ScriptedEngine(answer), not_to_be_loaded)
    own = [name for name in OWN if name != "references"]
    assert list(rows(tmp_path / "out.csv")[0]) == ["sku", "title", "price", *own]


def test_the_same_call_again_does_nothing(tmp_path: Path) -> None:
    first = describe(job(tmp_path))
    before = (tmp_path / "out.csv").stat()
    again = describe_titles(job(tmp_path), not_to_be_loaded, not_to_be_loaded)
    assert again == {**first, "before": 16, "seconds": 0.0, "rows_per_second": None}
    assert (tmp_path / "out.csv").stat() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("by design")])
def test_what_was_done_is_not_done_again(tmp_path: Path, error: BaseException) -> None:
    engine = DiesAfter(7, error)
    with pytest.raises(type(error)):
        describe(job(tmp_path), engine)
    assert engine.closed
    assert left_beside(tmp_path) == {"out.csv.journal", ".out.csv.lock"}
    rest, heard, seen, index = DiesAfter(-1, error), list[str](), list[tuple[int, int]](), FakeIndex()
    describe(job(tmp_path), rest, index, say=heard.append, progress=lambda *now: seen.append(now))
    assert len(engine.asked) == 7
    assert sorted(engine.asked + rest.asked) == sorted(set(engine.asked + rest.asked))
    assert len(engine.asked + rest.asked) == 16
    assert "Going on: 7 of 16 rows were done before." in heard
    assert seen == [(done, 16) for done in range(8, 17)]
    assert [len(asked) for asked in index.asked] == [16]  # all of the window, as without the interruption
    describe(job(tmp_path, "whole.csv"))
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def describe_slowly(folder: Path) -> None:
    catalogue.WINDOW = 16
    describe(job(folder), ScriptedEngine(answer, pause=0.002))


def finished_lines(folder: Path) -> int:
    path = folder / "out.csv.journal"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.kill
@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_random_kills_leave_no_trace(tmp_path: Path, kills: int) -> None:
    """Each kill falls some rows after the one before, at a moment of its own within a row."""
    describe(job(tmp_path, "whole.csv", count=300))
    moments, seen = random.Random("ten kills"), 0
    for _ in range(kills):
        wanted = finished_lines(tmp_path) + moments.randint(1, 20)
        process = start(describe_slowly, tmp_path)
        while finished_lines(tmp_path) < wanted:
            assert process.exitcode is None
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.01))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert finished_lines(tmp_path) >= max(wanted, seen)
        seen = finished_lines(tmp_path)
        assert not (tmp_path / "out.csv").exists()
    journal = (tmp_path / "out.csv.journal").read_bytes().splitlines()
    kept = [int(found[1]) for line in journal if (found := re.match(rb'{"row":(\d+),', line))]
    assert len(kept) == len(set(kept)) >= kills
    assert call(describe_slowly, tmp_path) == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert left_beside(tmp_path) == {"out.csv", "whole.csv"}


def die_before(moment: int, folder: Path) -> None:
    """Let this process die before its `moment`-th operation that changes a file in `folder`."""
    done = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in ("os.rename", "os.remove", "os.mkdir")) and str(arguments[0]).startswith(str(folder)):
            done += 1
            if done == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def kill_before_each_operation(root: Path) -> None:
    """Describe in forks, each of which dies before another operation, and finish in this process."""
    for moment in range(1, 100):
        folder = root / str(moment)
        folder.mkdir()
        one = job(folder, count=6)
        child = os.fork()
        if not child:
            die_before(moment, folder)
            describe(one)
            os._exit(0)
        if os.waitpid(child, 0)[1] != signal.SIGKILL:
            break
        describe(one)
        assert left_beside(folder) == {"out.csv"}, left_beside(folder)


@pytest.mark.kill
def test_a_kill_before_any_file_operation_costs_nothing(tmp_path: Path) -> None:
    """The process that forks has no threads of its own, unlike this one."""
    assert call(kill_before_each_operation, tmp_path) == 0
    moments = len(list(tmp_path.iterdir()))
    assert 8 <= moments < 99
    assert len({(tmp_path / str(moment) / "out.csv").read_bytes() for moment in range(1, moments + 1)}) == 1


def test_two_processes_do_not_write_one_output(tmp_path: Path) -> None:
    one = job(tmp_path)
    with lock(one.output, "writing descriptions"), pytest.raises(Busy, match=r"out.csv is in use by process \d+"):
        describe(one)
    describe(one)


def test_another_job_does_not_go_on_with_this_ones_rows(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        describe(job(tmp_path), DiesAfter(3, RuntimeError()))
    changes: dict[str, tuple[Any, str]] = {
        "settings": (DecodingSettings(max_new_tokens=12, temperature=0.5), "temperature: None, now 0.5"),
        "references": (1, "references: 2, now 1"),
        "model": ({"run": "oak", "adapter": "0" * 64}, "run: pegs, now oak"),
        "file": (FileSettings(title_field="sku"), "title_field: title, now sku"),
        "known": (KnownAttributes(["material"]), r"attribute_names: \[\], now \['material'\]"),
    }
    for name, (value, words) in changes.items():
        with pytest.raises(InvalidSettings, match=words):
            describe(job(tmp_path, **{name: value}))
    write_titles(tmp_path / "titles.csv", 21)
    with pytest.raises(InvalidSettings, match=r"input_sha256: \w+, now \w+\); run that job's command again, remove"):
        describe(job(tmp_path))
    write_titles(tmp_path / "titles.csv", 20)
    assert describe(job(tmp_path))["before"] == 3


def test_a_journal_of_a_version_with_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        describe(job(tmp_path), DiesAfter(3, RuntimeError()))
    journal = tmp_path / "out.csv.journal"
    header, *lines = journal.read_text().splitlines(keepends=True)
    earlier = json.loads(header)
    del earlier["job"]["output_columns"]
    journal.write_text("".join([json.dumps(earlier) + "\n", *lines]))
    with pytest.raises(
        InvalidSettings, match=r"another job .*output_columns: None, now \['description'.*remove that file"
    ):
        describe(job(tmp_path))


def test_a_change_of_the_input_during_the_job_is_detected(tmp_path: Path) -> None:
    class ChangesTheInput(DiesAfter):
        def close(self) -> None:
            write_titles(tmp_path / "titles.csv", 19)

    with pytest.raises(Failure, match="changed while it was read; put the earlier file back"):
        describe(job(tmp_path), ChangesTheInput(-1, RuntimeError()))
    assert not (tmp_path / "out.csv").exists()


def something_else(folder: Path) -> Job:
    (folder / "out.csv").write_text("mine")
    return job(folder)


def of_other_settings(folder: Path) -> Job:
    describe(job(folder))
    return job(folder, references=1)


def edited(folder: Path) -> Job:
    describe(job(folder))
    (folder / "out.csv").write_text("better text")
    return job(folder)


def the_input(folder: Path) -> Job:
    (folder / "link.csv").symlink_to(folder / "titles.csv")
    return job(folder, "link.csv")


def a_folder(folder: Path) -> Job:
    (folder / "out.csv").mkdir()
    return job(folder)


@pytest.mark.parametrize(
    ("prepare", "error", "words"),
    [
        (lambda folder: job(folder, "out.xlsx"), UserError, "--output must end in .csv, .tsv, .jsonl, .parquet, got"),
        (lambda folder: job(folder, "no/out.csv"), NotFound, r"There is no folder .*no for --output; .*mkdir -p .*no"),
        (something_else, UserError, "out.csv exists and is not this job's output; remove it or choose another"),
        (of_other_settings, UserError, "exists and is not this job's output"),
        (edited, UserError, "exists and is not this job's output"),
        (the_input, UserError, "link.csv is the --input"),
        (a_folder, UserError, "out.csv is a folder"),
        (lambda folder: job(folder, source=folder / "none.csv"), NotFound, "There is no file .*none.csv"),
        (
            lambda folder: job(folder, file=FileSettings(title_field="name")),
            UnreadableInput,
            r"no column 'name' \(--title-field\)",
        ),
    ],
)
def test_invalid_options_are_refused_and_change_nothing(
    tmp_path: Path, prepare: Callable[[Path], Job], error: type[Exception], words: str
) -> None:
    one = prepare(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(error, match=words) as caught:
        describe_titles(one, not_to_be_loaded, not_to_be_loaded)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_folder_that_is_not_writable_is_reported_first(tmp_path: Path) -> None:
    (tmp_path / "fixed").mkdir(mode=0o555)
    write_titles(tmp_path / "titles.csv")
    with pytest.raises(NotWritable, match="permission denied; choose another --output"):
        describe(job(tmp_path, "fixed/out.csv"))


def test_a_fault_in_the_middle_of_the_input_is_found_before_anything_is_written(tmp_path: Path) -> None:
    import gzip

    source = tmp_path / "titles.csv"
    whole = gzip.compress(write_titles(source, 9000).read_bytes())
    source.write_bytes(whole[:-40])
    with pytest.raises(UnreadableInput, match="is truncated"):
        describe_titles(job(tmp_path), not_to_be_loaded, not_to_be_loaded)
    assert left_beside(tmp_path) == set()


def test_only_a_header_gives_only_a_header(tmp_path: Path) -> None:
    write_titles(tmp_path / "titles.csv", 0)
    summary = describe_titles(job(tmp_path), not_to_be_loaded, not_to_be_loaded)
    assert (summary["rows"], summary["described"], summary["rows_per_second"]) == (0, 0, None)
    assert (tmp_path / "out.csv").read_text().startswith("sku,title,price,description,words,")
    (tmp_path / "titles.csv").write_text("")
    with pytest.raises(UnreadableInput, match="is empty"):
        describe(job(tmp_path, "other.csv"))


def test_unusual_rows_are_written_in_every_format(tmp_path: Path) -> None:
    source = tmp_path / "odd.jsonl"
    source.write_bytes(
        b'{"title": "\\ud83d peg \\u0000"}\n[1]\n{"title": "%s"}\n{"title": "=1+1", "id": true}\n' % (b"x" * 100_000)
    )
    for suffix in (".csv", ".tsv", ".jsonl", ".parquet"):
        describe(job(tmp_path, f"out{suffix}", source=source))
        found = rows(tmp_path / f"out{suffix}") if suffix != ".tsv" else []
        assert [row["flag"] for row in found] in ([], ["", "not_an_object", "title_too_long", ""])
        assert suffix == ".tsv" or found[2]["title"] == "x" * 100_000
    assert rows(tmp_path / "out.csv")[3]["title"] == "'=1+1"
    assert rows(tmp_path / "out.jsonl")[3]["title"] == "=1+1"
    assert rows(tmp_path / "out.jsonl")[0]["title"] == "\ufffd peg \0"


def test_parquet_with_other_column_names(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "a.parquet", [{"Nr": n, "Name des Artikels": f"Haken {n}"} for n in range(3)])
    describe(job(tmp_path, source=source, file=FileSettings(title_field="Name des Artikels", id_field="Nr")))
    assert [(row["Nr"], row["description"]) for row in rows(tmp_path / "out.csv")] == [
        ("0", "Card of Haken 0."),
        ("1", "Card of Haken 1."),
        ("2", "Card of Haken 2."),
    ]


FULL_DISK = """
import sys
from pathlib import Path
from tests.generation.test_catalogue import answer, describe, job, write_titles, ScriptedEngine
from shelftalk.errors import NotWritable
place, disk = map(Path, sys.argv[1:])
source = write_titles(place / "titles.csv", 200)
one = job(disk, source=source)
filler = disk / "filler"
filler.write_bytes(b"x" * ((1 << 20) - 32_000))
try:
    describe(one)
    sys.exit("the disk was not full")
except NotWritable as error:
    print(error)
filler.unlink()
print(describe(one)["before"])
(place / "out.csv").write_bytes(one.output.read_bytes())
"""


def test_a_full_disk_is_one_line_and_the_job_goes_on(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=1m tmpfs {disk}"
    try:
        if subprocess.run([*alone, mount], capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a small disk")
    except FileNotFoundError:
        pytest.skip("this machine has no unshare")
    command = [*alone, f'{mount} && exec "$@"', "sh", sys.executable, "-c", FULL_DISK, str(tmp_path), str(disk)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    message, before = done.stdout.splitlines()
    assert re.fullmatch(
        r"Cannot write .*/out.csv.journal: the disk is full; free some space and run .* again\.", message
    )
    assert 0 < int(before) < 160
    describe(job(tmp_path, "whole.csv", source=tmp_path / "titles.csv"))
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The titles alone take 9 MB, the descriptions as much again."""
    import tracemalloc

    source = tmp_path / "many.jsonl"
    source.write_text("".join(f'{{"title": "{"x" * 900} {n}9"}}\n' for n in range(10_000)))
    one = job(tmp_path, "out.jsonl", source=source, references=0)
    monkeypatch.setattr(catalogue, "check_text", lambda *_, **__: Faults(0, 0, ()))  # takes no memory, but time
    tracemalloc.start()
    describe(one)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one.output.stat().st_size > 18_000_000
    assert peak < 5_000_000


def test_grounded_rows_are_written_again_until_they_claim_nothing(tmp_path: Path) -> None:
    written: dict[str, int] = {}

    def answer_again(prompt: str, tuned: bool) -> str:
        title = prompt.removesuffix(ENGLISH.end)
        written[title] = written.get(title, 0) + 1
        return "It is 30 cm of brass." if written[title] < 3 else "It holds a coat."

    one = job(tmp_path, "out.jsonl", grounded=True)
    summary = describe(one, ScriptedEngine(answer_again))
    rows = [json.loads(line) for line in one.output.read_text().splitlines()]
    assert {row["description"] for row in rows if row["flag"] == ""} == {"It holds a coat."}
    assert set(written.values()) == {3}
    assert describe(one, index=None)["described"] == summary["described"]  # there already
    with pytest.raises(UserError, match="exists and is not this job's output"):
        describe(job(tmp_path, "out.jsonl"))
    with pytest.raises(UserError, match="where the run knows no attributes, got 0"):
        describe(job(tmp_path, "other.csv", grounded=True, references=0))


def test_attributes_alone_can_ground_a_text(tmp_path: Path) -> None:
    texts = iter(["A peg of brass, 15 cm.", "A peg of brass, 12 cm long.", "A peg."])
    source = tmp_path / "products.csv"
    source.write_text("title,material,length\nPeg,brass,12 cm\n")
    names = ["material", "length"]
    one = job(tmp_path, "out.jsonl", source=source, known=KnownAttributes(names), grounded=True, references=0)
    describe(one, ScriptedEngine(lambda prompt, tuned: next(texts)), index=None)
    assert [row["description"] for row in rows(one.output)] == ["A peg of brass, 12 cm long."]
