"""Render a report's blocks as one self-contained HTML file, and as Markdown.

Both escape the texts of the data and of models, so that they never become markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from shelftalk.evaluation.forest import forest_plot
from shelftalk.evaluation.report import Block, Heading, Paragraph, Plot, Quote, Table

STYLE = """
:root { color-scheme: light dark; --ink: #2b2118; --pale: #7a6a58; --paper: #fffdf9; --line: #d9cfc0; --mark: #9a3412;
  --hint: #fde7d3; }
@media (prefers-color-scheme: dark) { :root { --ink: #f3ece2; --pale: #b8a993; --paper: #1a1714; --line: #4a4138;
  --mark: #fb923c; --hint: #5b2c0d; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .86rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--pale); font-weight: 600; } tbody th { font-weight: 500; }
td { font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; } figcaption { font-weight: 600; font-size: .9rem; }
svg { width: 100%; max-width: 44rem; font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .interval { stroke: var(--mark); stroke-width: 2; } svg circle { fill: var(--mark); }
svg .axis { stroke: var(--line); } svg .tick, svg .score { fill: var(--pale); }
blockquote { margin: .5rem 0; padding: .4rem .9rem; border-left: 3px solid var(--line); white-space: pre-wrap;
  overflow-wrap: anywhere; }
blockquote b { display: block; color: var(--pale); font-size: .78rem; font-weight: 600; }
blockquote.title { border: 0; padding: 0; font-weight: 700; margin-top: 1.6rem; } blockquote.title b { display: none; }
mark { background: var(--hint); color: inherit; border-bottom: 2px solid var(--mark); }
@media print { body { margin: 0; max-width: none; } figure, blockquote, tr { break-inside: avoid; } }
"""
# The page may not load or run anything, whatever a text contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")


def render_html(blocks: Sequence[Block]) -> str:
    """Return the blocks as one HTML page with embedded styles and plots, and without scripts."""
    title = next(block.text for block in blocks if isinstance(block, Heading))
    level, body = 1, []
    for block in blocks:
        body.append(_html(block, level))
        level = 2
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<style>{STYLE}</style>\n</head>\n<body>\n'
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def render_markdown(blocks: Sequence[Block]) -> str:
    """Return the blocks as Markdown, without plots, whose figures are in the table above."""
    level, parts = "#", []
    for block in blocks:
        if not isinstance(block, Plot):
            parts.append(_markdown(block, level))
        level = "##"
    return "\n\n".join(parts) + "\n"


def _html(block: Block, level: int) -> str:
    match block:
        case Heading(text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Table(columns, rows):
            return _html_table(columns, rows)
        case Plot(title, rows, digits):
            return f"<figure><figcaption>{escape(title)}</figcaption>\n{forest_plot(rows, title, digits)}</figure>"
        case Quote(label, text, marked):
            kind = ' class="title"' if label == "title" else ""
            shown = _marked(text, marked, escape, "<mark>", "</mark>")
            return f"<blockquote{kind}><b>{escape(label)}</b>{shown}</blockquote>"


def _html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in columns)
    lines = [f"<thead><tr>{head}</tr></thead>"] if any(columns) else []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(one)}</td>" for one in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return "\n".join(['<div class="wide"><table>', *lines, "</table></div>"])


def _marked(
    text: str, marked: Sequence[tuple[int, int]], escaped: Callable[[str], str], before: str, after: str
) -> str:
    """Escape a text with `escaped`, and put `before` and `after` around each marked range."""
    pieces, position = [], 0
    for start, end in sorted(marked):
        pieces += [escaped(text[position:start]), before, escaped(text[start:end]), after]
        position = end
    return "".join([*pieces, escaped(text[position:])])


def _markdown(block: Heading | Paragraph | Table | Quote, level: str) -> str:
    match block:
        case Heading(text):
            return f"{level} {_plain(text)}"
        case Paragraph(text):
            return _plain(text)
        case Table(columns, rows):
            lines = [columns, ["---"] * len(columns), *rows]
            return "\n".join(
                f"| {' | '.join(one if number == 1 else _plain(one) for one in line)} |"
                for number, line in enumerate(lines)
            )
        case Quote(label, text, marked):
            return f"> *{_plain(label)}*: {_marked(text, marked, _plain, '**', '**')}"


def _plain(text: str) -> str:
    """Escape a text for Markdown, on one line."""
    return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", text))
