"""Read from a finished run's files what its dossier says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from safetensors import safe_open

from shelftalk import proof
from shelftalk.catalogue.concerns import Concern, find_concerns
from shelftalk.catalogue.describe import describe
from shelftalk.catalogue.english import look_english
from shelftalk.claims.find import is_checked
from shelftalk.errors import AccessDenied, Damaged, MissingPackage, NotFound, Unreachable
from shelftalk.evaluation.ways import BASE, TUNED
from shelftalk.models.weights import describe_weights, weight_files
from shelftalk.records import Comparison, Product
from shelftalk.runs.metrics import (
    TrainingLoss,
    Validation,
    read_loss_not_fallen,
    read_metrics,
    read_training_loss,
    read_validation,
)
from shelftalk.runs.run import Run
from shelftalk.runs.state import read_state
from shelftalk.workspace import MANIFEST, read_json, sha256

SAMPLE = 20_000  # products whose descriptions are counted in words
LANGUAGE_SAMPLE = 200  # of them, whose language is looked at


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a model or of an adapter: their number, and their bytes on disk."""

    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Example:
    """A held-out product's answers, and its true description."""

    true: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a dossier tells.

    `catalogue` is from `catalogue.describe`; `words` are the words of each description of a sample; `trained` is the
    number of products that the run trains on, and `first` one of them. `base` is None where the base model's folder is
    not on this machine; `matrices` is the number of matrices that the adapter changes, `modules` their names. Of a run
    that was not measured `evaluation` is None, and so it is where before or after were not among the ways. `measured`
    tells whether the `examples` are those of the evaluation, `claims_checked` whether there are rules for the claims of
    the texts.
    """

    run: Run
    catalogue: dict[str, Any]
    concerns: Sequence[Concern]
    words: Sequence[int]
    trained: int
    first: Product
    base: Weights | None
    adapter: Weights
    matrices: int
    modules: Sequence[str]
    state: dict[str, Any]
    metrics: Sequence[dict[str, Any]]
    loss: TrainingLoss | None
    not_fallen: TrainingLoss | None
    best: Validation | None
    evaluation: dict[str, Any] | None
    examples: Sequence[Example]
    measured: bool
    answers: Sequence[Comparison]
    claims_checked: bool
    day: date

    @property
    def validation(self) -> list[tuple[float, float]]:
        """The validation losses: update and loss."""
        return [(one["step"], one["validation_loss"]) for one in self.metrics if "validation_loss" in one]

    @property
    def losses(self) -> list[tuple[float, float]]:
        """The training losses: update and loss."""
        return [(one["step"], one["loss"]) for one in self.metrics if "loss" in one]


def read_facts(
    run: Run, evaluation: dict[str, Any] | None, examples: Sequence[Example], measured: bool, answers: list[Comparison]
) -> Facts:
    """Read what a finished run's files and its catalogue say; the texts are given.

    Raises:
        NotFound, Damaged: the catalogue is missing or has changed, or the adapter cannot be read.
    """
    catalogue, products = run.catalogue(), run.products()
    sample = catalogue.sample(None, SAMPLE, run.settings.seed)
    matrices = [name for file in weight_files(run.adapter) for name in _names(file) if ".lora_A." in name]
    modules = read_json(run.adapter / "adapter_config.json").get("target_modules") or ()
    return Facts(
        run=run,
        catalogue=describe(catalogue),
        concerns=find_concerns(catalogue),
        words=[len(product.description.split()) for product in sample],
        trained=len(products),
        first=next((one for one in products if one.attributes), products[0]),
        base=_base_weights(run),
        adapter=_count(run.adapter),
        matrices=len(matrices),
        modules=sorted(modules) if isinstance(modules, list) else [str(modules)],
        state=read_state(run.folder),
        metrics=read_metrics(run.folder),
        loss=read_training_loss(run.folder),
        not_fallen=read_loss_not_fallen(run.folder),
        best=read_validation(run.folder),
        evaluation=evaluation,
        examples=examples,
        measured=measured,
        answers=answers,
        claims_checked=_are_claims_checked(run, evaluation, sample),
        day=date.today(),
    )


def read_measured(run: Run) -> dict[str, Any] | None:
    """Return the result of the run's evaluation; None where there is none of this adapter before and after."""
    result = proof.read_evaluation(run.folder)
    measured = proof.read_question(run.folder).get("adapter")
    if measured and measured != sha256(run.adapter / MANIFEST):
        return None
    if result and any((one["before"], one["after"]) == (BASE, TUNED) for one in result["differences"]):
        return result
    return None


def changes(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the differences between before and after by measure; see `evaluation.scores`."""
    pairs = evaluation["differences"]
    return dict(next(one["measures"] for one in pairs if (one["before"], one["after"]) == (BASE, TUNED)))


def is_checked_in(evaluation: dict[str, Any]) -> bool:
    """Return whether there are rules for the claims of the texts of an evaluation; earlier versions know English."""
    language = evaluation.get("language", "en" if evaluation.get("english", True) else "")
    return bool(language) and is_checked(language)


def _are_claims_checked(run: Run, evaluation: dict[str, Any] | None, sample: Sequence[Product]) -> bool:
    if evaluation is not None:
        return is_checked_in(evaluation)
    look = run.language != "en" or look_english(one.description for one in sample[:LANGUAGE_SAMPLE])
    return look and is_checked(run.language)


def _base_weights(run: Run) -> Weights | None:
    try:
        return _count(run.base_model().folder)
    except (NotFound, Damaged, MissingPackage, AccessDenied, Unreachable):
        return None


def _count(folder: Path) -> Weights:
    files = weight_files(folder)
    if not files:
        raise Damaged(f"{folder} has no safetensors; train the run again.")
    return Weights(describe_weights(folder)[0], sum(file.stat().st_size for file in files))


def _names(file: Path) -> list[str]:
    with safe_open(file, "np") as weights:
        return list(weights.keys())
