"""Code that goes through its own children, and can be told to leave out those that are not steps of its forward."""

from __future__ import annotations

import ast

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.walks.after_making import deep_walker_over
from rewriter.facts.walks.of_modules import CHILDREN, DESCENDANTS, walks
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import REGISTERING, Hierarchy
from rewriter.python.names import bound_names
from rewriter.python.trees import children, walk

STEPS = {"children": "steps", "named_children": "named_steps", "_modules": "step_modules"}
"""What `runtime.modules.WithOperations` has in the place of what nn.Module has."""
_READING = frozenset({"values", "items", "keys", "get"})
_SWITCHING = frozenset({"train", "eval", "training"})
_READERS = frozenset({"list", "tuple", "enumerate", "len", "reversed", "iter", "sorted", "zip", "set", "any", "all"})


def step_walks(knowledge: Knowledge, cls: Class) -> tuple[ast.Attribute, ...]:
    """The class's walks, where each can become one over the steps, and nobody else goes through such an object."""
    family = knowledge.hierarchy.sharing(cls)
    others = [relative for relative in family if relative is not cls]
    named = {*STEPS, *STEPS.values(), *REGISTERING}
    if (
        any(named & bound_names(statement) for relative in family for statement in relative.node.body)
        or deep_walker_over(knowledge, cls) is not None
    ):
        return ()
    hierarchy = knowledge.hierarchy
    if any(walks(hierarchy, relative, by) for relative in others for by in (CHILDREN, DESCENDANTS)):
        return ()
    if any(goes_over_steps(hierarchy, relative) for relative in family):
        return ()
    found = [(method, node) for method, node in walks(hierarchy, cls, CHILDREN) if method is not cls.constructor]
    turned = [node for method, node in found if isinstance(node, ast.Attribute) and _only_reads(method, node)]
    return tuple(turned) if len(turned) == len(found) else ()


def goes_over_steps(hierarchy: Hierarchy, cls: Class) -> bool:
    """Whether it is written so already."""
    if not hierarchy.lineage(cls).holds_operations:
        return False
    return any(isinstance(n, ast.Attribute) and n.attr in STEPS.values() for n in walk(cls.node))


def _only_reads(method: Function, node: ast.Attribute) -> bool:
    """`self.children()`, `self._modules.values()`, `for name in self._modules`: what is read changes nothing.

    What switches children to evaluation has to meet all of them.
    """
    if method.words & _SWITCHING:
        return False
    parents = {child: parent for parent in walk(method.node) for child in children(parent)}
    parent = parents[node]
    if node.attr != "_modules":
        return isinstance(parent, ast.Call) and parent.func is node
    if isinstance(parent, ast.Attribute):
        return parent.attr in _READING
    if isinstance(parent, ast.Subscript):
        return isinstance(parent.ctx, ast.Load) and parent.value is node
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Name) and parent.func.id in _READERS
    return isinstance(parent, ast.For | ast.comprehension | ast.Compare)
