"""The definition of every setting, for command-line help, preset files, forms and docs.

A settings class is a frozen dataclass whose fields have a help text and limits. `TrainingSettings.from_mapping`
validates a whole mapping and reports all errors at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, TypeVar

from shelftalk.errors import InvalidSettings

TRACKERS = ("trackio", "mlflow", "wandb", "tensorboard")

SettingsClass = TypeVar("SettingsClass", bound="Settings")


def setting(
    default: Any,
    help: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] | None = None,
    optional: bool = False,
) -> Any:
    """Declare one setting: default, help sentence and limits; `optional` allows None ("all", "automatic")."""
    limits = {"at_least": at_least, "at_most": at_most, "above": above, "choices": choices, "optional": optional}
    return field(default=default, metadata={"help": help, **limits})


@dataclass(frozen=True)
class Settings:
    """Base of the settings classes: built from a mapping, with all errors reported at once."""

    @classmethod
    def from_mapping(cls: type[SettingsClass], values: Mapping[str, Any]) -> SettingsClass:
        """Build settings from names and values; a value may be a string, as it comes from a command line.

        Raises:
            InvalidSettings: a name is unknown or a value invalid; the message lists all of them, with the nearest
                known name for each unknown one.
        """
        known = {one.name: one for one in fields(cls)}
        wrong, clean = [], {}
        for name, value in values.items():
            if name not in known:
                wrong.append(_unknown(name, list(known)))
                continue
            try:
                clean[name] = _parse(known[name], value)
            except ValueError as error:
                wrong.append(str(error))
        if wrong:
            raise InvalidSettings(" ".join(wrong))
        settings = cls(**clean)
        settings.check()
        return settings

    def check(self) -> None:
        """Check that the settings are consistent.

        Raises:
            InvalidSettings: they do not.
        """

    def replace(self: SettingsClass, values: Mapping[str, Any]) -> SettingsClass:
        """Return these settings with some values changed, validated as in `from_mapping`.

        Raises:
            InvalidSettings: see `from_mapping`.
        """
        return self.from_mapping({**asdict(self), **values})

    def as_mapping(self) -> dict[str, Any]:
        """Return all names and values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """The settings of a training run."""

    base_model: str = setting(
        "gemma-3-270m", "gemma-3-270m, a Hub id such as google/gemma-2b, or a folder of safetensors."
    )
    products: int | None = setting(
        3000,
        "How many products to train on, a seeded sample of the training split; 'all' for all.",
        at_least=1,
        optional=True,
    )
    epochs: int = setting(3, "How often each product is seen.", at_least=1, at_most=100)
    batch_size: int = setting(2, "Products in one batch.", at_least=1, at_most=1024)
    gradient_accumulation: int = setting(
        8,
        "Batches before each update of the weights: an update learns from both, multiplied.",
        at_least=1,
        at_most=1024,
    )
    pass_tokens: int | None = setting(
        None,
        "Most tokens in one forward pass, or automatic; changes speed and memory, not what an update learns from.",
        at_least=16,
        at_most=1_048_576,
        optional=True,
    )
    learning_rate: float = setting(2e-4, "Peak learning rate.", above=0, at_most=1)
    schedule: str = setting(
        "linear", "How the learning rate falls after warm-up.", choices=("linear", "cosine", "constant_with_warmup")
    )
    warmup_steps: int = setting(0, "Updates over which the learning rate rises.", at_least=0)
    weight_decay: float = setting(0.01, "AdamW's weight decay on the adapter.", at_least=0, at_most=1)
    gradient_clip: float = setting(1.0, "Largest gradient norm of one update.", above=0)
    lora_rank: int = setting(
        8, "Rank of the adapter's matrices: more rank, more room to learn.", at_least=1, at_most=512
    )
    lora_alpha: int = setting(32, "Scale of the adapter: its weight is alpha / rank.", at_least=1, at_most=4096)
    lora_variant: str = setting(
        "lora",
        "lora; rslora, which scales by alpha / sqrt(rank) and suits high ranks; or dora, which also learns each "
        "row's size and is slower.",
        choices=("lora", "rslora", "dora"),
    )
    lora_dropout: float = setting(0.1, "Share of the adapter's inputs dropped in training.", at_least=0, at_most=0.9)
    plain_share: float = setting(
        0.0,
        "Share of the products also learned from a plain text of their attributes, for texts in English.",
        at_least=0,
        at_most=1,
    )
    unsupported: str = setting(
        "learn",
        "Sentences of descriptions with claims that neither title nor attributes hold: learn, or replace by plain ones "
        "of the attributes; for messy catalogues in English.",
        choices=("learn", "replace"),
    )
    edited_weight: int = setting(
        4,
        "How often an epoch has a text that a person edited, where a run learns from accepted texts.",
        at_least=1,
        at_most=100,
    )
    context_share: float = setting(
        0.0,
        "Share of the products learned with others before the title or, as a question, with their own description.",
        at_least=0,
        at_most=1,
    )
    neftune_noise: float = setting(
        0.0, "NEFTune: noise on the input embeddings in training, for instance 5; 0 for none.", at_least=0, at_most=100
    )
    max_tokens: int = setting(
        512, "Longest row in tokens; a longer description is cut and its end not learned.", at_least=16, at_most=8192
    )
    vocabulary: str = setting(
        "full",
        "Tokens in the training loss; 'catalogue' trains faster, on an estimate of the loss over the full vocabulary.",
        choices=("full", "catalogue"),
    )
    compile: str = setting(
        "automatic",
        "Compile the model's layers: takes half a minute, then a quarter faster; automatic does it for longer runs.",
        choices=("automatic", "on", "off"),
    )
    precision: str = setting(
        "automatic",
        "Number format of the base model; automatic takes bf16 where it is fast.",
        choices=("automatic", "bf16", "fp32", "nf4"),
    )
    validate_every: int | None = setting(
        None,
        "Updates between two measurements of the validation loss, whose best weights are kept; 0 for none; automatic "
        "is three times an epoch, where at least eight products are for validation.",
        at_least=0,
        optional=True,
    )
    early_stopping: int = setting(
        0, "End the training after so many validations in a row without a better one; 0 for never.", at_least=0
    )
    sample_every: int = setting(
        0,
        "Updates between two sample descriptions of a held-out product, written to samples.jsonl; 0 for none.",
        at_least=0,
    )
    checkpoint_every: int = setting(50, "Updates between two checkpoints.", at_least=1)
    log_every: int = setting(1, "Updates between two lines of metrics.jsonl.", at_least=1)
    trackers: str = setting(
        "none", "Where metrics go besides metrics.jsonl: trackio, mlflow, wandb, tensorboard, with commas between."
    )
    seed: int = setting(42, "Seed of sampling, initial weights, order and dropout.", at_least=0, at_most=2**31 - 1)

    def check(self) -> None:
        """Check that the settings are consistent.

        Raises:
            InvalidSettings: early stopping without validation, or an unknown tracker.
        """
        wrong = []
        if self.early_stopping and self.validate_every == 0:
            wrong.append(f"early_stopping needs validate_every, got {self.early_stopping} and 0.")
        wrong += [
            f"trackers must be {', '.join(TRACKERS)} or none, got {name!r}."
            for name in self.tracker_names
            if name not in TRACKERS
        ]
        if wrong:
            raise InvalidSettings(" ".join(wrong))

    @property
    def tracker_names(self) -> list[str]:
        """The names of the trackers; empty for none."""
        return [] if self.trackers == "none" else [name.strip() for name in self.trackers.split(",")]


