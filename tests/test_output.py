"""What the terminal shows of a comparison."""

from __future__ import annotations

import pytest
from rich.console import Console

from shelftalk.cli import output
from shelftalk.records import Comparison, Description, Reference


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], base: str, tuned: str) -> str:
    monkeypatch.setattr(output, "out", Console(width=160, highlight=False))
    attributes = {"material": "oak", "length": "30 cm"}
    sides = (Description(base, False, 9), Description(tuned, True, 9))
    output.show_comparison(Comparison("Oak Rail", *sides, [], attributes), "Made of oak.")
    return " ".join(capsys.readouterr().out.split())


def test_attributes_are_shown_and_repeated_lines_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(monkeypatch, capsys, "A rail.\n" + "\n*" * 50, "This rail is made of oak and is 30 cm long.")
    assert "Oak Rail material: oak length: 30 cm" in found
    assert found.count("*") == 1
    assert "[1 empty and 49 repeated lines not shown]" in found
    assert "said neither" not in found


def test_the_time_left_is_counted_anew_where_a_work_begins_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rehearsal that does not fit is followed by a smaller one."""
    now = 0.0
    monkeypatch.setattr("shelftalk.cli.output.time.monotonic", lambda: now)
    with output.step("Rehearsing") as progress:
        for base in (0.0, 1000.0):
            for done in range(3):
                now = base + 100.0 * done
                progress(done, 10)
    lines = [line for line in capsys.readouterr().err.splitlines() if "left" in line]
    assert lines == ["Rehearsing: 1 of 10, 15 min 00 s left", "Rehearsing: 2 of 10, 13 min 20 s left"] * 2


def references(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], near: tuple[bool | None, bool | None]
) -> str:
    monkeypatch.setattr(output, "out", Console(width=120, highlight=False))
    first, second = near
    found = [Reference("1", "Oak Peg", "A peg.", 0.61, first, 9), Reference("2", "Kite", "Red.", 0.12, second)]
    output.show_references(found)
    return " ".join(capsys.readouterr().out.split())


def test_references_say_what_they_stand_for_and_where_nothing_is_near(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    near = references(monkeypatch, capsys, (True, False))
    assert "0.61 Oak Peg (and 9 like it) - A peg. 0.12 Kite - Red." in near
    assert "Nothing near" not in near
    assert "Nothing near" not in references(monkeypatch, capsys, (None, None))  # not measured
    nothing = references(monkeypatch, capsys, (False, False))
    assert nothing.startswith("Nothing near among the training products; the nearest of them are: similarity")
    assert "0.61 Oak Peg" in nothing


def test_claims_that_no_attribute_states_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(monkeypatch, capsys, "A rail.", "This rail is made of oak, is 40 cm long and has brass hooks.")
    assert "said neither by the title nor by an attribute: 40 cm" in found
    assert "brass" in found.split("said neither")[1]
