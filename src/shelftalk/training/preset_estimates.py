"""Say what every preset would take here, from as few rehearsals as can stand for all of them.

What a rehearsal measures, seconds a token and the memory of a pass, is also that of another run that differs only in
SCALED settings, is compiled or not alike, makes passes of nearly the same size and holds about as many products. Of
runs that are so alike the one with the most tokens is rehearsed; the others' time is projected from their own tokens,
and their memory is its memory.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.models.load import best_device, resolve_precision
from shelftalk.models.registry import find_model, must_be_made
from shelftalk.models.tokens import load_tokenizer
from shelftalk.runs.describe import list_runs
from shelftalk.runs.run import open_to_train
from shelftalk.settings import TrainingSettings, load_preset, preset_names
from shelftalk.training.batches import PASS_TOKENS, Examples
from shelftalk.training.compiled import should_compile
from shelftalk.training.estimate import fits, rehearse_apart
from shelftalk.training.projection import Measured, count_updates, project
from shelftalk.training.rehearsal import count_tokens, encode_sample
from shelftalk.workspace import Workspace

SCALED = {  # settings that leave seconds a token and the memory of a pass as they are, or act through `Work`
    *("products", "epochs", "batch_size", "gradient_accumulation", "checkpoint_every", "log_every", "early_stopping"),
    *("learning_rate", "schedule", "warmup_steps", "weight_decay", "gradient_clip", "lora_alpha", "lora_dropout"),
    *("compile", "trackers", "seed", "lora_rank", "validate_every"),
}
PROJECTED = ("tokens_per_second", "seconds_total", "disk_bytes_total")
PASS_NEAR = 0.7  # a pass of this part of another's size takes about as long a token, and not much less memory
RANK_NEAR = 0.5  # of ranks likewise
PRODUCTS_APART = 100_000  # a run's memory holds the texts of its products at the start: these are some percent of it


@dataclass(frozen=True)
class Work:
    """How much a run has to do: its products, and the tokens of all its epochs."""

    products: int
    tokens: int

    def compiled(self, settings: TrainingSettings) -> bool:
        """Say whether the run compiles the model's layers."""
        return should_compile(settings.compile, self.tokens)

    def pass_size(self, settings: TrainingSettings) -> float:
        """Return the mean tokens of a pass: an update is cut into as few as can be, and as even."""
        update = self.tokens / count_updates(settings, self.products)
        return update / math.ceil(update / (settings.pass_tokens or PASS_TOKENS[best_device().type]))


