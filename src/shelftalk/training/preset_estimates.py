"""Estimate time and memory of every preset here, from as few rehearsals as possible.

A rehearsal measures seconds a token and the memory of a pass. Both are also valid for another run that differs only in
SCALED settings, is also compiled or also not, makes passes of nearly the same size and holds about as many products.
Of such similar runs only the one with the most tokens is rehearsed; the time of the others is projected from their own
tokens, and their memory is taken to be equal.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.models.load import best_device, resolve_precision
from shelftalk.models.registry import find_model, must_be_made
from shelftalk.models.tokens import load_tokenizer
from shelftalk.presets import load_preset, preset_names
from shelftalk.prompts import template_for
from shelftalk.runs.describe import list_runs
from shelftalk.runs.run import open_to_train
from shelftalk.settings import TrainingSettings
from shelftalk.training.batches import PACKS, PASS_TOKENS, Examples
from shelftalk.training.compiled import should_compile
from shelftalk.training.estimate import fits, rehearse_in_process
from shelftalk.training.projection import Measured, count_updates, project
from shelftalk.training.rehearsal import count_tokens, encode_sample
from shelftalk.workspace import Workspace

SCALED = {  # settings that do not change seconds a token and memory of a pass, or only through `Work`
    *("products", "epochs", "batch_size", "gradient_accumulation", "checkpoint_every", "log_every", "early_stopping"),
    *("learning_rate", "schedule", "warmup_steps", "weight_decay", "gradient_clip", "lora_alpha", "lora_dropout"),
    *("compile", "trackers", "seed", "lora_rank", "validate_every", "plain_share", "context_share", "unsupported"),
}
PROJECTED = ("tokens_per_second", "seconds_total", "disk_bytes_total")
PASS_RATIO = 0.7  # pass sizes of at least this ratio take about the same time a token, and similar memory
RANK_RATIO = 0.5  # the same for ranks
PRODUCTS_DIFFERENCE = 100_000  # the texts of so many products, which a run loads first, are some percent of its memory


@dataclass(frozen=True)
class Work:
    """The size of a run: its products, its examples of one epoch, and the tokens of all its epochs."""

    products: int
    examples: int
    tokens: int

    def compiled(self, settings: TrainingSettings) -> bool:
        """Return whether the run compiles the model's layers."""
        return should_compile(settings.compile, self.tokens)

    def pass_size(self, settings: TrainingSettings) -> float:
        """Return the mean tokens of a pass: an update is cut into as few passes as possible, of nearly equal size."""
        update = self.tokens / count_updates(settings, self.examples)
        device = best_device().type
        passes = math.ceil(update / (settings.pass_tokens or PASS_TOKENS[device]) / PACKS[device]) * PACKS[device]
        return update / min(passes, settings.batch_size * settings.gradient_accumulation)


