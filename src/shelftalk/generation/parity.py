"""Measure whether two ways to run a model say the same: what was tuned must be what is written, and what is exported.

A `Voice` is one side, base or tuned, in one engine. It is asked for ids, for the distribution of the next token and for
its greedy text. The reference is transformers in fp32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from shelftalk.models.tokens import encode_text
from shelftalk.records import Progress, no_progress

if TYPE_CHECKING:  # transformers is measured without llama.cpp
    from shelftalk.generation.llama_cpp_engine import LlamaCppEngine

LIKELIEST = 1000  # tokens told one by one; the others are counted together, which can only make a divergence smaller
WRITTEN = 100  # tokens of greedy text, so many that a tuned model ends some of its texts


class Voice(Protocol):
    """One model in one engine."""

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`, led by the first token, control tokens split."""
        ...

    def next_token(self, ids: Sequence[int]) -> dict[int, float]:
        """Return the likeliest tokens after `ids` with the logarithms of their probabilities."""
        ...

    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        """Return the at most `count` tokens that follow `ids` at temperature 0, the end token included."""
        ...


class LlamaCppVoice:
    """The base or the tuned side of a llama.cpp engine."""

    def __init__(self, engine: LlamaCppEngine, tuned: bool) -> None:
        self._engine, self._tuned = engine, tuned

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Voice`."""
        return self._engine.tokenize(text)

    def next_token(self, ids: Sequence[int]) -> dict[int, float]:
        """Return the likeliest tokens after `ids`; see `Voice`."""
        return self._engine.next_token(ids, tuned=self._tuned, likeliest=LIKELIEST)

    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        """Return the tokens that follow `ids`; see `Voice`."""
        return self._engine.greedy(ids, tuned=self._tuned, count=count)


class TransformersVoice:
    """A causal model of transformers, with or without an adapter, as it stands."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of `text`; see `Voice`."""
        return encode_text(self._tokenizer, text)

    def next_token(self, ids: Sequence[int]) -> dict[int, float]:
        """Return the likeliest tokens after `ids`; see `Voice`."""
        found = _distribution(self.logits(ids, 1)[0]).topk(min(LIKELIEST, len(self._tokenizer)))
        return dict(zip(found.indices.tolist(), found.values.tolist(), strict=True))

    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        """Return the tokens that follow `ids`; see `Voice`."""
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
    """How a voice agrees with the reference over some prompts.

    `divergence` is the mean Kullback-Leibler divergence, in nats, of the first token's distribution, and
    `worst_divergence` the largest. `agreement` is the share of the voice's greedy tokens that are the reference's own
    choice at that place; where they are not, the reference preferred its own by at most `worst_margin` nats.
    `same_tokens` says that every prompt was read as the same ids.
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


def measure_parity(
    reference: TransformersVoice, voice: Voice, prompts: Sequence[str], progress: Progress = no_progress
) -> Parity:
    """Replay `prompts` in both and return how `voice` agrees with `reference`.

    The reference reads the voice's own greedy text, so that one token said otherwise does not make all that follows
    look wrong. `progress` counts prompts.
    """
    divergences, margins, same = [], [], True
    for number, prompt in enumerate(prompts, start=1):
        ids = reference.tokenize(prompt)
        same = same and voice.tokenize(prompt) == ids
        written = voice.greedy(ids, WRITTEN)
        after = reference.logits([*ids, *written], len(written) + 1)
        divergences.append(_divergence(_distribution(after[0]), voice.next_token(ids)))
        places = zip(after, written, strict=False)
        margins += [(place.max() - place[token]).item() for place, token in places]
        progress(number, len(prompts))
    return Parity(
        prompts=len(prompts),
        divergence=sum(divergences) / len(prompts),
        worst_divergence=max(divergences),
        tokens=len(margins),
        agreement=sum(margin == 0 for margin in margins) / max(len(margins), 1),
        worst_margin=max(margins, default=0.0),
        same_tokens=same,
    )


def _distribution(logits: torch.Tensor) -> torch.Tensor:
    """Return the logarithms of probability, in fp64."""
    return torch.log_softmax(logits.double(), dim=-1)


def _divergence(reference: torch.Tensor, told: dict[int, float]) -> float:
    """Return the divergence of the distribution `told` from the reference's, all tokens not told counted as one."""
    ids = torch.tensor(list(told))
    logarithms = torch.tensor(list(told.values()), dtype=torch.float64)
    shares = reference[ids].exp()
    known = (shares * (reference[ids] - logarithms)).sum()
    rest, told_rest = (1 - shares.sum()).clamp_min(1e-12), (1 - logarithms.exp().sum()).clamp_min(1e-12)
    return float(known + rest * (rest / told_rest).log())
