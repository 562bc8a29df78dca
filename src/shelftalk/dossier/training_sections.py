"""The sections of a dossier on what was chosen, the base model, LoRA, the settings, the curves and the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shelftalk.dossier.commands import nearest_preset
from shelftalk.dossier.facts import Facts
from shelftalk.dossier.verdict import verdict
from shelftalk.evaluation.blocks import Block, Code, Curves, Items, Note, Paragraph, Table
from shelftalk.models.registry import shown_name
from shelftalk.prompts import request_of
from shelftalk.settings import DecodingSettings, Settings, TrainingSettings
from shelftalk.translations.words import Words

BITS = {"fp32": 32, "bf16": 16, "nf4": 4}
MOST_NAMES = 6  # of settings that differ from a preset
MOST_ROWS = 12  # validations in a table; the curve shows more
SMALL = 0.1  # a share below it is written with two digits


def asked(facts: Facts, words: Words, measures: int) -> list[Block]:
    """Return what was asked and chosen, and the result in short; `measures` is the number of that section."""
    run, base = facts.run, shown_name(facts.run.description["base"]["name"])
    known = bool(run.known_attributes)
    blocks: list[Block] = [
        Paragraph(words.text("dossier.asked.task", base=base, catalogue=run.description["catalogue"])),
        Note(_in_short(facts, words, measures)),
        Table([words.text("dossier.asked.choice"), words.text("dossier.asked.chosen")], _choices(facts, words)),
    ]
    if source := run.description.get("source"):
        blocks.append(Paragraph(words.text("dossier.asked.continued", run=source["run"])))
    if accepted := run.description.get("accepted"):
        counts = {key: words.number(accepted[key]) for key in ("texts", "edited")}
        blocks.append(Paragraph(words.text("dossier.asked.accepted", **counts)))
    prompt = run.template.prompt_for(request_of(facts.first))
    return [
        *blocks,
        Paragraph(words.text("dossier.asked.given_attributes" if known else "dossier.asked.given_titles")),
        Code(f"{prompt}{facts.first.description}"),
    ]


def _in_short(facts: Facts, words: Words, measures: int) -> str:
    share, validation = trained_share(facts, words), facts.best
    size = words.size(facts.adapter.size)
    test = words.number(facts.catalogue["split"]["test"])
    sentences = [words.text("dossier.asked.short_data", trained=words.number(facts.trained), test=test)]
    if share:
        sentences.append(words.text("dossier.asked.short_lora", share=share, size=size))
    if validation:
        before, after = words.number(validation.before, 2), words.number(validation.best, 2)
        sentences.append(words.text("dossier.asked.short_loss", before=before, after=after))
    if facts.evaluation:
        n, said = words.number(facts.evaluation["n"]), verdict(facts.evaluation, words)
        sentences.append(words.text("dossier.asked.short_measured", n=n, verdict=said))
    else:
        sentences.append(words.text("dossier.asked.short_unmeasured", section=str(measures)))
    return f"{words.text('dossier.asked.in_short')}. {' '.join(sentences)}"


def _choices(facts: Facts, words: Words) -> list[tuple[str, str]]:
    run, settings = facts.run, facts.run.settings
    validation, known = facts.best, len(run.known_attributes.names)
    rank, epochs = words.number(settings.lora_rank), words.number(settings.epochs)
    kept, count = words.number(facts.catalogue["kept"]), words.number(facts.trained)
    every = words.number(facts.catalogue["split"]["train"])
    rows = {
        "base": shown_name(run.description["base"]["name"]),
        "method": words.text("dossier.asked.method_lora_once", rank=rank)
        if settings.epochs == 1
        else words.text("dossier.asked.method_lora", rank=rank, epochs=epochs),
        "preset": _preset(settings, words),
        "catalogue": words.text("dossier.asked.catalogue_value", name=run.description["catalogue"], kept=kept),
        "trained_on": words.text("dossier.asked.trained_on_value", count=count, all=every),
        "attributes": words.text("dossier.asked.attributes_yes", count=words.number(known))
        if known
        else words.text("dossier.asked.attributes_no"),
        "weights": words.text("dossier.asked.weights_best", step=words.number(validation.step))
        if validation and not run.accepted
        else words.text("dossier.asked.weights_last"),
        "decoding": _decoding(facts, words),
    }
    return [(words.text(f"dossier.asked.{key}"), value) for key, value in rows.items()]


def _preset(settings: TrainingSettings, words: Words) -> str:
    preset, changed = nearest_preset(settings)
    if not changed:
        return words.text("dossier.asked.preset_same", preset=preset, sentence=words.text(f"preset.{preset}"))
    names = [words.setting_label(TrainingSettings, name) for name in changed]
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    key = "preset_near_once" if len(names) == 1 else "preset_near"
    return words.text(f"dossier.asked.{key}", preset=preset, count=words.number(len(names)), names=shown)


def decoding_of(facts: Facts) -> DecodingSettings:
    """Return the settings with which the texts of the dossier were written."""
    held = (facts.evaluation or {}).get("decoding") if facts.measured else None
    return facts.run.decoding(DecodingSettings.from_mapping(held or {}))


def _decoding(facts: Facts, words: Words) -> str:
    settings = decoding_of(facts)
    tokens = words.number(settings.max_new_tokens)
    if not settings.temperature:
        return words.text("dossier.asked.decoding_greedy", tokens=tokens)
    temperature = words.figure(settings.temperature)
    return words.text("dossier.asked.decoding_sampled", temperature=temperature, tokens=tokens)


def trained_share(facts: Facts, words: Words) -> str | None:
    """Return the share of the model's weights that were trained; None where these were not counted."""
    if not facts.base:
        return None
    share = facts.adapter.count / facts.base.count
    return words.percent(share, 1 if share >= SMALL else 2)


