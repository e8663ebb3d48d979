"""The constructs, a file a theme. Importing this package lists them all."""

from tests.bench.fuzz.grammar import (
    aliasing,
    classes,
    comprehensions,
    containers,
    control,
    functions,
    initialization,
    memory,
    names,
    odd_classes,
    surgery,
    torch_features,
)

__all__ = [
    "aliasing",
    "classes",
    "comprehensions",
    "containers",
    "control",
    "functions",
    "initialization",
    "memory",
    "names",
    "odd_classes",
    "surgery",
    "torch_features",
]
