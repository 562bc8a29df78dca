"""Test grounded writing: references in the prompt, and another attempt for a text with unsupported claims."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shelftalk.errors import UserError
from shelftalk.generation.compare import compare, compare_many
from shelftalk.generation.grounded import (
    ATTEMPTS,
    RETRY_TEMPERATURE,
    check_references,
    write_grounded,
    write_with_references,
)
from shelftalk.generation.scripted_engine import ScriptedEngine
from shelftalk.prompts import ENGLISH, first_description
from shelftalk.records import Attributes, Description, Reference
from shelftalk.settings import DecodingSettings

SAMPLED = DecodingSettings(seed=7)
PEG = Reference("1", "Ash peg", "Holds a hat.", 0.8)
HOOK = Reference("2", "Iron hook", "Holds a coat.", 0.9)


class Writer(ScriptedEngine):
    """Returns a title's next text on each call, and records seeds and temperatures."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        super().__init__(self._next)
        self.left = {title: list(one) for title, one in texts.items()}
        self.seeds: list[int] = []
        self.temperatures: list[float | None] = []
        self.beginnings: list[str] = []

    def _next(self, prompt: str, tuned: bool) -> str:
        assert tuned
        request, _, beginning = prompt.partition(ENGLISH.end)
        self.beginnings.append(beginning)
        return self.left[request].pop(0)

    def complete_all(
        self, prompts: Sequence[str], *, tuned: bool, settings: DecodingSettings, on_description: object = None
    ) -> list[Description]:
        self.seeds.append(settings.seed)
        self.temperatures.append(settings.temperature)
        return super().complete_all(prompts, tuned=tuned, settings=settings, on_description=on_description)  # type: ignore[arg-type]


def write(engine: Writer, settings: DecodingSettings = SAMPLED) -> list[str]:
    titles = list(engine.left)
    decided: dict[int, Description] = {}
    written = write_grounded(
        engine,
        ENGLISH,
        titles,
        [[HOOK]] * len(titles),
        settings=settings,
        language="en",
        on_description=decided.__setitem__,
    )
    assert [decided[row] for row in range(len(titles))] == written
    return [one.text for one in written]


def test_a_prompt_ends_as_training_laid_it_out_with_the_nearest_reference_last() -> None:
    prompt = ENGLISH.prompt_with_references("Oak peg", [HOOK, PEG])
    assert prompt.endswith(ENGLISH.prompt_for("Oak peg"))
    places = [prompt.index(one) for one in (ENGLISH.prompt_for("Ash peg") + "Holds a hat.", "Iron hook", "Oak peg")]
    assert places == sorted(places)
    assert ENGLISH.prompt_with_references("Oak peg", []) == ENGLISH.prompt_for("Oak peg")
    long = Reference("3", "Rail", "long " * 10_000, 0.5)
    assert len(ENGLISH.prompt_with_references("Oak peg", [long])) < 2000
    many = ENGLISH.prompt_with_references("Oak peg", [HOOK, *[long] * 100])
    assert "Iron hook" in many  # the nearest
    assert len(many) < 4000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Holds a coat.\n\n\nIron hook\n\nProduct", ("Holds a coat.", True)),
        ("Holds a coat.", ("Holds a coat.", False)),
        ("\n\n", ("", False)),
        ("", ("", False)),
    ],
)
def test_the_first_description_ends_at_an_empty_line(text: str, expected: tuple[str, bool]) -> None:
    assert first_description(text) == expected


def test_a_text_without_fault_is_kept_at_once_and_others_are_written_again() -> None:
    engine = Writer({"Oak peg": ["It holds a coat."], "Oak rail": ["It is 30 cm wide.", "It holds a coat well."]})
    assert write(engine) == ["It holds a coat.", "It holds a coat well."]
    assert engine.seeds == [7, 8]


def test_the_text_with_the_fewest_faults_a_word_is_kept() -> None:
    texts = ["It is 30 cm wide and 40 cm high.", "It is 30 cm wide, and it holds a coat.", *["It is 30 cm."] * 2]
    assert write(Writer({"Oak rail": texts})) == [texts[1]]
    assert ATTEMPTS == 4


def test_the_sentences_before_the_first_wrong_claim_are_kept() -> None:
    """A good beginning is not thrown away with a bad end, and the best text of all decides what is kept."""
    texts = [
        "It holds a coat. It keeps hats dry. It is 30 cm wide. Nice.",
        "It is made of brass and 40 cm high. It is 5 cm deep.",  # worse: the next attempt begins as this one did
        "It is easy to clean. It is 2 m long.",
        "It wipes clean.",
    ]
    engine = Writer({"Oak rail": texts})
    kept = "It holds a coat. It keeps hats dry."
    assert write(engine) == [f"{kept} It is easy to clean. It wipes clean."]
    assert engine.beginnings == ["", kept, kept, f"{kept} It is easy to clean."]
    assert engine.seeds == [7, 8, 9, 10]


