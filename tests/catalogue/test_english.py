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


@pytest.mark.parametrize(
    "text",
    [
        "Wool blanket Skye, 130 x 180 cm. Spun on a small farm; the blanket keeps its warmth. Virgin wool. 2 & 3",
        'Oak peg rail. Solid oak, oiled twice. The rail is 24" wide and carries 15 kg. Oak, brass, 5 hooks, 24 x 8',
        "Ceramic mug. Thrown by hand, holds 12 oz; each one differs. Stoneware, blue, grey, dishwasher safe",
    ],
)
def test_terse_english_with_many_numbers_is_english(text: str) -> None:
    assert look_english([text] * 3)


@pytest.mark.parametrize(
    "text",
    [
        "Wolldecke Skye, 130 x 180 cm. Gewebt in einer kleinen Mühle, sie hält lange warm. Made in Germany.",
        "Plaid en laine Skye. Tissé dans une petite filature, il reste chaud très longtemps. Made in France.",
        "Manta de lana Skye. Tejida en un pequeño taller, se queda suave y no pierde calor. Has visto otra igual?",
        "Manta de lã Skye. Tecida numa pequena fábrica, não perde o calor por muitos anos.",
        "Coperta di lana Skye. Tessuta in una piccola filanda, resta calda per molti anni.",
        "Wollen deken Skye. Geweven in een kleine molen, is zacht en blijft warm; op de hand wassen.",
        "Ullfilt Skye. Vävd i ett litet spinneri, den är mjuk och håller värmen i många år.",
        "Ulltæppe Skye. Vævet i et lille spinderi, det er blødt og holder på varmen ved hånden.",
        "Koc wełniany Skye. Utkany w małej manufakturze, jest miękki i ciepły przez wiele lat.",
        "Vlněná deka Skye. Utkaná v malé dílně, je měkká a hřeje, aby vydržela mnoho let.",
        "Шерстяной плед Skye, тёплый и мягкий, made by Tern.",
    ],
)
def test_terse_texts_in_other_languages_are_not_english(text: str) -> None:
    assert not look_english([text] * 3)