def base_model(facts: Facts, words: Words) -> list[Block]:
    """Return the base model, its exact weights, its size and its terms."""
    base, run = facts.run.description["base"], facts.run
    rows = {
        "name": shown_name(base["name"]),
        "revision": str(base["revision"]),
        "licence": str(base["licence"]),
        "precision": words.text(
            "dossier.base.precision_value", format=run.precision, bits=str(BITS.get(run.precision, "?"))
        ),
    }
    if facts.base:
        count, size = words.number(facts.base.count), words.size(facts.base.size)
        rows["weights"] = words.text("dossier.base.weights_value", count=count, size=size)
    table = Table(
        [words.text("dossier.what"), words.text("dossier.value")],
        [(words.text(f"dossier.base.{key}"), value) for key, value in rows.items()],
    )
    blocks: list[Block] = [Paragraph(words.text("dossier.base.intro")), table]
    if not facts.base:
        blocks.append(Paragraph(words.text("dossier.base.moved")))
    if "gemma" in rows["licence"].casefold():
        blocks.append(Paragraph(words.text("dossier.base.gemma")))
    return [*blocks, Paragraph(words.text("dossier.base.terms"))]


def lora(facts: Facts, words: Words) -> list[Block]:
    """Return LoRA in five sentences, with the figures of the run."""
    settings, source = facts.run.settings, facts.run.description.get("source")
    rank, alpha = settings.lora_rank, settings.lora_alpha
    if settings.lora_variant == "rslora":
        formula = f"{alpha} / √{rank} = {words.number(alpha / math.sqrt(rank), 2)}"
    else:
        formula = f"{alpha} / {rank} = {words.figure(round(alpha / rank, 4))}"
    trained, share = words.number(facts.adapter.count), trained_share(facts, words)
    one = words.text("dossier.lora.one_unknown")
    three = words.text("dossier.lora.three_unknown", trained=trained)
    if facts.base and share:
        one = words.text("dossier.lora.one", weights=words.number(facts.base.count), size=words.size(facts.base.size))
        three = words.text("dossier.lora.three", trained=trained, share=share)
    two = words.text(
        "dossier.lora.two_dora" if settings.lora_variant == "dora" else "dossier.lora.two",
        matrices=words.number(facts.matrices),
        modules=", ".join(facts.modules),
        rank=str(rank),
        formula=formula,
    )
    four = words.text("dossier.lora.four_source", run=source["run"]) if source else words.text("dossier.lora.four")
    five = words.text("dossier.lora.five", size=words.size(facts.adapter.size))
    return [Items([one, two, three, four, five], numbered=True)]


def settings_table(facts: Facts, words: Words) -> list[Block]:
    """Return every setting of the training and of the writing, its value and what it does, and what was chosen."""
    run, settings = facts.run, facts.run.settings
    values = {**settings.as_mapping(), "base_model": shown_name(settings.base_model)}
    automatic = words.text("form.automatic")
    chosen = [words.text("dossier.settings.chosen_precision", value=run.precision)]
    steps = [step for step, _ in facts.validation]
    if len(steps) > 1:
        every = words.number(round(steps[-1] / (len(steps) - 1)))
        chosen.append(words.text("dossier.settings.chosen_validation", steps=every))
    if facts.state.get("steps"):
        counts = {
            "count": words.number(facts.state["steps"]),
            "products": words.number(facts.trained),
            "batch": words.number(settings.batch_size * settings.gradient_accumulation),
            "epochs": words.number(settings.epochs),
        }
        chosen.append(words.text("dossier.settings.chosen_steps", **counts))
    if settings.plain_share or run.accepted:
        chosen.append(words.text("dossier.settings.chosen_plain"))
    decoding = decoding_of(facts).as_mapping()
    return [
        Paragraph(words.text("dossier.settings.intro", automatic=automatic)),
        _settings(TrainingSettings, values, words),
        Items(chosen),
        Paragraph(f"{words.text('dossier.settings.decoding')}. {words.text('dossier.settings.decoding_intro')}"),
        _settings(DecodingSettings, decoding, words),
    ]


