"""Put one request to the base and to the tuned model, and find the training products that stand near it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from shelftalk.generation.engine import Engine
from shelftalk.prompts import prompt_for
from shelftalk.records import Description, Reference
from shelftalk.settings import DecodingSettings


class Searches(Protocol):
    """Whatever finds the products nearest to a text, nearest first: `retrieval.search.Index`."""

    def search(self, text: str, k: int = 3) -> list[Reference]: ...


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
    index: Searches,
    request: str,
    settings: DecodingSettings,
    references: int = 3,
    on_text: Callable[[str, str], None] | None = None,
) -> Comparison:
    """Answer `request`, a title or a question, with both models under the same settings.

    `on_text` is handed ("base" or "tuned", piece of text) as the answers are written, base first.
    """
    sides = {}
    for side, tuned in (("base", False), ("tuned", True)):
        listen = (lambda text, side=side: on_text(side, text)) if on_text else None
        sides[side] = engine.complete(prompt_for(request), tuned=tuned, settings=settings, on_text=listen)
    return Comparison(request, sides["base"], sides["tuned"], index.search(request, references))
