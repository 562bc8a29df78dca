"""Encode requests and descriptions as token ids; all use of a base model's tokenizer is in this module.

In catalogue text control tokens are split: "<start_of_turn>" in a title is encoded as fifteen characters, never as the
control token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from shelftalk.errors import Damaged
from shelftalk.models.chat_template import chat_template
from shelftalk.prompts import PromptTemplate
from shelftalk.records import Reference


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and its completion as ids; `complete` means that nothing was cut and the last id is the end token."""

    ids: list[int]
    prompt_length: int
    complete: bool

    @property
    def labelled_length(self) -> int:
        """The number of tokens with a loss: the description's, and its end token."""
        return len(self.ids) - self.prompt_length

    @property
    def input_length(self) -> int:
        """The number of tokens that the model reads: all but the last, which is only a target."""
        return len(self.ids) - 1

    def without_end(self) -> Example:
        """Return the example without its end token, so that it does not say where the text ends."""
        return Example(self.ids[:-1], self.prompt_length, complete=False) if self.complete else self


def import_transformers() -> None:
    """Import transformers, for a process whose threads will need it.

    It replaces its module while it is imported: a second thread that waits for that gets the one replaced, without the
    library's names.
    """
    import transformers  # noqa: F401


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a base model's folder, without the model; the caller must not change it.

    The last one is kept while its folder's files stay as they are: a vocabulary takes seconds to read, and a training
    with its conversion and evaluation needs it five times.

    Raises:
        Damaged: it is missing or cannot be read.
    """
    found = ((one.name, one.stat()) for one in sorted(folder.glob("*")) if one.is_file())  # no link to nothing
    return _load_once(folder.resolve(), tuple((name, file.st_mtime_ns, file.st_size) for name, file in found))


@lru_cache(maxsize=1)
def _load_once(folder: Path, files: tuple[tuple[str, int, int], ...]) -> Any:
    return _load(folder)


def _load(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise Damaged(
            f"The tokenizer in {folder} cannot be loaded ({reason}); is it a whole model's folder?"
        ) from error


def save_tokenizer(model: Path, target: Path, template: PromptTemplate) -> None:
    """Write the tokenizer of the base model in folder `model` into `target`, with the defaults of `encode_text`.

    This concerns the beginning-of-sequence token, which some tokenizers do not add by default. The chat template is
    that of `chat_template`, in chat_template.jinja, and replaces any of the base model.
    """
    tokenizer = _load(model)  # of its own, as it is changed
    tokenizer.chat_template = chat_template(template)
    if tokenizer("a")["input_ids"] != encode_text(tokenizer, "a"):
        tokenizer.add_bos_token = True
    tokenizer.save_pretrained(target)


def well_formed(text: str) -> str:
    """Return `text` with each lone surrogate replaced by "?"; a terminal may give some, and tokenizers reject them."""
    return text.encode(errors="replace").decode()


def encode_prompt(tokenizer: Any, template: PromptTemplate, request: str) -> list[int]:
    """Return the ids of the prompt for `request`; see `encode_text`."""
    return encode_text(tokenizer, template.prompt_for(request))


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of `text`, preceded by the beginning-of-sequence token where the model has one."""
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return start + _encode(tokenizer, text)


def encode_with_references(
    tokenizer: Any,
    template: PromptTemplate,
    request: str,
    references: Sequence[Reference],
    description: str,
    max_tokens: int,
) -> Example | None:
    """Return a whole row with as many references before the request as fit, the nearest first; None if none does."""
    completion = [*_encode(tokenizer, description), tokenizer.eos_token_id]
    for count in range(len(references), 0, -1):
        prompt = encode_text(tokenizer, template.prompt_with_references(request, references[:count]))
        if len(prompt) + len(completion) <= max_tokens:
            return Example(prompt + completion, len(prompt), complete=True)
    return None


def encode_example(
    tokenizer: Any, template: PromptTemplate, request: str, description: str, max_tokens: int
) -> Example:
    """Return prompt, description and end token as one row of at most `max_tokens` ids.

    A prompt longer than half of the row loses its last attributes, and a title that alone is longer is truncated at its
    front. A description that does not fit is truncated and gets no end token, or the model would learn to stop in the
    middle of a sentence.
    """
    completion = [*_encode(tokenizer, description), tokenizer.eos_token_id]
    prompt = encode_prompt(tokenizer, template, request)
    while len(prompt) > max_tokens // 2 and "\n" in request:
        request = request[: request.rindex("\n")]
        prompt = encode_prompt(tokenizer, template, request)
    if len(prompt) > max_tokens // 2:
        prompt = prompt[:1] + prompt[len(prompt) - max_tokens // 2 + 1 :]
    room = max_tokens - len(prompt)
    return Example(prompt + completion[:room], len(prompt), complete=len(completion) <= room)


def number_tokens(tokenizer: Any) -> dict[int, str]:
    """Return the tokens that are a number in the digits 0 to 9, by id; a space before it does not count."""
    found = {id: token.lstrip("▁Ġ ") for token, id in tokenizer.get_vocab().items()}
    return {id: number for id, number in found.items() if number.isascii() and number.isdecimal()}


def _encode(tokenizer: Any, text: str) -> list[int]:
    text = well_formed(text)
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids
