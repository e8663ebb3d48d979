"""Charts as HTML and SVG text: bars, curves and histograms, in the colours of the page's style and theme.

They need no script and no library: a page of them stays small, prints, and is read by a screen reader.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from runtime.inspect.tables import Table, shown

Points = Sequence[tuple[float, float]]
COLOURS = 7
"""How many curves have a colour of their own."""
_WIDTH, _HEIGHT = 440, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 44


def table(content: Table) -> str:
    """The rows as an HTML table, numbers to the right, which scrolls where it is too wide."""
    right = [content.is_numeric(column) for column in content.columns]
    head = "".join(f"<th{_right(r)}>{escape(column)}</th>" for column, r in zip(content.columns, right, strict=True))
    cells = [
        "".join(f"<td{_right(r)}>{escape(shown(row[c]))}</td>" for c, r in zip(content.columns, right, strict=True))
        for row in content.rows
    ]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    foot = f"<p class=note>{escape(content.footer)}</p>" if content.footer else ""
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{foot}"


def _right(numeric: bool) -> str:
    return " class=number" if numeric else ""


def bars(rows: Sequence[tuple[str, float]], unit: str, low_is_bad: float | None = None) -> str:
    """A horizontal bar for each row, longest for the largest; below `low_is_bad` in the warning colour."""
    finite = [value for _, value in rows if math.isfinite(value)]
    largest = max([value for value in finite if value > 0], default=1.0)
    lines = []
    for name, value in rows:
        share = 100 * max(0.0, min(value, largest)) / largest
        kind = "bar bad" if low_is_bad is not None and value < low_is_bad else "bar"
        text = f"{value:.3g} {unit}" if math.isfinite(value) else "exact"
        lines.append(
            f"<tr><th scope=row>{escape(name)}</th><td><span class='{kind}' style='width:{share:.1f}%'></span></td>"
            f"<td class=number>{escape(text)}</td></tr>"
        )
    return f"<table class=bars><tbody>{''.join(lines)}</tbody></table>"


def curves(series: Mapping[str, Points], x_label: str, y_label: str) -> str:
    """A line for each series. Of many, those whose values reach furthest from the others' are coloured."""
    points = [point for line in series.values() for point in line]
    if not points:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    to_x, to_y = _Scale(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT), _Scale(*_padded(ys), _HEIGHT - _BOTTOM, _TOP)
    ranked = sorted(series, key=lambda name: min(y for _, y in series[name]))
    coloured = {name: number for number, name in enumerate(ranked[:COLOURS])}
    lines = []
    for name in sorted(series, key=lambda name: name in coloured):
        path = "M" + "L".join(f"{to_x(x):.1f} {to_y(y):.1f}" for x, y in series[name])
        kind = f"c{coloured[name]}" if name in coloured else "rest"
        dots = "".join(
            f"<circle class={kind} cx='{to_x(x):.1f}' cy='{to_y(y):.1f}' r='3'><title>{escape(name)}\n"
            f"{escape(x_label)} {x:.3g}, {escape(y_label)} {y:.4g}</title></circle>"
            for x, y in series[name]
        )
        lines.append(f"<path class='curve {kind}' d='{path}'/>{dots}")
    legend = "".join(f"<li><i class=c{number}></i>{escape(name)}</li>" for name, number in coloured.items())
    rest = len(series) - len(coloured)
    legend += f"<li><i class=rest></i>{rest} more</li>" if rest else ""
    axes = _axes(min(xs), max(xs), *_padded(ys), x_label, y_label)
    return (
        f"<figure><svg class=chart viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='{escape(y_label)} by "
        f"{escape(x_label)}'>{axes}{''.join(lines)}</svg><ul class=legend>{legend}</ul></figure>"
    )


