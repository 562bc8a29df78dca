"""Draw a forest plot of the scores of several ways with their intervals, as SVG without scripts or fonts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from shelftalk.translations.words import Words

WIDTH, ROW, LABELS, MARGIN = 640, 26, 230, 70

Row = tuple[str, float, Sequence[float] | None]  # label, score, interval


def forest_plot(rows: Sequence[Row], title: str, digits: int, words: Words) -> str:
    """Return an SVG with a point for each row's score and a line for its interval, all on one scale."""
    bounds = [bound for _, score, found in rows for bound in (score, *(found or ()))]
    low, high = min(bounds), max(bounds)
    if low == high:
        low, high = low - 0.5, high + 0.5

    def x(value: float) -> float:
        return LABELS + (value - low) / (high - low) * (WIDTH - LABELS - MARGIN)

    height = ROW * len(rows) + 30
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
    ]
    for number, (label, score, found) in enumerate(rows):
        y = ROW * number + 16
        lines.append(f'<text x="{LABELS - 12}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
        if found:
            lines.append(f'<line class="interval" x1="{x(found[0]):.1f}" x2="{x(found[1]):.1f}" y1="{y}" y2="{y}"/>')
        lines.append(f'<circle cx="{x(score):.1f}" cy="{y}" r="4.5"/>')
        end = x(max(score, *(found or (score,)))) + 10
        lines.append(f'<text class="score" x="{end:.1f}" y="{y + 4}">{words.number(score, digits)}</text>')
    axis = ROW * len(rows) + 8
    lines.append(f'<line class="axis" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{axis}" y2="{axis}"/>')
    for value, anchor in ((low, "start"), (high, "end")):
        lines.append(
            f'<text class="tick" x="{x(value):.1f}" y="{axis + 16}" text-anchor="{anchor}">'
            f"{words.number(value, digits)}</text>"
        )
    return "\n".join([*lines, "</svg>"])
