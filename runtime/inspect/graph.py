"""The graph of a model as an SVG picture: a box for each module that runs, a line for each tensor between two."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from html import escape
from typing import Any

from torch import nn

from runtime.inspect.summaries import summary
from runtime.inspect.tables import shown
from runtime.quantization.adjacency import call, find_adjacency
from runtime.quantization.calibration import evaluating, float_tensors, observing
from runtime.quantization.quantized.base import QuantizedModule

WIDTH, HEIGHT = 190, 46
_GAP_X, _GAP_Y, _MARGIN = 24, 34, 20
STYLE = """
svg.graph{font:12px system-ui,sans-serif;--ink:#1b1f24;--soft:#57606a;--line:#8c959f;--box:#f6f8fa;--int:#dbeafe;
--back:#fff;background:var(--back)}
@media(prefers-color-scheme:dark){svg.graph{--ink:#e6edf3;--soft:#9da7b1;--line:#6e7681;--box:#21262d;--int:#1f3a5f;
--back:#0d1117}}
svg.graph rect{fill:var(--box);stroke:var(--line)}svg.graph .quantized rect{fill:var(--int)}
svg.graph text{fill:var(--ink)}svg.graph .kind{fill:var(--soft);font-size:10px}
svg.graph path{fill:none;stroke:var(--line);stroke-width:1.4}svg.graph marker path{fill:var(--line);stroke:none}
"""


@dataclass(frozen=True)
class Box:
    """One module, and where it stands in the picture."""

    name: str
    kind: str
    shape: tuple[int, ...]
    note: str
    """What became of it in the quantized model, if something did."""
    x: float
    y: float


def graph_svg(model: nn.Module, dummy_input: Any, quantized: nn.Module | None = None) -> str:
    """The picture as text, which is a whole SVG file and can also stand in a page.

    `model` is in floating point; with `quantized`, what was made of it, boxes say what is computed on integers.
    """
    if any(isinstance(module, QuantizedModule) for module in model.modules()):
        raise ValueError("the picture is of the model in floating point; pass what was made of it as quantized=")
    with evaluating(model):
        adjacency = find_adjacency(model, dummy_input)
    sources = {
        name: sorted({one for given in place.sources for one in given if one is not None and one != name})
        for name, place in adjacency.places.items()
        if place.calls
    }
    boxes = _placed(model, sources, _shapes(model, dummy_input), _notes(quantized))
    width = max((box.x for box in boxes.values()), default=0) + WIDTH / 2 + _MARGIN
    height = max((box.y for box in boxes.values()), default=0) + HEIGHT + _MARGIN
    lines = [_edge(boxes[source], box) for name, box in boxes.items() for source in sources[name] if source in boxes]
    drawn = [*lines, *(_box(box) for box in boxes.values())]
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="graph of {escape(type(model).__name__)}">'
        f"<style>{STYLE}</style>{marker}{''.join(drawn)}</svg>"
    )


def _notes(quantized: nn.Module | None) -> dict[str, str]:
    """What became of each module."""
    rows = [] if quantized is None else summary(quantized, "quantization").rows
    notes = {}
    for row in rows:
        bits = [f"{row[f'{what} bits']}-bit {what}" for what in ("weight", "output") if row[f"{what} bits"]]
        notes[row["module"]] = ", ".join([*bits, *([row["note"]] if row["note"] else [])])
    return notes


def _placed(
    model: nn.Module, sources: dict[str, list[str]], shapes: dict[str, tuple[int, ...]], notes: dict[str, str]
) -> dict[str, Box]:
    """Each box below all that it takes from; those at the same depth side by side, near what they take from."""
    depth: dict[str, int] = {}
    for name in sources:  # in the order in which they ran
        depth[name] = 1 + max((depth[source] for source in sources[name] if source in depth), default=-1)
    rows: dict[int, list[str]] = defaultdict(list)
    for name, row in depth.items():
        rows[row].append(name)
    widest = max((len(row) for row in rows.values()), default=1)
    middle = _MARGIN + (widest * (WIDTH + _GAP_X) - _GAP_X) / 2
    modules = dict(model.named_modules())
    boxes: dict[str, Box] = {}
    for row in sorted(rows):
        names = sorted(rows[row], key=lambda name: _wish(name, sources, boxes, middle))
        left = middle - (len(names) - 1) * (WIDTH + _GAP_X) / 2
        for place, name in enumerate(names):
            kind = type(modules[name]).__name__
            x, y = left + place * (WIDTH + _GAP_X), _MARGIN + row * (HEIGHT + _GAP_Y)
            boxes[name] = Box(name, kind, shapes.get(name, ()), notes.get(name, ""), x, y)
    return boxes


def _wish(name: str, sources: dict[str, list[str]], boxes: dict[str, Box], middle: float) -> float:
    known = [boxes[source].x for source in sources[name] if source in boxes]
    return sum(known) / len(known) if known else middle


def _box(box: Box) -> str:
    x, y = box.x - WIDTH / 2, box.y
    name = box.name if len(box.name) <= 26 else f"…{box.name[-25:]}"
    detail = f"{box.kind}  {shown(box.shape)}"
    title = "\n".join(filter(None, [box.name, detail, box.note]))
    return (
        f'<g class="{"quantized" if box.note else "float"}"><title>{escape(title)}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{box.x:.1f}" y="{y + 19:.1f}" text-anchor="middle">{escape(name)}</text>'
        f'<text class="kind" x="{box.x:.1f}" y="{y + 35:.1f}" text-anchor="middle">{escape(detail)}</text></g>'
    )


def _edge(source: Box, target: Box) -> str:
    """Straight down to the next row; around the boxes between where it goes further."""
    x1, y1, x2, y2 = source.x, source.y + HEIGHT, target.x, target.y
    if y2 - y1 <= _GAP_Y:
        bend = (y1 + y2) / 2
        path = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {bend:.1f} {x2:.1f} {bend:.1f} {x2:.1f} {y2:.1f}"
    else:
        side = max(x1, x2) + WIDTH / 2 + _GAP_X / 2
        path = (
            f"M{x1:.1f} {y1:.1f}C{x1:.1f} {y1 + _GAP_Y:.1f} {side:.1f} {y1:.1f} {side:.1f} {y1 + _GAP_Y:.1f}"
            f"L{side:.1f} {y2 - _GAP_Y:.1f}C{side:.1f} {y2:.1f} {x2:.1f} {y2 - _GAP_Y:.1f} {x2:.1f} {y2:.1f}"
        )
    return f'<path d="{path}" marker-end="url(#head)"/>'


def _shapes(model: nn.Module, dummy_input: Any) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    hooks = []
    for name, module in model.named_modules():

        def see(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
            for tensor in float_tensors(output)[:1]:
                found[name] = tuple(tensor.shape)

        hooks.append(module.register_forward_hook(see))
    with observing(model, hooks):
        call(model, dummy_input)
    return found
