"""A tensor of codes: which real numbers uint8 numbers stand for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from runtime import kernels
from runtime.quantization.arithmetic import QParams


@dataclass(frozen=True)
class Codes:
    """One scale and zero point. Narrower grids than 8 bits use the codes up to `high` only."""

    scale: float
    zero: int
    high: int = 255

    @classmethod
    def of(cls, params: QParams | None) -> Codes | None:
        """None for values in floating point, and for grids that no uint8 holds."""
        if params is None or params.grid.signed or params.grid.bits > 8 or params.scale.numel() != 1:
            return None
        return cls(params.scale.item(), int(params.zero_point.item()), params.grid.high)

    def quantize(self, x: Tensor) -> Tensor:
        return self.held(kernels.quantize(x, self.scale, self.zero))

    def dequantize(self, codes: Tensor) -> Tensor:
        real: Tensor = kernels.dequantize(codes, self.scale, self.zero)
        return real

    def held(self, codes: Tensor) -> Tensor:
        """No code above `high`."""
        return codes if self.high == 255 else codes.clamp(max=self.high)

    def __str__(self) -> str:
        return f"{self.scale:.3g} x (code - {self.zero})"