def estimate_presets(
    workspace: Workspace,
    catalogue: str,
    changes: Mapping[str, Any] = {},
    token: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Return what each preset, with `changes` laid over its settings, would take on `catalogue` here.

    A base model that is not on this disk yet is converted or downloaded first; `say` is told of that and of each
    rehearsal. Nothing stays on the disk.

    Returns:
        `presets`: by name what `scale_estimate` returns, but from counted tokens, and with `rehearsed`, which is false
        where another preset's rehearsal stands for this one. `products` of the catalogue's training split,
        `tokens_per_product`, the mean in one epoch; `tokens_per_second` of the preset with the most tokens, None where
        memory ran out; `device`, `precision`, `memory_available_bytes` (None where unknown), `disk_free_bytes`,
        `running`, the runs that trained meanwhile, `catalogue`; and `rehearsals`, which are for `scale_estimate`.

    Raises:
        NotFound, TooFewProducts, InvalidSettings and so on: what training would raise.
        Failure: a rehearsal ended without a word.
    """
    opened = open_to_train(workspace, catalogue)
    wanted = {name: TrainingSettings.from_mapping({**load_preset(name), **changes}) for name in preset_names()}
    workspace.make()
    running = [run["name"] for run in list_runs(workspace) if run["status"] == "running"]
    works = _count_works(workspace, opened, wanted, token, say)
    most_first = sorted(wanted, key=lambda name: works[name].tokens, reverse=True)
    rehearsals: list[dict[str, Any]] = []
    by = {}  # each preset's rehearsal, and whether it is its own
    for name in most_first:
        standing = _stand_in(rehearsals, wanted[name], works[name])
        if standing is None:
            say(f"Rehearsing {name}.")
            rehearsals.append(_rehearse(workspace, catalogue, wanted[name], works[name], token))
        by[name] = (standing or rehearsals[-1], standing is None)
    most, available = most_first[0], _available(rehearsals)
    presets = {
        name: {**_estimate(by[name][0], settings, works[name], available), "rehearsed": by[name][1]}
        for name, settings in wanted.items()
    }
    return {
        "catalogue": catalogue,
        "presets": presets,
        "products": opened.count("train"),
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
    """Return what a run of other `settings` would take, by what `estimate_presets` found; nothing is run or read.

    This is approximate: its tokens are the catalogue's mean, not those of the products that the run would draw.

    Returns:
        `products`, `updates`, `tokens` of all epochs; `seconds_total`, `memory_bytes`, `disk_bytes_total` and
        `tokens_per_second`, all None where memory ran out; and `fits` (None where the memory available is unknown).
        None where no rehearsal stands for such settings, another base model for instance: those want an estimate of
        their own.
    """
    products = min(settings.products or found["products"], found["products"])
    work = Work(products, round(found["tokens_per_product"] * products * settings.epochs))
    rehearsal = _stand_in(found["rehearsals"], settings, work)
    return None if rehearsal is None else _estimate(rehearsal, settings, work, found["memory_available_bytes"])


def _count_works(
    workspace: Workspace,
    catalogue: Catalogue,
    wanted: Mapping[str, TrainingSettings],
    token: str | None,
    say: Callable[[str], None],
) -> dict[str, Work]:
    """Count what each run has to do; products that several runs share are encoded once."""
    there = catalogue.count("train")
    encoded: dict[tuple[Any, ...], Examples] = {}
    works = {}
    for name, settings in wanted.items():
        products = min(settings.products or there, there)
        key = (settings.base_model, settings.max_tokens, settings.seed, products)
        if key not in encoded:
            if must_be_made(settings.base_model, workspace):
                say(f"Unpacking {settings.base_model} before that, which happens once.")
            tokenizer = load_tokenizer(find_model(settings.base_model, workspace, token).folder)
            encoded[key] = encode_sample(tokenizer, catalogue.sample("train", products, settings.seed), settings)
        works[name] = Work(products, count_tokens(encoded[key], settings, products))
    return works


def _rehearse(
    workspace: Workspace, catalogue: str, settings: TrainingSettings, work: Work, token: str | None
) -> dict[str, Any]:
    """Rehearse, and return what was found with what it is of, which a rehearsal out of memory does not say."""
    found = rehearse_apart(workspace, catalogue, settings, token)
    return {**found, "settings": settings.as_mapping(), "products": work.products, "tokens": work.tokens}


def _available(rehearsals: list[dict[str, Any]]) -> int | None:
    known = (one["memory_available_bytes"] for one in rehearsals)
    return next((one for one in known if one is not None), None)


def _stand_in(rehearsals: list[dict[str, Any]], settings: TrainingSettings, work: Work) -> dict[str, Any] | None:
    """Return the first rehearsal that can stand for a run of these settings; None where there is none."""
    return next((one for one in rehearsals if _stands_for(one, settings, work)), None)


def _stands_for(rehearsal: dict[str, Any], settings: TrainingSettings, work: Work) -> bool:
    theirs, of = TrainingSettings.from_mapping(rehearsal["settings"]), Work(rehearsal["products"], rehearsal["tokens"])
    same = all(
        value == rehearsal["settings"][name] for name, value in settings.as_mapping().items() if name not in SCALED
    )
    return (
        same
        and bool(theirs.validate_every) == bool(settings.validate_every)
        and of.compiled(theirs) == work.compiled(settings)
        and _near(of.pass_size(theirs), work.pass_size(settings), PASS_NEAR)
        and bool(theirs.lora_dropout) == bool(settings.lora_dropout)  # its masks are a tenth of the memory
        and _near(theirs.lora_rank, settings.lora_rank, RANK_NEAR)
        and abs(of.products - work.products) <= PRODUCTS_APART
    )


def _near(one: float, other: float, part: float) -> bool:
    return min(one, other) >= part * max(one, other)


def _estimate(
    rehearsal: dict[str, Any], settings: TrainingSettings, work: Work, available: int | None
) -> dict[str, Any]:
    """Return what a run takes by a rehearsal that stands for it."""
    found: dict[str, Any] = {
        "products": work.products,
        "updates": count_updates(settings, work.products),
        "tokens": work.tokens,
        **dict.fromkeys(PROJECTED),
        "memory_bytes": rehearsal["memory_bytes"],
        "fits": fits(rehearsal, available),
    }
    if "measured" in rehearsal:
        ranks = settings.lora_rank / rehearsal["settings"]["lora_rank"]
        measured = Measured(**rehearsal["measured"]).with_bytes_times(ranks)
        projected = project(measured, settings, work.products, work.tokens)
        found |= {key: projected[key] for key in PROJECTED}
    return found
