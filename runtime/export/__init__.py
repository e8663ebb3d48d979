"""Quantized models for other runtimes.

    export.onnx(quantized, "model.onnx", batch)    # QuantizeLinear and DequantizeLinear, weights by channel
    export.program(quantized, batch)               # an ExportedProgram, as torchao's PT2E makes them
    export.safetensors(quantized, "model.safetensors")   # integers and scales, by the names of the state_dict

where `export` is this package and `quantized` is what `runtime.quantize` or `runtime.int8.convert` returned.
"""

from runtime.export.modules import ExportError
from runtime.export.onnx import OPSET, onnx
from runtime.export.programs import program
from runtime.export.safetensors import safetensors

__all__ = ["OPSET", "ExportError", "onnx", "program", "safetensors"]
