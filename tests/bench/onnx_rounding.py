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
from torch import Tensor, nn

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
    quantized, data = onnx_networks.made_quantized(options.name, options.size)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "network.onnx"
        runtime.export.onnx(quantized, path, data[0], batch=0)
        run, _ = onnx_networks.session(path)
        ours, theirs, proto = quantized(data[1]), run(data[1]), onnx.load(path)
        exported = runtime.export.program(quantized, data[0], batch=0)
        graph = _Graph(proto)
        found = [c for c in compared(quantized, exported, proto, data[1]) if not torch.equal(c.ours, c.theirs)]
        for each in found:
            print(*_lines(each, graph), sep="\n", flush=True)
        with_theirs = _changed(quantized, found, graph, data[1])
    steps = onnx_networks.steps
    print(
        f"outputs are {steps(theirs, ours).max():.2f} steps apart, and {steps(with_theirs, ours).max():.2f} from our own"
    )
    print(f"with these codes changed; then they are equal to ONNX Runtime's: {torch.equal(with_theirs, theirs)}")
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


def _lines(found: Compared, graph: _Graph) -> Iterator[str]:
    for at in (found.ours != found.theirs).nonzero().tolist():
        place = tuple(at)
        line = f"{found.call}{at}: {found.ours[place]} here, {found.theirs[place]} in ONNX Runtime"
        behind = graph.sum_behind(found.place)
        if behind is not None:
            node, (scale, zero) = behind
            total = sum((_real(graph.makers[name], graph, found.given, place) for name in node.input), Fraction())
            line += f"; exactly {float(total / Fraction(scale) + zero):.7f}"
        yield line


def _real(dequantize: Any, graph: _Graph, codes: dict[str, Tensor], at: tuple[int, ...]) -> Fraction:
    scale, zero = graph.grid(dequantize)
    return (int(codes[dequantize.input[0]][at]) - zero) * Fraction(scale)


def _changed(quantized: nn.Module, found: Sequence[Compared], graph: _Graph, batch: Tensor) -> Tensor:
    """What the network returns if these codes are ONNX Runtime's."""
    handles = []
    for each in found:
        path, _, number = each.call.partition("@")
        module, changing = quantized.get_submodule(path), _Changing(each, graph, int(number or 0))
        if each.is_result:
            handles.append(module.register_forward_hook(lambda m, args, result, changing=changing: changing(result)))
        else:
            handles.append(module.register_forward_pre_hook(lambda m, args, changing=changing: changing(args[0])))
    try:
        result: Tensor = quantized(batch)
    finally:
        for handle in handles:
            handle.remove()
    return result


class _Changing:
    """Puts the number of ONNX Runtime's code in the place of each that differs, in one of a module's calls."""

    def __init__(self, found: Compared, graph: _Graph, call: int) -> None:
        self.found, self.call, self.calls = found, call, 0
        self.scale, self.zero = graph.grid(graph.makers[found.place])

    def __call__(self, values: Tensor) -> Tensor:
        self.calls += 1
        if self.calls != self.call + 1:
            return values
        theirs = (self.found.theirs.float() - self.zero) * torch.tensor(self.scale)
        return torch.where(self.found.theirs == self.found.ours, values, theirs)


if __name__ == "__main__":
    raise SystemExit(main())
