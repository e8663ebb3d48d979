"""The report of a quantization or pruning run as one page."""

from runtime.inspect.report.page import Report, Variant

__all__ = ["Report", "Variant"]
