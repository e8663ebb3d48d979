"""Quantized models on int8 kernels.

    converted = int8.convert(runtime.quantize(model, data))   # int8 modules, still a torch module
    print(int8.report(converted))                             # what runs in int8, what does not, and why
    compiled = int8.compile(converted, example)               # one native call; any batch size, any number of threads
    int8.save(compiled, "model.int8")
    int8.load("model.int8")(x)                                # needs neither the model's source nor its weights

where `int8` is this package.
"""

from runtime.int8.compiled import CompiledModel
from runtime.int8.compiling import compile
from runtime.int8.conversion import convert
from runtime.int8.files import load, save
from runtime.int8.reading import FileError
from runtime.int8.reporting import Line, Report, report

__all__ = ["CompiledModel", "FileError", "Line", "Report", "compile", "convert", "load", "report", "save"]
