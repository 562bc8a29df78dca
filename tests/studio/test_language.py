"""Both languages contain every text that the studio and the dossier use, and no other."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import streamlit

from shelftalk.catalogue import prepare
from shelftalk.catalogue.languages import NAMES
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.dossier import dossier
from shelftalk.presets import preset_names
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.studio import charts, language
from shelftalk.studio.training_view import ICONS
from shelftalk.translations import words
from shelftalk.translations.texts import LANGUAGES, texts

WRITERS = (Path(language.__file__).parent, Path(dossier.__file__).parent, Path(words.__file__).parent)
KEY = re.compile(r"(?:\w|\\.|\.\+)*\\\.(?:\w|\\.|\.\+)*")  # what `written` makes of a text's key
SETTINGS = (TrainingSettings, PrepareSettings, DecodingSettings)


def written(node: ast.AST) -> str | None:
    """Return a pattern for the value of a string or f-string in the code; an expression in it matches any text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) or ".+" for part in node.values)
    return None


def nodes() -> Iterator[ast.AST]:
    for file in (file for folder in WRITERS for file in folder.rglob("*.py")):
        yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_text_is_used(name: str) -> None:
    patterns = {pattern for node in nodes() if (pattern := written(node)) and KEY.fullmatch(pattern)}
    patterns |= {re.escape(f"{one.args[0].value}.") + "(what|next)" for one in calls("show_empty")}
    one_of = re.compile("|".join(sorted(patterns)))
    unused = [key for key in texts(name) if not one_of.fullmatch(key)]
    assert unused == []


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_used_text_exists(name: str) -> None:
    asked = {pattern for call in calls("text") if (pattern := written(call.args[0]))}
    assert len(asked) > 100
    assert [pattern for pattern in asked if not any(re.fullmatch(pattern, key) for key in texts(name))] == []


def calls(function: str) -> Iterator[Any]:
    for node in nodes():
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (function, f"words.{function}"):
            yield node


def test_both_languages_have_the_same_texts() -> None:
    english, portuguese = (set(texts(name)) for name in ("en", "pt-BR"))
    helps = {f"settings.{cls.__name__}.{one.name}.help" for cls in SETTINGS for one in fields(cls)}
    assert portuguese - english == helps  # the English ones are in the settings classes
    assert english - portuguese == set()


def test_every_known_language_has_a_name_in_both() -> None:
    for name in LANGUAGES:
        named = {
            key.removeprefix("language."): text for key, text in texts(name).items() if key.startswith("language.")
        }
        assert named.keys() == NAMES.keys()
        assert name != "en" or named == NAMES


def test_both_languages_have_the_same_placeholders() -> None:
    def placeholders(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    english, portuguese = texts("en"), texts("pt-BR")
    assert {key: placeholders(text) for key, text in english.items()} == {
        key: placeholders(portuguese[key]) for key in english
    }


def test_no_text_was_left_in_english() -> None:
    english, portuguese = texts("en"), texts("pt-BR")
    alike = {key for key, text in english.items() if portuguese[key] == text and len(text.split()) > 2}
    assert alike == set()


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_name_from_the_library_has_a_text(name: str) -> None:
    keys = texts(name)
    documented = re.findall(r"^    (\w+)  ", (prepare.__doc__ or "").partition("reasons for which")[2], re.MULTILINE)
    assert len(documented) == 17
    wanted = [f"reason.{reason}" for reason in documented] + [f"preset.{preset}" for preset in preset_names()]
    wanted += [f"settings.{cls.__name__}.{one.name}.label" for cls in SETTINGS for one in fields(cls)]
    wanted += [f"status.{status}" for status in ICONS]
    assert [key for key in wanted if key not in keys] == []


def test_numbers_are_written_as_each_language_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "current", lambda: "pt-BR")
    assert language.number(1234.5, 1) == "1.234,5"
    assert language.percent(0.125, 1) == "12,5 %"
    assert language.size(5 * 2**29) == "2,5 GiB"
    monkeypatch.setattr(language, "current", lambda: "en")
    assert language.number(1234.5, 1) == "1,234.5"
    assert language.size(900) == "900 B"
    assert [language.duration(seconds) for seconds in (0.2, 59, 90, 3661, 90_000)] == [
        "1 s",
        "59 s",
        "2 min",
        "1 h 1 min",
        "1 d 1 h",
    ]


@pytest.mark.parametrize(("language", "decimal"), [("pt-BR", ","), ("en", None)])
def test_charts_write_numbers_as_the_page_does(
    language: str, decimal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(charts, "current", lambda: language)
    monkeypatch.setattr(streamlit, "altair_chart", lambda chart, **_: drawn.append(chart.to_dict()))
    charts.intervals([("before", 0.5, (0.25, 0.75))], ".2f")
    assert drawn[0].get("config", {}).get("locale", {}).get("number", {}).get("decimal") == decimal
