"""Run exported files as others do: without shelftalk's tokenization, and on the chat route of their target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from shelftalk.export.ollama import chat_prompt, template_of
from shelftalk.generation.parity import LlamaCppRunner, Runner, TransformersRunner

if TYPE_CHECKING:  # llama.cpp may be missing
    from shelftalk.generation.llama_cpp_engine import LlamaCppEngine

Messages = Sequence[Mapping[str, str]]  # each with role and content, as in OpenAI's API


class Turn(NamedTuple):
    """The ids of the prompt that a chat route makes of its messages, and of the greedy text after it."""

    prompt: list[int]
    text: list[int]


class ChatRunner(Runner, Protocol):
    """A model that can also be asked on a chat route."""

    def chat(self, messages: Messages, count: int) -> Turn:
        """Return the next answer to `messages`, at most `count` tokens at temperature 0.

        Raises:
            ValueError: the chat template cannot be rendered.
        """
        ...


class PlainRunner(TransformersRunner):
    """A model of transformers whose tokenizer itself adds the first token; vLLM renders a chat with it too."""

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Runner`."""
        ids: list[int] = self._tokenizer(text, split_special_tokens=True)["input_ids"]
        return ids

    def chat(self, messages: Messages, count: int) -> Turn:
        """Return the next answer; see `ChatRunner`."""
        from jinja2 import TemplateError  # transformers needs it for a chat

        try:
            found = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
        except TemplateError as error:
            raise ValueError(str(error)) from error
        return Turn(found["input_ids"], self.greedy(found["input_ids"], count))


class GgufRunner(LlamaCppRunner):
    """A GGUF in llama.cpp, whose server renders a chat with the template in the file."""

    def __init__(self, engine: LlamaCppEngine) -> None:
        super().__init__(engine, tuned=False)
        self.engine = engine

    def chat(self, messages: Messages, count: int) -> Turn:
        """Return the next answer; see `ChatRunner`."""
        return Turn(*self.engine.chat(messages, tuned=False, count=count))


class OllamaRunner(GgufRunner):
    """A GGUF in llama.cpp, with prompts rendered from the template of a Modelfile by Ollama's rules."""

    def __init__(self, engine: LlamaCppEngine, modelfile: str) -> None:
        super().__init__(engine)
        self._modelfile = modelfile

    def chat(self, messages: Messages, count: int) -> Turn:
        """Return the next answer; see `ChatRunner`."""
        ids = self.tokenize(chat_prompt(template_of(self._modelfile), messages))
        return Turn(ids, self.greedy(ids, count))