@dataclass(frozen=True)
class DecodingSettings(Settings):
    """The settings of generating a description, the same before and after fine-tuning."""

    max_new_tokens: int = setting(160, "Longest description, in tokens.", at_least=1, at_most=4096)
    temperature: float | None = setting(
        None,
        "0 always takes the likeliest token; more gives more variety, and more errors; automatic is 0 where the run "
        "was trained with attributes, else 1.",
        at_least=0,
        at_most=5,
        optional=True,
    )
    top_k: int = setting(40, "Sample only from this many likeliest tokens; 0 from all.", at_least=0, at_most=1000)
    top_p: float = setting(
        1.0, "Sample only from the likeliest tokens that together reach this share.", above=0, at_most=1
    )
    repetition_penalty: float = setting(1.0, "Above 1 makes tokens already written less likely.", at_least=1, at_most=3)
    no_repeat_ngram: int = setting(
        0, "Never write the same run of this many tokens twice; 0 allows it.", at_least=0, at_most=100
    )
    digits: str = setting(
        "any",
        "'stated' writes only digits that the prompt holds, so that fewer numbers are invented; 'any' writes all.",
        choices=("any", "stated"),
    )
    seed: int = setting(42, "Seed of sampling.", at_least=0, at_most=2**31 - 1)


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Parse `["epochs=1", "lora-rank=4"]` into names and values; a hyphen in a name becomes an underscore.

    Raises:
        InvalidSettings: an entry has no '='.
    """
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise InvalidSettings(f"--set takes field=value, got {assignment!r}.")
        values[name.strip().replace("-", "_")] = value.strip()
    return values


def describe_settings(cls: type[Settings]) -> list[tuple[str, str, str]]:
    """Return (name, default, help) of every setting of a class, in order."""
    return [(one.name, _default(one), one.metadata["help"]) for one in fields(cls)]


def setting_help(cls: type[Settings], name: str) -> str:
    """Return the help sentence of a setting of a class."""
    return next(str(one.metadata["help"]) for one in fields(cls) if one.name == name)


def _default(one: Field[Any]) -> str:
    if one.default is not None:
        return str(one.default)
    return "all" if one.name.endswith("products") else "automatic"


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    return f"{name} is not a setting; {hint}"


def _parse(one: Field[Any], value: Any) -> Any:
    """Convert and validate one value.

    Raises:
        ValueError: the value is invalid; the message is a sentence for the user.
    """
    limits = one.metadata
    kind = str(one.type).removesuffix(" | None")
    if limits["optional"] and (value is None or value == "" or (kind != "str" and value in ("all", "automatic"))):
        return None
    if kind == "str":
        if not isinstance(value, str) or not value:
            raise ValueError(f"{one.name} must be a text, got {value!r}.")
        if limits["choices"] and value not in limits["choices"]:
            raise ValueError(f"{one.name} must be one of {', '.join(limits['choices'])}, got {value!r}.")
        return value
    number = _number(one.name, kind, value)
    if limits["at_least"] is not None and number < limits["at_least"]:
        raise ValueError(f"{one.name} must be at least {limits['at_least']}, got {number}.")
    if limits["at_most"] is not None and number > limits["at_most"]:
        raise ValueError(f"{one.name} must be at most {limits['at_most']}, got {number}.")
    if limits["above"] is not None and number <= limits["above"]:
        raise ValueError(f"{one.name} must be above {limits['above']}, got {number}.")
    return number


def _number(name: str, kind: str, value: Any) -> int | float:
    what = "a whole number" if kind == "int" else "a number"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{name} must be {what}, got {value!r}.")
    try:
        number = float(value)
        if kind == "int":
            if number != int(number):
                raise ValueError
            return int(number) if isinstance(value, float) else int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} must be {what}, got {value!r}.") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"{name} must be {what}, got {value!r}.")
    return number
