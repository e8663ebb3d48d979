"""What was seen of an activation, and the range that its integers shall cover."""

from runtime.quantization.observers.files import load_statistics, save_statistics
from runtime.quantization.observers.histogram import Histogram
from runtime.quantization.observers.ranges import (
    RULES,
    Average,
    Deviations,
    Divergence,
    Gauss,
    Laplace,
    MinMax,
    MovingAverage,
    Percentile,
    RangeRule,
    SquaredError,
    rule,
)
from runtime.quantization.observers.statistics import Statistics

__all__ = [
    "RULES",
    "Average",
    "Deviations",
    "Divergence",
    "Gauss",
    "Histogram",
    "Laplace",
    "MinMax",
    "MovingAverage",
    "Percentile",
    "RangeRule",
    "SquaredError",
    "Statistics",
    "load_statistics",
    "rule",
    "save_statistics",
]
