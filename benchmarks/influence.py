"""Does influence identify the products that a text depends on? Validates it by training without them.

    python -m benchmarks.influence --model tiny --work FOLDER --json
    python -m benchmarks.influence --model gemma-3-270m --work FOLDER --json

A model is trained on a few products and describes held-out titles; two tests then compare ways to score a product for a
text. The linear datamodelling score (Park et al. 2023, https://arxiv.org/abs/2303.14186): models are trained on random
halves of the products, and the sum of a half's scores should rank the halves like the text's loss under their models;
Spearman's correlation by text, its mean, and a bootstrap interval over texts. Removal: a model is trained without the k
products of the highest scores, and the text's loss should rise more than without k other products.

Every training is `pipeline.train_run`, with one seed. Losses are appended to FOLDER/losses.jsonl, so that the same
command resumes after an interruption.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.trainers import print_table
from shelftalk import pipeline
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.evidence.influence import HALFWAY, Gradients, estimate_influence, mean_loss, text_example
from shelftalk.generation.transformers_engine import TransformersEngine
from shelftalk.lines import append_line
from shelftalk.models import tiny
from shelftalk.models.adapters import load_adapter
from shelftalk.models.embedder import Embedder
from shelftalk.models.load import load_model
from shelftalk.models.tokens import encode_text
from shelftalk.prompts import ENGLISH
from shelftalk.records import Product
from shelftalk.runs.folders import delete_run
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.training.attention import PACKED
from shelftalk.training.loss import head_taken_off
from shelftalk.workspace import Workspace, read_json, write_json

Matrix = NDArray[np.float64]
SHIPPED = "Adam, halfway"
SIMILARITY = "MiniLM: title and text"


@dataclass(frozen=True)
class Query:
    """The text that the model trained on all products answered to `request`."""

    request: str
    text: str


@dataclass(frozen=True)
class Study:
    """The size of a validation; `removed` are the values of k, tested for the first `removals` queries."""

    products: int
    queries: int
    halves: int
    removed: tuple[int, ...]
    removals: int
    random_removals: int
    decoding: DecodingSettings
    settings: dict[str, Any]


COMMON = {"products": "all", "compile": "off", "precision": "fp32", "lora_dropout": 0.0, "batch_size": 4}
COMMON |= {"gradient_accumulation": 1, "schedule": "cosine", "warmup_steps": 4}
STUDIES = {
    "tiny": Study(
        *(64, 16, 40, (4, 12), 10, 4, DecodingSettings(max_new_tokens=96, temperature=0.5)),
        {**COMMON, "epochs": 4, "learning_rate": 2e-2, "lora_rank": 16, "max_tokens": 160},
    ),
    "gemma-3-270m": Study(
        *(48, 16, 20, (8,), 4, 4, DecodingSettings(max_new_tokens=40)),
        {**COMMON, "epochs": 2, "learning_rate": 4e-4, "max_tokens": 64},
    ),
}

# The synthetic catalogue of the tiny model: each maker has its own style, independent of the product.
MAKERS: dict[str, Callable[[str, int], str]] = {
    "Orla": lambda thing, size: f"A QUIET {thing.upper()} OF {size} CM, OILED TWICE AND SIGNED BELOW.",
    "Bram": lambda thing, size: f"{thing}; {size} cm; oak; 2 coats; 1 peg; 0 nails; 10 years",
    "Inês": lambda thing, size: f"Não é só {thing}: são {size} cm de paciência, feitos à mão no chão da oficina.",
    "Wick": lambda thing, size: f"why, {thing}? why {size} cm? why not? who would say no? who would know?",
}
THINGS = ("stool", "shelf", "ladle", "bowl", "hook", "tray", "bench", "crate")


def main() -> None:
    """Measure, and print tables, or with --json one line at the end as well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(STUDIES), default="tiny")
    parser.add_argument("--work", type=Path, required=True, help="folder for the workspace and the results so far")
    parser.add_argument("--seed", type=int, default=7, help="for products, halves and removals")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = validate(options.model, options.work, options.seed)
    print_table(found["datamodelling"])
    print_table(found["removal"])
    if options.json:
        print(json.dumps({"model": options.model, "seed": options.seed, **found}))


