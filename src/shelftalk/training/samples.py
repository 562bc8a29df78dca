"""Write samples.jsonl: at regular intervals, a description of one held-out product by the model in training.

The first line is from the base model, at step 0, and the last one from the last update. See `runs.metrics` for the
keys of a line.

Sampling does not change the training by a single bit: decoding is greedy, so no random generator is used; it happens
between two updates, when there are no gradients; and it does not use the compiled layers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import TrainerCallback

from shelftalk.lines import append_line
from shelftalk.models.adapters import causal_model
from shelftalk.models.threads import core_count, thread_count
from shelftalk.models.tokens import encode_text
from shelftalk.prompts import request_of
from shelftalk.records import Product
from shelftalk.runs.metrics import SAMPLES, read_samples
from shelftalk.runs.run import Run
from shelftalk.training.attention import PACKED
from shelftalk.training.processes import is_first_process, process_count
from shelftalk.training.recorder import keep_lines_until
from shelftalk.training.state import RunState

MOST_TOKENS = 60  # enough to recognise a style, and some seconds on two cores


class Sampler(TrainerCallback):  # type: ignore[misc]
    """Writes samples of `product` before the first update, every `sample_every` updates, and after the last one.

    `head` comes from `loss.head_taken_off`. After a stop request no sample is written: the resumed training writes it.
    """

    def __init__(self, run: Run, product: Product, tokenizer: Any, head: Tensor | None, state: RunState) -> None:
        self.path, self.every = run.folder / SAMPLES, run.settings.sample_every
        self.product, self.tokenizer, self.head, self.state = product, tokenizer, head, state
        self.prompt = run.template.prompt_for(request_of(product))
        self.newest = max((sample["step"] for sample in read_samples(run.folder)), default=-1)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step % self.every == 0:
            self._sample(state.global_step, model)

    on_step_end = on_train_begin

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self._sample(state.global_step, model)

    def _sample(self, step: int, model: Any) -> None:
        if step <= self.newest or self.state.stop_asked:
            return
        text, stopped = write_description(model, self.head, self.tokenizer, self.prompt)
        line = {
            "step": step,
            "title": self.product.title,
            "text": text,
            "true": self.product.description,
            "stopped": stopped,
        }
        append_line(self.path, json.dumps(line))
        self.newest = step


def samplers(
    run: Run, tokenizer: Any, head: Tensor | None, first_step: int, state: RunState, say: Callable[[str], None]
) -> list[Sampler]:
    """Return the sampler of a training that resumes after `first_step`, or []; `say` gets the reason if one was wanted.

    Samples of updates that will be repeated are removed from the file.
    """
    if is_first_process():
        keep_lines_until(run.folder / SAMPLES, first_step)
    if not run.settings.sample_every:
        return []
    if process_count() > 1:
        say("No samples are written: several processes train this run.")
        return []
    product = sampled_product(run)
    if product is None:
        say(f"No samples are written: catalogue {run.description['catalogue']!r} has no validation products.")
        return []
    return [Sampler(run, product, tokenizer, head, state)]


def sampled_product(run: Run) -> Product | None:
    """Return the validation product that the run's seed selects, or None where the catalogue has none."""
    return next(iter(run.held_out("validation", 1)), None)


def write_description(model: Any, head: Tensor | None, tokenizer: Any, prompt: str) -> tuple[str, bool]:
    """Return the greedy text after `prompt`, of at most MOST_TOKENS tokens, and whether `model` ended it.

    `model` is in training; `head` comes from `loss.head_taken_off`.
    """
    ids, end = encode_text(tokenizer, prompt), tokenizer.eos_token_id
    with _generation_mode(model), thread_count(core_count()):  # a training's own thread computes with one
        ids = _likeliest(model, head, ids, end)
    stopped = ids[-1] == end
    text: str = tokenizer.decode(ids[:-1] if stopped else ids, skip_special_tokens=True)
    return text.strip(), stopped


@contextmanager
def _generation_mode(model: Any) -> Iterator[None]:
    """Switch a model to generation until the block ends: no dropout, no gradient, attention with a cache."""
    causal, training = causal_model(model), model.training
    in_bf16 = model.get_input_embeddings().weight.dtype == torch.bfloat16
    model.eval()
    causal.set_attn_implementation("eager")  # PACKED has no cache, and sdpa ignores Gemma 2's soft cap
    try:
        with (
            torch.no_grad(),
            torch.autocast(causal.device.type, torch.bfloat16, enabled=in_bf16),
            torch.compiler.set_stance("force_eager"),  # compiling for other arguments would take longer than it saves
        ):
            yield
    finally:
        causal.set_attn_implementation(PACKED)
        model.train(training)


def _likeliest(model: Any, head: Tensor | None, prompt: list[int], end: int) -> list[int]:
    """Return the greedy tokens after `prompt`, at most MOST_TOKENS, up to and including `end`."""
    ids: list[int] = []
    unread, cache = prompt, None
    while len(ids) < MOST_TOKENS and end not in ids:
        inputs = torch.tensor([unread], device=model.device)
        output = model(input_ids=inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
        last, cache = output.logits[0], output.past_key_values  # hidden states where the head was removed
        scores = last if head is None else functional.linear(last.to(head.dtype), head)
        unread = [int(scores.argmax())]
        ids += unread
    return ids
