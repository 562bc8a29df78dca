"""Put one request to the base and to the tuned model, and find the training products that stand near it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from shelftalk.generation.engine import Engine
from shelftalk.prompts import prompt_for
from shelftalk.records import Description, Reference
from shelftalk.settings import DecodingSettings


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request's answers before (base) and after (tuned) fine-tuning, and its references, nearest first."""

    query: str
    base: Description
    tuned: Description
    references: list[Reference]

    def as_mapping(self) -> dict[str, Any]:
        """Return everything ready for JSON."""
        return asdict(self)


def compare(
    engine: Engine,
    request: str,
    settings: DecodingSettings,
    find_references: Callable[[], list[Reference]],
    on_text: Callable[[str, str], None] | None = None,
) -> Comparison:
    """Answer `request`, a title or a question, with both models under the same settings.

    `on_text` is handed ("base" or "tuned", piece of text) as the answers are written, base first. `find_references` is
    called when both are written, and returns the products nearest to the request, nearest first.
    """
    sides = {}
    for side, tuned in (("base", False), ("tuned", True)):
        listen = (lambda text, side=side: on_text(side, text)) if on_text else None
        sides[side] = engine.complete(prompt_for(request), tuned=tuned, settings=settings, on_text=listen)
    return Comparison(request, sides["base"], sides["tuned"], find_references())
