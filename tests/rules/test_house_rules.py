"""A file of house rules: read and written without loss, and every mistake is said at once, with its line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.prepare import prepare
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import InvalidSettings
from shelftalk.rules.house_rules import NO_RULES, HouseRules, parse_rules, read_rules, write_rules
from shelftalk.rules.mistakes import MOST_BYTES, MOST_WORDS
from shelftalk.workspace import Workspace

ALL = HouseRules(
    never=("best ever", "guarantee*", 'a "quoted" word', "back\\slash", "\x7f"),
    always=("handmade",),
    instead=(("cheap", "affordable"), ("on sale.now", "now")),
    fewest_words=20,
    most_words=120,
    most_characters=600,
    exclamation_marks=False,
    capitals=False,
    emoji=False,
    first_person=False,
    superlatives=False,
    spelling="British",
    brand=True,
    begins_with=("The {title}", "Diese {Größe}"),
    ends_with=("Made in our workshop.",),
)
MISTAKES = """\
# Two of them are in one list.
[words]
never = ["best",
  "", 3,
  "fine"]
always = ["the best", "ok"]
allways = []
[words.instead]
cheap = "best buy"
dear = 3
[length]
fewest_words = 10
most_words = 2
most_characters = -1
[style]
emoji = "no"
spelling = "Canadian"
capitals = 1
[content]
begins_with = "The"
ends_with = ["{a"]
[contnet]
brand = true
"""


def refused(text: str) -> str:
    with pytest.raises(InvalidSettings) as caught:
        parse_rules(text.encode(), "shop.rules.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_file_and_an_empty_file_are_no_rules(tmp_path: Path) -> None:
    assert read_rules(tmp_path / "none.rules.toml") == NO_RULES
    assert parse_rules(b"", "x") == NO_RULES
    assert parse_rules(b"\xef\xbb\xbf[words]\r\n[style]\r\n", "x") == NO_RULES


@pytest.mark.parametrize("rules", [ALL, NO_RULES, HouseRules(never=tuple(f"word {n}" for n in range(MOST_WORDS)))])
def test_what_is_written_is_read_and_written_again_to_the_byte(tmp_path: Path, rules: HouseRules) -> None:
    path = tmp_path / "shop.rules.toml"
    write_rules(path, rules)
    written = path.read_bytes()
    assert read_rules(path) == rules
    write_rules(path, read_rules(path))
    assert path.read_bytes() == written
    assert written.count(b"\n# ") >= 15, "a comment for each key"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(words, max_size=5), st.dictionaries(words, words, max_size=5), st.integers(1, 100_000))
def test_any_rules_are_read_as_they_were_written_or_refused(
    tmp_path_factory: pytest.TempPathFactory, never: list[str], instead: dict[str, str], most: int
) -> None:
    path = tmp_path_factory.mktemp("rules") / "shop.rules.toml"
    rules = HouseRules(never=tuple(dict.fromkeys(never)), instead=tuple(instead.items()), most_words=most)
    try:
        write_rules(path, rules)
    except InvalidSettings:
        assert not path.exists()
    else:
        assert read_rules(path) == rules


def test_every_mistake_is_said_with_its_line() -> None:
    message = refused(MISTAKES)
    assert message.startswith("shop.rules.toml has 14 mistakes. ")
    for line, said in (
        (3, "words.never must hold texts in quotes, got 3."),
        (4, "words.never has an empty word, ''."),
        (6, "words.always asks for 'the best', and 'best' is among the words never to use."),
        (7, "words.allways is no rule; did you mean words.always?"),
        (9, "words.instead.cheap asks for 'best buy', and 'best' is among"),
        (10, "words.instead.dear must hold texts in quotes, got 3."),
        (12, "length.fewest_words is 10, more than most_words, 2."),
        (14, "length.most_characters must be a whole number from 1 to 100,000, got -1."),
        (16, "style.emoji must be true or false, got 'no'."),
        (17, "style.spelling must be British or American, got 'Canadian'."),
        (18, "style.capitals must be true or false, got 1."),
        (20, 'content.begins_with must be a list such as ["one", "two words"], got \'The\'.'),
        (21, "content.ends_with has a brace without the other one"),
        (22, "contnet is no rule; did you mean content?"),
    ):
        assert f"Line {line}: {said}" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[words]\nnever = ["a"\n[style]', "is not a TOML file: .*line 3"),
        ("\n\nwords = 3", "Line 3: words must be a table."),
        ("words.never = ['']", "Line 1: words.never has an empty word"),
        ("words = {never = ['*']}", "Line 1: words.never has an empty word"),
        ("[words.instead]\n'a b' = 'A  b'", "Line 2: words.instead.a b asks for 'A  b', and 'a b' is among"),
        ("[words]\nnever = ['can']\n[content]\nends_with = ['You can.']", "Line 4: content.ends_with asks for"),
        ("[length]\nfewest_words = 60\nmost_characters = 100", "60, which do not fit into 100 characters"),
        ("[style]\ncolour_of_it = true", "Line 2: style.colour_of_it is no rule; known are words.never, "),
        (f"[words]\nnever = [{'1, ' * 3}]", "3 mistakes"),
        (f"[words]\nnever = ['{'a' * 201}']", "a word of 201 characters, and at most 200 are allowed"),
        (f"[words]\nnever = {['a'] * (MOST_WORDS + 1)}", "has 1,001 entries, and at most 1,000 are allowed"),
        ("a" * (MOST_BYTES + 1), "more than 262,144 bytes"),
    ],
)
def test_a_mistake_is_said(text: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        parse_rules(text.encode(), "shop.rules.toml")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 200_000,
        "a = " + "{a=" * 60_000,
        "a." * 130_000 + "a = 1",
        "a = " + "9" * 200_000,
        "[" * 200_000,
        'a = """' + '\\"""' * 50_000,
        "\n".join("a." * 200 + f"b{number} = 1" for number in range(600)),
        "\n".join(f"k{number} = ''" for number in range(20_000)),
        "\udcff",
    ],
)
def test_a_hostile_file_is_refused_soon(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(InvalidSettings):
        parse_rules(text.encode("utf-8", "surrogateescape"), "shop.rules.toml")
    assert time.perf_counter() - start < 5


def test_what_cannot_be_kept_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "shop.rules.toml"
    with pytest.raises(InvalidSettings, match=r"^The rules have a mistake. length.fewest_words is 5"):
        write_rules(path, HouseRules(fewest_words=5, most_words=4))
    assert not path.exists()


def test_preparing_again_keeps_the_rules_and_the_file_is_no_catalogue(workspace: Workspace, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("title,description\n" + "".join(f"Mug {n},A mug of clay number {n}.\n" for n in range(12)))
    prepare([rows], workspace.catalogue("shop"), PrepareSettings())
    write_rules(workspace.rules("shop"), ALL)
    prepare([rows], workspace.catalogue("shop"), PrepareSettings(seed=7))
    assert read_rules(workspace.rules("shop")) == ALL
    assert workspace.catalogues() == ["shop"]