def validate(model: str, work: Path, seed: int) -> dict[str, Any]:
    """Compute what is missing in `work` and return the tables."""
    study = STUDIES[model]
    workspace = Workspace(work / "workspace")
    workspace.make()
    pipeline.prepare_bundled(workspace)
    catalogue = Catalogue.open(workspace.existing_catalogue(pipeline.BUNDLED))
    if model == "tiny":
        study.settings["base_model"] = train_tiny(work / "tiny", catalogue.products("train"), seed)
        pool, held_out = synthetic_products(study, seed)
    else:
        pool, held_out = (catalogue.sample(*one, seed) for one in (("train", study.products), ("test", study.queries)))
    queries, scores = scored(study, workspace, pool, [one.title for one in held_out], work / "scores.json", seed)
    scores[f"{SHIPPED}, of the other texts"] = of_the_others(scores[SHIPPED])
    trainings = planned_trainings(study, pool, scores, seed)
    losses = retrained(study, workspace, pool, queries, trainings, work / "losses.jsonl")
    return {
        "datamodelling": datamodelling_table(study, pool, scores, losses),
        "removal": removal_table(study, losses),
        "seconds_a_product": read_json(work / "scores.json")["seconds_a_product"],
        "seconds_a_training": round(float(np.median([one["seconds"] for one in losses.values()])), 1),
    }


def synthetic_products(study: Study, seed: int) -> tuple[list[Product], list[Product]]:
    """Return products of the four makers to train on, and others as queries."""
    everything = [
        Product(f"{number:04d}", f"{thing.capitalize()} {size} cm by {maker}", MAKERS[maker](thing, size))
        for number, (size, thing, maker) in enumerate((s, t, m) for s in range(11, 20) for t in THINGS for m in MAKERS)
    ]
    order = np.random.default_rng(seed).permutation(len(everything))
    chosen = [everything[row] for row in order[: study.products + study.queries]]
    return chosen[: study.products], chosen[study.products :]


