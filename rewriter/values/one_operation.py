"""Lambdas and nested functions that compute one thing, and that somebody else has given the constructor."""

from __future__ import annotations

from rewriter.values.functions import Member, NestedFunction


def is_handed_in(member: Member) -> bool:
    """Whether it is one operation, and stands in no constructor, so that another one keeps it."""
    return isinstance(member, NestedFunction) and member.may_be_stored and not member.around.is_constructor
