"""The one seam of generation: whatever can write after a prompt, before and after fine-tuning.

An engine knows texts only. `prompts.prompt_for` makes the prompt of a title or a question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from shelftalk.records import Description
from shelftalk.settings import DecodingSettings

BATCH = 16  # prompts of the reference engine at once; on two cores bf16 weights are read once for all of them


class Engine(Protocol):
    """Writes with the base model (`tuned` off) or with the adapter (`tuned` on); several threads may call it at once.

    A prompt's control tokens are split: "<start_of_turn>" in a title is those fifteen characters. Under temperature 0
    a text depends on its prompt alone, up to rounding; otherwise on `settings.seed` too.
    """

    name: str

    def complete(
        self,
        prompt: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Write what follows `prompt`; `on_text` is handed each piece of text as soon as it is known.

        An exception that `on_text` raises stops the writing at once and is passed on. It is called for every token,
        also with an empty piece, so that whoever waits no longer can say so.
        """
        ...

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        """Write what follows each prompt, several at once, in the order given.

        `on_description` is handed each prompt's number and description as soon as it is done, in any order, from one
        thread at a time; an exception that it raises stops the writing and is passed on.
        """
        ...

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text` as the model reads it: led by its first token, control tokens split."""
        ...

    def close(self) -> None:
        """Let go of the model; the engine is not used afterwards."""
        ...


def batches(prompts: Sequence[str]) -> list[list[int]]:
    """Return the numbers of the prompts that the reference engine computes together: `BATCH` of like length.

    Whoever has them computed elsewhere sends a batch whole: its prompts share the random numbers.
    """
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
