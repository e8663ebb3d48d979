"""Each layer of an exported network on its own: ONNX Runtime is given the codes that our model has before the layer.

What a whole network gives differs by all that its layers differ by, made larger or smaller by the layers behind them.
Here each layer starts from the same codes, so that its own difference is seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule, Interpreter, Node
from torch.utils._pytree import tree_map_only

from runtime.quantization.quantized.base import QuantizedModule

_QUANTIZE = torch.ops.quantized_decomposed.quantize_per_tensor.default
_GIVEN = ".given"


class Compared(NamedTuple):
    """One layer: its codes of ours and of ONNX Runtime, from the same codes before it."""

    place: str
    operator: str
    call: str
    """The module, and which of its calls: `features.0@1`."""
    is_result: bool
    """Whether these are what the call returns, not what it is given."""
    ours: Tensor
    theirs: Tensor
    given: dict[str, Tensor]
    """The codes of all places."""


def differences(quantized: nn.Module, exported: ExportedProgram, proto: Any, batch: Tensor) -> dict[str, list[int]]:
    """For each operator before a QuantizeLinear: how many codes differ by 0, by 1, by 2 steps and so on."""
    found = defaultdict[str, list[int]](list)
    for each in compared(quantized, exported, proto, batch):
        apart = (each.theirs.long() - each.ours.long()).abs().flatten().bincount()
        counts = found[each.operator]
        counts += [0] * (len(apart) - len(counts))
        for steps, number in enumerate(apart.tolist()):
            counts[steps] += number
    return dict(found)


def compared(quantized: nn.Module, exported: ExportedProgram, proto: Any, batch: Tensor) -> list[Compared]:
    running = _OurCodes(quantized, exported)
    codes = running.of(batch)
    calls = {name: (_call(node), running.last[_call(node)] is node) for node, name in running.names.items()}
    cut = onnx.ModelProto()
    cut.CopyFrom(proto)
    places = _cut(cut, codes)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(cut.SerializeToString(), options, providers=["CPUExecutionProvider"])
    known = {place + _GIVEN: codes[place] for place in places} | {proto.graph.input[0].name: batch}
    results = session.run(list(places), {i.name: known[i.name].numpy() for i in session.get_inputs()})
    return [
        Compared(place, operator, *calls[place], codes[place], torch.from_numpy(theirs), codes)
        for (place, operator), theirs in zip(places.items(), results, strict=True)
    ]


def _cut(proto: Any, codes: dict[str, Tensor]) -> dict[str, str]:
    """Cuts the graph behind each QuantizeLinear; returns their results, with the operator before each."""
    makers = {output: node.op_type for node in proto.graph.node for output in node.output}
    places = {
        n.output[0]: makers.get(n.input[0], "input")
        for n in proto.graph.node
        if n.op_type == "QuantizeLinear" and n.output[0] in codes
    }
    for node in proto.graph.node:
        for index, name in enumerate(node.input):
            if name in places:
                node.input[index] = name + _GIVEN
    types = {
        torch.uint8: onnx.TensorProto.UINT8,
        torch.int8: onnx.TensorProto.INT8,
        torch.int16: onnx.TensorProto.INT16,
    }
    del proto.graph.output[:]
    for place in places:
        kind, shape = types[codes[place].dtype], list(codes[place].shape)
        proto.graph.input.append(onnx.helper.make_tensor_value_info(place + _GIVEN, kind, shape))
        proto.graph.output.append(onnx.helper.make_tensor_value_info(place, kind, shape))
    return places


class _OurCodes(Interpreter):
    """Runs the program, in which the result of each quantized module is what our own model has there."""

    def __init__(self, quantized: nn.Module, exported: ExportedProgram) -> None:
        module = exported.module()
        assert isinstance(module, GraphModule)
        super().__init__(module)
        self.quantized = quantized
        self.codes: dict[str, Tensor] = {}
        self.results: dict[str, list[Tensor]] = {}
        quantizing = [node for node in module.graph.nodes if node.target is _QUANTIZE]
        self.names = dict(zip(quantizing, _names(), strict=False))
        self.last = {_call(node): node for node in quantizing}

    def of(self, batch: Tensor) -> dict[str, Tensor]:
        with torch.no_grad(), _results(self.quantized) as self.results:
            self.quantized(batch)
            self.run(batch)
        return self.codes

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        if n.target is not _QUANTIZE:
            return result
        call = _call(n)
        path, _, number = call.partition("@")
        path = self._owner(path)
        module = self.quantized.get_submodule(path)
        is_result = self.last[call] is n and isinstance(module, QuantizedModule) and module.output_params is not None
        ours = self.results[path][int(number or 0)] if is_result else None
        if isinstance(ours, Tensor):
            result = _QUANTIZE(ours.float(), *n.args[1:])
        self.codes[self.names[n]] = result
        return result

    def _owner(self, path: str) -> str:
        """The module of ours: the program has layers inside of those whose weights are arguments."""
        names = dict(self.quantized.named_modules())
        while path not in names:
            path = path.rpartition(".")[0]
        return path


def _names() -> Iterator[str]:
    """What torch's exporter calls the results of these nodes, in their order."""
    yield "quantize_per_tensor"
    yield from (f"quantize_per_tensor_{number}" for number in count(1))


def _call(node: Node) -> str:
    """The module that the node is of, and which of its calls: `features.0@1`."""
    key, (path, _) = list(node.meta["nn_module_stack"].items())[-1]
    _, at, number = key.partition("@")
    return f"{path}{at}{number}"


@contextmanager
def _results(model: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """What each quantized module returns, call by call."""
    found = defaultdict[str, list[Tensor]](list)

    def keeping(path: str) -> Any:
        return lambda module, args, result: found[path].append(
            tree_map_only(Tensor, Tensor.clone, result)
        )  # others may change it in place

    handles = [
        module.register_forward_hook(keeping(path))
        for path, module in model.named_modules()
        if isinstance(module, QuantizedModule)
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
