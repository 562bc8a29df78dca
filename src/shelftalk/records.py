"""The records that the stages exchange. They depend on no library and no file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Callback of long work: (done, total), in the work's own unit; total is never 0.
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Ignore progress; the default callback."""


def counter(progress: Progress, total: int) -> Callable[..., None]:
    """Return a function that adds 1, or its argument, to the done count and calls `progress`."""
    done = 0

    def advance(by: int = 1) -> None:
        nonlocal done
        done += by
        progress(done, total)

    return advance


class Map(Protocol):
    """Apply a function to each item and yield the results in the items' order; the builtin `map` is one.

    The function may run in another process or on another machine, and again for the same item after a failure: it
    must be defined at the top level of a module and depend on its item only.
    """

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]: ...


# Names and values of a product's attributes ("material", "copper"), in the order of its file; no name comes twice.
Attributes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """One product of a catalogue, cleaned: `uid` is unique within the catalogue."""

    uid: str
    title: str
    description: str
    attributes: Attributes = ()


LONGEST_TEXT = 50_000  # characters of a text that a person accepts


@dataclass(frozen=True, slots=True)
class AcceptedText:
    """A text that a person accepted for a product of a shop's file.

    `line` is that of the product's row in the file; `uid` is '' where the file has no ids. `title` is as in the file,
    `attributes` are cleaned. `edited` means that the person changed the generated text.
    """

    line: int
    uid: str
    title: str
    attributes: Attributes
    text: str
    edited: bool


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that was left out of a catalogue: `line` counts from 1, `reason` is a fixed code."""

    file: str
    line: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """One training product nearest to a question: `similarity` is a cosine similarity, at most 1.

    `near` says whether it is near at all, None where that was not measured for the index's embedder. `alike` counts the
    further products found that are nearly the same, such as its other sizes; only this one of them is a reference.
    """

    uid: str
    title: str
    description: str
    similarity: float
    near: bool | None = None
    alike: int = 0


def nothing_near(references: Sequence[Reference]) -> bool:
    """Return whether nothing is near a question: its references, nearest first, are known not to be."""
    return bool(references) and references[0].near is False


@dataclass(frozen=True, slots=True)
class Description:
    """One generated text: `stopped` is true if the model ended it itself, `tokens` counts the generated tokens."""

    text: str
    stopped: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answers to one request before (base) and after (tuned) fine-tuning, and its references, nearest first.

    `language` is that of the run's texts, an ISO 639-1 code, and `claims_checked` whether claims are looked for in it.
    """

    query: str
    base: Description
    tuned: Description
    references: list[Reference]
    attributes: dict[str, str] = field(default_factory=dict)
    language: str = "en"
    claims_checked: bool = True

    def as_mapping(self) -> dict[str, Any]:
        """Return everything ready for JSON."""
        return asdict(self)


class Faults(NamedTuple):
    """What a check of a generated text against its sources found.

    `unsupported` counts the claims that no source states, `contradicted` those of which an attribute states something
    else; both are None in a language whose claims are not checked. `untold` are the names of the product's attributes
    that the text does not tell, `broken` the house rules that it breaks, in words. `first` is the position of the first
    wrong claim or breach of a rule.
    """

    unsupported: int | None
    contradicted: int | None
    untold: Sequence[str]
    first: int | None = None
    broken: Sequence[str] = ()

    @property
    def total(self) -> int:
        """The number of all faults that are known."""
        return (self.unsupported or 0) + (self.contradicted or 0) + len(self.untold) + len(self.broken)
