"""Attributes that only constructors set: whatever they are, nothing that the forward was given flows into them."""

from __future__ import annotations

from dataclasses import replace

from rewriter.values.base import Value
from rewriter.values.fixed import FIXED
from rewriter.values.one_of import OneOf, join_all
from rewriter.values.sequence import Sequence


def as_setting(value: Value) -> Value:
    """The same, where what is not known is known to be fixed."""
    if value.says_nothing:
        return FIXED
    if isinstance(value, OneOf):
        return join_all(map(as_setting, value.alternatives))
    if type(value) is not Sequence:
        return value
    if value.items is not None:
        return replace(value, items=tuple(map(as_setting, value.items)))
    return replace(value, element=FIXED if value.element is None else as_setting(value.element))
