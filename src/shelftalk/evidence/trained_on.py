"""The products that a model's weights were trained on, as hashes that travel with the weights.

An export that can be a base model has the file RECORD beside its weights, and a run that begins from trained weights
has it in its folder, as it was then:

    format       the number of this format, see `format_numbers`
    shelftalk    the version that wrote it
    runs         for each training: catalogue_sha256, and products, their number, or null where it is not known
    titles, descriptions    hashes of all products, sorted: 16 hexadecimal digits each

A hash is that of a text's words without case and punctuation; those of a title in alphabetical order. So a product is
found that repeats another one's title or description. One that nearly repeats it is not: that takes the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from shelftalk import __version__
from shelftalk.errors import Damaged, NotFound
from shelftalk.evidence.words import WORD
from shelftalk.format_numbers import require_known
from shelftalk.models.registry import BaseModel
from shelftalk.records import Product
from shelftalk.runs.run import RECORD, Run
from shelftalk.workspace import read_json, write_json

FORMAT = 1
EXPORTED = "parity.json"  # beside the weights of every export, also of versions that wrote no record
DIGEST = 8  # bytes: of a million products and a million others one pair in 18 million trials would agree by chance
CATALOGUE = re.compile(r"([0-9a-f]{64})?")
HASH = re.compile(rf"[0-9a-f]{{{2 * DIGEST}}}")
COUNTS = range(1 << 53)


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What the trainings of some weights learned from.

    `runs` has the SHA-256 of each one's catalogue, "" where that is not known, and the number of products, None where
    they are not known; `titles` and `descriptions` are the hashes of all known products.
    """

    runs: tuple[tuple[str, int | None], ...] = ()
    titles: frozenset[str] = frozenset()
    descriptions: frozenset[str] = frozenset()

    def __or__(self, other: TrainedOn) -> TrainedOn:
        """Return both together, the trainings of `other` last."""
        return TrainedOn((*self.runs, *other.runs), self.titles | other.titles, self.descriptions | other.descriptions)

    @property
    def is_known(self) -> bool:
        """Whether the products of all trainings are known."""
        return all(count is not None for _, count in self.runs)

    def repeats(self, product: Product) -> bool:
        """Return whether a product has the title or the description of one that was trained on."""
        return hash_title(product) in self.titles or hash_description(product) in self.descriptions


NOTHING = TrainedOn()
UNKNOWN = TrainedOn((("", None),))


def hash_title(product: Product) -> str:
    """Return the hash of a product's title."""
    return _hash(" ".join(sorted(set(_words(product.title)))))


def hash_description(product: Product) -> str:
    """Return the hash of a product's description."""
    return _hash(" ".join(_words(product.description)))


def trained_on(data_hash: str, products: Iterable[Product]) -> TrainedOn:
    """Return the record of one training, on `products` of the catalogue with that hash."""
    hashes = [(hash_title(one), hash_description(one)) for one in products]
    titles, descriptions = (frozenset(column) for column in zip(*hashes, strict=True)) if hashes else ((), ())
    return TrainedOn(((data_hash, len(hashes)),), frozenset(titles), frozenset(descriptions))


def read_record(folder: Path) -> TrainedOn:
    """Return the record in a folder with weights; `NOTHING` without one, `UNKNOWN` for an export without one.

    Raises:
        Damaged: it cannot be read, or holds what no record does.
        NewerFormat: see `format_numbers.require_known`.
    """
    if not (folder / RECORD).is_file():
        exported = (folder / EXPORTED).is_file() and _is_export(folder / EXPORTED)
        return UNKNOWN if exported else NOTHING
    found = read_json(folder / RECORD)
    require_known(found, FORMAT, folder / RECORD)
    try:
        runs = tuple((_checked(CATALOGUE, one["catalogue_sha256"]), _count(one["products"])) for one in found["runs"])
        titles, descriptions = (
            frozenset(_checked(HASH, one) for one in found[key]) for key in ("titles", "descriptions")
        )
        if (titles or descriptions) and not runs:
            raise ValueError("products of no training")
        return TrainedOn(runs, titles, descriptions)
    except (LookupError, TypeError, ValueError) as error:
        raise Damaged(f"{folder / RECORD} is no record of products; export the model again.") from error


def write_record(folder: Path, found: TrainedOn) -> None:
    """Write `found` to a folder.

    Raises:
        NotWritable: see `workspace.writing`.
    """
    described = {
        "format": FORMAT,
        "shelftalk": __version__,
        "runs": describe_runs(found),
        "titles": sorted(found.titles),
        "descriptions": sorted(found.descriptions),
    }
    write_json(folder / RECORD, described)


def describe_runs(found: TrainedOn) -> list[dict[str, Any]]:
    """Return the trainings of a record, ready for JSON."""
    return [{"catalogue_sha256": catalogue, "products": count} for catalogue, count in found.runs]


def trained_before(base: BaseModel, source: Run | None) -> TrainedOn:
    """Return what was learned by the weights that a new run begins from: those of `base`, and of `source` if given.

    Raises:
        NotFound, Damaged: see `trained_in_all`.
    """
    return trained_in_all(source, base) if source else read_record(base.folder)


def trained_in_all(run: Run, base: BaseModel) -> TrainedOn:
    """Return what was learned by the weights of a finished run, whose base model is `base`.

    Raises:
        NotFound, Damaged: see `Run.products`; also Damaged where a record cannot be read.
    """
    return trained_before_run(run, base) | trained_on(run.description["data_hash"], run.products())


def trained_before_run(run: Run, base: BaseModel) -> TrainedOn:
    """Return what was learned by the weights that an existing run began from, whose base model is `base`.

    It is what the run's own record has. Where that has unknown products, or the run has none, as one of an earlier
    version, it is what the base has now: it may have got its record since.

    Raises:
        Damaged: a record cannot be read.
    """
    held = read_record(run.folder)
    if held.runs and held.is_known:
        return held
    of_base = read_record(base.folder)
    if held.runs and not (of_base.runs and of_base.is_known):
        return held
    return of_base | _of_chain(run.source) | replace(held, runs=())


def origins(run: Run | None) -> Iterator[Run]:
    """Yield a run, the one that it began from, and so on."""
    while run is not None:
        yield run
        run = run.source


def _of_chain(source: Run | None) -> TrainedOn:
    found = NOTHING
    for run in origins(source):
        data_hash = run.description["data_hash"]
        own = TrainedOn(((data_hash, None),))
        with suppress(NotFound, Damaged):  # its catalogue was removed, or has changed
            own = trained_on(data_hash, run.products())
        found |= own
    return found


def _is_export(file: Path) -> bool:
    with suppress(Damaged):
        found = read_json(file)
        return isinstance(found, dict) and {"shelftalk", "run", "format"} <= found.keys()
    return False


def _checked(form: re.Pattern[str], value: Any) -> str:
    if not form.fullmatch(value):
        raise ValueError(value)
    return str(value)


def _count(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value not in COUNTS):
        raise ValueError(value)
    return value


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold()) or [text]


def _hash(words: str) -> str:
    return blake2b(words.encode(errors="surrogatepass"), digest_size=DIGEST).hexdigest()
