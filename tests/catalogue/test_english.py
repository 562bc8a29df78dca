"""English descriptions are told from others, also by few and short texts."""

from __future__ import annotations

import pytest

from demo_catalogue.build import SOURCES, read_products
from shelftalk.catalogue.english import look_english


@pytest.mark.parametrize(
    "text",
    [
        "Dieser Haken ist aus geölter Eiche und für Hüte, er ist 9 cm lang.",
        "Este cabide de carvalho é para chapéus e mede 9 cm.",
        "Ce portemanteau en chêne est pour les chapeaux; il mesure 9 cm.",
        "Este perchero de roble es para sombreros y mide 9 cm.",
        "Questo appendiabiti di rovere è per cappelli e misura 9 cm.",
        "Deze kapstok is van eiken en is voor hoeden.",
        "Эта вешалка из дуба для шляп.",
        "挂衣钉用橡木制成",
        "1234 5678",
        "",
    ],
)
def test_other_languages_are_not_english(text: str) -> None:
    assert not look_english([text] * 3)


def test_the_bundled_catalogue_is_english_also_ten_by_ten() -> None:
    texts = [one.content for one in read_products(SOURCES)]
    assert all(look_english(texts[start : start + 10]) for start in range(0, len(texts), 10))
    assert not look_english([])
