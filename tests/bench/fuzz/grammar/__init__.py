"""The constructs, a file a theme. Importing this package lists them all."""

from tests.bench.fuzz.grammar import (
    aliasing,
    classes,
    comprehensions,
    containers,
    control,
    functions,
    inheritance,
    initialization,
    kept_functions,
    memory,
    names,
    odd_classes,
    scripted,
    surgery,
    torch_features,
    walks,
)

__all__ = [
    "aliasing",
    "classes",
    "comprehensions",
    "containers",
    "control",
    "functions",
    "inheritance",
    "initialization",
    "kept_functions",
    "memory",
    "names",
    "odd_classes",
    "scripted",
    "surgery",
    "torch_features",
    "walks",
]
