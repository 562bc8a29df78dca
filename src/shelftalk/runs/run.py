"""A run's folder: its settings, data and base model, and the paths of its parts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelftalk import __version__
from shelftalk.catalogue.catalogue import Catalogue
from shelftalk.catalogue.english import look_english
from shelftalk.catalogue.known_attributes import KnownAttributes, attribute_order, usual_attributes
from shelftalk.errors import Damaged, InvalidSettings, NotFound, TooFewProducts
from shelftalk.format_numbers import require_known
from shelftalk.models.places import accept, find_begun
from shelftalk.models.registry import BaseModel
from shelftalk.prompts import PromptTemplate, template_for
from shelftalk.records import AcceptedText, Product
from shelftalk.rules.house_rules import HouseRules, read_rules
from shelftalk.runs.accepted import ACCEPTED, Accepted, as_products, read_accepted, write_accepted
from shelftalk.runs.metrics import METRICS, SAMPLES
from shelftalk.settings import DecodingSettings, TrainingSettings
from shelftalk.workspace import MANIFEST, Workspace, read_json, sha256, staged_folder, write_json

FORMAT = 1  # of a run's folder
CARD = "README.md"  # the adapter's model card, which its manifest does not cover
LOG = "log.txt"  # the output of a detached training
DERIVED = ("index", "spans", "report")  # derived from a run's products
REBUILT = (*DERIVED, "gguf")  # what may be deleted and is made again when it is needed
RECORD = "shelftalk_trained_on.json"  # see `evidence.trained_on`
SOURCE = "source"  # in a run's folder: what it began from, as it was then
ADAPTER_SETTINGS = ("base_model", "lora_rank", "lora_alpha", "lora_variant", "lora_dropout")
LIBRARIES = ("torch", "transformers", "peft", "accelerate")


@dataclass(frozen=True)
class Run:
    """One training of one base model on one catalogue, as `run.json` describes it."""

    name: str
    folder: Path
    workspace: Workspace
    description: dict[str, Any]

    @classmethod
    def open(cls, workspace: Workspace, name: str) -> Run:
        """Open an existing run, finished or not.

        Raises:
            NotFound: there is no such run; the message lists the existing ones.
            NewerFormat: a newer version of shelftalk wrote it.
            Damaged: its run.json cannot be read.
        """
        folder = workspace.existing_run(name)
        return cls(name, folder, workspace, _read_description(folder))

    @classmethod
    def create(
        cls,
        workspace: Workspace,
        name: str,
        catalogue_name: str,
        settings: TrainingSettings,
        base: BaseModel,
        source: Run | None = None,
        left_out: Sequence[str] = (),
        seen: Sequence[str] = (),
        accepted: Accepted | None = None,
        earlier: Mapping[str, Any] | None = None,
    ) -> Run:
        """Write `run.json` for a new run, and remove the derived files of an earlier run of that name.

        A run that begins from the adapter of a finished `source` gets a copy of it, and of its run.json, in source/. It
        does not train on the products with the uids `left_out`, and nothing is measured on those `seen`. It learns from
        the `accepted` texts, if given: they are written to accepted.parquet, their attributes in the run's order.
        `earlier` tells of the trainings of the weights that it begins from; see `evaluation.accepted.create_run`.

        Raises:
            NotFound: there is no such catalogue.
            TooFewProducts: the catalogue's training split is empty.
            InvalidSettings: `unsupported` is "replace", and the descriptions are not in English.
        """
        from shelftalk.models.load import resolve_precision  # imports torch, which opening a run must not do

        catalogue = open_to_train(workspace, catalogue_name)
        _check_language(catalogue, settings)
        versions = {library: version(library) for library in LIBRARIES}
        versions["python"] = ".".join(map(str, sys.version_info[:3]))
        description = {
            "format": FORMAT,
            "catalogue": catalogue_name,
            "data_hash": catalogue.data_hash,
            "language": catalogue.summary.get("language", ""),
            "attributes": catalogue.attribute_names(),
            "attribute_columns": catalogue.summary["columns"].get("attributes", []),
            "usual_attributes": usual_attributes(catalogue.summary.get("attributes", {})),
            "attribute_order": attribute_order(
                catalogue, settings.seed, source.known_attributes.order if source else None
            ),
            "base": {"name": base.name, "revision": base.revision, "licence": base.licence},
            "settings": settings.as_mapping(),
            "precision": resolve_precision(settings.precision),
            "passes": "threads",  # not in runs of versions that made them one after the other
            "shelftalk": __version__,
            "versions": versions,
        }
        folder = workspace.run(name)
        for derived in (*DERIVED, SOURCE):  # of an earlier run of this name that ended before its first checkpoint
            shutil.rmtree(folder / derived, ignore_errors=True)
        for file in (METRICS, SAMPLES, ACCEPTED, RECORD):  # which may be of another model
            (folder / file).unlink(missing_ok=True)
        if earlier is not None:
            description["earlier"] = dict(earlier)
        if source is not None or seen:
            description |= {"left_out": list(left_out), "seen": list(seen)}
        if source is not None:
            description["source"] = describe_source(source)
            with staged_folder(folder / SOURCE) as staging:
                for part in ("adapter", SOURCE):
                    if (source.folder / part).is_dir():
                        shutil.copytree(source.folder / part, staging / part)
                if source.accepted:
                    shutil.copy(source.folder / ACCEPTED, staging)
                write_json(staging / "run.json", source.description)
        if accepted is not None:
            arrange = cls(name, folder, workspace, description).known_attributes.arrange
            texts = [replace(one, attributes=arrange(one.attributes)) for one in accepted.texts]
            counts = {"texts": len(texts), "edited": sum(one.edited for one in texts)}
            description["accepted"] = {
                **counts,
                "held_out": accepted.held_out,
                "empty": accepted.empty,
                "sha256": write_accepted(folder, texts),
            }
        write_json(folder / "run.json", description)
        return cls(name, folder, workspace, description)

    def require_same(
        self, catalogue_name: str, settings: TrainingSettings, source: Run | None = None, accepted: bool = False
    ) -> None:
        """Require that this run has that catalogue, those settings, and that source if one is given.

        Another folder with the same base model is no other setting: see `accept_base`. With a source, it must also
        learn from `accepted` texts or not; from which ones may differ.

        Raises:
            InvalidSettings: it has not; the message lists the differences.
            NotFound, NotWritable, Busy: see `accept_base`.
        """
        have = {"catalogue": self.description["catalogue"], **self.settings.as_mapping()}
        want = {"catalogue": catalogue_name, **settings.as_mapping()}
        if source is not None:
            have["from"] = self.description.get("source")
            want["from"] = describe_source(source)
            have["accepted texts"] = "accepted" in self.description
            want["accepted texts"] = accepted
        differences = [
            f"{name}: {have.get(name)}, now {value}" for name, value in want.items() if have.get(name) != value
        ]
        own = {"base_model": self.settings.base_model}
        others = any(have.get(name) != value for name, value in (want | own).items())
        if others or not self.accept_base(settings.base_model):  # which writes: what is refused changes nothing
            raise InvalidSettings(
                f"Run {self.name!r} exists with other settings ({'; '.join(differences)}); choose another --run."
            )

    @property
    def settings(self) -> TrainingSettings:
        """The run's settings."""
        return TrainingSettings.from_mapping(self.description["settings"])

    @property
    def source(self) -> Run | None:
        """The run that this one began from, as it was then; None for a run that began from its base model."""
        if "source" not in self.description:
            return None
        folder = self.folder / SOURCE
        return Run(self.description["source"]["run"], folder, self.workspace, _read_description(folder))

    @property
    def origin(self) -> str:
        """What this run began from, as a noun phrase."""
        source = self.description.get("source")
        return f"the run {source['run']}" if source else "its base model"

    @property
    def known_attributes(self) -> KnownAttributes:
        """The attributes of the products in the run's catalogue; runs of earlier versions lack some or all parts."""
        held = self.description
        names, columns = held.get("attributes", ()), held.get("attribute_columns", ())
        return KnownAttributes(names, columns, held.get("usual_attributes", ()), held.get("attribute_order", ()))

    def house_rules(self) -> HouseRules:
        """Return the house rules of the run's catalogue, as they are now.

        Raises:
            InvalidSettings: their file has mistakes.
        """
        return read_rules(self.workspace.rules(str(self.description["catalogue"])))

    def decoding(self, settings: DecodingSettings) -> DecodingSettings:
        """Return the settings with an automatic temperature decided for this run: 0 if it knows attributes, else 1.

        What a text must get right then stands in the prompt. With titles alone the likeliest tokens repeat themselves
        in many texts (docs/experiments.md#decoding).
        """
        automatic = 0.0 if self.known_attributes else 1.0
        return replace(settings, temperature=automatic) if settings.temperature is None else settings

    @property
    def language(self) -> str:
        """The language of the run's requests, as an ISO 639-1 code: the catalogue's when the run was created.

        It is English where that is not known, and for a run of an earlier version.
        """
        return str(self.description.get("language") or "en")

    @property
    def template(self) -> PromptTemplate:
        """The words of the run's prompts, in training and in use."""
        return template_for(self.language)

    @property
    def precision(self) -> str:
        """The number format of the run, bf16 or fp32, decided once at its start."""
        return str(self.description["precision"])

    @property
    def adapter(self) -> Path:
        """The folder of the trained adapter, which exists when the run has finished."""
        return self.folder / "adapter"

    @property
    def checkpoints(self) -> Path:
        """The folder of the run's checkpoints."""
        return self.folder / "checkpoints"

    @property
    def index(self) -> Path:
        """The folder of the index of the run's products."""
        return self.folder / "index"

    @property
    def finished(self) -> bool:
        """Whether the run has its adapter."""
        return (self.adapter / "manifest.json").is_file()

    @property
    def loads_anywhere(self) -> bool:
        """Whether a finished run's adapter/ has all that PEFT needs; earlier versions wrote no tokenizer into it."""
        return (self.adapter / "tokenizer_config.json").is_file()

    def require_finished(self) -> None:
        """Require a finished run.

        Raises:
            NotFound: the run has no adapter yet.
        """
        if not self.finished:
            catalogue = self.description["catalogue"]
            raise NotFound(
                f"Run {self.name!r} has not finished; go on with: shelftalk train {catalogue} --run {self.name}"
            )

    def base_model(self, token: str | None = None) -> BaseModel:
        """Return exactly the base model with which the run began; a folder may have been moved since.

        Raises:
            NotFound, Damaged: see `models.places.find_begun`.
        """
        return find_begun(self.description["base"], self.name, self.workspace, token)

    def accept_base(self, name: str) -> bool:
        """Return whether `name` names the run's base model; see `models.places.accept`, which remembers a folder."""
        recorded = name == self.settings.base_model
        with suppress(*((InvalidSettings, NotFound) if recorded else ())):  # a relative path may name another now
            recorded |= accept(self.description["base"], name, self.name, self.workspace)
        return recorded

    def catalogue(self) -> Catalogue:
        """Open the catalogue that the run was trained on.

        Raises:
            NotFound: it was removed, or the run was copied without it.
            Damaged: it was prepared again and has changed.
        """
        name = self.description["catalogue"]
        try:
            catalogue = Catalogue.open(self.workspace.existing_catalogue(name))
        except NotFound as error:
            raise NotFound(
                f"Catalogue {name!r} of run {self.name!r} is not in {self.workspace.root}; copy catalogues/{name} from "
                "where the run was made, or prepare the same file again with that name."
            ) from error
        if catalogue.data_hash != self.description["data_hash"]:
            raise Damaged(
                f"Catalogue {name!r} has changed since run {self.name!r} began; prepare the earlier file again, "
                "or train a new run."
            )
        return catalogue

    def held_out(self, split: str, count: int | None, seed: int | None = None) -> list[Product]:
        """Return a seeded sample of at most `count` products of a split that is held out, without those that were seen.

        Seen are those that repeat what a run trained on from which this one began. The seed is the run's by default.
        """
        seen = set(self.description.get("seen", ()))
        fits = (lambda product: product.uid not in seen) if seen else None
        return self.catalogue().sample(split, count, self.settings.seed if seed is None else seed, fits)

    def count_held_out(self, split: str) -> int:
        """Return the number of products of a split that is held out, without those that were seen; see `held_out`."""
        catalogue, seen = self.catalogue(), set(self.description.get("seen", ()))
        return catalogue.count(split) - sum(one.uid in seen for one in (catalogue.products(split) if seen else ()))

    @cached_property
    def accepted(self) -> list[AcceptedText]:
        """The texts that people accepted or edited and from which the run learns, one for each product.

        Raises:
            Damaged: see `accepted.read_accepted`.
        """
        held = self.description.get("accepted")
        return read_accepted(self.folder, held["sha256"]) if held else []

    def products(self) -> list[Product]:
        """Return exactly the products that the run trains on: the catalogue's in its order, then the accepted.

        A product with an accepted text has that one only, with the title and the attributes for which it was written.

        Raises:
            NotFound, Damaged: see `catalogue` and `accepted`.
        """
        settings, left_out = self.settings, set(self.description.get("left_out", ()))
        left_out |= {one.uid for one in self.accepted}
        products = self.catalogue().sample("train", settings.products, settings.seed)
        return [*(one for one in products if one.uid not in left_out), *as_products(self.accepted)]


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    description: dict[str, Any] = read_json(path)
    require_known(description, FORMAT, path)
    return description


