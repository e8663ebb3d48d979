"""Which code it is that ONNX Runtime rounds otherwise than we do, who is right, and what the network makes of it.

    python -m tests.bench.onnx_rounding resnet50 --site DIR [--size 64]

The network and its data are those of `onnx_networks`. A line for each code that differs where a layer is given the same
codes: both codes, and for a sum of two tensors the number that is rounded, computed in fractions. The last line says
whether our network's outputs are ONNX Runtime's as soon as these codes are changed in it, and nothing else.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor

import runtime.export
from tests.bench import onnx_networks
from tests.bench.int8_models import add_site
from tests.bench.onnx_layers import Compared, compared


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--site", action="append", default=[])
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for site in options.site:
        add_site(site)
    quantized, data, _ = onnx_networks.made_quantized(options.name, options.size)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "network.onnx"
        runtime.export.onnx(quantized, path, data[0], batch=0)
        run, _ = onnx_networks.session(path)
        theirs, graph = run(data[1]), _Graph(onnx.load(path))
        comparison = compared(quantized, path, data[1])
        for each in comparison.layers:
            if not torch.equal(each.ours, each.theirs):
                print(*_lines(each, graph, comparison.theirs), sep="\n", flush=True)
        ours = quantized(data[1])
    steps = onnx_networks.steps
    print(
        f"outputs are {steps(theirs, ours).max():.2f} steps apart, and {steps(comparison.result, ours).max():.2f} from"
    )
    print(f"ours with these codes set; then they are ONNX Runtime's: {torch.equal(comparison.result, theirs)}")
    return 0


class _Graph:
    """Who makes what, and the constants."""

    def __init__(self, proto: Any) -> None:
        self.makers = {output: node for node in proto.graph.node for output in node.output}
        self.constants = {i.name: onnx.numpy_helper.to_array(i).item() for i in proto.graph.initializer if not i.dims}

    def sum_behind(self, codes: str) -> tuple[Any, tuple[float, int]] | None:
        """The addition whose result becomes these codes, and their scale and zero point."""
        quantize = self.makers[codes]
        node = self.makers.get(quantize.input[0])
        while node is not None and node.op_type in ("Relu", "Clip"):
            node = self.makers.get(node.input[0])
        return (node, self.grid(quantize)) if node is not None and node.op_type == "Add" else None

    def grid(self, node: Any) -> tuple[float, int]:
        return self.constants[node.input[1]], self.constants[node.input[2]]


def _lines(found: Compared, graph: _Graph, codes: dict[str, Tensor]) -> Iterator[str]:
    for at in (found.ours != found.theirs).nonzero().tolist():
        place = tuple(at)
        line = f"{found.place}{at}: {found.ours[place]} here, {found.theirs[place]} in ONNX Runtime"
        behind = graph.sum_behind(found.place.name)
        if behind is not None:
            node, (scale, zero) = behind
            total = sum((_real(graph.makers[name], graph, codes, place) for name in node.input), Fraction())
            line += f"; exactly {float(total / Fraction(scale) + zero):.7f}"
        yield line


def _real(dequantize: Any, graph: _Graph, codes: dict[str, Tensor], at: tuple[int, ...]) -> Fraction:
    scale, zero = graph.grid(dequantize)
    return (int(codes[dequantize.input[0]][at]) - zero) * Fraction(scale)


if __name__ == "__main__":
    raise SystemExit(main())
