"""Ask an export a second question on its target's chat route: the answer must be that of the question alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from shelftalk.errors import ParityFailed
from shelftalk.export.runners import ChatRunner
from shelftalk.prompts import PromptTemplate, request_for

FIRST = "What is Wooden Bread Board?"
SECOND = request_for("Enamel Mug", (("colour", "blue"),))
SYSTEM = "Always answer in one sentence."


@dataclass(frozen=True, slots=True)
class Chat:
    """How a second question was read and answered, compared with the same question alone.

    `same_prompt` is true if both have the same token ids, and `same_text` if their greedy texts of `tokens` tokens are
    equal.
    """

    same_prompt: bool
    same_text: bool
    tokens: int

    def as_mapping(self) -> dict[str, Any]:
        """Return everything ready for JSON."""
        return asdict(self)


def ask_twice(
    runner: ChatRunner,
    template: PromptTemplate,
    tokenize: Callable[[str], list[int]],
    decode: Callable[[list[int]], str],
    count: int,
) -> Chat:
    """Ask a first question, then a second one with a system message and the first answer before it.

    `tokenize` and `decode` are the reference's; each text has at most `count` tokens.

    Raises:
        ParityFailed: the chat template cannot be rendered.
    """
    answer = decode(runner.greedy(tokenize(template.prompt_for(FIRST)), count))
    turns = (("system", SYSTEM), ("user", FIRST), ("assistant", answer), ("user", SECOND))
    try:
        turn = runner.chat([{"role": role, "content": content} for role, content in turns], count)
    except ValueError as error:
        raise ParityFailed(f"The chat template cannot be rendered: {' '.join(str(error).split())}.") from error
    alone = tokenize(template.prompt_for(SECOND))
    return Chat(turn.prompt == alone, turn.text == runner.greedy(alone, count), len(turn.text))
