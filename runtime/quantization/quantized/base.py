"""What every quantized module shares: the scales of what it is given and of what it returns.

Between modules values stay in float32, each exactly on the grid of the module that returned it, so whatever stands
between modules (views, permutations, indexing, control flow) works on. Inside, a module computes on integers, in
floats that hold them exactly, and rounds as `arithmetic` says: the very integers that an int8 kernel computes.

A conversion to real integers may rely on:

- `inner`, the module that was replaced, with its settings but without its weights;
- `input_params`, one entry for each floating-point tensor it is given, in the order of its arguments: how that tensor
  lies on integers when it arrives as integers, and how it is to be quantized when it arrives in floating point; None
  for one that is used in floating point;
- `output_params`: how the result lies on integers; None for a result in floating point;
- `float_output`: somebody takes the result who knows nothing of scales (the model's caller, a module that stays in
  floating point, a tensor operation outside of all modules), so it must be returned in floating point. Whoever else
  takes it quantizes it with the same parameters, which results in the same integers;
- `fused`, where an activation was absorbed that makes zero of negative numbers: its upper bound, infinite for a ReLU.
  `code_bounds()` are the integers that the result is held between, which is the whole grid where nothing is fused;
- the buffer `slope`, where an activation was absorbed that multiplies negative numbers: one number, or one a channel.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from runtime.modules.base import works_in_place
from runtime.quantization.arithmetic import PER_TENSOR, Grid, QParams, dequantize, to_grid
from runtime.quantization.arithmetic import fake_quantize as fake_quantized
from runtime.quantization.standing import StandsFor


def exactly(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same under torch.autocast as without: integers are held in float32, which 16 bits would not hold."""

    @functools.wraps(forward)
    def in_float32(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_autocast_enabled("cpu"):
            return forward(self, *args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            args, kwargs = tree_map_only(Tensor, _widened, (args, kwargs))
            return forward(self, *args, **kwargs)

    return in_float32


def _widened(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


class QuantizedModule(StandsFor):
    """Base of the modules that stand in a model after post-training quantization."""

    inner: nn.Module
    slope: Tensor | None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "forward" in vars(cls):
            cls.forward = exactly(cls.forward)

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.float_output = False
        self.fused: float | None = None
        self.register_buffer("slope", None)
        self.configured = False
        """Whether scales are known; without them a module computes in floating point, on quantized weights."""
        self._grids: dict[str, Grid] = {}
        self._inputs = 0

    def stood_for(self) -> nn.Module | None:
        return self._modules.get("inner")

    def __prepare_scriptable__(self) -> nn.Module:
        raise TypeError(
            "torch.jit.script takes no quantized model: use runtime.int8.compile and runtime.int8.save, or "
            "torch.jit.trace on what runtime.int8.convert(model) returns"
        )

    def configure(self, inputs: Sequence[QParams | None], output: QParams | None, float_output: bool) -> None:
        """Gives the module its scales, which are per tensor and saved in the state_dict."""
        self._inputs = len(inputs)
        for position, params in enumerate(inputs):
            self._keep(f"input{position}", params)
        self._keep("output", output)
        self.float_output = float_output
        self.configured = True

    @property
    def input_params(self) -> tuple[QParams | None, ...]:
        return tuple(self._kept(f"input{position}") for position in range(self._inputs))

    @property
    def output_params(self) -> QParams | None:
        return self._kept("output")

    def code_bounds(self) -> tuple[int, int]:
        """The lowest and the highest integer of the result, or of the grid if that is narrower."""
        params = self.output_params
        if params is None:
            raise ValueError("a result in floating point has no integers")
        if self.fused is None:
            return params.grid.low, params.grid.high
        zero_point = zero_of(params)
        reach = torch.round(torch.tensor(self.fused) * params.scale.cpu().reciprocal())
        return zero_point, int(min(params.grid.high, reach.item() + zero_point))

    def again(self) -> QuantizedModule:
        """The same weights for another call of the module, which gets scales of its own."""
        twin = copy.copy(self)
        twin._buffers = {name: tensor for name, tensor in self._buffers.items() if not self._is_scale(name)}
        twin._grids = {}
        twin.configured = False
        return twin

    def _keep(self, name: str, params: QParams | None) -> None:
        if params is None:
            self._grids.pop(name, None)
            return
        self._grids[name] = params.grid
        self.register_buffer(f"{name}_scale", params.scale.clone())
        self.register_buffer(f"{name}_zero_point", params.zero_point.clone())

    def _kept(self, name: str) -> QParams | None:
        if name not in self._grids:
            return None
        scale, zero_point = self._buffers[f"{name}_scale"], self._buffers[f"{name}_zero_point"]
        assert scale is not None and zero_point is not None
        return QParams(scale, zero_point, self._grids[name], PER_TENSOR)

    def _is_scale(self, buffer: str) -> bool:
        return any(buffer in (f"{name}_scale", f"{name}_zero_point") for name in self._grids)

    def in_float(self, *args: Any, **kwargs: Any) -> Any:
        """The operation in floating point, its result put on the grid."""
        result, params = self.computed(*args, **kwargs), self.output_params
        if params is None or not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        return fake_quantized(self.activated(result), params)

    def computed(self, *args: Any, **kwargs: Any) -> Any:
        """What `inner` returns."""
        return self.inner(*args, **kwargs)

    def activated(self, result: Tensor) -> Tensor:
        """In floating point, through the activation that was absorbed."""
        if self.slope is not None:
            return F.prelu(result, self.slope.to(result.dtype))
        return result if self.fused is None else result.clamp(0, self.fused)

    def given_back(self, result: Tensor, args: Sequence[Any]) -> Tensor:
        """`result`, in the first operand's place if the operation was to change that for all who hold it."""
        if works_in_place(self.inner) and isinstance(args[0], Tensor) and args[0].shape == result.shape:
            return args[0].copy_(result)
        return result

    def requantized(self, total: Tensor, factor: Tensor, params: QParams) -> Tensor:
        """From sums, times what `arithmetic.multiplier` returned, to real numbers on the grid of the result."""
        low, high = self.code_bounds()
        return requantized(total, factor, params, low, high)

    def extra_repr(self) -> str:
        shown = [f"input{p}: {_shown(params)}" for p, params in enumerate(self.input_params)]
        return ", ".join([*shown, f"output: {_shown(self.output_params)}"])


class HoldsIntegers(nn.Module):
    """What modules share whose buffer `weight` holds integers: models ask them for a weight as of any layer."""

    @property
    def integers(self) -> Tensor:
        """The buffer `weight`."""
        return cast(Tensor, self._buffers["weight"])

    @integers.setter
    def integers(self, value: Tensor) -> None:
        self._buffers["weight"] = value

    @property
    def weight_params(self) -> QParams:
        """The grid of the integers."""
        raise NotImplementedError

    @property
    def weight(self) -> Tensor:
        """In real numbers: what models compute with, or whose type they cast to."""
        return dequantize(self.integers, self.weight_params)


def _shown(params: QParams | None) -> str:
    if params is None:
        return "float"
    sign = "int" if params.grid.signed else "uint"
    return f"{sign}{params.grid.bits} x {params.scale.item():.3g} - {params.zero_point.item()}"


def zero_of(params: QParams) -> int:
    """The zero point of a tensor's grid."""
    try:
        return int(params.zero_point.item())
    except RuntimeError as error:
        if not torch.compiler.is_exporting():
            raise
        raise TypeError(
            "torch.export takes no model that simulates integers: use runtime.export.program(model, example), or "
            "export what runtime.int8.convert(model) returns"
        ) from error


def centred(x: Tensor, params: QParams) -> Tensor:
    """The integers of `x` less the zero point, in float32, which holds them exactly."""
    return to_grid(x, params).clamp(params.grid.low, params.grid.high) - params.zero_point


def requantized(total: Tensor, factor: Tensor, params: QParams, low: int, high: int) -> Tensor:
    """The same, held between any two integers of the grid."""
    number = (total.to(torch.float32) * factor).clamp(low - params.zero_point, high - params.zero_point)
    return torch.round(number) * params.scale
