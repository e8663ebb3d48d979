"""A quantized model as ONNX: floating-point operators between QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from runtime.export.programs import traced

OPSET = 21
"""The first that has all types that are used here: int16 for what recurrent layers feed back. ONNX Runtime reads it
since 1.18."""


def onnx(model: nn.Module, path: str | os.PathLike[str], *example: Any, batch: int = 0) -> None:
    """Writes a quantized or converted model to `path`.

    Weights are int8 with a scale a channel, biases int32, activations uint8; any size of the dimension `batch` may be
    given. Recurrent layers are unrolled over the steps of `example`, whose number is then fixed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  # torch writes ONNX with it
    except ImportError as error:
        raise ImportError('ONNX needs onnx and onnxscript: pip install "torch-rewriter[export]"') from error
    exported = traced(model, *example, batch=batch, as_pt2e=False)
    written = torch.onnx.export(exported, (), dynamo=True, opset_version=OPSET, verbose=False)
    assert written is not None
    proto = written.model_proto
    _constants_as_integers(proto)
    _own_zero_points(proto)
    _softmax_in_float(proto)
    onnx.save(proto, Path(path))


def _constants_as_integers(proto: Any) -> None:
    """What is quantized of a constant is stored: OpenVINO does not load sums with a QuantizeLinear of a constant."""
    import numpy as np
    from onnx import numpy_helper

    graph = proto.graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] in initializers]:
        real, scale, zero = (numpy_helper.to_array(initializers[name]) for name in node.input)
        limits = np.iinfo(zero.dtype)
        steps = np.rint(real * (np.float32(1) / scale)) + zero
        codes = np.clip(steps, limits.min, limits.max).astype(zero.dtype)
        graph.initializer.append(numpy_helper.from_array(codes, node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for index in reversed([i for i, tensor in enumerate(graph.initializer) if tensor.name not in used]):
        del graph.initializer[index]


def _own_zero_points(proto: Any) -> None:
    """A zero point for each weight: ONNX Runtime's exact mode rewrites weights, and fails where two share it."""
    initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
    seen: set[str] = set()
    for node in proto.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in initializers or len(node.input) < 3:
            continue
        shared = node.input[2]
        if shared in seen and shared in initializers:
            own = proto.graph.initializer.add()
            own.CopyFrom(initializers[shared])
            own.name = f"{node.output[0]}.zero_point"
            node.input[2] = own.name
        seen.add(shared)


def _softmax_in_float(proto: Any) -> None:
    """Reads the integers before a softmax by a product: ONNX Runtime then computes it in floating point, as here.

    Straight behind a DequantizeLinear it would take its own softmax of integers, whose exponentials are integers from a
    table: one result of a hundred is another.
    """
    import onnx

    graph = proto.graph
    makers = {output: node for node in graph.node for output in node.output}
    for index, node in reversed(list(enumerate(graph.node))):
        reading = makers.get(node.input[0]) if node.op_type == "Softmax" else None
        if reading is None or reading.op_type != "DequantizeLinear":
            continue
        codes, scale, *zero = reading.input
        one, steps, real = (f"{node.output[0]}.{name}" for name in ("one", "steps", "real"))
        graph.initializer.append(onnx.helper.make_tensor(one, onnx.TensorProto.FLOAT, [], [1.0]))
        graph.node.insert(index, onnx.helper.make_node("Mul", [steps, scale], [real]))
        graph.node.insert(index, onnx.helper.make_node("DequantizeLinear", [codes, one, *zero], [steps]))
        node.input[0] = real
