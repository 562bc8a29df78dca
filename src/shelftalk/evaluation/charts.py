"""Draw bars and loss curves as SVG without scripts or fonts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from shelftalk.evaluation.blocks import Bars, Curves
from shelftalk.translations.words import Words

WIDTH = 640
BAR_ROW, BAR_LABELS, BAR_MARGIN = 22, 190, 60
HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 280, 52, 20, 34, 44  # of the curves
TICKS = 5
SMOOTHED = 20  # the running mean is over a so-manieth part of the updates
POINTS = 400  # most points of a curve: more than a page can show

Points = Sequence[tuple[float, float]]


def draw_bars(block: Bars, words: Words) -> str:
    """Return an SVG with a bar for each row, longest for the largest count."""
    most = max((count for _, count in block.rows), default=0) or 1
    height = BAR_ROW * len(block.rows) + 8
    lines = _head(WIDTH, height, block.title)
    for number, (label, count) in enumerate(block.rows):
        y = BAR_ROW * number + 4
        width = max(1.0, count / most * (WIDTH - BAR_LABELS - BAR_MARGIN))
        lines.append(f'<text x="{BAR_LABELS - 10}" y="{y + 13}" text-anchor="end">{escape(_short(label))}</text>')
        lines.append(f'<rect class="bar" x="{BAR_LABELS}" y="{y}" width="{width:.1f}" height="{BAR_ROW - 5}"/>')
        lines.append(f'<text class="score" x="{BAR_LABELS + width + 8:.1f}" y="{y + 13}">{words.number(count)}</text>')
    return "\n".join([*lines, "</svg>"])


def draw_curves(block: Curves, words: Words) -> str:
    """Return an SVG with the training loss, its running mean and the validation losses, from 0 to the largest of them.

    Of the single training losses only those below the 99th percentile set the scale: one hard product does not.
    """
    training, smooth = _thinned(block.training), _thinned(_running_mean(block.training))
    losses = sorted(y for _, y in block.training)
    scale = [*losses[: max(1, len(losses) * 99 // 100)], *(y for _, y in (*smooth, *block.validation))]
    high = max(scale, default=1.0) or 1.0
    step = _nice(high / TICKS)
    top = math.ceil(high / step) * step
    last = max((x for x, _ in (*block.training, *block.validation)), default=1) or 1

    def x(update: float) -> float:
        return LEFT + update / last * (WIDTH - LEFT - RIGHT)

    def y(loss: float) -> float:
        return HEIGHT - BOTTOM - min(loss, top) / top * (HEIGHT - TOP - BOTTOM)

    def path(points: Points) -> str:
        return " ".join(f"{x(update):.1f},{y(loss):.1f}" for update, loss in points)

    lines = _head(WIDTH, HEIGHT, block.title)
    digits = max(0, -math.floor(math.log10(step)))
    for number in range(round(top / step) + 1):
        at = y(number * step)
        lines.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        tick = words.number(number * step, digits)
        lines.append(f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick}</text>')
    across = max(1.0, _nice(last / TICKS))
    for number in range(int(last / across) + 1):
        at = x(number * across)
        tick = words.number(number * across)
        lines.append(f'<text class="tick" x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(
        f'<text class="tick" x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(block.axis)}</text>'
    )
    lines.append(f'<polyline class="single" points="{path(training)}"/>')
    lines.append(f'<polyline class="mean" points="{path(smooth)}"/>')
    if block.validation:
        lines.append(f'<polyline class="validation" points="{path(block.validation)}"/>')
    lines += [f'<circle cx="{x(update):.1f}" cy="{y(loss):.1f}" r="4.5"/>' for update, loss in block.validation]
    return "\n".join([*lines, *_legend(block), "</svg>"])


def _legend(block: Curves) -> list[str]:
    """Return the lines of the legend, above the curves; without validation its label is left out."""
    kinds = ("single", "mean", "validation")[: 3 if block.validation else 2]
    lines, left = [], float(LEFT)
    for kind, label in zip(kinds, block.labels, strict=False):
        lines.append(f'<polyline class="{kind}" points="{left:.0f},14 {left + 22:.0f},14"/>')
        if kind == "validation":
            lines.append(f'<circle cx="{left + 11:.0f}" cy="14" r="4.5"/>')
        lines.append(f'<text x="{left + 28:.0f}" y="18">{escape(label)}</text>')
        left += 54 + 6.6 * len(label)
    return lines


def _head(width: int, height: int, title: str) -> list[str]:
    first = f'<svg viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'
    return [first, f"<title>{escape(title)}</title>"]


def _short(label: str) -> str:
    return label if len(label) <= 28 else f"{label[:27]}…"


def _nice(step: float) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((one * power for one in (1, 2, 2.5, 5) if one * power >= step * 0.999), 10 * power)


def _running_mean(points: Points) -> list[tuple[float, float]]:
    """Return the mean of each point with the points around it, `1 / SMOOTHED` of all of them in total."""
    half = max(1, len(points) // SMOOTHED // 2)
    sums = [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
    bounds = ((max(0, row - half), min(len(points), row + half + 1)) for row in range(len(points)))
    return [
        (point[0], (sums[end] - sums[start]) / (end - start))
        for point, (start, end) in zip(points, bounds, strict=True)
    ]


def _thinned(points: Points) -> Points:
    if len(points) <= POINTS:
        return points
    return [points[row * (len(points) - 1) // (POINTS - 1)] for row in range(POINTS)]
