"""The parts of a document, independently of its output format; `render` turns a list of them into HTML or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1, which is the document's title, 2 or 3."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph that stands out."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences; `numbered` where their order matters."""

    texts: Sequence[str]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy, or a text whose line ends matter."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first column has the row labels, the others the figures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """Scores with intervals, (label, score, interval), on one scale.

    In Markdown a picture stands only where it has the name of a `file`, under which it lies in PICTURES.
    """

    title: str
    rows: Sequence[tuple[str, float, Sequence[float] | None]]
    digits: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts as horizontal bars, (label, count); see `Plot` for the `file`."""

    title: str
    rows: Sequence[tuple[str, float]]
    file: str = ""


@dataclass(frozen=True, slots=True)
class Curves:
    """Two curves over the updates of a training, each with its label; see `Plot` for the `file`.

    `training` and `validation` are points (update, loss); the first is noisy, and its running mean is drawn, too.
    """

    title: str
    training: Sequence[tuple[float, float]]
    validation: Sequence[tuple[float, float]]
    labels: tuple[str, str, str]
    axis: str
    file: str = ""


class Mark(NamedTuple):
    """A range of a text to highlight: `kind` is supported, unsupported or contradicted."""

    start: int
    end: int
    kind: str = "unsupported"


@dataclass(frozen=True, slots=True)
class Quote:
    """A text of the data or of a model with a label; ranges of it may be `marked`."""

    label: str
    text: str
    marked: Sequence[Mark] = ()
    is_title: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two quotes side by side, where there is room."""

    left: Quote
    right: Quote


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks that stay together in print; none is a picture."""

    blocks: Sequence[Block]


Picture = Plot | Bars | Curves
Block = Heading | Paragraph | Note | Items | Code | Table | Picture | Quote | Pair | Group
PICTURES = "pictures"  # the folder beside a Markdown file that has the files of its pictures
