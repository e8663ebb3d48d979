"""What became of each module of a converted model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from runtime.int8.counterparts.base import InFloat, Int8Module
from runtime.int8.counterparts.cells import OnKernel
from runtime.int8.counterparts.recurrent import Looping
from runtime.int8.refusal import is_unreached
from runtime.quantization.fusion import Absorbed
from runtime.quantization.kinds import Kind, kind_of
from runtime.quantization.metadata import quantizer_metadata
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.others import Half
from runtime.quantization.quantized.sums import DynamicSum
from runtime.quantization.reasons import IN_A_STEP, NO_FORM, notes

_OPEN_WAY = (
    "{way} did not run with the first batch that the model was quantized with. What goes there must not be integers, "
    "so {number} {what} floating point where the model runs module by module: the same results, more slowly. A "
    "compiled program has no such cost: it goes the way of its example, on integers. Quantized with a first batch that "
    "goes there, or without that branch, the model would not have it."
)
_IN_FLOAT = ", in floating point"
_NOT_RUN = "did not run with the input that the model was quantized with"


@dataclass(frozen=True)
class Line:
    """One module: `runs` is int8, float, part where another module computes it, or idle where it did not run."""

    name: str
    module: str
    runs: str
    reason: str = ""
    way: str = ""
    """File and line of a way through the model that did not run, where that is the reason."""


@dataclass(frozen=True)
class Report:
    """Of a converted model, module by module."""

    lines: tuple[Line, ...]

    @property
    def in_float(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.runs == "float")

    def __str__(self) -> str:
        counts = Counter(line.runs for line in self.lines)
        inside, idle = f"{counts['part']} more inside of them", f", {counts['idle']} did not run"
        title = f"{counts['int8']} modules in int8, {inside}, {counts['float']} in floating point"
        width = max((len(line.name) for line in self.lines), default=0)
        kinds = max((len(line.module) for line in self.lines), default=0)
        rows = [f"  {line.name:<{width}}  {line.module:<{kinds}}  {line.runs:<5}  {line.reason}" for line in self.lines]
        return "\n".join([title + idle * bool(counts["idle"]), *(row.rstrip() for row in rows), *self._notes()])

    def _notes(self) -> Iterator[str]:
        """What a user can do about reasons, each said once."""
        for way, number in Counter(line.way for line in self.lines if line.way).items():
            what = "module returns" if number == 1 else "modules return"
            yield f"\n{_OPEN_WAY.format(way=way, number=number, what=what)}"
        steps = [IN_A_STEP for line in self.lines if line.reason.endswith(_IN_FLOAT)]
        yield from (f"\n{note}" for note in notes([*steps, *(line.reason for line in self.lines)]))


def report(model: nn.Module) -> Report:
    """What `convert` made of a model, and why."""
    inside: set[nn.Module] = set()
    stepping: dict[nn.Module, str] = {}
    reasons = (quantizer_metadata(model) or {}).get("reasons", {})
    lines = []
    for name, module in model.named_modules():
        if module in inside:
            continue
        if isinstance(module, (Looping, OnKernel)):
            stepping.update({part: f"{name}.{product}".strip(".") for part, product in module.on_kernels().items()})
        if module in stepping and not any(module.children()):
            lines.append(Line(name, type(module).__name__, "part", f"of {stepping[module]}{_IN_FLOAT}"))
            continue
        if isinstance(module, (Int8Module, QuantizedModule)):
            inside.update(module.modules())
        elif any(True for _ in module.children()):
            continue
        lines.append(_line(name, module, reasons.get(name)))
    return Report(tuple(lines))


def _line(name: str, module: nn.Module, why: str | None) -> Line:
    if isinstance(module, Int8Module):
        kind = type(module.simulated.inner).__name__
        reason = module.reason if isinstance(module, InFloat) else _why_real(module)
        return Line(name, kind, module.kind, reason, module.open_way)
    if isinstance(module, Absorbed):
        return Line(name, module.kind, "part", f"of {module.into}")
    if isinstance(module, QuantizedModule):
        return Line(name, type(module.inner).__name__, "float", _why_not(module))
    if is_unreached(module):
        return Line(name, type(module).__name__, "idle", _NOT_RUN)
    return Line(name, type(module).__name__, "float", why or _why_left(module))


def _why_real(module: Int8Module) -> str:
    return f"returns floating point: {module.real_because}" if module.real_because else ""


def _why_left(module: nn.Module) -> str:
    if kind_of(module, 1) is Kind.FLOAT:
        return NO_FORM
    return "the quantizer left it: it is given no integers, or nobody takes its result as integers"


def _why_not(module: QuantizedModule) -> str:
    if isinstance(module, Half):
        return "computes with 16-bit floating point"
    return "takes its scale from each tensor as it comes" if isinstance(module, DynamicSum) else "has no scales"
