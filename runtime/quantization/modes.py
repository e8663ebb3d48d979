"""How the range of a tensor lies about zero."""

from __future__ import annotations

import enum

from runtime.quantization.arithmetic import Grid


class LinearQuantMode(enum.Enum):
    """Distiller's four modes; where a mode is an argument, its value as a string will do."""

    SYMMETRIC = "symmetric"
    SYMMETRIC_RESTRICTED = "symmetric_restricted"
    ASYMMETRIC_UNSIGNED = "asymmetric_unsigned"
    ASYMMETRIC_SIGNED = "asymmetric_signed"

    @classmethod
    def _missing_(cls, value: object) -> LinearQuantMode | None:
        names = {mode.value: mode for mode in cls}
        return names.get(value.lower()) if isinstance(value, str) else None

    @property
    def symmetric(self) -> bool:
        return self in (LinearQuantMode.SYMMETRIC, LinearQuantMode.SYMMETRIC_RESTRICTED)

    def grid(self, bits: int) -> Grid:
        signed = self is not LinearQuantMode.ASYMMETRIC_UNSIGNED
        return Grid(bits, signed=signed, restricted=self is LinearQuantMode.SYMMETRIC_RESTRICTED)
