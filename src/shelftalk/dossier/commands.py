"""The commands that make a run and its dossier again, from what its files record."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from shelftalk.catalogue.demo import demo_file
from shelftalk.catalogue.settings import PrepareSettings
from shelftalk.evaluation.ways import BASE, BASELINES, GENERAL, TRUE, TUNED, USUAL
from shelftalk.models.registry import shown_name
from shelftalk.presets import load_preset, preset_names
from shelftalk.proof import read_evaluation, read_question
from shelftalk.runs.run import Run
from shelftalk.settings import DecodingSettings, Settings, TrainingSettings

FIND_DEMO = """FILE="$(python -c 'from shelftalk.catalogue.demo import demo_file; print(demo_file())')\""""


def nearest_preset(settings: TrainingSettings) -> tuple[str, dict[str, Any]]:
    """Return the preset that is nearest to the settings, and those settings that differ from it, but the base model."""
    own = settings.as_mapping()
    found = {}
    for name in preset_names():
        preset = TrainingSettings.from_mapping(load_preset(name)).as_mapping()
        found[name] = {key: value for key, value in own.items() if key != "base_model" and preset[key] != value}
    nearest = min(found, key=lambda name: len(found[name]))
    return nearest, found[nearest]


def is_bundled(source: Mapping[str, Any]) -> bool:
    """Return whether a catalogue was made from the bundled file."""
    file = demo_file()
    return (source.get("name"), source.get("bytes")) == (file.name, file.stat().st_size)


def source_files(source: Mapping[str, Any]) -> list[str]:
    """Return the names of the files of which a catalogue was made."""
    return [str(one["name"]) for one in source["files"]] if "files" in source else [str(source["name"])]


def commands(run: Run, summary: Mapping[str, Any], language: str, has_questions: bool) -> list[str]:
    """Return the lines to type, from the file to the dossier; no path of this machine is in them.

    An evaluation that was not made yet is in them, too.
    """
    name, catalogue = shlex.quote(run.name), shlex.quote(str(run.description["catalogue"]))
    bundled = is_bundled(summary["source"])
    files = '"$FILE"' if bundled else " ".join(map(_file, source_files(summary["source"])))
    questions = " --questions questions.txt" if has_questions else ""
    return [
        "export SHELFTALK_WORKSPACE=./workspace",
        *([FIND_DEMO] if bundled else []),
        f"shelftalk prepare {files} --name {catalogue}{_options(PrepareSettings, summary.get('settings', {}))}",
        f"shelftalk train {catalogue} --run {name}{_training(run)}",
        f"shelftalk index {name}",
        f"shelftalk evaluate {name}{_evaluation(run)}",
        f"shelftalk dossier {name} --to dossier --language {language}{questions}",
    ]


def _file(name: str) -> str:
    return shlex.quote(f"./{name}" if name.startswith("-") else name)  # else it would be taken for an option


def _training(run: Run) -> str:
    settings = run.settings
    preset, changed = nearest_preset(settings)
    if settings.base_model != TrainingSettings().base_model:
        changed = {"base_model": shown_name(settings.base_model), **changed}
    assigned = (f"{key}={_assigned(key, value)}" for key, value in changed.items())
    source = run.description.get("source")
    begun = f" --from {shlex.quote(str(source['run']))}" if source else ""
    accepted = " --accepted" if run.description.get("accepted") else ""
    return f"{begun}{accepted} --preset {preset}" + "".join(f" --set {shlex.quote(one)}" for one in assigned)


def _assigned(key: str, value: Any) -> Any:
    return value if value is not None else "all" if key.endswith("products") else "automatic"


def _evaluation(run: Run) -> str:
    if not (asked := read_question(run.folder)):
        return ""
    count = asked.get("max_products")
    ways = [one for one in asked.get("ways", ()) if one not in (*BASELINES, TRUE)]
    if not {BASE, TUNED} <= set(ways):
        return ""  # nothing of it is in the dossier
    line = f" --max-products {count}" if count and count != 200 else ""
    if set(ways) - {"source"} != set(USUAL):
        line += f" --ways {','.join(ways)}"
    others = [one["name"] for one in (read_evaluation(run.folder) or {})["elsewhere"] if one["name"] != GENERAL]
    line += "".join(f" --other {shlex.quote(one)}" for one in others[:1])
    return line + _options(DecodingSettings, run_decoding(run, asked.get("decoding", {})))


def run_decoding(run: Run, decoding: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of writing, the temperature None where it is the automatic one."""
    automatic = run.decoding(DecodingSettings()).temperature
    same = decoding.get("temperature") == automatic
    return {**decoding, **({"temperature": None} if same else {})}


def _options(cls: type[Settings], values: Mapping[str, Any]) -> str:
    """Return the options of a command for the settings that differ from their defaults."""
    defaults = cls().as_mapping()
    changed = {key: value for key, value in values.items() if key in defaults and value != defaults[key]}
    return "".join(f" --{key.replace('_', '-')} {shlex.quote(str(value))}" for key, value in changed.items())
