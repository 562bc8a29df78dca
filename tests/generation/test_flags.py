"""Test the flags on texts that models wrote."""

from __future__ import annotations

import pytest

from shelftalk.generation.flags import flag
from shelftalk.records import Description

FINE = (
    "The first thing you notice is the clock. The wind-up is a lever that stops the alarm when the bell rings. It has "
    "a glass dial. Fair warning: the wind-up is stiff. On our shelf because the clock is a good reminder of the past."
)
LOOP = (
    "This kettle is made of high-quality aluminium and is equipped with a folding handle. Product features: - Weight: "
    "1.4 L - Package weight: 1.4 L - Package weight: 1.4 L - Package weight: 1.4 L - Package weight: 1.4 L"
)
STUTTER = (
    "A guitar is a guitar, and a light, 12 to 53-pound steel string is a light, 12 to 53-pound steel string. The set "
    "of 6 is set of 6, and the strings are strung with a light, 12 to 53-pound steel. Fair warning: the strings are "
    "not the same length as the nylon strings, and the light is not the same color. On our shelf because it is light."
)


@pytest.mark.parametrize(
    ("text", "stopped", "expected"),
    [
        (FINE, True, ""),
        (FINE, False, "cut"),
        (STUTTER, True, "repetitive"),
        (LOOP, True, "repetitive"),
        (LOOP, False, "repetitive"),
        ("", True, "empty"),
        (" \n", False, "empty"),
        ("... -", True, "empty"),
        ("A peg.", True, ""),
        ("好い木の釘です。", True, ""),
    ],
)
def test_the_first_fault_counts(text: str, stopped: bool, expected: str) -> None:
    found, detail = flag(Description(text, stopped, 7))
    assert found == expected
    assert bool(detail) == bool(expected)


def test_the_detail_says_how_much() -> None:
    assert flag(Description(FINE, False, 160)) == ("cut", "not ended within 160 tokens")
    assert flag(Description("a b c d a b c d", True, 8)) == ("repetitive", "20% of its four-word runs are repeated")
