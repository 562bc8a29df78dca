"""What the compare page says of references: which are not near, and how many products each stands for."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from shelftalk.records import Reference
from shelftalk.studio.language import STATE
from shelftalk.translations.texts import LANGUAGES, texts


def page(references: object) -> None:
    from shelftalk.studio.views import compare

    compare._references(references)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_near_and_how_many_are_alike_are_said(language: str) -> None:
    words = texts(language)

    def shown(*references: Reference) -> tuple[list[str], list[str]]:
        app = AppTest.from_function(page, default_timeout=60, kwargs={"references": list(references)})
        app.session_state[STATE] = language
        app.run()
        assert list(app.exception) == []
        return [one.value for one in app.info], [one.value for one in app.caption]

    alike = words["compare.alike"].format(count="9")
    said, captions = shown(Reference("1", "Peg", "A peg.", 0.7, True, 9), Reference("2", "Kite", "Red.", 0.1, False))
    assert said == []
    assert captions == [words["compare.references_help"], alike, words["compare.not_near"]]
    said, captions = shown(Reference("2", "Kite", "Red.", 0.1, False))
    assert said == [words["compare.nothing_near"]]
    said, captions = shown(Reference("1", "Peg", "A peg.", 0.1))  # not measured
    assert (said, captions) == ([], [words["compare.references_help"]])
