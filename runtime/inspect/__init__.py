"""Looking at models: what a quantizer would see of them."""

from runtime.inspect.repeats import repeated_calls

__all__ = ["repeated_calls"]
