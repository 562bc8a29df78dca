"""A prepared catalogue, as the public face shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shelftalk.records import Product


@dataclass(frozen=True)
class Catalogue:
    """A prepared catalogue: what was read, and what was left out.

    `read` rows are the `kept` products and those `left_out`, counted by reason; `folder` / "rejects.jsonl" lists each
    of them. `split` counts the products of "train", "validation" and "test". `attributes` are the names of the
    products' attributes, the commonest first.

    >>> catalogue = workspace.open_catalogue("mine")
    >>> catalogue.kept, catalogue.left_out, catalogue.split
    (24, {'duplicate_product': 1}, {'train': 19, 'validation': 1, 'test': 4})
    >>> catalogue.attributes
    ('material',)
    """

    name: str
    folder: Path
    read: int
    kept: int
    left_out: Mapping[str, int]
    split: Mapping[str, int]
    attributes: tuple[str, ...] = field(repr=False)  # of some catalogues hundreds

    def products(self, split: str | None = None) -> list[Product]:
        """Return the products of a split, or all, in the order of the file.

        >>> product = catalogue.products("test")[0]
        >>> product.title, dict(product.attributes)
        ('Oak Peg 5 cm', {'material': 'plain ash'})

        Raises:
            UserError: there is no such split.
            Damaged: the catalogue's files cannot be read.
        """
        from shelftalk.catalogue.catalogue import Catalogue as Stored
        from shelftalk.catalogue.split import SPLITS
        from shelftalk.errors import UserError

        if split is not None and split not in SPLITS:
            raise UserError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
        return Stored.open(self.folder).products(split)


def open_catalogue(folder: Path) -> Catalogue:
    """Return what the finished catalogue in `folder` is.

    Raises:
        NewerFormat, Damaged: see `catalogue.Catalogue.open`.
    """
    from shelftalk.catalogue.catalogue import Catalogue as Stored

    stored = Stored.open(folder)
    summary = stored.summary
    return Catalogue(
        folder.name,
        folder,
        summary["read"],
        summary["kept"],
        summary["rejected"],
        summary["split"],
        tuple(stored.attribute_names()),
    )
