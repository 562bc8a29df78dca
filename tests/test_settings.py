"""Settings: limits, all errors at once, presets, documentation."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.errors import InvalidSettings, NotFound
from shelftalk.presets import load_preset, preset_names
from shelftalk.settings import DecodingSettings, TrainingSettings, describe_settings, parse_assignments

PROJECT = {  # the Tech Challenge project's presets: products, epochs, batch, accumulation, rank, alpha, dropout, rate
    "quick-test": (500, 3, 2, 8, 8, 32, 0.1, 2e-4),
    "small-demo": (1000, 3, 2, 8, 8, 32, 0.1, 2e-4),
    "overnight": (3000, 3, 2, 8, 8, 32, 0.1, 2e-4),
    "extended": (5000, 3, 2, 8, 8, 32, 0.1, 2e-4),
    "production-lite": (10000, 3, 4, 8, 8, 32, 0.1, 2e-4),
    "production": (None, 3, 4, 4, 16, 32, 0.05, 1e-4),
}


def test_all_faults_are_reported_at_once_with_the_nearest_name() -> None:
    with pytest.raises(InvalidSettings) as caught:
        TrainingSettings.from_mapping({"epoch": 1, "batch_size": 0, "learning_rate": "fast", "schedule": "steep"})
    message = str(caught.value)
    for part in (
        "epoch is not a setting; did you mean epochs?",
        "batch_size must be at least 1, got 0.",
        "learning_rate must be a number, got 'fast'.",
        "schedule must be one of linear, cosine, constant_with_warmup, got 'steep'.",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 1.5),
        ("epochs", True),
        ("epochs", "nan"),
        ("learning_rate", "inf"),
        ("learning_rate", 0),
        ("seed", None),
        ("products", 0),
        ("base_model", ""),
        ("lora_dropout", [1]),
    ],
)
def test_impossible_values_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidSettings, match=name):
        TrainingSettings.from_mapping({name: value})


@pytest.mark.parametrize("cls", [TrainingSettings, PrepareSettings, DecodingSettings])
def test_settings_survive_the_way_through_strings(cls) -> None:
    settings = cls()
    strings = {name: "" if value is None else str(value) for name, value in settings.as_mapping().items()}
    assert cls.from_mapping(strings) == settings


@given(st.dictionaries(st.text(max_size=12), st.one_of(st.text(), st.integers(), st.floats(), st.none()), max_size=4))
def test_any_mapping_is_taken_or_refused_in_words(values: dict[str, object]) -> None:
    try:
        TrainingSettings.from_mapping(values)
    except InvalidSettings as error:
        assert str(error)


def test_presets_stand_as_in_the_project() -> None:
    assert set(preset_names()) == {*PROJECT, "demo", "messy"}
    for name, (products, epochs, batch, accumulation, rank, alpha, dropout, rate) in PROJECT.items():
        settings = TrainingSettings.from_mapping(load_preset(name))
        assert settings.products == products
        assert (settings.epochs, settings.batch_size, settings.gradient_accumulation) == (epochs, batch, accumulation)
        assert (settings.lora_rank, settings.lora_alpha, settings.lora_dropout) == (rank, alpha, dropout)
        assert settings.learning_rate == rate
        assert settings.weight_decay == 0.01
    production = TrainingSettings.from_mapping(load_preset("production"))
    assert (production.warmup_steps, production.checkpoint_every, production.log_every) == (100, 5000, 100)
    assert production.schedule == "linear"


def test_a_preset_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 7\n", encoding="utf-8")
    assert load_preset(str(path)) == {"epochs": 7}
    path.write_text("epochs 7", encoding="utf-8")
    with pytest.raises(InvalidSettings, match="not a TOML file"):
        load_preset(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSettings, match="not a TOML file"):
        load_preset(str(path))
    with pytest.raises(NotFound, match="presets: demo, extended"):
        load_preset("no-such")


def test_assignments() -> None:
    assert parse_assignments(["lora-rank=4", "base_model=a=b"]) == {"lora_rank": "4", "base_model": "a=b"}
    with pytest.raises(InvalidSettings, match="field=value"):
        parse_assignments(["epochs"])


@pytest.mark.parametrize("cls", [TrainingSettings, PrepareSettings, DecodingSettings])
def test_every_setting_has_a_sentence(cls) -> None:
    described = describe_settings(cls)
    assert len(described) == len(fields(cls))
    assert all(help_text.endswith(".") for _, _, help_text in described)