def histogram(title: str, counts: Sequence[int], low: float, high: float, chosen: tuple[float, float] | None) -> str:
    """How often values lie where, logarithmically, with the range that the integers cover marked in it."""
    width, height, floor = 260, 96, 78
    left, right = min(low, chosen[0] if chosen else low), max(high, chosen[1] if chosen else high)
    to_x = _Scale(left, right, 4, width - 4)
    tallest = math.log1p(max(counts, default=0)) or 1.0
    step = (high - low) / max(len(counts), 1)
    bins = "".join(
        f"M{to_x(low + i * step):.1f} {floor}v{-(floor - 8) * math.log1p(count) / tallest:.1f}"
        f"h{max(to_x(low + step) - to_x(low), 0.6):.2f}V{floor}z"
        for i, count in enumerate(counts)
        if count
    )
    marks = ""
    if chosen:
        x1, x2 = to_x(chosen[0]), to_x(chosen[1])
        marks = (
            f"<rect class=range x='{x1:.1f}' y='4' width='{max(x2 - x1, 1):.1f}' height='{floor - 4}'/>"
            f"<path class=edge d='M{x1:.1f} 4V{floor}M{x2:.1f} 4V{floor}'/>"
        )
    covered = f"<br>covered {chosen[0]:.3g} to {chosen[1]:.3g}" if chosen else ""
    return (
        f"<figure class=small><svg class=chart viewBox='0 0 {width} {height}' role=img aria-label='{escape(title)}'>"
        f"{marks}<path class=bins d='{bins}'/><path class=axis d='M4 {floor}H{width - 4}'/>"
        f"<text x='4' y='{height - 4}'>{left:.3g}</text>"
        f"<text x='{width - 4}' y='{height - 4}' text-anchor=end>{right:.3g}</text></svg>"
        f"<figcaption><b>{escape(title)}</b><br>seen {low:.3g} to {high:.3g}{covered}</figcaption></figure>"
    )


class _Scale:
    """From numbers to pixels, evenly."""

    def __init__(self, low: float, high: float, first: float, last: float) -> None:
        self.low, self.first = low, first
        self.step = (last - first) / (high - low) if high > low else 0.0

    def __call__(self, value: float) -> float:
        return self.first + (value - self.low) * self.step


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    space = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    return low - space, high + space


def ticks(low: float, high: float, number: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    if high <= low:
        return [low]
    rough = (high - low) / number
    power = 10 ** math.floor(math.log10(rough))
    step = power * next(round_ for round_ in (1, 2, 5, 10) if rough <= round_ * power)
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]


def _axes(x_low: float, x_high: float, y_low: float, y_high: float, x_label: str, y_label: str) -> str:
    to_x, to_y = _Scale(x_low, x_high, _LEFT, _WIDTH - _RIGHT), _Scale(y_low, y_high, _HEIGHT - _BOTTOM, _TOP)
    drawn = [
        f"<path class=grid d='M{_LEFT} {to_y(y):.1f}H{_WIDTH - _RIGHT}'/>"
        f"<text x='{_LEFT - 6}' y='{to_y(y) + 4:.1f}' text-anchor=end>{y:.4g}</text>"
        for y in ticks(y_low, y_high)
    ]
    drawn += [
        f"<text x='{to_x(x):.1f}' y='{_HEIGHT - _BOTTOM + 17}' text-anchor=middle>{x:.3g}</text>"
        for x in ticks(x_low, x_high)
    ]
    bottom, middle, centre = _HEIGHT - 8, (_TOP + _HEIGHT - _BOTTOM) / 2, (_LEFT + _WIDTH - _RIGHT) / 2
    return (
        "".join(drawn) + f"<path class=axis d='M{_LEFT} {_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}'/>"
        f"<text class=label x='{centre}' y='{bottom}' text-anchor=middle>{escape(x_label)}</text>"
        f"<text class=label transform='rotate(-90 12 {middle})' x='12' y='{middle}' text-anchor=middle>"
        f"{escape(y_label)}</text>"
    )
