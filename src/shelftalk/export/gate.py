"""The parity gate: verify that an artefact in its own engine gives the same output as the reference.

The reference is base and adapter, unmerged, in transformers in fp32. Artefacts that transformers loads are computed in
fp32 too, so that a difference comes from the artefact and not from this machine's arithmetic.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelftalk import __version__
from shelftalk.errors import ParityFailed
from shelftalk.export.chat import Chat, ask_twice
from shelftalk.export.formats import FORMATS, Artefact
from shelftalk.generation.parity import WRITTEN, Parity, Replay, TransformersRunner, compare_replays, replay
from shelftalk.models.adapter_files import check_adapter
from shelftalk.models.adapters import load_adapter
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_text, load_tokenizer
from shelftalk.models.weights import describe_weights
from shelftalk.prompts import request_of
from shelftalk.records import Product, Progress
from shelftalk.runs.run import Run

PROMPTS = 20
CHAT_TOKENS = 25  # of each of the chat's three texts
LARGE = 900_000_000  # weights, as of Gemma 3 1B; from then on texts are shorter: 2B writes a token a second in fp32

# Upper limit of the divergence of the first token's distribution, in nats, mean over the prompts. Gemma 3 270M with its
# demo adapter is ten times lower (see docs/export.md), a margin for other models; a missing tensor, a wrong scale or a
# wrong template gives a far larger value.
MOST_DIVERGENCE = {
    "f32": 1e-3,  # weights are not rounded, but llama.cpp stores keys and values in f16
    "f16": 1e-3,
    "bf16": 1e-3,  # 8 significant bits, to which the adapter's smallest changes are lost
    "q8_0": 2e-2,  # 8 bits and one scale for every 32 weights
}
LEAST_AGREEMENT = 0.95  # share of the artefact's greedy tokens that are the reference's choice too


def gate_products(run: Run) -> tuple[list[Product], int]:
    """Return the products whose titles are replayed, held-out ones first, and the number of held-out ones."""
    held_out = run.catalogue().sample("test", PROMPTS, run.settings.seed)
    trained = run.catalogue().sample("train", PROMPTS - len(held_out), run.settings.seed)
    return held_out + trained, len(held_out)


def pass_gate(artefact: Artefact, folder: Path, progress: Progress) -> dict[str, Any]:
    """Replay prompts with the artefact in `folder` and with the reference, and return the content of parity.json.

    Raises:
        ParityFailed: they differ by more than the rounding of the number format, or in a chat the second question does
            not stand alone.
        Damaged: the engine cannot load the artefact, or the run's adapter has changed.
    """
    format = FORMATS[artefact.format]
    products, held_out = gate_products(artefact.run)
    prompts = [artefact.run.template.prompt_for(request_of(product)) for product in products]
    check_adapter(artefact.run.adapter)
    replayed = 2 * len(prompts)
    replays, chat = _replay(artefact, folder, prompts, lambda done, _: progress(done, replayed))
    # Only now, without the artefact: two models in fp32 together take 20 GB for Gemma 2B.
    model, tokenizer = load_model(artefact.base.folder, "fp32")
    reference = TransformersRunner(load_adapter(model, artefact.run.adapter), tokenizer)
    parity = compare_replays(reference, replays, lambda done, _: progress(len(prompts) + done, replayed))
    limits = {"divergence": MOST_DIVERGENCE[artefact.kind], "agreement": LEAST_AGREEMENT, "same_tokens": True}
    _require(artefact, parity, chat)
    return {
        "shelftalk": __version__,
        "run": artefact.run.name,
        "format": artefact.format,
        "weights": artefact.kind,
        "compared": "base model and adapter through transformers in fp32, with these files loaded by "
        f"{format.engine} {version(format.engine)}",
        "not_replayed": _not_replayed(artefact),
        "held_out_prompts": held_out,
        "training_prompts": len(prompts) - held_out,
        "limits": limits,
        "parity": parity.as_mapping(),
        "chat": {"route": format.chat, **chat.as_mapping()},
    }


def _replay(artefact: Artefact, folder: Path, prompts: list[str], progress: Progress) -> tuple[list[Replay], Chat]:
    tokenizer = load_tokenizer(artefact.base.folder)
    written = WRITTEN if describe_weights(artefact.base.folder)[0] < LARGE else WRITTEN // 4
    tokenize = partial(encode_text, tokenizer)
    with FORMATS[artefact.format].open(artefact, folder) as runner:
        replays = replay(runner, tokenize, prompts, progress, written)
        decode = partial(tokenizer.decode, skip_special_tokens=True)
        count = min(written, CHAT_TOKENS)
        return replays, ask_twice(runner, artefact.run.template, tokenize, decode, count)


def _require(artefact: Artefact, parity: Parity, chat: Chat) -> None:
    most = MOST_DIVERGENCE[artefact.kind]
    wrong = []
    if not parity.same_tokens:
        wrong.append("it reads prompts as other tokens")
    if not parity.divergence < most:  # also true for NaN
        wrong.append(
            f"the divergence is {parity.divergence:.2g} (worst {parity.worst_divergence:.2g}), not below {most:g}"
        )
    if parity.agreement < LEAST_AGREEMENT:
        wrong.append(
            f"{parity.agreement:.1%} of {parity.tokens} greedy tokens agree, not {LEAST_AGREEMENT:.0%} "
            f"(worst margin {parity.worst_margin:.2g})"
        )
    if not (chat.same_prompt and chat.same_text):
        wrong.append(
            f"in a chat a second question is {'answered' if chat.same_prompt else 'read'} otherwise than the same "
            f"question alone ({FORMATS[artefact.format].chat})"
        )
    if wrong:
        raise ParityFailed(
            f"The {artefact.format} export of run {artefact.run.name!r} in {artefact.kind} differs from the run: "
            f"{'; '.join(wrong)}. Nothing was exported; {_advice(artefact)}."
        )


def _advice(artefact: Artefact) -> str:
    if artefact.kind == "q8_0":
        return "take --quantization f16"
    return "take --format merged" if artefact.format in ("gguf", "ollama") else "take --format adapter, which is exact"


def _not_replayed(artefact: Artefact) -> str | None:
    """Return the target engine in which the artefact was not replayed, and the reason; None if there is none."""
    if (other := FORMATS[artefact.format].other) is None:
        return None
    name, installed = other
    return f"{name}, {'which is installed here but not driven by shelftalk' if installed() else 'not installed here'}"
