"""The section of a dossier on the data: source, rejected rows, lengths, attributes, and the split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shelftalk.dossier.commands import source_files
from shelftalk.dossier.facts import Facts
from shelftalk.evaluation.blocks import Bars, Block, Heading, Items, Paragraph, Table
from shelftalk.translations.rejects import SAME_ID, read_repeated, translated_detail
from shelftalk.translations.words import Words

FILES_SHOWN = 5
COLUMNS_SHOWN = 8
NAMES_SHOWN = 12  # of attributes
BINS = 8  # of lengths
LONGEST_DETAIL = 110  # characters of an example
QUANTILES = ("5", "50", "95")


def data(facts: Facts, words: Words) -> list[Block]:
    """Return the section on the data."""
    return [
        Heading(words.text("dossier.data.source"), 3),
        *_source(facts, words),
        Heading(words.text("dossier.data.left_out"), 3),
        *_left_out(facts, words),
        Heading(words.text("dossier.data.lengths"), 3),
        *_lengths(facts, words),
        Heading(words.text("dossier.data.attributes"), 3),
        *_attributes(facts, words),
        Heading(words.text("dossier.data.split"), 3),
        *_split(facts, words),
    ]


def _source(facts: Facts, words: Words) -> list[Block]:
    summary = facts.catalogue
    source, left_out = summary["source"], summary["read"] - summary["kept"]
    counts = {
        "read": words.number(summary["read"]),
        "kept": words.number(summary["kept"]),
        "left_out": words.number(left_out),
        "share": words.percent(left_out / max(1, summary["read"]), 1),
    }
    names = source_files(source)
    if len(names) == 1:
        size = words.size(source.get("bytes"))
        said = words.text("dossier.data.from_file", file=names[0], size=size, **counts)
    else:
        shown = names[:FILES_SHOWN]
        if more := len(names) - len(shown):
            shown.append(words.text("dossier.data.more_files", count=words.number(more)))
        count = words.number(len(names))
        said = words.text("dossier.data.from_files", count=count, files=", ".join(shown), **counts)
    hash = words.text("dossier.data.hash", hash=str(summary["data_hash"]))
    columns = Table([words.text("dossier.data.column"), words.text("dossier.data.read_from")], _columns(summary, words))
    blocks: list[Block] = [Paragraph(said), columns, Paragraph(hash)]
    if facts.concerns:
        blocks += [Paragraph(words.text("dossier.data.look")), Items([_concern(one, words) for one in facts.concerns])]
    return blocks


def _columns(summary: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    columns = summary.get("columns") or {}
    description = columns.get("description")
    found = {
        "title": columns.get("title"),
        "description": ", ".join(map(str, description)) if isinstance(description, list) else description,
        "id": columns.get("id") or words.text("dossier.data.numbered"),
        "attributes": _shortened_list(columns.get("attributes") or []) or words.text("dossier.data.none"),
    }
    missing = words.text("dossier.missing")
    return [(words.text(f"dossier.data.column_{key}"), str(value or missing)) for key, value in found.items()]


def _shortened_list(names: Sequence[str]) -> str:
    return ", ".join(names[:COLUMNS_SHOWN]) + (", …" if len(names) > COLUMNS_SHOWN else "")


def _concern(one: Any, words: Words) -> str:
    values = {"share": words.percent(one.share), "products": words.number(one.products)}
    return f"{words.text(f'catalogue.concern_{one.kind}', **values)} {shortened(one.example)}".strip()


def _left_out(facts: Facts, words: Words) -> list[Block]:
    rejected, examples = facts.catalogue["rejected"], facts.catalogue["examples"]
    if not rejected:
        return [Paragraph(words.text("dossier.data.nothing_left_out"))]
    several = "files" in facts.catalogue["source"]
    rows = [
        (words.text(f"reason.{reason}"), words.number(count), _example(reason, examples.get(reason), several, words))
        for reason, count in sorted(rejected.items(), key=lambda item: -item[1])
    ]
    columns = [words.text(f"dossier.data.{key}") for key in ("reason", "rows", "example")]
    return [Paragraph(words.text("dossier.data.left_out_intro")), Table(columns, rows)]


def _example(reason: str, found: Sequence[Mapping[str, Any]] | None, several: bool, words: Words) -> str:
    if not found:
        return "–"
    first, line = found[0], words.number(found[0]["line"])
    detail = _detail(reason, str(first.get("detail") or ""), words) or words.text("dossier.data.no_detail")
    place, file = ("_of", {"file": str(first["file"])}) if several else ("", {})
    return words.text(f"dossier.data.at_line{place}", line=line, detail=detail, **file)


def _detail(reason: str, detail: str, words: Words) -> str:
    if (repeated := read_repeated(reason, detail)) is None:
        return shortened(translated_detail(reason, detail, words.language))
    same = shortened(repeated.same)
    if reason == SAME_ID:
        same = words.text("dossier.data.same_id", id=same.removeprefix("id "))
    place, file = ("_of", {"file": repeated.file}) if repeated.file else ("", {})
    return words.text(f"dossier.data.same_as{place}", line=words.number(repeated.line), detail=same, **file)


def shortened(text: str) -> str:
    """Return a text on one line, cut to the characters that a cell of a table takes."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_DETAIL else f"{line[: LONGEST_DETAIL - 1].rstrip()}…"


