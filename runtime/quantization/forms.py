"""Which operations have an integer form, as the catalogue's traits say: `python -m runtime forms`."""

from __future__ import annotations

import textwrap

from torch import nn

import runtime.modules as wrappers
from rewriter.torch_api.catalogue import ALONE, ROWS
from rewriter.torch_api.row import Row
from rewriter.torch_api.traits import Trait
from runtime.quantization.kinds import Kind, is_norm, kind_of_row
from runtime.quantization.quantized.sums import SUMS

_HEAD = (
    "An operation runs on integers where a module that returns integers gives to it, and one that takes them follows; "
    "the table that `runtime.quantize` prints and `runtime.int8.report` say where. What has no integer form runs in "
    "floating point, with one dequantization and one quantization around it."
)
_WORDS = {
    Kind.SUM: "Weights and sums on integers",
    Kind.NORM: "A part of the layer before, or by itself a convolution of each channel",
    Kind.EMBEDDING: "Rows of integers",
    Kind.OPERANDS: "Two operands on integers; where one is a number, a table",
    Kind.INNER: "Whole rows: integers in and out, floating point inside",
    Kind.JOIN: "Several operands, moved to one grid",
    Kind.AVERAGE: "Means: sums on integers, and a division",
    Kind.CARRY: "Return the integers that they are given",
}
_TABLE = "A table of what becomes of each integer, where there is one tensor, and numbers for all else"
_EQUATION = "Products of two tensors on integers, where the module is made with the equation"
_RESIZED = "Return the integers that they are given where the mode is a nearest one; else no integer form"
_FRAMED = "Return the integers that they are given, with zeros or elements of the image around"
_PARTS = "Made of modules that have one, by `rewriter fix --unsafe-fixes` or `runtime.modules.convert(model)`"
_NONE = "No integer form"
_ORDER = (*_WORDS.values(), _TABLE, _RESIZED, _FRAMED, _EQUATION, _PARTS, _NONE)


def forms() -> dict[str, list[str]]:
    """Operations by what becomes of them."""
    found: dict[str, list[str]] = {form: [] for form in _ORDER}
    for row in (*ROWS, *ALONE):
        base = row.traits is Trait.RECURRENT  # of the layers, and no operation
        if not base and _name(row) not in found[form_of(row)]:
            found[form_of(row)].append(_name(row))
    return found


def form_of(row: Row) -> str:
    classes = [_class(name) for name in row.targets]
    one, two = kind_of_row(row, 1), kind_of_row(row, 2)
    table = Trait.TABLE in row.traits and one is Kind.INNER
    decided = {
        _WORDS[Kind.SUM]: any(kind in SUMS for kind in classes),
        _WORDS[Kind.NORM]: any(map(is_norm, classes)),
        _WORDS[Kind.EMBEDDING]: nn.Embedding in classes,
        _EQUATION: wrappers.Einsum in classes,
        _PARTS: bool(row.traits & Trait.COMPOUND),
        _RESIZED: Trait.RESIZE in row.traits,
        _FRAMED: Trait.FRAME in row.traits,
        _WORDS[Kind.OPERANDS]: two is Kind.OPERANDS,
        _TABLE: table,
        _NONE: one is Kind.FLOAT,
    }
    return next((form for form, holds in decided.items() if holds), _WORDS.get(one, _NONE))


def page() -> str:
    """The same as text, which is Markdown as well."""
    lines = ["# Operations with an integer form", "", *_wrapped(_HEAD)]
    for form, names in forms().items():
        lines += ["", f"## {form}", "", *_wrapped(", ".join(f"`{name}`" for name in names))]
    return "\n".join([*lines, ""])


def _name(row: Row) -> str:
    name: str = row.function.name.rpartition(".")[2] if row.spellings else row.op
    return name


def _class(full_name: str) -> type[nn.Module]:
    home, _, name = full_name.rpartition(".")
    found: type[nn.Module] = getattr({"torch.nn": nn, "runtime.modules": wrappers}[home], name)
    return found


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 110, break_on_hyphens=False)
