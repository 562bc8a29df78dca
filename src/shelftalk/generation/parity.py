"""Measure whether two ways to run a model give the same output, for generation engines and for exports.

A `Runner` is one model, base or tuned, in one engine. It returns token ids, the distribution of the next token, and
greedy text. The reference is transformers in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from shelftalk.models.tokens import encode_text
from shelftalk.records import Progress, counter, no_progress

if TYPE_CHECKING:  # llama.cpp may be missing
    from shelftalk.generation.llama_cpp_engine import LlamaCppEngine

TOP = 1000  # most probable tokens, compared one by one; the rest counts as one, which can only lower a divergence
WRITTEN = 100  # tokens of greedy text: enough for a tuned model to end some of its texts


class Runner(Protocol):
    """One model in one engine."""

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`, with the start token, and control tokens as characters."""
        ...

    def next_token(self, ids: Sequence[int]) -> dict[int, float]:
        """Return the `TOP` most probable tokens after `ids` with their log probabilities."""
        ...

    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        """Return the tokens that follow `ids` at temperature 0, at most `count`, with the end token."""
        ...


class LlamaCppRunner:
    """The base or the tuned model of a llama.cpp engine."""

    def __init__(self, engine: LlamaCppEngine, tuned: bool) -> None:
        self._engine, self._tuned = engine, tuned

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Runner`."""
        return self._engine.tokenize(text)

    def next_token(self, ids: Sequence[int]) -> dict[int, float]:
        """Return the most probable tokens after `ids`; see `Runner`."""
        return self._engine.next_token(ids, tuned=self._tuned, count=TOP)

    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        """Return the tokens that follow `ids`; see `Runner`."""
        return self._engine.greedy(ids, tuned=self._tuned, count=count)


class TransformersRunner:
    """A causal model of transformers, with or without an adapter."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Runner`."""
        return encode_text(self._tokenizer, text)

    def next_token(self, ids: Sequence[int]) -> dict[int, float]:
        """Return the most probable tokens after `ids`; see `Runner`."""
        found = _distribution(self.logits(ids, 1)[0]).topk(min(TOP, len(self._tokenizer)))
        return dict(zip(found.indices.tolist(), found.values.tolist(), strict=True))

    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        """Return the tokens that follow `ids`; see `Runner`."""
        with torch.no_grad():
            output = self._model.generate(
                input_ids=torch.tensor([list(ids)], device=self._model.device),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long, device=self._model.device),
                max_new_tokens=count,
                do_sample=False,
                eos_token_id=self._tokenizer.eos_token_id,
                pad_token_id=self._tokenizer.pad_token_id or 0,
            )[0, len(ids) :].tolist()
        end = self._tokenizer.eos_token_id
        return list(output[: output.index(end) + 1] if end in output else output)

    def logits(self, ids: Sequence[int], last: int) -> torch.Tensor:
        """Return the logits [last, vocabulary], in fp32, after each of the `last` of `ids`."""
        with torch.no_grad():
            inputs = torch.tensor([list(ids)], device=self._model.device)
            logits = self._model(input_ids=inputs, logits_to_keep=last).logits[0]
        found: torch.Tensor = logits.float().cpu()
        return found


@dataclass(frozen=True, slots=True)
class Parity:
    """How a runner agrees with the reference over some prompts.

    `divergence` is the mean Kullback-Leibler divergence, in nats, of the first token's distribution, and
    `worst_divergence` the largest. `agreement` is the share of the runner's greedy tokens that the reference chooses at
    that position; elsewhere the reference's own choice is better by at most `worst_margin` nats. `same_tokens` is true
    if both tokenize every prompt to the same ids.
    """

    prompts: int
    divergence: float
    worst_divergence: float
    tokens: int
    agreement: float
    worst_margin: float
    same_tokens: bool

    def as_mapping(self) -> dict[str, Any]:
        """Return everything ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a runner made of one prompt: the reference's ids, greedy text after them, and the next token's distribution.

    `same_tokens` is true if the runner tokenizes the prompt to the same ids.
    """

    ids: list[int]
    same_tokens: bool
    written: list[int]
    top: dict[int, float]


def measure_parity(reference: TransformersRunner, candidate: Runner, prompts: Sequence[str]) -> Parity:
    """Replay `prompts` in both and return how `candidate` agrees with `reference`."""
    return compare_replays(reference, replay(candidate, reference.tokenize, prompts))


def replay(
    candidate: Runner,
    tokenize: Callable[[str], list[int]],
    prompts: Sequence[str],
    progress: Progress = no_progress,
    written: int = WRITTEN,
) -> list[Replay]:
    """Return what `candidate` makes of each prompt: at most `written` tokens of text.

    `tokenize` is the reference's; `progress` counts prompts.
    """
    replays, advance = [], counter(progress, len(prompts))
    for prompt in prompts:
        ids = tokenize(prompt)
        same = candidate.tokenize(prompt) == ids
        replays.append(Replay(ids, same, candidate.greedy(ids, written), candidate.next_token(ids)))
        advance()
    return replays


def compare_replays(
    reference: TransformersRunner, replays: Sequence[Replay], progress: Progress = no_progress
) -> Parity:
    """Return how a candidate's replays agree with `reference`; `progress` counts prompts.

    The reference reads the candidate's greedy text (teacher forcing), so that one different token does not change all
    later ones.
    """
    divergences, margins, advance = [], [], counter(progress, len(replays))
    for one in replays:
        after = reference.logits([*one.ids, *one.written], len(one.written) + 1)
        divergences.append(_divergence(_distribution(after[0]), one.top))
        margins += [(logits.max() - logits[token]).item() for logits, token in zip(after, one.written, strict=False)]
        advance()
    return Parity(
        prompts=len(replays),
        divergence=sum(divergences) / len(replays),
        worst_divergence=max(divergences),
        tokens=len(margins),
        agreement=sum(margin == 0 for margin in margins) / max(len(margins), 1),
        worst_margin=max(margins, default=0.0),
        same_tokens=all(one.same_tokens for one in replays),
    )


def _distribution(logits: torch.Tensor) -> torch.Tensor:
    """Return log probabilities, in fp64."""
    return torch.log_softmax(logits.double(), dim=-1)


def _divergence(reference: torch.Tensor, top: dict[int, float]) -> float:
    """Return the divergence of a distribution from the reference's; all tokens that are not in `top` count as one."""
    ids = torch.tensor(list(top))
    logarithms = torch.tensor(list(top.values()), dtype=torch.float64)
    shares = reference[ids].exp()
    known = (shares * (reference[ids] - logarithms)).sum()
    rest, other_rest = (1 - shares.sum()).clamp_min(1e-12), (1 - logarithms.exp().sum()).clamp_min(1e-12)
    return float(known + rest * (rest / other_rest).log())