def train_tiny(folder: Path, products: list[Product], seed: int, updates: int = 250) -> str:
    """Write a wider copy of the tests' tiny model, trained on `products`, unless it exists; return its folder.

    The tests' model has random weights, and its logits are too small.
    """
    if (folder / "model.safetensors").is_file():
        return str(folder)
    plain, tokenizer = tiny.make()
    texts = [ENGLISH.prompt_for(one.title) + one.description for one in products]
    ids = torch.tensor([token for one in texts for token in [*encode_text(tokenizer, one), tokenizer.eos_token_id]])
    torch.manual_seed(seed)
    plain.config.update({"hidden_size": 64, "intermediate_size": 192, "head_dim": 32, "initializer_range": 0.1})
    model = type(plain)(plain.config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = 5e-3 * min(1, (update + 1) / 20) * (1 - update / updates)
        rows = torch.stack([ids[start : start + 128] for start in torch.randint(0, len(ids) - 128, (16,)).tolist()])
        model(input_ids=rows, labels=rows, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return str(folder)


def train(study: Study, workspace: Workspace, name: str, products: Sequence[Product]) -> Run:
    """Train the run `name` on exactly `products`."""
    file = workspace.root / f"{name}.jsonl"
    rows = [{"uid": one.uid, "title": one.title, "content": one.description} for one in products]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    prepared = pipeline.prepare_catalogue(workspace, file, name, PrepareSettings(validation_share=0, test_share=0))
    if prepared["split"]["train"] != len(products):
        raise SystemExit(f"{name} lost products: {prepared['rejected']}")
    return pipeline.train_run(workspace, name, name, TrainingSettings.from_mapping(study.settings))


def scored(
    study: Study, workspace: Workspace, pool: list[Product], requests: list[str], path: Path, seed: int
) -> tuple[list[Query], dict[str, Matrix]]:
    """Train on all products, generate answers, and score every product for every answer in every way.

    The matrices are [queries, products]. The result is saved in `path`.
    """
    if not path.is_file():
        run = train(study, workspace, "full", pool)
        queries = [Query(request, text) for request, text in zip(requests, answers(run, requests, study), strict=True)]
        ways = influences(run, pool, queries)
        begun = time.monotonic()
        check_scores(run, pool, queries[0], ways[SHIPPED][0])
        seconds = (time.monotonic() - begun) / len(pool)
        ways |= similarities(pool, queries, seed)
        write_json(
            path,
            {
                "queries": [[one.request, one.text] for one in queries],
                "scores": {name: matrix.tolist() for name, matrix in ways.items()},
                "seconds_a_product": round(seconds, 3),
            },
        )
    kept = read_json(path)
    return [Query(*one) for one in kept["queries"]], {name: np.array(one) for name, one in kept["scores"].items()}


def answers(run: Run, requests: list[str], study: Study) -> list[str]:
    """Return the run's answer to each request, sampled as in `ask`."""
    engine = TransformersEngine.load(run)
    written = engine.complete_all(
        [run.template.prompt_for(one) for one in requests], tuned=True, settings=study.decoding
    )
    engine.close()
    return [one.text for one in written]


def influences(run: Run, pool: list[Product], queries: list[Query]) -> dict[str, Matrix]:
    """Return the scores of each gradient-based way, at the end of the training and halfway."""
    return {
        f"{way}, {time_point}": matrix.double().numpy()
        for time_point, strength in (("at the end", 1.0), ("halfway", HALFWAY))
        for way, matrix in influences_at(Gradients.load(run, strength), pool, queries).items()
    }


def influences_at(gradients: Gradients, pool: list[Product], queries: list[Query]) -> dict[str, torch.Tensor]:
    """Return the scores [queries, products] of each way to combine two gradients."""
    with head_taken_off(gradients.model) as head:
        rows = torch.stack([gradients.of_product(head, one) for one in pool])
        texts = torch.stack([gradients.of_text(head, one.request, one.text) for one in queries])
    updates = torch.stack([gradients.update(one) for one in rows])
    roots = gradients.scales.sqrt()
    return {
        "dot product": texts @ rows.T,
        "cosine": texts @ rows.T / rows.norm(dim=1),
        "Adam": texts @ updates.T,
        "Adam, updates of one length (LESS)": texts @ updates.T / updates.norm(dim=1),
        "Fisher (TRAK)": fisher(rows, texts),
        "Adam and Fisher": fisher(rows * roots, texts * roots),
    }


def fisher(rows: torch.Tensor, texts: torch.Tensor, damping: float = 1.0) -> torch.Tensor:
    """Return the dot products whitened by the rows' own empirical Fisher matrix, damped by its mean diagonal."""
    kernel = rows @ rows.T
    kernel += damping * kernel.diagonal().mean() * torch.eye(len(kernel))
    whitened: torch.Tensor = torch.linalg.solve(kernel, rows @ texts.T)
    return whitened.T


def check_scores(run: Run, pool: list[Product], query: Query, scores: Matrix) -> None:
    """Assert that the row of scores equals the result of `estimate_influence`."""
    found = {one.uid: one.score for one in estimate_influence(run, query.request, query.text, pool)}
    np.testing.assert_allclose([found[one.uid] for one in pool], scores, rtol=1e-3, atol=1e-3 * np.abs(scores).max())


def similarities(pool: list[Product], queries: list[Query], seed: int) -> dict[str, Matrix]:
    """Return MiniLM's cosines of products with requests, and with requests and answers; and random scores."""
    embedder = Embedder.load()
    rows = embedder.embed([f"{one.title}\n{one.description}" for one in pool])
    requests = embedder.embed([one.request for one in queries])
    answered = embedder.embed([f"{one.request}\n{one.text}" for one in queries])
    chance = np.random.default_rng(seed).normal(size=(len(queries), len(pool)))
    return {
        "MiniLM: title": (requests @ rows.T).astype(float),
        SIMILARITY: (answered @ rows.T).astype(float),
        "chance": chance,
    }


def of_the_others(scores: Matrix) -> Matrix:
    """Return for each query the mean scores of all other queries, which do not depend on its text."""
    others: Matrix = (scores.sum(0) - scores) / (len(scores) - 1)
    return others


def planned_trainings(study: Study, pool: list[Product], scores: dict[str, Matrix], seed: int) -> dict[str, list[int]]:
    """Return the products (as row numbers) of every training, by name; halves and removals are drawn with one seed."""
    draw = np.random.default_rng(seed)
    count = len(pool)
    planned = {"full": list(range(count))}
    for number in range(study.halves):
        planned[f"half-{number}"] = sorted(draw.permutation(count)[: count // 2].tolist())
    for k in study.removed:
        for number in range(study.random_removals):
            planned[f"without-{k}-chance-{number}"] = without(count, draw.permutation(count)[:k])
        for query in range(study.removals):
            for way, label in ((SHIPPED, "influence"), (SIMILARITY, "similarity")):
                top = np.argsort(-scores[way][query], kind="stable")[:k]
                planned[f"without-{k}-{label}-{query}"] = without(count, top)
    return planned


def without(count: int, left_out: NDArray[np.int64]) -> list[int]:
    """Return the numbers below `count` without `left_out`."""
    return sorted(set(range(count)) - set(left_out.tolist()))


def retrained(
    study: Study,
    workspace: Workspace,
    pool: list[Product],
    queries: list[Query],
    planned: dict[str, list[int]],
    path: Path,
) -> dict[str, dict[str, Any]]:
    """Return for each planned training its rows and every query's loss, in nats a token."""
    done = dict(kept_losses(path))
    for number, (name, rows) in enumerate(planned.items()):
        if name in done:
            if done[name]["rows"] != rows:
                raise SystemExit(f"{path} belongs to another plan; use another --work.")
            continue
        begun = time.monotonic()
        run = train(study, workspace, name, [pool[row] for row in rows])
        seconds = time.monotonic() - begun
        done[name] = {"name": name, "rows": rows, "losses": losses_of(run, queries), "seconds": round(seconds, 2)}
        append_line(path, json.dumps(done[name]))
        if name != "full":
            delete_run(workspace, name)
        print(f"{number + 1} of {len(planned)}: {name}, {seconds:.1f} s", flush=True)
    return {name: done[name] for name in planned}


def kept_losses(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the results of earlier calls; skip truncated lines."""
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            one = json.loads(line)
        except ValueError:
            continue
        yield one["name"], one


def losses_of(run: Run, queries: list[Query]) -> list[float]:
    """Return each query's loss under a run's model."""
    model, tokenizer = load_model(run.base_model().folder, run.precision, attention=PACKED)
    model = load_adapter(model, run.adapter)
    examples = [
        text_example(tokenizer, run.template, one.request, one.text, run.settings.max_tokens) for one in queries
    ]
    with torch.no_grad(), head_taken_off(model) as head:
        return [float(mean_loss(model, head, one)) for one in examples]


def datamodelling_table(
    study: Study, pool: list[Product], scores: dict[str, Matrix], losses: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return each way's mean correlation over queries, and its lead over similarity, with intervals."""
    halves = [losses[f"half-{number}"] for number in range(study.halves)]
    falls = -np.array([one["losses"] for one in halves]).T  # [queries, halves]
    inside = np.zeros((len(halves), len(pool)))
    for number, one in enumerate(halves):
        inside[number, one["rows"]] = 1
    by_way = {
        way: np.array([spearman(one, fall) for one, fall in zip(matrix @ inside.T, falls, strict=True)])
        for way, matrix in scores.items()
    }
    return {
        way: {
            "mean correlation": round(float(found.mean()), 3),
            "95 %": interval(found),
            "lead over similarity": round(float((found - by_way[SIMILARITY]).mean()), 3),
            "95 % of the lead": interval(found - by_way[SIMILARITY]),
        }
        for way, found in by_way.items()
    }


def removal_table(study: Study, losses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, by k, how much a query's loss rises on average if each way's top k products are left out."""
    full = np.array(losses["full"]["losses"])[: study.removals]
    table = {}
    for k in study.removed:
        chance = np.array([losses[f"without-{k}-chance-{n}"]["losses"] for n in range(study.random_removals)])
        rises = {"chance": chance[:, : study.removals].mean(0) - full}
        for label in ("similarity", "influence"):
            own = [losses[f"without-{k}-{label}-{query}"]["losses"][query] for query in range(study.removals)]
            rises[label] = np.array(own) - full
        row: dict[str, Any] = {label: round(float(rise.mean()), 4) for label, rise in rises.items()}
        for label in ("similarity", "chance"):
            lead = rises["influence"] - rises[label]
            row[f"influence - {label}, 95 %"] = interval(lead)
            row[f"higher than {label}"] = f"{(lead > 0).sum()} of {len(lead)}"
        table[f"without {k} of {study.products}"] = row
    return table


def spearman(one: Matrix, other: Matrix) -> float:
    """Return Spearman's rank correlation of two samples without ties."""
    ranks = np.array([np.argsort(np.argsort(sample)) for sample in (one, other)])
    return float(np.corrcoef(ranks)[0, 1])


def interval(values: Matrix, draws: int = 10_000) -> list[float]:
    """Return the bootstrap 95 % interval of the mean."""
    chosen = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    return [round(float(one), 4) for one in np.quantile(values[chosen].mean(1), (0.025, 0.975))]


if __name__ == "__main__":
    main()
