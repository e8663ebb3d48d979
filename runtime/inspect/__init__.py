"""Looking at models: what a quantizer would see of them."""

from runtime.inspect.prepared import Preparation, RawOperation, check_prepared
from runtime.inspect.repeats import repeated_calls

__all__ = ["Preparation", "RawOperation", "check_prepared", "repeated_calls"]
