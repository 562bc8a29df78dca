"""Terminal output: stages with a progress bar and remaining time, tables, and before | after | references."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from shelftalk.generation.folded import fold
from shelftalk.records import Comparison, Reference, nothing_near
from shelftalk.records import Progress as ProgressCallback

out = Console(highlight=False, emoji=False)  # ":100:" in a text is not an emoji
err = Console(stderr=True, highlight=False, emoji=False)
# What supports a claim, and how its words are shown.
CLAIM_STYLES = {
    "title": "green",
    "attribute": "green",
    "reference": "yellow",
    "contradicted": "bold white on red",
    "none": "bold red",
}
HEADINGS = {"base": "before", "tuned": "after"}
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline
# Seconds between two progress lines without a terminal; a program that parses them sets a smaller number.
PLAIN_SECONDS = float(os.environ.get("SHELFTALK_PROGRESS_SECONDS", "15"))


def plain(text: str) -> str:
    """Replace the control characters in a model's or catalogue's text: they could send commands to the terminal."""
    return CONTROLS.sub("\ufffd", text)


def print_json(value: Any) -> None:
    """Print a value as indented JSON on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def say(line: str) -> None:
    """Print a line for the user on standard error."""
    err.print(line, markup=False, soft_wrap=True)


@contextmanager
def step(title: str, detail: Callable[[int, int], str] | None = None) -> Iterator[ProgressCallback]:
    """Show a stage on standard error with a progress bar and remaining time; yield its progress callback.

    `detail` returns a text for (done, total) that is shown instead of percentage and remaining time.
    """
    start, title = time.monotonic(), plain(title)
    if err.is_terminal:
        custom = (TextColumn("{task.fields[detail]}", markup=False),)
        default = (TaskProgressColumn(), TimeRemainingColumn(elapsed_when_finished=True))
        with Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), *(custom if detail else default), console=err
        ) as bar:
            task = bar.add_task(title, total=None, detail="")

            def show(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total, detail=detail(done, total) if detail else "")

            yield show
            total = bar.tasks[0].total
            if total is None:
                bar.update(task, completed=1, total=1)
            else:
                show(int(total), int(total))
        return
    say(f"{title} ...")
    yield _plain_progress(title, start, detail)
    say(f"{title}: done in {duration(time.monotonic() - start)}")


def _plain_progress(title: str, start: float, detail: Callable[[int, int], str] | None) -> ProgressCallback:
    last = first_time = start
    first_done = previous = -1

    def show(done: int, total: int) -> None:
        nonlocal last, first_done, first_time, previous
        now = time.monotonic()
        if first_done < 0 or done < previous:  # less than before: the same work begins again, of another size
            first_done, first_time = done, now
        previous = done
        if now - last < PLAIN_SECONDS or done <= first_done:
            return
        last = now
        left = (now - first_time) / (done - first_done) * (total - done)
        say(f"{title}: {detail(done, total) if detail else f'{done} of {total}, {duration(left)} left'}")

    return show


