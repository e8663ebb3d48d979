"""Functions that objects keep in attributes: which of them become modules where `__init__` stores them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction, find_construction
from rewriter.facts.walks.after_making import walker_over
from rewriter.facts.walks.one_more.new_ones import HAD_BY_WRAPPERS
from rewriter.python.answers import Question
from rewriter.python.attributes import Store, is_only_called, stores_of
from rewriter.python.code import Class
from rewriter.python.names import bound_names
from rewriter.python.trees import begin_of, end_of
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.base import UNKNOWN, Unknown, Value
from rewriter.values.functions import SomeFunction
from rewriter.values.modules import Module
from rewriter.values.plain import Nothing

_FITS = (SomeFunction, Module, Nothing, Unknown)
_KEPT = Question[tuple[Class, str], bool]("does what the constructor stores under the name become a module?")


def is_kept_in_module(knowledge: Knowledge, cls: Class, attribute: str) -> bool:
    """Whether a function in the attribute is put into a module wherever a class of the family stores one."""
    storing = {relative for relative, _, _ in stored_in_family(knowledge, cls, attribute)}
    return bool(storing) and all(may_be_kept(knowledge, relative, attribute) for relative in storing)


def may_be_kept(knowledge: Knowledge, cls: Class, attribute: str) -> bool:
    """Whether what the class's own constructor stores under the name may be put into a module there."""
    return knowledge.project.answers.found(_KEPT, (cls, attribute), lambda: _may_be_kept(knowledge, cls, attribute))


def _may_be_kept(knowledge: Knowledge, cls: Class, attribute: str) -> bool:
    if attribute in MODULE_ATTRIBUTES:
        return False  # `self.half = scaled_by(0.5)`: a child is found behind the method of that name alone
    if not knowledge.may_be_module(cls) or not is_only_called(knowledge.hierarchy, cls, attribute):
        return False
    place = find_construction(knowledge, cls)
    if not isinstance(place, Construction) or place.apart or place.begin is None:
        return False
    if walker_over(knowledge, cls, made_early=True, having=HAD_BY_WRAPPERS) is not None:
        return False  # it stands where the author stored it, perhaps before a walk
    if any(_is_bound_in_body(relative, attribute) for relative in knowledge.hierarchy.sharing(cls)):
        return False  # what the class has under the name hides a child
    early = any(begin_of(store.target) < end_of(place.begin) for store in _stores(cls, attribute))
    return not early and all(value.is_only(*_FITS) for _, _, value in stored_in_family(knowledge, cls, attribute))


def _is_bound_in_body(cls: Class, attribute: str) -> bool:
    bound = {n for s in cls.node.body if not isinstance(s, ast.AnnAssign) or s.value for n in bound_names(s)}
    return attribute in bound


def stored_in_family(knowledge: Knowledge, cls: Class, attribute: str) -> Iterator[tuple[Class, ast.expr, Value]]:
    """What constructors of the class, and of those above and below it, store under the name."""
    for relative in [*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls)]:
        for store in _stores(relative, attribute):
            yield relative, store.value, value_of(knowledge, relative, store.value)


def value_of(knowledge: Knowledge, cls: Class, stored: ast.expr) -> Value:
    """What an expression of a class's own constructor may be."""
    return knowledge.construction(cls).met.values.get(stored, UNKNOWN)


def _stores(cls: Class, attribute: str) -> Iterator[Store]:
    if cls.constructor is not None and attribute in cls.constructor.words:
        yield from (store for store in stores_of(cls) if store.target.attr == attribute)
