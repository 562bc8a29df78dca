"""Answer one request with the base and the tuned model, and find the nearest training products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from shelftalk.generation.engine import Engine
from shelftalk.generation.grounded import Unsupported, write_grounded
from shelftalk.prompts import prompt_for
from shelftalk.records import Description, Reference
from shelftalk.settings import DecodingSettings


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answers to one request before (base) and after (tuned) fine-tuning, and its references, nearest first."""

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
    unsupported: Unsupported | None = None,
) -> Comparison:
    """Answer `request`, a title or a question, with both models under the same settings.

    `on_text` is called with ("base" or "tuned", piece of text) while the answers are written, base first.
    `find_references` is called after both, and returns the products nearest to the request, nearest first. With
    `unsupported`, which counts claims, the tuned answer is grounded in the references, and comes in one piece: see
    `grounded`.
    """

    def write(side: str) -> Description:
        callback = (lambda text: on_text(side, text)) if on_text else None
        return engine.complete(prompt_for(request), tuned=side == "tuned", settings=settings, on_text=callback)

    base = write("base")
    if unsupported is None:
        return Comparison(request, base, write("tuned"), find_references())
    references = find_references()
    [tuned] = write_grounded(engine, [request], [references], unsupported, settings=settings)
    if on_text:
        on_text("tuned", tuned.text)
    return Comparison(request, base, tuned, references)