@contextmanager
def live_line() -> Iterator[Callable[[str], None]]:
    """Show one line on standard error that is updated in place; without a terminal, print a line every few seconds."""
    if err.is_terminal:
        with err.status("") as status:
            yield lambda line: status.update(Text(line))
        return
    last = float("-inf")

    def write(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            say(line)

    yield write


def duration(seconds: float) -> str:
    """Return a duration as text, in its one or two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def training_line(state: dict[str, Any], metrics: dict[str, Any]) -> str:
    """Return a training's progress as text: update, loss, speed, remaining time, as far as known."""
    step = max(state.get("step", 0), metrics.get("step", 0))  # the state may be two seconds old
    parts = [f"update {step} of {state.get('steps') or '?'}"]
    if "loss" in metrics:
        parts.append(f"loss {metrics['loss']:.3f}")
    if state.get("tokens_per_second"):
        parts.append(f"{state['tokens_per_second']:,.0f} tokens/s")
    if state.get("seconds_left") is not None:
        parts.append(f"{duration(state['seconds_left'])} left")
    return ", ".join(parts)


def show_comparison(comparison: Comparison, true: str | None = None) -> None:
    """Print before and after side by side, then the true description if known, and the references.

    In the text after fine-tuning the claims that neither title nor attributes state are marked.
    """
    out.print()
    out.print(Text(plain(comparison.query), style="bold"))
    for name, value in comparison.attributes.items():
        out.print(Text(plain(f"  {name}: {value}"), style="dim"))
    width = max(30, (out.width - 3) // 2)
    sides = [("before", comparison.base, "dim"), ("after", comparison.tuned, "green")]
    panels = [
        Panel(
            (folded_text(one.text) if one is comparison.base else marked_text(comparison)).append(
                "" if one.stopped else " …"
            ),
            title=title if one.stopped else f"{title} (cut off at the maximum length)",
            border_style=style,
            width=width,
        )
        for title, one, style in sides
    ]
    out.print(Columns(panels, padding=(0, 1)))
    if true is not None:
        out.print(
            Panel(
                Text(plain(true)),
                title="the true description, never trained on",
                border_style="blue",
                width=2 * width + 1,
            )
        )
    show_references(comparison.references)


def folded_text(text: str) -> Text:
    """Return a text for the terminal, with a line on what was folded, see `generation.folded`."""
    shown, empty, repeated = fold(text)
    hidden = [f"{count} {kind}" for count, kind in ((empty, "empty"), (repeated, "repeated")) if count]
    return Text(plain(shown)).append(f"\n[{' and '.join(hidden)} lines not shown]" if hidden else "", style="dim")


def marked_text(comparison: Comparison) -> Text:
    """Return the text after fine-tuning with its unsupported and contradicted claims marked and counted.

    A text that is folded has no marks: their positions are those of the whole text. In a language without rules for
    claims a line says that they are not checked.
    """
    from shelftalk.claims.find import UNSUPPORTED, find_claims  # a tenth of a second that other commands save
    from shelftalk.evidence.unchecked import not_checked

    text, language = comparison.tuned.text, comparison.language
    if fold(text).text != text:
        return folded_text(text)
    shown = Text(plain(text))
    if unchecked := not_checked(language):
        return shown.append(f"\n[{unchecked}]", "dim")
    claims = find_claims(text, comparison.query, (), tuple(comparison.attributes.items()), language=language) or ()
    marked = [claim for claim in claims if claim.support in UNSUPPORTED]
    for claim in marked:
        shown.stylize(CLAIM_STYLES[claim.support], claim.start, claim.end)
    names = ", ".join(claim.text for claim in marked)
    return shown.append(f"\n[said neither by the title nor by an attribute: {plain(names)}]" if marked else "", "dim")


def show_references(references: list[Reference]) -> None:
    """Print the references with their similarity, one line each, and say where nothing is near."""
    if nothing_near(references):
        out.print("Nothing near among the training products; the nearest of them are:", markup=False)
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column("similarity", justify="right", width=10)
    table.add_column("nearest training products", overflow="ellipsis", no_wrap=True, ratio=1)
    for one in references:
        alike = f" (and {one.alike} like it)" if one.alike else ""
        style = "dim" if one.near is False else ""
        table.add_row(f"{one.similarity:.2f}", Text(plain(f"{one.title}{alike} - {one.description}")), style=style)
    out.print(table)


def show_rows(rows: list[dict[str, Any]], empty: str) -> None:
    """Print dictionaries with the same keys as a table, or `empty` if there are none."""
    if not rows:
        out.print(empty, markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for key in rows[0]:
        table.add_column(key.replace("_", " "))
    for row in rows:
        table.add_row(*("" if value is None else Text(plain(str(value))) for value in row.values()))
    out.print(table)


def size(count: int | None) -> str:
    """Return a number of bytes for people."""
    if count is None:
        return "unknown"
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def show_run(found: dict[str, Any]) -> None:
    """Print the facts known about a run, one per line."""
    shown = {key: value for key, value in found.items() if not isinstance(value, dict)}
    sections = [("run", shown), *((key, value) for key, value in found.items() if isinstance(value, dict))]
    again = ", may be deleted and is made again"
    for title, values in sections:
        known = {key: value for key, value in values.items() if value is not None}
        if title == "disk_bytes":
            title, known = "disk", {key: size(value) + again * (key != "run") for key, value in known.items()}
        if not known:
            continue
        out.print(Text(title, style="bold"))
        width = max(map(len, known))
        for key, value in known.items():
            out.print(f"  {key.replace('_', ' '):<{width}}  {value}", markup=False, soft_wrap=True)


class AnswerStream:
    """Prints the two answers of `ask` while they are generated, each under its heading."""

    def __init__(self) -> None:
        self.side = ""

    def show(self, side: str, text: str) -> None:
        """Print a piece of one side's text."""
        if side != self.side:
            out.print(("\n\n" if self.side else "") + f"[bold]{HEADINGS[side]}[/bold]")
            self.side = side
        out.print(plain(text), end="", markup=False, soft_wrap=True)

    def end(self) -> None:
        """End the last line."""
        out.print("\n")


def show_catalogue(name: str, description: dict[str, Any]) -> None:
    """Print a catalogue's counts, lengths, attributes and rejects."""
    splits = ", ".join(f"{count} {part}" for part, count in description["split"].items())
    out.print(f"Catalogue {name}: {description['kept']} of {description['read']} rows kept; {splits}.", markup=False)
    lengths = description["characters"]
    show_rows([{"characters": field, **quantiles} for field, quantiles in lengths.items()], "")
    if description["attributes"]:
        support = description["support"]
        supported = support["attributes"]
        rows = [
            {
                "attribute": one["name"],
                "products": one["products"],
                "claims": "–" if support["claims"] is None else f"{supported.get(one['name'], 0):.1%}",
                "commonest values": "; ".join(map(_short, one["values"])),
            }
            for one in description["attributes"]
        ]
        show_rows(rows, "")
    show_support(description["support"])
    if description["tokens"]:
        show_tokens(description["tokens"])
    for reason, count in description["rejected"].items():
        out.print(f"{count} left out: {reason.replace('_', ' ')}", markup=False)
        for example in description["examples"][reason]:
            line = f"  {example['file']} line {example['line']}: {example['detail']}"
            out.print(line, markup=False, soft_wrap=True)


def show_support(support: dict[str, Any]) -> None:
    """Print in one line what supports the claims of a sample of descriptions."""
    if support["claims"] is not None:
        _show_claims(support)
    if support["told"] is not None:
        order = "" if support["in_order"] is None else f", {support['in_order']:.0%} of them in order"
        out.print(f"Attributes: the texts tell {support['told']:.0%}{order}.", markup=False, soft_wrap=True)
    for one in support["examples"]:
        quoted = f"…{one['before']}[{one['claim']}]{one['after']}…".replace("\n", " ")
        out.print(f"  not in {one['title']!r}: {quoted}", markup=False, soft_wrap=True)
    show_forecast(support)


def _show_claims(support: dict[str, Any]) -> None:
    shares = {
        "the title": support["title"],
        "attributes": sum(support["attributes"].values()),
        "nothing": support["none"] + support["contradicted"],
    }
    listed = ", ".join(f"{share:.0%} by {source}" for source, share in shares.items())
    found = f"{support['claims']:,} claims in {support['products']} training products (a sample)"
    out.print(f"Claims: of {found}, {listed}.", markup=False, soft_wrap=True)


def show_forecast(support: dict[str, Any]) -> None:
    """Print what can be expected of a training on these descriptions."""
    out.print(f"Expect: {_forecast(support)}", markup=False, soft_wrap=True)


def _forecast(support: dict[str, Any]) -> str:
    """Return a sentence on what can be expected of a training on these descriptions."""
    from shelftalk.evidence.unchecked import not_checked

    if unchecked := not_checked(support["language"]):
        return f"nothing is known. {unchecked}"
    if support["forecast"] == "unknown":
        return "nothing is known: claims are found by rules for English, and these descriptions do not look English."
    if support["forecast"] == "holds":
        return "texts that say what title and attributes hold, since these descriptions say little else."
    if support["forecast"] == "mixes":
        return (
            "few invented facts, but values said of the wrong thing, since these descriptions tell their attributes in "
            "other orders and words. Read what you print."
        )
    kinds = ", ".join(f"{kind} ({count})" for kind, count in islice(support["unsupported_kinds"].items(), 3))
    messy = (
        "" if support["told"] is None or support["language"] != "en" else "; --preset messy learns only what they hold"
    )
    return (
        f"the house's voice, and invented facts: these descriptions have {support['unsupported_per_100_words']:.1f} "
        f"claims per 100 words that neither title nor attributes hold, most of the kinds {kinds}. Columns of "
        "attributes that hold them help more than a longer training" + messy + "."
    )


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:39]}…"


def show_tokens(tokens: dict[str, Any]) -> None:
    """Print the lengths of rows in tokens, how many rows some maximum lengths would cut, and the proposed length."""
    show_rows([{f"tokens of {tokens['base_model']}": "row", **tokens["row"]}], "")
    products = tokens["products"]
    cut = ", ".join(f"{one}: {count:,} ({count / products:.0%})" for one, count in tokens["cut"].items())
    out.print(f"Of {products:,} descriptions a max_tokens would cut: {cut}.", markup=False, soft_wrap=True)
    if any(tokens["prompts_cut"].values()):
        shortened = ", ".join(f"{one}: {count:,}" for one, count in tokens["prompts_cut"].items())
        line = f"Prompts that it would shorten, by their last attributes or the front of their title: {shortened}."
        out.print(line, markup=False, soft_wrap=True)
    share = "at most 1 %" if tokens["share_cut"] <= 0.01 else f"{tokens['share_cut']:.0%}"
    out.print(f"Proposed: --set max_tokens={tokens['max_tokens']}, which cuts {share}.", markup=False, soft_wrap=True)
