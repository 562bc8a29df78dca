"""The one seam of generation: whatever can write descriptions before and after fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from shelftalk.records import Description, Progress, no_progress
from shelftalk.settings import DecodingSettings


class Engine(Protocol):
    """Writes descriptions with the base model (`tuned` off) or with the adapter (`tuned` on)."""

    def describe(
        self,
        request: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Write one description; `on_text` is handed each piece of text as soon as it is known."""
        ...

    def describe_all(
        self, requests: Sequence[str], *, tuned: bool, settings: DecodingSettings, progress: Progress = no_progress
    ) -> list[Description]:
        """Write a description for each request, in the order given; `progress` counts descriptions."""
        ...
