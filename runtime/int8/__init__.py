"""Quantized models on int8 kernels."""

from runtime.int8.conversion import convert
from runtime.int8.reporting import Line, Report, report

__all__ = ["Line", "Report", "convert", "report"]
