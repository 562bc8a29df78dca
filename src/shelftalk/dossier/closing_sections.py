"""The last sections of a dossier: its limits, and how to repeat it."""

from __future__ import annotations

from shelftalk.dossier.commands import commands, is_bundled, source_files
from shelftalk.dossier.facts import Facts
from shelftalk.evaluation.blocks import Block, Code, Items, Paragraph
from shelftalk.models.registry import shown_name
from shelftalk.settings import TrainingSettings
from shelftalk.translations.words import Words

MANY = 500  # measured products, from which rare errors are seen


def limits(facts: Facts, words: Words) -> list[Block]:
    """Return what the dossier does not show."""
    result = facts.evaluation
    lines = ["facts", "rules", *([] if facts.claims_checked else ["language"]), "seed"]
    texts = [words.text(f"dossier.limits.{one}") for one in lines]
    if result is None:
        texts.insert(0, words.text("dossier.limits.unmeasured"))
    elif result["n"] < MANY:
        texts.append(words.text("dossier.limits.small", n=words.number(result["n"])))
    others = [
        "catalogue",
        *([] if facts.run.known_attributes else ["titles"]),
        *(["demo"] if is_bundled(facts.catalogue["source"]) else []),
        *([] if facts.run.settings.context_share else ["questions"]),
        "model",
        "energy",
    ]
    return [Items([*texts, *(words.text(f"dossier.limits.{one}") for one in others)])]


def repeat(facts: Facts, words: Words) -> list[Block]:
    """Return the commands that make the run and this document again."""
    run, source = facts.run, facts.catalogue["source"]
    notes = [words.text("dossier.repeat.folder")]
    if is_bundled(source):
        notes.append(words.text("dossier.repeat.bundled"))
    else:
        files, hash = ", ".join(source_files(source)), str(facts.catalogue["data_hash"])
        notes.append(words.text("dossier.repeat.file", file=files, hash=hash))
    if begun := run.description.get("source"):
        notes.append(words.text("dossier.repeat.source", run=begun["run"]))
        if run.description.get("accepted"):
            notes.append(words.text("dossier.repeat.accepted", run=begun["run"]))
    name, base = shown_name(run.settings.base_model), TrainingSettings().base_model
    if name not in (run.settings.base_model, base):
        notes.append(words.text("dossier.repeat.base", name=name))
    if facts.evaluation is None:
        notes.append(words.text("dossier.repeat.not_evaluated"))
    lines = commands(run, facts.catalogue, words.language, bool(facts.answers))
    return [Paragraph(words.text("dossier.repeat.intro")), Items(notes), Code("\n".join(lines))]
