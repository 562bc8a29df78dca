"""The section of a dossier on the measures: what beats it, whether it may be used, how much better, what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shelftalk.dossier.facts import Facts, changes
from shelftalk.dossier.text_sections import wrong_claims
from shelftalk.dossier.verdict import verdict
from shelftalk.evaluation.blocks import Block, Heading, Items, Note, Paragraph, Plot, Table
from shelftalk.evaluation.directions import DIRECTIONS, FORMATS
from shelftalk.evaluation.ways import BASE, BASELINES, GENERAL, NOT_COMPARABLE, TRUE, TUNED
from shelftalk.translations.words import Words

MAIN = ("title_rank", "chrf_above", "attributes_told", "unsupported_per_100_words", "slot_errors")
PICTURED = ("chrf_above", "attributes_told", "unsupported_per_100_words")
WRONG_SHOWN = 6


def measures(facts: Facts, words: Words) -> list[Block]:
    """Return the section on the measures; one sentence where the run was not measured."""
    result = facts.evaluation
    if result is None:
        return [Note(words.text("dossier.measures.none", run=facts.run.name))]
    n = words.number(result["n"])
    if result["too_few"]:
        intro = words.text("dossier.measures.intro_few", n=n, run=facts.run.name)
    else:
        intro = words.text("dossier.measures.intro", n=n, samples=words.number(result["samples"]))
    return [
        Paragraph(intro),
        Heading(words.text("dossier.measures.baselines"), 3),
        *_baselines(result, words),
        Heading(words.text("dossier.measures.use"), 3),
        Note(verdict(result, words)),
        Heading(words.text("dossier.measures.better"), 3),
        Items([_better(name, result, words) for name in MAIN if name in changes(result)]),
        *(_plot(name, result, words) for name in PICTURED if name in changes(result)),
        Heading(words.text("dossier.measures.worst"), 3),
        Items(_wrong(facts, result, words)),
        Heading(words.text("dossier.measures.all"), 3),
        _table(result, words),
        Heading(words.text("dossier.measures.how"), 3),
        _meanings(result, words),
        *([] if result["too_few"] else [Paragraph(words.text("dossier.measures.many"))]),
        *_earlier(result, words),
    ]


def _score(name: str, value: float, words: Words) -> str:
    return words.score(FORMATS[name], value)


def _baselines(result: dict[str, Any], words: Words) -> list[Block]:
    """Return the texts without a model that are shown to be better, with the measures and both figures."""
    if result["too_few"]:
        return [Paragraph(words.text("dossier.measures.baselines_unknown"))]
    tested, untested = [], []
    for one in result["differences"]:
        way = one["before"]
        if way not in BASELINES or one["after"] != TUNED:
            continue
        beaten = [name for name in FORMATS if one["measures"].get(name, {}).get("verdict") == "worse"]
        if beaten:
            tested.append(_beaten(way, beaten, result, words))
        constructed = [name for name in NOT_COMPARABLE.get((way, TUNED), ()) if _is_better(name, way, result)]
        if constructed:
            untested.append(_beaten(way, constructed, result, words))
    shown: list[Block] = [Paragraph(words.text("dossier.measures.not_beaten"))]
    if tested:
        shown = [Paragraph(words.text("dossier.measures.baselines_intro")), Items(tested)]
    if untested:
        shown += [Paragraph(words.text("dossier.measures.by_construction")), Items(untested)]
    return shown


def _beaten(way: str, names: Sequence[str], result: dict[str, Any], words: Words) -> str:
    figures = [
        words.text(
            "dossier.measures.beaten_figure",
            measure=words.text(f"measure.{name}"),
            baseline=_score(name, result[way][name], words),
            after=_score(name, result[TUNED][name], words),
        )
        for name in names
    ]
    return words.text("dossier.measures.beaten_by", baseline=words.text(f"way.{way}"), list=", ".join(figures))


def _is_better(name: str, way: str, result: dict[str, Any]) -> bool:
    """Return whether the texts of a `way` have a better figure than those after fine-tuning."""
    if name not in result[way] or name not in result[TUNED] or DIRECTIONS[name] is None:
        return False
    gain = result[way][name] - result[TUNED][name]
    return bool(gain > 0 if DIRECTIONS[name] == "more" else gain < 0)


def _better(name: str, result: dict[str, Any], words: Words) -> str:
    change = changes(result)[name]
    values = {
        "measure": words.text(f"measure.{name}"),
        "before": _score(name, result[BASE][name], words),
        "after": _score(name, result[TUNED][name], words),
    }
    if not change["interval"]:
        return words.text("dossier.measures.better_few", **values)
    low, high = (_score(name, bound, words) for bound in change["interval"])
    said = _verdict(change["verdict"], words)
    return words.text("dossier.measures.better_one", low=low, high=high, verdict=said, **values)


def _verdict(verdict: str | None, words: Words) -> str:
    return words.text(f"verdict.{(verdict or 'too few').replace(' ', '_')}")


def _interval(name: str, bounds: Sequence[float] | None, words: Words) -> str:
    if not bounds:
        return ""
    low, high = (_score(name, bound, words) for bound in bounds)
    return f" {words.text('dossier.measures.interval', low=low, high=high)}"


def _wrong(facts: Facts, result: dict[str, Any], words: Words) -> list[str]:
    """Return sentences on what the texts after fine-tuning still get wrong."""
    after, bounds = result[TUNED], (result["intervals"] or {}).get(TUNED, {})
    rate, share = "dossier.measures.wrong_rate", "dossier.measures.wrong_untold"
    lines = []
    if after.get("unsupported_per_100_words"):
        name = "unsupported_per_100_words"
        people = result.get(TRUE, {}).get(name)
        lines.append(
            words.text(
                rate,
                rate=_score(name, after[name], words),
                interval=_interval(name, bounds.get(name), words),
                people="–" if people is None else _score(name, people, words),
            )
        )
    for name, key in (("attributes_told", share), ("stop_rate", "dossier.measures.wrong_cut")):
        if after.get(name, 1) < 1:
            rest = [1 - bound for bound in reversed(bounds.get(name) or ())]
            values = {"share": _score(name, 1 - after[name], words), "interval": _interval(name, rest, words)}
            lines.append(words.text(key, **values))
    for name, key in (("slot_errors", "wrong_slots"), ("rules_broken", "wrong_rules")):
        if after.get(name):
            values = {"rate": _score(name, after[name], words), "interval": _interval(name, bounds.get(name), words)}
            lines.append(words.text(f"dossier.measures.{key}", **values))
    if found := wrong_claims(facts, words):
        listed = "; ".join(found[:WRONG_SHOWN]) + ("; …" if len(found) > WRONG_SHOWN else "")
        lines.append(words.text("dossier.measures.wrong_examples", list=listed))
    for one in result["elsewhere"]:
        if one["verdict"] == "worse":
            lines.append(
                words.text(
                    "dossier.measures.wrong_elsewhere",
                    name=words.text("report.general") if one["name"] == GENERAL else one["name"],
                    before=words.number(one["base"], 2),
                    after=words.number(one["tuned"], 2),
                    difference=words.number(one["difference"], 2),
                    interval=_interval("bits_per_byte", one["interval"], words),
                )
            )
    return lines or [words.text("dossier.measures.wrong_nothing")]


def _table(result: dict[str, Any], words: Words) -> Table:
    rows = []
    for name in (one for one in FORMATS if one in changes(result)):
        change = changes(result)[name]
        bounds = [_score(name, bound, words) for bound in change["interval"] or ()]
        between = _whole(words.text("dossier.measures.range", low=bounds[0], high=bounds[1])) if bounds else "–"
        sides = (_with_interval(name, way, result, words) for way in (BASE, TUNED))
        rows.append((words.text(f"measure.{name}"), *sides, between, _verdict(change["verdict"], words)))
    heads = (_whole(words.text(f"dossier.measures.{key}")) for key in ("measure", "change", "shown"))
    measure, change, shown = heads
    return Table([measure, words.text("way.base"), words.text("way.tuned"), change, shown], rows)


def _with_interval(name: str, way: str, result: dict[str, Any], words: Words) -> str:
    bounds = (result["intervals"] or {}).get(way, {}).get(name)
    value = _score(name, result[way][name], words)
    if not bounds:
        return value
    low, high = (_score(name, bound, words).removesuffix(" %") for bound in bounds)
    between = words.text("dossier.measures.range", low=low, high=high)
    return f"{_whole(value)} {_whole(f'[{between}]')}"


def _whole(text: str) -> str:
    """Return a text that no line end divides."""
    return text.replace(" ", "\u00a0")


def _plot(name: str, result: dict[str, Any], words: Words) -> Plot:
    intervals = result["intervals"] or {}
    rows = [
        (words.text(f"way.{way}"), result[way][name], intervals.get(way, {}).get(name))
        for way in result["order"]
        if name in result[way]
    ]
    direction = _direction(name, words)
    title = words.text("dossier.measures.picture", measure=words.text(f"measure.{name}"))
    return Plot(f"{title}. {direction}", rows, 2, f"{name}.svg")


def _direction(name: str, words: Words) -> str:
    return words.text(f"measure.{DIRECTIONS[name] or 'neither'}")


def _meanings(result: dict[str, Any], words: Words) -> Table:
    rows = [
        (
            words.text(f"measure.{name}"),
            f"{words.text(f'measure.{name}_help')} {_direction(name, words)}",
        )
        for name in FORMATS
        if name in changes(result)
    ]
    return Table([words.text("dossier.measures.measure"), words.text("dossier.measures.means")], rows)


def _earlier(result: dict[str, Any], words: Words) -> list[Block]:
    found, blocks = result.get("earlier") or {"seen": 0}, []
    if found["seen"]:
        counts = {key: words.number(found[key]) for key in ("seen", "held_out")}
        blocks.append(Note(words.text("dossier.measures.earlier", **counts)))
    if not found.get("known", True):
        blocks.append(Note(words.text("dossier.measures.earlier_unknown")))
    return list(blocks)
