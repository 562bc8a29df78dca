"""The interface of generation engines, which complete prompts with the base or the tuned model.

An engine handles texts only. `prompts.prompt_for` makes the prompt of a title or a question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from shelftalk.errors import InvalidSettings
from shelftalk.records import Description
from shelftalk.settings import DecodingSettings

CONTEXT = 5120  # tokens of a prompt and its text together, unless the model has fewer positions
BATCH = 16  # prompts of the reference engine at once; on two cores bf16 weights are read once for all of them


class Engine(Protocol):
    """Completes prompts with the base model (`tuned` false) or with the adapter (`tuned` true); thread-safe.

    Control tokens in a prompt are read as plain characters, such as "<start_of_turn>" in a title. At temperature 0 a
    text depends on its prompt alone, up to rounding; otherwise on `settings.seed` too.
    """

    name: str

    @property
    def context(self) -> int | None:
        """How many tokens a prompt and its text may have together; None without a fixed limit."""
        ...

    def complete(
        self,
        prompt: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Complete `prompt`; `on_text` is called with each piece of text as soon as it is known.

        `on_text` is called for every token, also with an empty piece, so that a caller can cancel: an exception that it
        raises stops the generation immediately and is raised here.
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
        """Complete several prompts at once, and return their descriptions in the order of the prompts.

        `on_description` is called with the index of a prompt and its description as soon as it is done, in any order,
        from one thread at a time; an exception that it raises stops the generation and is raised here.
        """
        ...

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text` as the model reads it: with the start token, and control tokens as characters."""
        ...

    def close(self) -> None:
        """Free the model; the engine must not be used afterwards."""
        ...


def batches(prompts: Sequence[str]) -> list[list[int]]:
    """Return the numbers of the prompts that the reference engine computes together: `BATCH` of like length.

    Whoever has them computed elsewhere sends a batch whole: its prompts share the random numbers.
    """
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]


def check_room(prompt_tokens: int, settings: DecodingSettings, context: int) -> None:
    """Check that a prompt and its text fit into the context.

    Raises:
        InvalidSettings: they do not.
    """
    if prompt_tokens + settings.max_new_tokens > context:
        raise InvalidSettings(
            f"The prompt has {prompt_tokens} tokens and max_new_tokens is {settings.max_new_tokens}; together they "
            f"must be at most {context}."
        )
