"""The settings of reading a file of products, and of preparing a catalogue from it."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from shelftalk.errors import InvalidSettings
from shelftalk.settings import Settings, setting

NO_ID = "none"  # instead of a column of ids: the rows are numbered


@dataclass(frozen=True)
class FileSettings(Settings):
    """How a file of products is read, where that is not to be found in the file."""

    title_field: str | None = setting(None, "Column that holds the title; detected by its usual names.", optional=True)
    id_field: str | None = setting(
        None, "Column that holds the product's id, or none to number the rows; detected.", optional=True
    )
    encoding: str | None = setting(None, "Encoding of a text, such as windows-1252; found in the file.", optional=True)
    delimiter: str | None = setting(
        None, "Character between the fields of a CSV file, or tab; found in the file.", optional=True
    )
    header_line: int | None = setting(
        None, "Line of a table that names its columns; found in the file.", at_least=1, optional=True
    )
    columns: str | None = setting(
        None, "Names of the columns of a table without a header line, separated by commas.", optional=True
    )
    sheet: str | None = setting(
        None, "Sheet of a spreadsheet; the first with columns of a title and a description.", optional=True
    )
    language: str | None = setting(
        None, "Language to read where a file holds several, such as en or pt-BR; that of most titles.", optional=True
    )
    max_expanded: int | None = setting(
        None,
        "GiB that a packed file may unpack to; automatic is 200 times its size.",
        at_least=1,
        at_most=1000,
        optional=True,
    )

    def check(self) -> None:
        """Check the settings.

        Raises:
            InvalidSettings: a delimiter of several characters, or both a header line and names.
        """
        if self.delimiter and (len(self.delimiter_character or "") != 1 or self.delimiter in '"\\\r\n'):
            raise InvalidSettings(f"delimiter must be one character, no quote, or tab, got {self.delimiter!r}.")
        if self.header_line is not None and self.columns:
            raise InvalidSettings("columns are for a file without a header line; give columns or header_line.")

    @property
    def delimiter_character(self) -> str | None:
        """The delimiter as a character."""
        return "\t" if self.delimiter in ("tab", "\\t") else self.delimiter

    @property
    def column_names(self) -> list[str]:
        """The names in `columns`, quoted as in CSV where they hold a comma."""
        return [name.strip() for name in next(csv.reader([self.columns or ""], skipinitialspace=True), [])]


FOUND = FileSettings()  # everything is found in the file


@dataclass(frozen=True)
class PrepareSettings(FileSettings):
    """The settings of preparing a catalogue."""

    description_field: str | None = setting(
        None, "Column that holds the description; detected when it has a usual name.", optional=True
    )
    language: str | None = setting(
        None,
        "Language of the texts and of the requests, such as en or pt-BR; found in the texts. Where a file has its "
        "texts in several languages, those in this one are read.",
        optional=True,
    )
    attributes: str = setting(
        "automatic",
        "Columns that hold attributes: automatic, all, none, or their names separated by commas.",
    )
    max_products: int | None = setting(
        None, "Keep a seeded random sample of this many products.", at_least=1, optional=True
    )
    validation_share: float = setting(0.05, "Share of the products for validation.", at_least=0, at_most=0.5)
    test_share: float = setting(0.10, "Share of the products held out for evaluation.", at_least=0, at_most=0.5)
    near_duplicates: str = setting(
        "off",
        "Descriptions that nearly repeat one another: group keeps them in one split, drop keeps the first alone.",
        choices=("off", "group", "drop"),
    )
    seed: int = setting(42, "Seed of the sample and of the split.", at_least=0, at_most=2**31 - 1)

    def check(self) -> None:
        """Check that the file can be read so, and that products remain to train on.

        Raises:
            InvalidSettings: the validation and test shares leave less than a tenth; also see `FileSettings.check`.
        """
        super().check()
        if self.validation_share + self.test_share > 0.9:
            raise InvalidSettings(
                f"validation_share and test_share must leave at least 0.1 to train on, got {self.validation_share} and "
                f"{self.test_share}."
            )
