"""A member of a list of modules that a loop calls again gets a handle, in a list of handles for all members."""

from __future__ import annotations

import ast
from dataclasses import replace

from rewriter.changes.change import Change, as_given
from rewriter.changes.made import TieMembers
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.filled import touching
from rewriter.python.attributes import assignments_of
from rewriter.python.members import ListMember, loops_beside
from rewriter.rules.context import Context
from rewriter.sites.site import PartCall
from rewriter.values.module_list import ModuleList
from rewriter.values.modules import Module

CODE = "RW201"


def member_again(site: PartCall, member: ListMember, context: Context) -> Change | None:
    """The call of `self.layers2[i]`; None where it has to stay what it is."""
    node, place = site.node, context.place
    assert isinstance(node, ast.Call)
    many = len(site.instances) > 1 or site.runs > 1 or site.called_in_loop or site.deferred
    if many or not member.in_order or not isinstance(place, Construction) or not context.receiver_at(site):
        return None
    turns, beside = context.loops.around(site), loops_beside(node.func, site.function.node)
    if len(turns) != len(beside) or beside.count(False) != 1 or any(turn.numbering is not None for turn in turns):
        return None
    taking, others = (
        turns[beside.index(False)],
        tuple(turn for turn, is_other in zip(turns, beside, strict=True) if is_other),
    )
    filled = _filled(member, place, context)
    if filled is None or taking.each is not None:
        return None
    make = TieMembers(member.attribute, None, parts=True, filled=filled)
    inner = () if member.inner is None else (str(member.inner),)
    chosen = (member.index or taking.index, *inner)
    what, receiver = f"`{ast.unparse(node.func)}()` again", context.receiver_at(site)
    change = Change(CODE, site, place, receiver, member.attribute, make, as_given(node), what, turns=others)
    return replace(change, of_list=chosen, counted=() if member.index else (taking,))


def _filled(member: ListMember, place: Construction, context: Context) -> ast.stmt | None:
    """The last statement of `__init__` that names the list; None where it is not known which that is."""
    cls, init, hierarchy, attribute = place.cls, place.init, context.knowledge.hierarchy, member.attribute
    family = [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]
    stores = [store for relative in family for store in assignments_of(relative, attribute)]
    if init is None or len(stores) != 1 or stores[0] not in init.node.body or stores[0].value is None:
        return None
    if context.picked_classes or context.picked_texts:
        return None
    if not context.knowledge.attribute(cls, attribute).is_only(Module, ModuleList):
        return None  # a plain list: there is no module for a handle to stand for
    return [*touching(attribute, init, place.self_name)][-1]
