"""Texts, numbers, durations and settings as one language writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from shelftalk.settings import Settings, setting_help
from shelftalk.translations.texts import texts

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Words:
    """What is written in `language`, one of `texts.LANGUAGES`."""

    language: str

    def text(self, key: str, **values: Any) -> str:
        """Return the text of a key, formatted with `values`; numbers must be strings already."""
        found = texts(self.language)[key]
        return found.format(**values) if values else found

    def has_text(self, key: str) -> bool:
        """Return whether a text with that key exists."""
        return key in texts(self.language)

    def number(self, value: float, digits: int = 0) -> str:
        """Format a number."""
        written = f"{value:,.{digits}f}"
        return written.translate(str.maketrans(",.", ".,")) if self.language == "pt-BR" else written

    def figure(self, value: float) -> str:
        """Format a number with the digits that it needs, such as 0.0006 or 512."""
        digits = len(f"{value:.10f}".rstrip("0").partition(".")[2])
        return self.number(value, digits)

    def percent(self, share: float, digits: int = 0) -> str:
        """Format a share, from 0 to 1, as a percentage."""
        return f"{self.number(100 * share, digits)} %"

    def score(self, format: str, value: float) -> str:
        """Format a measure's score; `format` is one of `evaluation.directions.FORMATS`, such as ".2f" or ".1%"."""
        digits = int(format[1])
        return self.percent(value, digits) if format.endswith("%") else self.number(value, digits)

    def duration(self, seconds: float | None) -> str:
        """Format a duration in its one or two largest units; None gives the word for unknown."""
        if seconds is None:
            return self.text("unit.unknown")
        if seconds < MINUTE:
            return f"{max(1, round(seconds))} s"
        if seconds < HOUR:
            return f"{round(seconds / MINUTE)} min"
        if seconds < DAY:
            hours, minutes = divmod(round(seconds / MINUTE), 60)
            return f"{hours} h {minutes} min"
        days, hours = divmod(round(seconds / HOUR), 24)
        return f"{days} {self.text('unit.days')} {hours} h"

    def size(self, count: float | None) -> str:
        """Format a number of bytes; None gives the word for unknown."""
        if count is None:
            return self.text("unit.unknown")
        for unit, bytes_ in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if count >= bytes_:
                return f"{self.number(count / bytes_, 1)} {unit}"
        return f"{self.number(count)} B"

    def date(self, day: date) -> str:
        """Format a date with its month's name."""
        month = self.text(f"month.{day.month}")
        return self.text("month.date", day=str(day.day), month=month, year=str(day.year))

    def setting_label(self, cls: type[Settings], name: str) -> str:
        """Return the label of a setting."""
        return self.text(f"settings.{cls.__name__}.{name}.label")

    def setting_sentence(self, cls: type[Settings], name: str) -> str:
        """Return the help sentence of a setting; the English one is in the settings class."""
        key = f"settings.{cls.__name__}.{name}.help"
        return setting_help(cls, name) if self.language == "en" else self.text(key)

    def without_value(self, name: str) -> str:
        """Return the word for a setting that has no value: all products, or automatic."""
        return self.text("form.all" if name.endswith("products") else "form.automatic")

    def setting_value(self, name: str, value: Any) -> str:
        """Return the value of the setting `name`."""
        if value is None:
            return self.without_value(name)
        if value == "automatic":
            return self.text("form.automatic")
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return self.figure(value) if is_number else str(value)
