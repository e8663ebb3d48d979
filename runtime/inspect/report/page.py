"""One page of HTML that says what a quantization or a pruning run has done. It needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from runtime.inspect.graph import graph_svg
from runtime.inspect.report import charts
from runtime.inspect.report.ranges import activation_histograms, weight_histograms
from runtime.inspect.report.style import CSS
from runtime.inspect.sensitivity import Sensitivity
from runtime.inspect.summaries import summary
from runtime.inspect.tables import Table
from runtime.quantization.calibration import evaluating, run_batch
from runtime.quantization.summary import noise_by_layer

_POLICY = "default-src 'none';style-src 'unsafe-inline';img-src data:"
"""The page may load nothing."""
_SHOWN_HISTOGRAMS = 12
_SLOWEST = 15
_PROFILES = 9
"""Of each operation the quickest of so many runs counts: the rest is what else the machine did."""
_NOISY = 20.0
"""Below so many decibels a tenth of the signal is noise."""


class Variant(NamedTuple):
    """One line of the table of accuracy and size."""

    name: str
    accuracy: float
    size: int
    """In bytes."""
    milliseconds: float | None = None


@dataclass
class Report:
    """Sections are added as far as there is something to show, and `write` makes the page."""

    title: str
    introduction: str = ""
    sections: list[tuple[str, str, str]] = field(default_factory=list)
    """Heading, what it shows, and the content as HTML."""

    def add(self, heading: str, explanation: str, content: str) -> None:
        if content:
            self.sections.append((heading, explanation, content))

    def variants(self, variants: Sequence[Variant]) -> None:
        """Accuracy, size and time of each variant; the first is what the others are compared with."""
        first = variants[0]
        rows = tuple(
            {
                "variant": one.name,
                "accuracy %": float(one.accuracy),
                "lost": float(first.accuracy - one.accuracy),
                "MB": one.size / 1e6,
                "of the first": one.size / first.size,
                "ms": one.milliseconds,
            }
            for one in variants
        )
        columns: tuple[str, ...] = ("variant", "accuracy %", "lost", "MB", "of the first")
        columns = (*columns, "ms") if any(one.milliseconds is not None for one in variants) else columns
        text = charts.table(Table("variants", columns, rows))
        self.add("Accuracy and size", "Each variant of the model on the same test data.", text)

    def history(self, series: dict[str, charts.Points], y_label: str) -> None:
        """Curves over the epochs of the training."""
        self.add("Training", "What was logged at the end of each epoch.", charts.curves(series, "epoch", y_label))

    def quantization(self, exact: nn.Module, quantized: nn.Module, data: Iterable[Any]) -> None:
        """Noise by layer, bit widths, and histograms with the ranges that were chosen, over a few batches of `data`."""
        batches = list(islice(data, 4))
        noise = _noise(exact, quantized, batches[0])
        self.add(
            "Noise by layer",
            f"Signal over quantization noise of each result, all noise before it included. Below {_NOISY:.0f} dB more "
            "than a tenth of the signal is noise.",
            charts.bars(list(noise.items()), "dB", low_is_bad=_NOISY),
        )
        self.add("Bit widths and grids", "", charts.table(summary(quantized, "quantization")))
        for kind, found in (
            ("Activations", activation_histograms(exact, quantized, batches)),
            ("Weights", weight_histograms(quantized)),
        ):
            explanation = "How often values lie where, on a logarithmic scale; shaded is what the integers cover."
            self.add(kind, explanation, _histograms([charts.histogram(*one) for one in found]))

    def sparsity(self, model: nn.Module) -> None:
        """How sparse each weight is."""
        content = summary(model, "sparsity")
        wanted = tuple(c for c in content.columns if c not in ("std", "mean", "abs mean"))
        table = charts.table(Table(content.title, wanted, content.rows, content.footer))
        self.add("Sparsity", "Zeros among the weights, and whole structures of them.", table)

    def sensitivity(self, measured: Sequence[Sensitivity], score: str = "accuracy %") -> None:
        """A curve for each weight; the most sensitive ones are coloured."""
        series: dict[str, list[tuple[float, float]]] = {}
        for one in measured:
            series.setdefault(one.weight, []).append((100 * one.level, one.score))
        explanation = "Each weight pruned by itself, all others as they are. The most sensitive ones are coloured."
        self.add("Sensitivity to pruning", explanation, charts.curves(series, "pruned %", score))

    def operations(self, compiled: Any, *args: Any) -> None:
        """The slowest operations of a compiled model on one input."""
        compiled(*args)  # the first run plans
        runs = [compiled.profile(*args) for _ in range(_PROFILES)]
        timings = [min(same, key=lambda one: one.nanoseconds) for same in zip(*runs, strict=True)]
        whole = sum(one.nanoseconds for one in timings) or 1
        slowest = sorted(timings, key=lambda one: -one.nanoseconds)[:_SLOWEST]
        rows = [(f"{one.layer or 'input'} ({_operator(one.op)})", one.nanoseconds / 1e6) for one in slowest]
        share = 100 * sum(one.nanoseconds for one in slowest) / whole
        explanation = f"These {len(rows)} of {len(timings)} take {share:.0f}% of {whole / 1e6:.3g} ms."
        self.add("Slowest operations", explanation, charts.bars(rows, "ms"))

    def graph(self, model: nn.Module, dummy_input: Any, quantized: nn.Module | None = None) -> None:
        """The model's graph, with what is computed on integers coloured."""
        picture = graph_svg(model, dummy_input, quantized)
        explanation = "Blue boxes are computed on integers." if quantized is not None else ""
        self.add("Graph", explanation, f"<div class=picture tabindex=0>{picture}</div>")

    def html(self) -> str:
        links = "".join(f"<a href='#s{n}'>{escape(heading)}</a>" for n, (heading, _, _) in enumerate(self.sections))
        body = "".join(
            f"<section id=s{n}><h2>{escape(heading)}</h2><p class=note>{escape(why)}</p>{content}</section>"
            for n, (heading, why, content) in enumerate(self.sections)
        )
        introduction = f"<p>{escape(self.introduction)}</p>" if self.introduction else ""
        return (
            "<!doctype html><html lang=en><head><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width,initial-scale=1'>"
            f'<meta http-equiv=Content-Security-Policy content="{_POLICY}">'
            f"<link rel=icon href='data:,'><title>{escape(self.title)}</title><style>{CSS}</style></head>"
            f"<body><h1>{escape(self.title)}</h1>{introduction}<nav>{links}</nav>{body}</body></html>\n"
        )

    def write(self, path: str | Path) -> None:
        Path(path).write_text(self.html(), encoding="utf-8")


def _operator(name: str) -> str:
    """`conv` of `namespace.conv.default`."""
    parts = name.split(".")
    return parts[1] if len(parts) > 2 else name


def _noise(exact: nn.Module, quantized: nn.Module, batch: Any) -> dict[str, float]:
    """As `noise_by_layer`, with the arguments as `run_batch` passes them."""
    caught: list[tuple[Any, Any]] = []
    hook = exact.register_forward_pre_hook(lambda m, args, kwargs: caught.append((args, kwargs)), with_kwargs=True)
    try:
        with evaluating(exact), torch.no_grad():
            run_batch(exact, batch)
    finally:
        hook.remove()
    args, kwargs = caught[0]
    return noise_by_layer(exact, quantized, *args, **kwargs)


def _histograms(drawn: list[str]) -> str:
    """The first ones open, the rest behind a line to click."""
    if not drawn:
        return ""
    first, rest = drawn[:_SHOWN_HISTOGRAMS], drawn[_SHOWN_HISTOGRAMS:]
    content = f"<div class=grid-of>{''.join(first)}</div>"
    if rest:
        content += f"<details><summary>{len(rest)} more</summary><div class=grid-of>{''.join(rest)}</div></details>"
    return content
