"""Write with references: put them into the prompt, or check each text and write it again where it has faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from shelftalk.errors import UserError
from shelftalk.generation.engine import Engine
from shelftalk.generation.faults import check_text
from shelftalk.generation.flags import WORD
from shelftalk.prompts import PromptTemplate, first_description
from shelftalk.records import Description, Faults, Reference
from shelftalk.rules.house_rules import NO_RULES, HouseRules
from shelftalk.sentences import SENTENCE_END
from shelftalk.settings import DecodingSettings

ATTEMPTS = 4  # texts at most for each title
RETRY_TEMPERATURE = 0.5  # at least, from the second attempt on: at temperature 0 all attempts would be equal
SHORTEST = 0.5  # of the usual length: an almost empty text makes no claims, but is no solution

OnDescription = Callable[[int, Description], None]


class Attempts:
    """The texts that were written for one request, and the choice of the best one."""

    def __init__(self, references: Sequence[Reference]) -> None:
        self._usual = median(_words(one.description) for one in references) if references else 0
        self._written: list[tuple[float, int, Description]] = []  # faults for each word, words, text
        self.beginning = ""  # of the next attempt: what is sound of the best text

    def add(self, description: Description, faults: Faults) -> None:
        """Add a text with its faults."""
        words = _words(description.text)
        self._written.append((faults.total / max(1, words), words, description))
        if self.best is description:
            self.beginning = sound_beginning(description.text, faults)

    @property
    def decided(self) -> bool:
        """Return whether the newest text is long enough and has no fault."""
        share, words, _ = self._written[-1]
        return not share and words >= self._enough

    @property
    def best(self) -> Description:
        """The text with the fewest faults a word, of those that are long enough if any is."""
        long = [one for one in self._written if one[1] >= self._enough]
        return min(long or self._written, key=lambda one: one[0])[2]

    @property
    def _enough(self) -> float:
        """The least number of words of a text that is long enough."""
        return max(1, SHORTEST * min(self._written[0][1], self._usual))


def sound_beginning(text: str, faults: Faults) -> str:
    """Return the sentences of a text before the one with its first wrong claim or breach; none where there is none."""
    if faults.first is None:
        return ""
    ends = [end.start() for end in SENTENCE_END.finditer(text) if end.end() <= faults.first]
    return text[: ends[-1]] if ends else ""


def check_references(with_references: bool, count: int, grounded: bool) -> None:
    """Check that references can stand in the prompt.

    Raises:
        UserError: there are none, or the text is also to be grounded, which leaves them out.
    """
    if with_references and not count:
        raise UserError("--with-references needs --references of at least 1, got 0.")
    if with_references and grounded:
        raise UserError("--grounded leaves the references out of the prompt; give it or --with-references, not both.")


def write_with_references(
    engine: Engine,
    template: PromptTemplate,
    requests: Sequence[str],
    references: Sequence[Sequence[Reference]],
    *,
    tuned: bool,
    settings: DecodingSettings,
    on_description: OnDescription = lambda number, description: None,
) -> list[Description]:
    """Write a description for each title or question, with its references in the prompt, and return them in that order.

    If the model continues with another product after the description, that is cut off, and the text counts as ended
    by the model. `on_description` is called as by `Engine.complete_all`.
    """
    prompts = [template.prompt_with_references(*one) for one in zip(requests, references, strict=True)]
    written = engine.complete_all(
        prompts,
        tuned=tuned,
        settings=settings,
        on_description=lambda number, one: on_description(number, _first(one)),
    )
    return [_first(one) for one in written]


def write_grounded(
    engine: Engine,
    template: PromptTemplate,
    requests: Sequence[str],
    references: Sequence[Sequence[Reference]],
    *,
    settings: DecodingSettings,
    rules: HouseRules = NO_RULES,
    language: str,
    on_description: OnDescription = lambda number, description: None,
) -> list[Description]:
    """Write with the tuned model, up to `ATTEMPTS` times, and keep the text with the fewest faults a word.

    A fault is a claim without support (in a `language` whose claims are checked), an attribute that is left out, or a
    broken house rule. The references are not in
    the prompt: a model that was tuned without them writes worse with them. A text without
    faults is accepted immediately. Of the others the sentences before the first wrong claim are kept, and the rest is
    written again with another seed; a text that only leaves attributes out is written again as a whole. Of all texts
    for a request, the one with the fewest faults a word is returned, the earliest of equals. A text is too short, and
    ignored unless all are, if it has less than half of the words of the first text, or of the references, whichever are
    fewer. Attempts after the first have a temperature of at least RETRY_TEMPERATURE. `on_description` is called with
    the index of a request and its text as soon as it is decided.
    """
    attempts = [Attempts(one) for one in references]
    undecided = list(range(len(requests)))

    def add(row: int, beginning: str, one: Description) -> None:
        whole = _behind(beginning, one)
        attempts[row].add(whole, check_text(whole.text, requests[row], references[row], rules, language=language))
        if attempts[row].decided:
            on_description(row, attempts[row].best)

    for attempt in range(ATTEMPTS):
        if not undecided:
            break
        rows = undecided
        beginnings = [attempts[row].beginning for row in rows]
        engine.complete_all(
            [template.prompt_for(requests[row]) + one for row, one in zip(rows, beginnings, strict=True)],
            tuned=True,
            settings=_settings_of(settings, attempt),
            on_description=lambda number, one, rows=rows, beginnings=beginnings: add(  # type: ignore[misc]
                rows[number], beginnings[number], one
            ),
        )
        undecided = [row for row in rows if not attempts[row].decided]
    for row in undecided:
        on_description(row, attempts[row].best)
    return [one.best for one in attempts]


def write_again(
    engine: Engine,
    template: PromptTemplate,
    request: str,
    settings: DecodingSettings,
    attempt: int,
    beginning: str = "",
) -> Description:
    """Write another text for a request with the tuned model, after `beginning`, the sentences that it keeps.

    `attempt` counts from 1: each has a seed of its own, and a temperature of at least RETRY_TEMPERATURE.
    """
    prompt = template.prompt_for(request) + beginning
    one = engine.complete(prompt, tuned=True, settings=_settings_of(settings, attempt))
    return _behind(beginning, one)


def _settings_of(settings: DecodingSettings, attempt: int) -> DecodingSettings:
    """Return the settings of an attempt, the first of which is 0."""
    temperature = max(settings.temperature or 0.0, RETRY_TEMPERATURE) if attempt else settings.temperature
    return settings.replace({"seed": (settings.seed + attempt) % 2**31, "temperature": temperature})


def _behind(beginning: str, one: Description) -> Description:
    return replace(one, text=f"{beginning} {one.text}") if beginning and one.text else one


def _first(description: Description) -> Description:
    text, cut = first_description(description.text)
    return replace(description, text=text, stopped=description.stopped or cut)


def _words(text: str) -> int:
    return len(WORD.findall(text))
