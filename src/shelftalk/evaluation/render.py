"""Render a document's blocks as one self-contained HTML file, as Markdown, and its pictures as SVG files.

All escape the texts of the data and of models, so that they never become markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from shelftalk.evaluation.blocks import (
    PICTURES,
    Bars,
    Block,
    Code,
    Curves,
    Group,
    Heading,
    Items,
    Mark,
    Note,
    Pair,
    Paragraph,
    Picture,
    Plot,
    Quote,
    Table,
)
from shelftalk.evaluation.charts import draw_bars, draw_curves
from shelftalk.evaluation.forest import forest_plot
from shelftalk.evaluation.style import PICTURE_STYLE, STYLE
from shelftalk.translations.words import Words

# The page may not load or run anything, whatever a text contains.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")
FENCE = re.compile(r"~{3,}")
# A kind of mark in Markdown, which has no colours.
SIGNS = {"supported": "*", "unsupported": "**", "contradicted": "***"}
BLOCK_START = re.compile(r"^(#|\+|-|=|\d+[.)](?= |$))")  # what begins a heading, an item or a line in Markdown
TRAILING = re.compile(r"#$")  # which Markdown takes for the end of a heading, and leaves out
LONG = 16  # rows: a longer table may go over the end of a page
ENGLISH = Words("en")


def render_html(blocks: Sequence[Block], words: Words = ENGLISH) -> str:
    """Return the blocks as one HTML page with embedded styles and pictures, and without scripts."""
    title = next(block.text for block in blocks if isinstance(block, Heading))
    return (
        f'<!doctype html>\n<html lang="{words.language}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n"
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<style>{STYLE}</style>\n</head>\n<body>\n'
        + "\n".join(_html(block, words) for block in blocks)
        + "\n</body>\n</html>\n"
    )


def render_markdown(blocks: Sequence[Block]) -> str:
    """Return the blocks as Markdown, with the pictures that have a file and without the others."""
    shown = [block for block in blocks if not isinstance(block, (Plot, Bars, Curves)) or block.file]
    return "\n\n".join(map(_markdown, shown)) + "\n"


def render_pictures(blocks: Sequence[Block], words: Words = ENGLISH) -> dict[str, str]:
    """Return an SVG of its own, which has its style, for each picture that has a file, by the file's name."""
    style = f"<style>{PICTURE_STYLE}</style>"
    return {
        block.file: _picture(block, words).replace("<title>", f"{style}\n<title>", 1) + "\n"
        for block in blocks
        if isinstance(block, (Plot, Bars, Curves)) and block.file
    }


def _picture(block: Picture, words: Words) -> str:
    match block:
        case Plot(title, rows, digits):
            return forest_plot(rows, title, digits, words)
        case Bars():
            return draw_bars(block, words)
        case Curves():
            return draw_curves(block, words)


def _html(block: Block, words: Words) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Note(text):
            return f'<p class="note">{escape(text)}</p>'
        case Items(texts, numbered):
            kind = "ol" if numbered else "ul"
            return f"<{kind}>{''.join(f'<li>{escape(one)}</li>' for one in texts)}</{kind}>"
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Table(columns, rows):
            return _html_table(columns, rows)
        case Plot() | Bars() | Curves():
            return f"<figure><figcaption>{escape(block.title)}</figcaption>\n{_picture(block, words)}</figure>"
        case Quote(label, text, marked, is_title):
            kind = ' class="title"' if is_title else ""
            return f"<blockquote{kind}><b>{escape(label)}</b>{_marked(text, marked, escape, _html_mark)}</blockquote>"
        case Group(parts):
            return f"<section>{''.join(_html(one, words) for one in parts)}</section>"
        case Pair(left, right):
            return f'<div class="pair">{_html(left, words)}{_html(right, words)}</div>'


def _html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in columns)
    lines = [f"<thead><tr>{head}</tr></thead>"] if any(columns) else []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(one)}</td>" for one in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    kind = "wide" if len(rows) > LONG else "wide whole"
    return "\n".join([f'<div class="{kind}"><table>', *lines, "</table></div>"])


def _html_mark(kind: str) -> tuple[str, str]:
    return ("<mark>" if kind == "unsupported" else f'<mark class="{kind}">'), "</mark>"


def _markdown_mark(kind: str) -> tuple[str, str]:
    return SIGNS[kind], SIGNS[kind]


def _marked(
    text: str, marked: Sequence[Mark], escaped: Callable[[str], str], around: Callable[[str], tuple[str, str]]
) -> str:
    """Escape a text with `escaped`, and put what `around` returns for its kind before and after each marked range."""
    pieces, position = [], 0
    for start, end, kind in sorted(marked):
        before, after = around(kind)
        pieces += [escaped(text[position:start]), before, escaped(text[start:end]), after]
        position = end
    return "".join([*pieces, escaped(text[position:])])


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {TRAILING.sub(_escaped, _plain(text))}"
        case Paragraph(text):
            return _paragraph(text)
        case Note(text):
            return f"> {_paragraph(text)}"
        case Items(texts, numbered):
            return "\n".join(
                f"{f'{place}.' if numbered else '-'} {_paragraph(one)}" for place, one in enumerate(texts, start=1)
            )
        case Code(text):
            fence = "~" * (max([2, *(len(one) for one in FENCE.findall(text))]) + 1)
            return f"{fence}text\n{text}\n{fence}"
        case Table(columns, rows):
            lines = [columns, ["---"] * len(columns), *rows]
            return "\n".join(
                f"| {' | '.join(one if number == 1 else _plain(one) for one in line)} |"
                for number, line in enumerate(lines)
            )
        case Plot() | Bars() | Curves():
            return f"![{_plain(block.title)}]({PICTURES}/{block.file})"
        case Quote(label, text, marked):
            return f"> *{_plain(label)}*: {_marked(text, marked, _plain, _markdown_mark)}"
        case Group(parts):
            return "\n\n".join(map(_markdown, parts))
        case Pair(left, right):
            return f"{_markdown(left)}\n\n{_markdown(right)}"


def _paragraph(text: str) -> str:
    """Escape a text for Markdown, also where its beginning would make it a heading or an item."""
    return BLOCK_START.sub(_escaped, _plain(text))


def _escaped(found: re.Match[str]) -> str:
    return f"{found[0][:-1]}\\{found[0][-1]}"


def _plain(text: str) -> str:
    """Escape a text for Markdown, on one line."""
    return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", text))
