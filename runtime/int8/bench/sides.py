"""Ways to run a model: torch in floating point, our int8, and the int8 of others that are installed."""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.util
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from runtime import int8
from runtime.quantization.front_door import quantize

_SHOWN = 80
"""Characters of an error in a table."""
EAGER = "torch fp32 eager"
COMPILED = "torch fp32 compiled"
OURS = "runtime int8"
Run = Callable[[], object]


class Task(NamedTuple):
    """What every side runs: a model in eval mode, and one input; for calibration, the same input."""

    model: nn.Module
    example: Tensor
    threads: int
    plain: nn.Module | None = None
    """The same for those who do not need every operation to be a module; the model itself if not given."""

    @property
    def unprepared(self) -> nn.Module:
        return self.plain or self.model


class Unavailable(RuntimeError):
    """A side that cannot run here, or not this model; the message says why."""


def eager(task: Task) -> Run:
    def run() -> object:
        with torch.inference_mode():
            return task.unprepared(task.example)

    return run


def compiled(task: Task) -> Run:
    """torch.compile with frozen weights, in the layout that suits it."""
    import torch._inductor.config as inductor

    example = task.example
    if example.dim() == 4:
        example = example.to(memory_format=torch.channels_last)
    model = copy.deepcopy(task.unprepared)
    model = model.to(memory_format=torch.channels_last) if example.dim() == 4 else model  # type: ignore[call-overload]
    torch._dynamo.reset()
    with inductor.patch(freezing=True), torch.no_grad():
        ready = torch.compile(model)
        ready(example)

    def run() -> object:
        with torch.no_grad():
            return ready(example)

    return run


def ours(task: Task) -> Run:
    program = compile_ours(task)
    if program.reason:
        raise Unavailable(program.reason)
    return lambda: program(task.example)


def compile_ours(task: Task) -> int8.CompiledModel:
    """Calibrated on the input, converted and compiled."""
    quantized = quantize(task.model, [task.example], allow_unprepared=True, verbose=False)
    return int8.compile(int8.convert(quantized), task.example)


def torch_ao(task: Task) -> Run:
    """Graph mode of torch.ao for x86, traced and frozen; an LSTM, which that leaves alone, by its dynamic mode."""
    from torch.ao.quantization import get_default_qconfig_mapping, quantize_dynamic
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    if _has_lstm(task):
        plain = copy.deepcopy(task.unprepared)
        dynamic = quantize_dynamic(plain, {nn.LSTM, nn.Linear})  # type: ignore[no-untyped-call]

        def run_dynamic() -> object:
            with torch.inference_mode():
                return dynamic(task.example)

        return run_dynamic
    prepared = prepare_fx(copy.deepcopy(task.unprepared), get_default_qconfig_mapping("x86"), (task.example,))
    with torch.no_grad():
        prepared(task.example)
        traced = torch.jit.trace(convert_fx(prepared), task.example)  # type: ignore[no-untyped-call]
    frozen = torch.jit.freeze(traced)

    def run() -> object:
        with torch.inference_mode():
            return frozen(task.example)

    return run


def onnxruntime(task: Task) -> Run:
    """Static QDQ, u8 by s8 for each channel, weights of 7 bits: its fastest that does not saturate.

    An LSTM, which that leaves alone, by its dynamic mode.
    """
    ort = importlib.import_module("onnxruntime")

    options = ort.SessionOptions()
    options.intra_op_num_threads = task.threads
    with tempfile.TemporaryDirectory() as folder:
        path = (_dynamic_onnx if _has_lstm(task) else _quantized_onnx)(task, Path(folder))
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {"x": task.example.numpy()}
    return lambda: session.run(None, feed)


def openvino(task: Task) -> Run:
    """The same QDQ model, with 8 bits, by OpenVINO."""
    ov = importlib.import_module("openvino")
    with tempfile.TemporaryDirectory() as folder:
        path = _quantized_onnx(task, Path(folder), reduce_range=False)
        settings = {"INFERENCE_NUM_THREADS": task.threads, "PERFORMANCE_HINT": "LATENCY"}
        request = ov.compile_model(str(path), "CPU", settings).create_infer_request()
    array = task.example.numpy()
    return lambda: request.infer([array])


SIDES: dict[str, Callable[[Task], Run]] = {
    EAGER: eager,
    COMPILED: compiled,
    OURS: ours,
    "torch.ao int8": torch_ao,
    "ONNX Runtime int8": onnxruntime,
    "OpenVINO int8": openvino,
}
NEEDED = {"ONNX Runtime int8": ("onnxruntime", "onnx", "onnxscript"), "OpenVINO int8": ("openvino", "onnxruntime")}
"""Packages without which a side cannot run."""


def prepare(name: str, task: Task) -> Run:
    """The side, ready to run; `Unavailable` says why not."""
    missing = [package for package in NEEDED.get(name, ()) if importlib.util.find_spec(package) is None]
    if missing:
        raise Unavailable(f"{', '.join(missing)} is not installed")
    torch.set_num_threads(task.threads)
    try:
        with _quietly():
            run = SIDES[name](task)
            run()
    except Unavailable:
        raise
    except Exception as error:  # whatever another project's tools raise, the others are still to be measured
        lines = str(error).strip().splitlines()
        raise Unavailable(f"{type(error).__name__}: {lines[0][:_SHOWN] if lines else ''}") from error
    return run


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _has_lstm(task: Task) -> bool:
    return any(isinstance(module, nn.LSTM) for module in task.unprepared.modules())


def _exported_onnx(task: Task, folder: Path) -> Path:
    """In floating point, ready to be quantized."""
    shaped = importlib.import_module("onnxruntime.quantization.shape_inference")
    plain, ready = folder / "plain.onnx", folder / "ready.onnx"
    torch.onnx.export(copy.deepcopy(task.unprepared), (task.example,), str(plain), input_names=["x"], dynamo=True)
    shaped.quant_pre_process(str(plain), str(ready))
    return ready


def _dynamic_onnx(task: Task, folder: Path) -> Path:
    quantization = importlib.import_module("onnxruntime.quantization")
    ready, made = _exported_onnx(task, folder), folder / "quantized.onnx"
    weights = quantization.QuantType.QInt8
    quantization.quantize_dynamic(str(ready), str(made), per_channel=True, reduce_range=True, weight_type=weights)
    return made


def _quantized_onnx(task: Task, folder: Path, reduce_range: bool = True) -> Path:
    quantization = importlib.import_module("onnxruntime.quantization")
    ready, made = _exported_onnx(task, folder), folder / "quantized.onnx"
    quantization.quantize_static(
        str(ready),
        str(made),
        _Reader(quantization.CalibrationDataReader, task.example).reader,
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=reduce_range,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    return made


class _Reader:
    """Gives one input, as a subclass of the reader that ONNX Runtime asks for."""

    def __init__(self, base: Any, example: Tensor) -> None:
        waiting = [{"x": example.numpy()}]
        self.reader = type("Reader", (base,), {"get_next": lambda _: waiting.pop() if waiting else None})()
