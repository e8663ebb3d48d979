"""What rewritten model source links against: wrapper modules, quantizers and int8 kernels."""

from typing import Any

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError('runtime needs torch, which is not installed: pip install "torch-rewriter[torch]"') from error

__all__ = ["quantize"]


def __getattr__(name: str) -> Any:
    """`quantize` is imported when it is asked for: models that only link against the modules do without."""
    if name == "quantize":
        from runtime.quantization.front_door import quantize

        return quantize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
