"""A fake engine with scripted answers, for tests of the code that uses an engine, without a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from shelftalk.records import Description
from shelftalk.settings import DecodingSettings


class ScriptedEngine:
    """Completes every prompt with `answer(prompt, tuned)`, word by word, with `pause` seconds before each word.

    A word counts as a token; a text of more words than `max_new_tokens` is cut there.
    """

    name = "scripted"
    context: int | None = None  # a test may set one

    def __init__(self, answer: Callable[[str, bool], str], pause: float = 0.0) -> None:
        self._answer = answer
        self._pause = pause

    def complete(
        self,
        prompt: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Write one answer; see `Engine.complete`."""
        words = self._answer(prompt, tuned).split()
        kept = words[: settings.max_new_tokens]
        for number, word in enumerate(kept):
            if self._pause:
                time.sleep(self._pause)
            if on_text:
                on_text(word if number == 0 else f" {word}")
        return Description(" ".join(kept), stopped=len(kept) == len(words), tokens=len(kept))

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        """Write an answer for each prompt; see `Engine.complete_all`."""
        written = []
        for number, prompt in enumerate(prompts):
            written.append(self.complete(prompt, tuned=tuned, settings=settings))
            if on_description:
                on_description(number, written[-1])
        return written

    def tokenize(self, text: str) -> list[int]:
        """Return a number for each word; see `Engine.tokenize`."""
        return list(range(len(text.split())))

    def close(self) -> None:
        """Do nothing: there is no model."""
