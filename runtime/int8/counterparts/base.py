"""What the int8 modules share: codes in, codes out, and floating point where a call has no int8 form."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from runtime.int8.codes import Codes
from runtime.modules.base import works_in_place
from runtime.quantization.arithmetic import QParams
from runtime.quantization.quantized.base import HoldsIntegers, QuantizedModule
from runtime.quantization.standing import StandsFor


class Int8Module(StandsFor):
    """Stands where a quantized module stood, and computes the integers that it simulated.

    A uint8 tensor is taken for codes on the grid that conversion chose for this input; a tensor in floating point is
    put there first. The result is uint8 codes, or floating point where somebody takes it who knows nothing of codes.
    """

    kind = "int8"

    def __init__(self, simulated: QuantizedModule) -> None:
        super().__init__()
        self._simulated = (simulated,)  # in a tuple: not a child, no entries in the state_dict
        self.inputs = tuple(Codes.of(params) for params in simulated.input_params)
        self.output = Codes.of(simulated.output_params)
        self.float_output = simulated.float_output or self.output is None
        self.real_because = ""
        """Why the result is given in floating point, where that was found out by running the model."""
        self.open_way = ""
        """File and line of a way that did not run, if that is why."""
        self.in_order = False
        """Whether codes are given in torch's usual order in memory, as the model's own code goes by it."""
        self.inplace = works_in_place(simulated.inner)

    def __prepare_scriptable__(self) -> nn.Module:
        raise TypeError(
            "torch.jit.script takes no model on int8 kernels: use runtime.int8.compile and runtime.int8.save, or "
            "torch.jit.trace"
        )

    def stood_for(self) -> nn.Module | None:
        return self._simulated[0].inner if "_simulated" in self.__dict__ else None

    @property
    def simulated(self) -> QuantizedModule:
        """The module that this one stands for."""
        return self._simulated[0]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        codes = self.on_codes(*args, **kwargs)
        if codes is None:
            return self.in_float(*args, **kwargs)
        return self.given_back(self._held_by_all(codes, args))

    def on_codes(self, *args: Any, **kwargs: Any) -> Any:
        """The codes of the result; None for a call that has no int8 form."""
        raise NotImplementedError

    def in_float(self, *args: Any, **kwargs: Any) -> Any:
        """The simulated module, between one dequantization and one quantization."""
        waiting = list(self.inputs)

        def real(tensor: Tensor) -> Tensor:
            if tensor.dtype != torch.uint8 and not tensor.is_floating_point():
                return tensor
            given = waiting.pop(0) if waiting else None
            return tensor if tensor.is_floating_point() else self._known(given).dequantize(tensor.contiguous())

        float_args, float_kwargs = tree_map_only(Tensor, real, (args, kwargs))
        result = self.simulated(*float_args, **float_kwargs)
        if self.float_output:
            return result
        return self._held_by_all(tree_map_only(Tensor, self._quantized, result), args)

    def _held_by_all(self, codes: Any, args: Any) -> Any:
        """Where the module was to change its first argument: whoever holds that holds the result."""
        if not self.inplace or not args or not isinstance(codes, Tensor) or codes.dtype != torch.uint8:
            return codes
        first = args[0]
        if not isinstance(first, Tensor) or first.shape != codes.shape:
            return codes
        if first.dtype == torch.uint8:
            return first.copy_(codes)
        first.copy_(self.made().dequantize(codes))
        return codes

    def given(self, position: int, x: Tensor) -> tuple[Tensor, Codes]:
        """The codes of an argument, and what they stand for."""
        codes = self._known(self.inputs[position] if position < len(self.inputs) else None)
        return (x if x.dtype == torch.uint8 else codes.quantize(x)), codes

    def given_back(self, result: Any) -> Any:
        """What is computed, as those take it who get it.

        The kernels leave channels side by side; how floating point is rounded, and what can be viewed, goes by the
        order, so that it is the quantized model's again where somebody might see it.
        """
        if self.float_output:
            return tree_map_only(Tensor, self._dequantized, result)
        return tree_map_only(Tensor, Tensor.contiguous, result) if self.in_order else result

    def give_real_numbers(self, why: str, way: str = "") -> None:
        """From now on, as somebody takes the result who knows nothing of codes, or may by a `way` that did not run."""
        if not self.real_because:
            self.real_because, self.open_way = why, way
        self.float_output = True

    def made(self) -> Codes:
        """What the codes of the result stand for."""
        return self._known(self.output)

    def _known(self, codes: Codes | None) -> Codes:
        if codes is None:
            name = type(self.simulated.inner).__name__
            raise TypeError(
                f"{name} was given codes where calibration saw floating point: "
                "calibrate with inputs that take the same way through the model, or pass it floating point here"
            )
        return codes

    def _dequantized(self, codes: Tensor) -> Tensor:
        return self.made().dequantize(codes.contiguous()) if codes.dtype == torch.uint8 else codes

    def _quantized(self, x: Tensor) -> Tensor:
        return self.made().quantize(x) if x.is_floating_point() else x

    def extra_repr(self) -> str:
        sides = [*(str(codes or "float") for codes in self.inputs), "->", str(self.output or "float")]
        return f"{type(self.simulated.inner).__name__}: {' '.join(sides)}"


class InFloat(Int8Module):
    """A module that computes in floating point, on codes that are dequantized and quantized around it."""

    kind = "float"

    def __init__(self, simulated: QuantizedModule, reason: str) -> None:
        super().__init__(simulated)
        self.reason = reason

    def on_codes(self, *args: Any, **kwargs: Any) -> None:
        return None


class Int8Weights(HoldsIntegers, Int8Module):
    """A module with weights of its own, on the grid of the module that it stands for."""

    @property
    def weight_params(self) -> QParams:
        return cast(HoldsIntegers, self.simulated).weight_params
