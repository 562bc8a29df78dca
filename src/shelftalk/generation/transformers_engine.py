"""The reference engine: transformers' `generate` with the adapter on or off, on CPU or GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from threading import Lock
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TextStreamer,
)

from shelftalk.generation.engine import CONTEXT, batches, check_room
from shelftalk.models.adapters import adapter_off, causal_model, load_adapter
from shelftalk.models.load import load_model
from shelftalk.models.sampling import sampling_options
from shelftalk.models.tokens import encode_text, number_tokens
from shelftalk.records import Description
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings


class TransformersEngine:
    """Completes prompts with one model in memory: the base model, with its adapter enabled for the tuned texts.

    Threads wait for each other, because the adapter is enabled or disabled for the whole model.
    """

    name = "transformers"

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._lock = Lock()
        self.model = model
        self.tokenizer = tokenizer
        self._numbers: dict[int, str] = {}  # read at first use
        # Otherwise a model's own defaults, such as a repetition penalty, would apply to settings that we do not set.
        causal = causal_model(model)
        causal.generation_config = GenerationConfig()
        self.context = min(CONTEXT, causal.config.max_position_embeddings)

    @classmethod
    def load(cls, run: Run, token: str | None = None) -> TransformersEngine:
        """Load the base model and the adapter of a finished run.

        Raises:
            NotFound: the run has not finished.
            Damaged: a file of the adapter or of the base model has changed.
        """
        run.require_finished()
        model, tokenizer = load_model(run.base_model(token).folder, run.precision)
        return cls(load_adapter(model, run.adapter), tokenizer)

    def complete(
        self,
        prompt: str,
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_text: Callable[[str], None] | None = None,
    ) -> Description:
        """Complete one prompt; see `Engine.complete`.

        Raises:
            InvalidSettings: prompt and text together do not fit into the context.
        """
        streamer = _CallbackStreamer(self.tokenizer, on_text) if on_text else None
        return self._generate([prompt], tuned, settings, streamer)[0]

    def complete_all(
        self,
        prompts: Sequence[str],
        *,
        tuned: bool,
        settings: DecodingSettings,
        on_description: Callable[[int, Description], None] | None = None,
    ) -> list[Description]:
        """Complete several prompts, those of similar length in one batch; see `Engine.complete_all`."""
        written: dict[int, Description] = {}
        for rows in batches(prompts):
            for row, one in zip(rows, self._generate([prompts[row] for row in rows], tuned, settings), strict=True):
                written[row] = one
                if on_description:
                    on_description(row, one)
        return [written[row] for row in range(len(prompts))]

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Engine.tokenize`."""
        return encode_text(self.tokenizer, text)

    def close(self) -> None:
        """Free the model."""
        del self.model

    def _generate(
        self, prompts: list[str], tuned: bool, settings: DecodingSettings, streamer: TextStreamer | None = None
    ) -> list[Description]:
        input_ids, attention_mask = self._left_padded([encode_text(self.tokenizer, prompt) for prompt in prompts])
        prompt_length = input_ids.shape[1]
        check_room(prompt_length, settings, self.context)
        side = nullcontext() if tuned else adapter_off(self.model)
        with self._lock, torch.random.fork_rng(devices=_cuda_devices()), side:
            torch.manual_seed(settings.seed)
            output = self.model.generate(
                input_ids=input_ids,
                attention_mask=attention_mask,
                generation_config=self._configuration(settings),
                logits_processor=self._processors(settings, prompts, prompt_length),
                streamer=streamer,
            )
        return [self._description(row) for row in output[:, prompt_length:].tolist()]

    def _processors(self, settings: DecodingSettings, prompts: list[str], prompt_length: int) -> LogitsProcessorList:
        processors = _repetition_processors(settings, prompt_length)
        if settings.digits == "stated":
            self._numbers = self._numbers or number_tokens(self.tokenizer)
            unstated = [[id for id, number in self._numbers.items() if number not in prompt] for prompt in prompts]
            processors.append(_Banned(unstated))
        return processors

    def _left_padded(self, prompts: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        length = max(map(len, prompts))
        ids = torch.tensor([[0] * (length - len(prompt)) + prompt for prompt in prompts], device=self.model.device)
        mask = torch.tensor(
            [[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=self.model.device
        )
        return ids, mask

    def _configuration(self, settings: DecodingSettings) -> GenerationConfig:
        return GenerationConfig(
            max_new_tokens=settings.max_new_tokens,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id or 0,
            **sampling_options(settings),
        )

    def _description(self, ids: list[int]) -> Description:
        stopped = self.tokenizer.eos_token_id in ids
        if stopped:
            ids = ids[: ids.index(self.tokenizer.eos_token_id)]
        return Description(self.tokenizer.decode(ids, skip_special_tokens=True).strip(), stopped, len(ids))


class _CallbackStreamer(TextStreamer):  # type: ignore[misc]
    """Calls `on_text` with text as soon as no later token can change it, and for other tokens with an empty piece."""

    def __init__(self, tokenizer: Any, on_text: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.on_text = on_text

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.on_text(text)


class _AfterPrompt(LogitsProcessor):  # type: ignore[misc]
    """Applies a processor to the generated text only: words of the title may be repeated."""

    def __init__(self, inner: LogitsProcessor, prompt_length: int) -> None:
        self.inner, self.prompt_length = inner, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        processed: torch.Tensor = self.inner(input_ids[:, self.prompt_length :], scores)
        return processed


class _Banned(LogitsProcessor):  # type: ignore[misc]
    """Makes tokens impossible, given as ids for each row of the batch."""

    def __init__(self, ids: list[list[int]]) -> None:
        self.rows = torch.tensor([row for row, banned in enumerate(ids) for _ in banned], dtype=torch.long)
        self.ids = torch.tensor([id for banned in ids for id in banned], dtype=torch.long)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.clone()
        scores[self.rows, self.ids] = -torch.inf
        return scores


def _repetition_processors(settings: DecodingSettings, prompt_length: int) -> LogitsProcessorList:
    processors = LogitsProcessorList()
    if settings.repetition_penalty > 1:
        processors.append(_AfterPrompt(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty), prompt_length))
    if settings.no_repeat_ngram:
        processors.append(_AfterPrompt(NoRepeatNGramLogitsProcessor(settings.no_repeat_ngram), prompt_length))
    return processors


def _cuda_devices() -> list[int]:
    return list(range(torch.cuda.device_count()))