def estimate_presets(
    workspace: Workspace,
    catalogue: str,
    changes: Mapping[str, Any] = {},
    token: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Estimate time, memory and disk of each preset, with its settings overridden by `changes`, on `catalogue` here.

    A base model that is not on this disk yet is converted or downloaded first; `say` gets a message for that and for
    each rehearsal. All files of the rehearsals are removed.

    Returns:
        `presets`: by name the keys of `scale_estimate`, but from counted tokens, and `rehearsed`, which is false where
        another preset's rehearsal was used. `products` of the catalogue's training split; `tokens_per_product` and
        `examples_per_product`, the means in one epoch; `tokens_per_second` of the preset with the most tokens, None
        where memory ran out; `device`, `precision`, `memory_available_bytes` (None where unknown), `disk_free_bytes`,
        `running` (the runs that trained meanwhile), `catalogue`; and `rehearsals`, the input of `scale_estimate`.

    Raises:
        NotFound, TooFewProducts, InvalidSettings and so on: as training.
        Failure: a rehearsal process ended without a result.
    """
    opened = open_to_train(workspace, catalogue)
    wanted = {name: TrainingSettings.from_mapping({**load_preset(name), **changes}) for name in preset_names()}
    workspace.make()
    running = [run["name"] for run in list_runs(workspace) if run["status"] == "running"]
    works = _count_works(workspace, opened, wanted, token, say)
    most_first = sorted(wanted, key=lambda name: works[name].tokens, reverse=True)
    rehearsals: list[dict[str, Any]] = []
    used = {}  # for each preset the rehearsal to scale from, and whether it is the preset's own
    for name in most_first:
        similar = _find_similar(rehearsals, wanted[name], works[name])
        if similar is None:
            say(f"Rehearsing {name}.")
            rehearsals.append(_rehearse(workspace, catalogue, wanted[name], works[name], token))
        used[name] = (similar or rehearsals[-1], similar is None)
    most, available = most_first[0], _available(rehearsals)
    presets = {
        name: {**_estimate(used[name][0], settings, works[name], available), "rehearsed": used[name][1]}
        for name, settings in wanted.items()
    }
    return {
        "catalogue": catalogue,
        "presets": presets,
        "products": opened.count("train"),
        "examples_per_product": works[most].examples / works[most].products,
        "tokens_per_product": works[most].tokens / (works[most].products * wanted[most].epochs),
        "tokens_per_second": rehearsals[0].get("tokens_per_second"),
        "device": best_device().type,
        "precision": resolve_precision(wanted[most].precision),
        "memory_available_bytes": available,
        "disk_free_bytes": shutil.disk_usage(workspace.root).free,
        "running": running,
        "rehearsals": rehearsals,
    }


def scale_estimate(found: dict[str, Any], settings: TrainingSettings) -> dict[str, Any] | None:
    """Scale the result of `estimate_presets` to other `settings`, without a new rehearsal or any file access.

    This is approximate: its tokens are the catalogue's mean, not those of the products that the run would sample.

    Returns:
        `products`, `updates`, `tokens` of all epochs; `seconds_total`, `memory_bytes`, `disk_bytes_total` and
        `tokens_per_second`, all None where memory ran out; and `fits` (None where the memory available is unknown).
        None where no rehearsal is similar enough, for instance for another base model: use `estimate` then.
    """
    products = min(settings.products or found["products"], found["products"])
    examples = round(found["examples_per_product"] * products)
    work = Work(products, examples, round(found["tokens_per_product"] * products * settings.epochs))
    rehearsal = _find_similar(found["rehearsals"], settings, work)
    return None if rehearsal is None else _estimate(rehearsal, settings, work, found["memory_available_bytes"])


def _count_works(
    workspace: Workspace,
    catalogue: Catalogue,
    wanted: Mapping[str, TrainingSettings],
    token: str | None,
    say: Callable[[str], None],
) -> dict[str, Work]:
    """Return the size of each run; products that several runs share are encoded once."""
    available = catalogue.count("train")
    encoded: dict[tuple[Any, ...], tuple[Examples, float]] = {}
    works = {}
    for name, settings in wanted.items():
        products = min(settings.products or available, available)
        shares = (settings.plain_share, settings.unsupported, settings.context_share)
        key = (settings.base_model, settings.max_tokens, settings.seed, products, *shares)
        if key not in encoded:
            if must_be_made(settings.base_model, workspace):
                say(f"Unpacking {settings.base_model} before that, which happens once.")
            tokenizer = load_tokenizer(find_model(settings.base_model, workspace, token).folder)
            sample = catalogue.sample("train", products, settings.seed)
            encoded[key] = encode_sample(tokenizer, template_for(catalogue.language), sample, settings)
        examples, share = encoded[key]
        works[name] = Work(products, round(len(examples) / share), count_tokens(examples, settings, share))
    return works


def _rehearse(
    workspace: Workspace, catalogue: str, settings: TrainingSettings, work: Work, token: str | None
) -> dict[str, Any]:
    """Rehearse; add settings and size of the run to the result, which lacks them where memory ran out."""
    found = rehearse_in_process(workspace, catalogue, settings, token)
    return {**found, "settings": settings.as_mapping(), **asdict(work)}


def _available(rehearsals: list[dict[str, Any]]) -> int | None:
    known = (one["memory_available_bytes"] for one in rehearsals)
    return next((one for one in known if one is not None), None)


def _find_similar(rehearsals: list[dict[str, Any]], settings: TrainingSettings, work: Work) -> dict[str, Any] | None:
    """Return the first rehearsal that is similar enough to a run of these settings; None where there is none."""
    return next((one for one in rehearsals if _is_similar(one, settings, work)), None)


def _is_similar(rehearsal: dict[str, Any], settings: TrainingSettings, work: Work) -> bool:
    theirs = TrainingSettings.from_mapping(rehearsal["settings"])
    rehearsed = Work(*(rehearsal[one.name] for one in fields(Work)))
    same = all(
        value == rehearsal["settings"][name] for name, value in settings.as_mapping().items() if name not in SCALED
    )
    return (
        same
        and (theirs.validate_every == 0) == (settings.validate_every == 0)
        and rehearsed.compiled(theirs) == work.compiled(settings)
        and _close(rehearsed.pass_size(theirs), work.pass_size(settings), PASS_RATIO)
        and bool(theirs.lora_dropout) == bool(settings.lora_dropout)  # its masks are a tenth of the memory
        and _close(theirs.lora_rank, settings.lora_rank, RANK_RATIO)
        and abs(rehearsed.products - work.products) <= PRODUCTS_DIFFERENCE
    )


def _close(one: float, other: float, ratio: float) -> bool:
    return min(one, other) >= ratio * max(one, other)


def _estimate(
    rehearsal: dict[str, Any], settings: TrainingSettings, work: Work, available: int | None
) -> dict[str, Any]:
    """Return the estimate of a run, scaled from a similar rehearsal."""
    found: dict[str, Any] = {
        "products": work.products,
        "updates": count_updates(settings, work.examples),
        "tokens": work.tokens,
        **dict.fromkeys(PROJECTED),
        "memory_bytes": rehearsal["memory_bytes"],
        "fits": fits(rehearsal, available),
    }
    if "measured" in rehearsal:
        ranks = settings.lora_rank / rehearsal["settings"]["lora_rank"]
        measured = Measured(**rehearsal["measured"]).with_bytes_times(ranks)
        projected = project(measured, settings, work.examples, work.tokens)
        found |= {key: projected[key] for key in PROJECTED}
    return found