def test_a_text_that_only_leaves_attributes_out_is_written_again_as_a_whole() -> None:
    engine = Writer({"Oak rail\nwidth: 30 cm": ["It holds a coat. It is wide.", "It holds a coat. It is 30 cm wide."]})
    assert write(engine) == ["It holds a coat. It is 30 cm wide."]
    assert engine.beginnings == ["", ""]


def test_a_text_that_is_too_short_is_ignored() -> None:
    texts = ["It is 30 cm wide and holds a coat and a hat.", "Nice.", "", "Fine."]
    assert write(Writer({"Oak rail": texts})) == [texts[0]]
    assert write(Writer({"Oak rail": ["", "Holds a coat.", *texts]})) == ["Holds a coat."]
    assert write(Writer({"Oak rail": ["", "", "", "..."]})) == [""]


def test_a_text_that_runs_on_does_not_make_all_others_too_short() -> None:
    texts = ["It is 30 cm wide. " * 40, "Holds a coat.", *["It is 30 cm wide."] * 2]
    assert write(Writer({"Oak rail": texts})) == ["Holds a coat."]


def test_a_greedy_text_with_a_fault_is_written_again_by_sampling() -> None:
    engine = Writer({"Oak rail": ["It is 30 cm wide.", "It holds a coat."]})
    assert write(engine, SAMPLED.replace({"temperature": 0})) == ["It holds a coat."]
    assert engine.temperatures == [0, RETRY_TEMPERATURE]
    sampled = Writer({"Oak rail": ["It is 30 cm wide.", "It holds a coat."]})
    assert write(sampled, SAMPLED.replace({"temperature": 0.9})) == ["It holds a coat."]
    assert sampled.temperatures == [0.9, 0.9]


def test_the_next_product_is_cut_off_and_counts_as_an_end() -> None:
    class Rambling(ScriptedEngine):
        def complete_all(self, prompts: Sequence[str], **_: object) -> list[Description]:
            return [Description("Holds a coat.\n\n\nIron hook", stopped=False, tokens=9) for _ in prompts]

    engine = Rambling(lambda prompt, tuned: "")
    [one] = write_with_references(engine, ENGLISH, ["Oak peg"], [[HOOK]], tuned=False, settings=SAMPLED)
    assert (one.text, one.stopped) == ("Holds a coat.", True)


def test_both_answers_get_the_references_where_they_are_asked_for() -> None:
    prompts: list[tuple[str, bool]] = []

    def answer(prompt: str, tuned: bool) -> str:
        prompts.append((prompt, tuned))
        return "Holds a coat."

    heard: list[tuple[str, str]] = []
    engine = ScriptedEngine(answer)
    found = compare(
        engine,
        ENGLISH,
        "Oak peg",
        SAMPLED,
        lambda: [HOOK, PEG],
        lambda side, text: heard.append((side, text)),
        attributes=(("length", "9 cm"),),
        with_references=True,
        language="en",
    )
    expected = ENGLISH.prompt_with_references("Oak peg\nlength: 9 cm", [HOOK, PEG])
    assert prompts == [(expected, False), (expected, True)]
    assert (found.base.text, found.tuned.text, found.references) == ("Holds a coat.", "Holds a coat.", [HOOK, PEG])
    assert heard == [("base", "Holds a coat."), ("tuned", "Holds a coat.")]


@pytest.mark.parametrize("with_references", [False, True])
def test_many_answers_get_the_references_where_they_are_asked_for(with_references: bool) -> None:
    prompts: list[str] = []

    def answer(prompt: str, tuned: bool) -> str:
        prompts.append(prompt)
        return "Holds a coat."

    asked: list[tuple[str, Attributes]] = [("Oak peg", (("length", "9 cm"),)), ("Ash rail", ())]
    counted: list[int] = []
    found = compare_many(
        ScriptedEngine(answer),
        ENGLISH,
        asked,
        SAMPLED,
        lambda: [[HOOK], [PEG]],
        lambda: counted.append(1),
        language="en",
        with_references=with_references,
    )
    requests = ["Oak peg\nlength: 9 cm", "Ash rail"]
    expected = [ENGLISH.prompt_for(one) for one in requests]
    if with_references:
        expected = [ENGLISH.prompt_with_references(*one) for one in zip(requests, [[HOOK], [PEG]], strict=True)]
    assert (prompts, len(counted)) == (expected * 2, 4)
    assert [one.references for one in found] == [[HOOK], [PEG]]


def test_references_in_the_prompt_need_references_and_exclude_grounding() -> None:
    with pytest.raises(UserError, match="--references of at least 1, got 0"):
        check_references(True, 0, grounded=False)
    with pytest.raises(UserError, match="not both"):
        check_references(True, 3, grounded=True)
    check_references(True, 3, grounded=False)
    check_references(False, 0, grounded=True)