def _lengths(facts: Facts, words: Words) -> list[Block]:
    characters = facts.catalogue["characters"]
    heads = [
        words.text("dossier.data.median") if one == "50" else words.text("dossier.data.quantile", share=f"{one} %")
        for one in QUANTILES
    ]
    columns = [words.text("dossier.data.text"), *heads, words.text("dossier.data.longest")]
    rows = [
        [
            words.text(f"dossier.data.column_{field}"),
            *(words.number(characters[field][one]) for one in (*QUANTILES, "max")),
        ]
        for field in ("title", "description")
    ]
    tokens, run = words.number(facts.run.settings.max_tokens), facts.run.description["catalogue"]
    blocks: list[Block] = [
        Paragraph(words.text("dossier.data.lengths_intro")),
        Table(columns, rows),
        Bars(words.text("dossier.data.words_picture"), _bins(facts.words, words), "lengths.svg"),
    ]
    if len(facts.words) < facts.catalogue["kept"]:
        blocks.append(Paragraph(words.text("dossier.data.words_sample", count=words.number(len(facts.words)))))
    return [*blocks, Paragraph(words.text("dossier.data.cut", tokens=tokens, catalogue=str(run)))]


def _bins(counts: Sequence[int], words: Words) -> list[tuple[str, float]]:
    """Return how many descriptions have so many words, in equal bins of a round width; the last one is open."""
    common = sorted(counts)[len(counts) * 98 // 100] if counts else 1
    width = next(one for one in (1, 2, 5, *(5 * 2**power for power in range(1, 30))) if one * BINS > common)
    bins = math.ceil((common + 1) / width)
    rows = []
    for number in range(bins):
        low, high = number * width, (number + 1) * width - 1
        if number == bins - 1:
            label = words.text("dossier.data.words_more", low=words.number(low))
            rows.append((label, float(sum(one >= low for one in counts))))
        else:
            label = words.text("dossier.data.words_range", low=words.number(low), high=words.number(high))
            rows.append((label, float(sum(low <= one <= high for one in counts))))
    return rows


def _attributes(facts: Facts, words: Words) -> list[Block]:
    found = facts.catalogue.get("attributes") or []
    if not found:
        return [Paragraph(words.text("dossier.data.attributes_none"))]
    names = words.number(len(facts.run.catalogue().attribute_names()))
    shown = found[:NAMES_SHOWN]
    columns = [words.text(f"dossier.data.{key}") for key in ("attribute", "products", "values")]
    rows = [(one["name"], words.number(one["products"]), _values(one["values"])) for one in shown]
    return [
        Paragraph(words.text("dossier.data.attributes_intro", names=names)),
        Bars(
            words.text("dossier.data.attributes_picture"),
            [(str(one["name"]), float(one["products"])) for one in shown],
            "attributes.svg",
        ),
        Table(columns, rows[: NAMES_SHOWN // 2]),
    ]


def _values(values: Sequence[Any]) -> str:
    return shortened("; ".join(str(one) for one in values))


def _split(facts: Facts, words: Words) -> list[Block]:
    split, kept = facts.catalogue["split"], max(1, facts.catalogue["kept"])
    validated = facts.best is not None
    uses = {
        "train": "use_train",
        "validation": "use_validation" if validated else "use_validation_off",
        "test": "use_test",
    }
    rows = [
        (
            words.text(f"dossier.data.{part}"),
            words.number(split[part]),
            words.percent(split[part] / kept, 1).replace(" ", "\u00a0"),
            words.text(f"dossier.data.{use}"),
        )
        for part, use in uses.items()
    ]
    columns = [words.text(f"dossier.data.{key}") for key in ("part", "products", "share", "use")]
    settings = facts.catalogue.get("settings") or {}
    near = settings.get("near_duplicates", "off")
    seed = str(settings.get("seed", 42))
    reasons = [
        words.text("dossier.data.leak_groups"),
        words.text("dossier.data.leak_draw", seed=seed),
        words.text(f"dossier.data.leak_near_{near}"),
        _check(facts, words),
    ]
    return [Table(columns, rows), Items(reasons)]


def _check(facts: Facts, words: Words) -> str:
    if facts.evaluation is None:
        return words.text("dossier.data.leak_unchecked", run=facts.run.name)
    if leaks := facts.evaluation["leaks"]:
        return words.text("dossier.data.leak_found", count=words.number(len(leaks)))
    return words.text("dossier.data.leak_none")
