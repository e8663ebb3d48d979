"""Summaries of a model: its modules, how sparse its weights are, what it computes, how it is quantized."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from runtime.inspect.tables import Table
from runtime.quantization.adjacency import call
from runtime.quantization.calibration import float_tensors, leaf_modules, observing
from runtime.quantization.fusion import Absorbed
from runtime.quantization.quantized.base import HoldsIntegers, QuantizedModule
from runtime.quantization.trained import FoldedNormalization, QuantizedOutput, QuantizedWeights


def summary(model: nn.Module, what: str = "modules", dummy_input: Any = None) -> Table:
    """A table of `what`: "modules", "sparsity", "compute" (which needs an example of the input) or "quantization"."""
    kinds: dict[str, Callable[[nn.Module, Any], Table]] = {
        "modules": _modules,
        "sparsity": _sparsity,
        "compute": _compute,
        "quantization": _quantization,
    }
    if what not in kinds:
        raise ValueError(f"what must be one of {', '.join(kinds)}, not {what!r}")
    return kinds[what](model, dummy_input)


def _modules(model: nn.Module, _: Any) -> Table:
    rows = []
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if name and (own or not any(module.children())):
            numel = sum(parameter.numel() for parameter in own)
            shapes = ", ".join("x".join(map(str, p.shape)) or "1" for p in own)
            rows.append({"module": name, "type": type(module).__name__, "parameters": numel, "shapes": shapes})
    total = sum(parameter.numel() for parameter in model.parameters())
    return Table("modules", ("module", "type", "parameters", "shapes"), tuple(rows), f"{total:,} parameters in all")


_STRUCTURES = {"filters": (0,), "channels": (1,), "kernels": (0, 1)}


def _sparsity(model: nn.Module, _: Any) -> Table:
    rows, zeros, total = [], 0, 0
    for name, weight in weights(model).items():
        if weight.dim() < 2:
            continue
        zero = weight == 0
        zeros, total = zeros + int(zero.sum()), total + weight.numel()
        row = {"weight": name, "shape": tuple(weight.shape), "numbers": weight.numel()}
        row["zero %"] = 100 * zero.float().mean().item()
        for structure, kept in _STRUCTURES.items():
            rest = [d for d in range(weight.dim()) if d not in kept]
            row[f"{structure} %"] = 100 * _all_over(zero, rest).float().mean().item() if rest else None
        row |= {"std": weight.std().item(), "mean": weight.mean().item(), "abs mean": weight.abs().mean().item()}
        rows.append(row)
    columns = ("weight", "shape", "numbers", "zero %", *(f"{s} %" for s in _STRUCTURES), "std", "mean", "abs mean")
    return Table("sparsity", columns, tuple(rows), f"{100 * zeros / max(total, 1):.2f}% of {total:,} weights are zero")


def weights(model: nn.Module) -> dict[str, Tensor]:
    """All weights in real numbers, by name: parameters, and what integers stand for."""
    found = {name: parameter.detach() for name, parameter in model.named_parameters()}
    for name, module in model.named_modules():
        if isinstance(module, HoldsIntegers):
            found[f"{name}.weight"] = module.weight.detach()
    return found


def _all_over(zero: Tensor, dimensions: list[int]) -> Tensor:
    for dimension in sorted(dimensions, reverse=True):
        zero = zero.all(dim=dimension)
    return zero


def _compute(model: nn.Module, dummy_input: Any) -> Table:
    if dummy_input is None:
        raise ValueError("what a model computes depends on its input: pass dummy_input")
    shapes: dict[str, tuple[Any, Any]] = {}
    hooks = []
    for name, module in leaf_modules(model).items():

        def see(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
            given, made = float_tensors(args), float_tensors(output)
            shapes[name] = tuple(given[0].shape) if given else None, tuple(made[0].shape) if made else None

        hooks.append(module.register_forward_hook(see))
    with observing(model, hooks), FlopCounterMode(display=False) as counter:
        call(model, dummy_input)
    flops = {key: sum(by.values()) for key, by in counter.get_flop_counts().items()}
    modules, top = dict(model.named_modules()), type(model).__name__
    rows = []
    for name, (given, made) in shapes.items():
        macs = flops.get(f"{top}.{name}", 0) // 2
        numel = sum(parameter.numel() for parameter in modules[name].parameters())
        kind = type(modules[name]).__name__
        rows.append({"module": name, "type": kind, "in": given, "out": made, "parameters": numel, "MACs": macs})
    total = flops.get("Global", 0) // 2
    footer = f"{total:,} multiplications with additions"
    return Table("compute", ("module", "type", "in", "out", "parameters", "MACs"), tuple(rows), footer)


def _quantization(model: nn.Module, _: Any) -> Table:
    """Of a model on integers, and of one that trains quantized."""
    rows = []
    for name, module in model.named_modules():
        row = _row_of(module)
        if row is not None:
            rows.append({"module": name or type(model).__name__, **dict.fromkeys(_COLUMNS[1:]), **row})
    return Table("quantization", _COLUMNS, tuple(rows), "" if rows else "nothing is quantized")


_COLUMNS = ("module", "type", "weight bits", "output bits", "scale", "zero point", "lowest", "highest", "note")


def _row_of(module: nn.Module) -> dict[str, Any] | None:
    if isinstance(module, QuantizedModule):
        row: dict[str, Any] = {"type": type(module.inner).__name__, **_grid(module.output_params)}
        if isinstance(module, HoldsIntegers):
            row["weight bits"] = module.weight_params.grid.bits
        if module.output_params is None:
            row["note"] = "returns floating point"
        return row
    if isinstance(module, Absorbed):
        return {"type": module.kind, "note": f"part of {module.into}"}
    if isinstance(module, QuantizedOutput) and module.output_quantizer is not None:
        seen: Any = module.output_quantizer
        return {"type": type(module.wrapped).__name__, "note": "in training", **_grid(_params_of(seen))}
    if isinstance(module, (FoldedNormalization, QuantizedWeights)):
        quantizer: Any = module.weight_quantizer
        bits = None if quantizer is None else quantizer.grid.bits
        layer = module.layer if isinstance(module, FoldedNormalization) else module.wrapped
        return {"type": type(layer).__name__, "weight bits": bits, "note": "in training"}
    return None


def _params_of(quantizer: Any) -> Any:
    return quantizer.qparams() if quantizer.observed else None


def _grid(params: Any) -> dict[str, Any]:
    if params is None:
        return {}
    return {
        "output bits": params.grid.bits,
        "scale": params.scale.item(),
        "zero point": int(params.zero_point.item()),
        "lowest": params.lowest.item(),
        "highest": params.highest.item(),
    }
