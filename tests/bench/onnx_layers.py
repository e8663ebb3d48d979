"""Each layer of an exported network on its own: our model on ONNX Runtime's way, given its codes before each layer.

What a whole network returns differs by all that its layers differ by, made larger or smaller by the layers behind them.
Here ONNX Runtime runs the whole network and shows all its codes; ours runs beside it, and wherever a layer's codes are
not the same, this is noted and ONNX Runtime's are put in their place. So each layer starts from the same codes, and what
the network returns in the end differs by what was noted and by nothing else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Node
from torch.utils._pytree import tree_map_only

from runtime.export.programs import traced
from runtime.quantization.arithmetic import QParams, dequantize, quantize
from runtime.quantization.quantized.base import QuantizedModule

_QUANTIZE = torch.ops.quantized_decomposed.quantize_per_tensor.default


class Place(NamedTuple):
    """Where codes come from: one of the calls of a module, what it is given or what it returns."""

    name: str
    operator: str
    path: str
    call: int
    is_result: bool

    def __str__(self) -> str:
        return self.path + (f"@{self.call}" if self.call else "") + ("" if self.is_result else ", what it is given")


class Compared(NamedTuple):
    """Codes of ours and of ONNX Runtime, from the same codes before them."""

    place: Place
    ours: Tensor
    theirs: Tensor


class Comparison(NamedTuple):
    layers: list[Compared]
    theirs: dict[str, Tensor]
    """ONNX Runtime's codes at all places."""
    result: Tensor
    """What our model returns with ONNX Runtime's codes in the place of all that differ."""

    def by_operator(self) -> dict[str, list[int]]:
        """For each operator before a QuantizeLinear: how many codes differ by 0, by 1, by 2 steps and so on."""
        found = defaultdict[str, list[int]](list)
        for each in self.layers:
            apart = (each.theirs.long() - each.ours.long()).abs().flatten().bincount().tolist()
            counts = found[each.place.operator]
            counts += [0] * (len(apart) - len(counts))
            for steps, number in enumerate(apart):
                counts[steps] += number
        return dict(found)


def compared(quantized: nn.Module, path: Path, batch: Tensor, along: int = 0) -> Comparison:
    """Of a quantized model and of the file that `runtime.export.onnx` made of it."""
    proto = onnx.load(path)
    places = _places(quantized, traced(quantized, batch, batch=along, as_pt2e=False), proto)
    theirs = _shown(proto, places, batch)
    with torch.no_grad(), _Following(quantized, places, theirs) as following:
        result = quantized(batch)
    return Comparison(following.found, theirs, result)


def _places(quantized: nn.Module, exported: ExportedProgram, proto: Any) -> list[Place]:
    names, makers = dict(quantized.named_modules()), {o: n.op_type for n in proto.graph.node for o in n.output}
    sources = {n.output[0]: makers.get(n.input[0], "input") for n in proto.graph.node if n.op_type == "QuantizeLinear"}
    quantizing = [node for node in exported.graph.nodes if node.target is _QUANTIZE]
    last = {_call(node): node for node in quantizing}
    found = []
    for node, name in zip(quantizing, _names(), strict=False):
        (path, call), is_last = _call(node), last[_call(node)] is node
        while path not in names:  # the program has layers inside of those whose weights are arguments
            path = path.rpartition(".")[0]
        module = names[path]
        is_result = is_last and isinstance(module, QuantizedModule) and module.output_params is not None
        if name in sources:
            found.append(Place(name, sources[name], path, call, is_result))
    return found


def _names() -> Iterator[str]:
    """What torch's exporter calls the results of these nodes, in their order."""
    yield "quantize_per_tensor"
    yield from (f"quantize_per_tensor_{number}" for number in count(1))


def _call(node: Node) -> tuple[str, int]:
    """The module that the node is of, and which of its calls."""
    key, (path, _) = list(node.meta["nn_module_stack"].items())[-1]
    return path, int(key.partition("@")[2] or 0)


def _shown(proto: Any, places: Sequence[Place], batch: Tensor) -> dict[str, Tensor]:
    """The codes at all places, and the same result as without showing them."""
    open_proto = onnx.ModelProto()
    open_proto.CopyFrom(proto)
    open_proto.graph.output.extend(onnx.ValueInfoProto(name=place.name) for place in places)
    given = {proto.graph.input[0].name: batch.numpy()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    (alone,), (result, *codes) = (
        onnxruntime.InferenceSession(each.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(
            None, given
        )
        for each in (proto, open_proto)
    )
    assert (alone == result).all(), "ONNX Runtime computes other numbers as soon as it shows its codes"
    return {place.name: torch.from_numpy(theirs) for place, theirs in zip(places, codes, strict=True)}


class _Following(ExitStack):
    """Compares the codes of each module as they come, and puts ONNX Runtime's in their place."""

    def __init__(self, model: nn.Module, places: Sequence[Place], theirs: dict[str, Tensor]) -> None:
        super().__init__()
        self.theirs, self.found = theirs, list[Compared]()
        self.waiting = defaultdict[tuple[str, int], list[Place]](list)
        self.calls = Counter[str]()
        for place in places:
            self.waiting[place.path, place.call].append(place)
        for path in dict.fromkeys(place.path for place in places):
            module = model.get_submodule(path)
            before = module.register_forward_pre_hook(self._before(path), with_kwargs=True)
            self.callback(before.remove)
            self.callback(module.register_forward_hook(self._after(path)).remove)

    def _before(self, path: str) -> Any:
        def given(module: QuantizedModule, args: Any, kwargs: Any) -> Any:
            waiting = [place for place in self.waiting[path, self.calls[path]] if not place.is_result]
            params = list(module.input_params) if isinstance(module, QuantizedModule) else []

            def follow(x: Tensor) -> Tensor:
                grid = params.pop(0) if x.is_floating_point() and params else None
                if grid is None or not waiting or torch.equal(dequantize(quantize(x, grid), grid), x):
                    return x
                return self._follow(x, grid, waiting.pop(0))

            return tree_map_only(Tensor, follow, (args, kwargs))

        return given

    def _after(self, path: str) -> Any:
        def returned(module: QuantizedModule, args: Any, result: Any) -> None:
            places = [place for place in self.waiting[path, self.calls[path]] if place.is_result]
            self.calls[path] += 1
            if places and module.output_params is not None:
                result.copy_(self._follow(result, module.output_params, places[0]))

        return returned

    def _follow(self, x: Tensor, grid: QParams, place: Place) -> Tensor:
        ours, theirs = quantize(x, grid), self.theirs[place.name].reshape(x.shape)
        self.found.append(Compared(place, ours, theirs))
        return dequantize(theirs, grid)
