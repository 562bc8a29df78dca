"""The plain records that the stages hand to one another. They know no library and no file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Called by long work as (done, total), in whatever unit the work has; total is never 0.
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Ignore progress: the default where nobody watches."""


def counter(progress: Progress, total: int) -> Callable[..., None]:
    """Return a function that adds to what is done, one unless told otherwise, and tells `progress`."""
    done = 0

    def advance(by: int = 1) -> None:
        nonlocal done
        done += by
        progress(done, total)

    return advance


class Map(Protocol):
    """Apply a function to each item, somewhere, and yield the results in the items' order; the builtin `map` is one.

    The function may run in another process or on another machine, and again for the same item after a failure: it is
    defined at the top of a module and depends on nothing but its item.
    """

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]: ...


@dataclass(frozen=True, slots=True)
class Product:
    """One product of a catalogue, cleaned: `uid` is unique within the catalogue."""

    uid: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that was left out of a catalogue: `line` counts from 1, `reason` is a short fixed word."""

    file: str
    line: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """One training product that stands near a question: `similarity` is a cosine, at most 1."""

    uid: str
    title: str
    description: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Description:
    """One generated text: `stopped` says whether the model ended it itself, `tokens` counts what it wrote."""

    text: str
    stopped: bool
    tokens: int