def describe_source(source: Run) -> dict[str, str]:
    """Return what identifies a run that another one began from: its name, and the hash of its adapter."""
    return {"run": source.name, "adapter": sha256(source.adapter / MANIFEST)}


def with_adapter_of(source: Run, values: Mapping[str, Any], assigned: Collection[str]) -> dict[str, Any]:
    """Return the settings `values` of a run that begins from `source`, with the settings of its adapter.

    Raises:
        NotFound: the source has not finished.
        InvalidSettings: a setting of the adapter that the user `assigned` differs from the source's, or another one is
            not valid.
    """
    source.require_finished()
    own = source.settings.as_mapping()
    adapter = {name: own[name] for name in ADAPTER_SETTINGS}
    different = [name for name in assigned if name in adapter and str(values[name]) != str(adapter[name])]
    TrainingSettings.from_mapping({**values, **adapter})  # what is refused remembers no place
    only_base = set(different) <= {"base_model"} and "base_model" in assigned
    if only_base and source.accept_base(str(values["base_model"])):
        different = []
    if different:
        listed = "; ".join(f"{name} is {adapter[name]}, not {values[name]}" for name in different)
        raise InvalidSettings(f"A run that begins from {source.name!r} has its adapter: {listed}. Leave that out.")
    return {**values, **adapter}


def open_to_train(workspace: Workspace, name: str) -> Catalogue:
    """Open a catalogue that has products to train on.

    Raises:
        NotFound: there is no such catalogue.
        TooFewProducts: its training split is empty.
    """
    catalogue = Catalogue.open(workspace.existing_catalogue(name))
    if catalogue.count("train") == 0:
        raise TooFewProducts(f"Catalogue {name!r} has no products to train on; prepare a larger file.")
    return catalogue


def _check_language(catalogue: Catalogue, settings: TrainingSettings) -> None:
    if settings.unsupported == "learn" or look_english(one.description for one in catalogue.sample("train", 200, 0)):
        return
    raise InvalidSettings(
        f"unsupported={settings.unsupported!r} needs descriptions in English, for which the rules that find claims "
        f"are made, and those of {catalogue.folder.name!r} are not; leave it at 'learn'."
    )