def _settings(cls: type[Settings], values: dict[str, object], words: Words) -> Table:
    rows = [
        (
            f"{words.setting_label(cls, name)} ({name})",
            words.setting_value(name, value),
            words.setting_sentence(cls, name),
        )
        for name, value in values.items()
    ]
    return Table([words.text(f"dossier.settings.{key}") for key in ("name", "value", "does")], rows)


def curves(facts: Facts, words: Words) -> list[Block]:
    """Return the curves of the loss, in a picture and in words, and the warnings that they give."""
    if not facts.losses:
        return [Paragraph(words.text("dossier.curves.no_metrics"))]
    single, mean, validated = (words.text(f"dossier.curves.{key}") for key in ("single", "mean", "validation"))
    picture = Curves(
        words.text("dossier.curves.picture"),
        facts.losses,
        facts.validation,
        (single, mean, validated),
        words.text("dossier.curves.axis"),
        "loss.svg",
    )
    blocks: list[Block] = [Paragraph(words.text("dossier.curves.intro")), picture]
    if loss := facts.loss:
        first, last = _loss(loss.first, words), _loss(loss.last, words)
        blocks.append(Paragraph(words.text("dossier.curves.training", first=first, last=last)))
    if fallen := facts.not_fallen:
        first, last = _loss(fallen.first, words), _loss(fallen.last, words)
        blocks.append(Note(words.text("dossier.curves.not_fallen", first=first, last=last)))
    return [*blocks, *_validation(facts, words)]


def _loss(value: float, words: Words) -> str:
    return words.number(value, 3) if math.isfinite(value) else words.text("dossier.curves.not_finite")


def _validation(facts: Facts, words: Words) -> list[Block]:
    found = facts.best
    if found is None:
        return [Note(words.text("dossier.curves.no_validation"))]
    before, best = _loss(found.before, words), _loss(found.best, words)
    if not found.better:
        return [Note(words.text("dossier.curves.never_better", before=before, best=best))]
    step = words.number(found.step)
    chances = {
        "chance_before": words.percent(math.exp(-found.before)),
        "chance_best": words.percent(math.exp(-found.best)),
    }
    said = words.text("dossier.curves.validated", before=before, best=best, step=step, **chances)
    is_last = found.step == facts.validation[-1][0]
    end = words.text(f"dossier.curves.lowest_{'last' if is_last else 'before'}")
    columns = [words.text("dossier.curves.update"), words.text("dossier.curves.loss")]
    rows = [(words.number(update), _loss(loss, words)) for update, loss in facts.validation]
    kept = f" {words.text('dossier.curves.kept', step=step)}" if not facts.run.accepted else ""
    return [
        Paragraph(f"{said}{kept} {end}"),
        *([Table(columns, rows)] if len(rows) <= MOST_ROWS else []),
    ]


def machine(facts: Facts, words: Words) -> list[Block]:
    """Return the time, the machine and the memory of the training, and what of them was not recorded."""
    state, run = facts.state, facts.run
    here = state.get("machine") or {}
    versions = {"shelftalk": run.description["shelftalk"], **run.description["versions"]}
    device = state.get("device")
    rows = {
        "cpu": here.get("cpu"),
        "cores": words.number(here["cores"]) if here.get("cores") else None,
        "memory": words.size(here["memory"]) if here.get("memory") else None,
        "device": words.text("dossier.machine.device_cpu") if device == "cpu" else device,
        "time": _time(facts, words),
        "speed": _speed(state, words),
        "peak": words.size(state["peak_memory"]) if state.get("peak_memory") else None,
        "updates": words.number(state["steps"]) if state.get("steps") else None,
        "adapter": words.size(facts.adapter.size),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    named = {words.text(f"dossier.machine.{key}"): value for key, value in rows.items()}
    table = Table(
        [words.text("dossier.what"), words.text("dossier.value")],
        [(name, str(value)) for name, value in named.items() if value is not None],
    )
    if not (missing := [name for name, value in named.items() if value is None]):
        return [table]
    names, catalogue = ", ".join(missing).lower(), str(run.description["catalogue"])
    return [table, Paragraph(words.text("dossier.machine.unrecorded", names=names, catalogue=catalogue))]


def _speed(state: Mapping[str, Any], words: Words) -> str | None:
    if not (state.get("tokens_per_second") and state.get("seconds_per_step")):
        return None
    tokens, seconds = words.number(state["tokens_per_second"]), words.number(state["seconds_per_step"], 2)
    return words.text("dossier.machine.speed_value", tokens=tokens, seconds=seconds)


def _time(facts: Facts, words: Words) -> str | None:
    state = facts.state
    if state.get("seconds"):
        return words.duration(state["seconds"])
    if not (state.get("seconds_per_step") and state.get("steps")):
        return None
    return words.text(
        "dossier.machine.time_estimated",
        time=words.duration(state["seconds_per_step"] * state["steps"]),
        steps=words.number(state["steps"]),
        seconds=words.number(state["seconds_per_step"], 2),
    )
