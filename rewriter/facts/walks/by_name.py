"""Walks that ask for parts of a module's path alone: `if "conv" in name: init(module.weight)`.

A new module's path is that of its owner and a name more. Where the name has nothing of what is asked for, the path has
it only if the owner's has it: then the owner has gone the same way before, and had what is read there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.walks.of_modules import DESCENDANTS, walks
from rewriter.python.code import Class, Function
from rewriter.python.trees import walk
from rewriter.sites.site import Operation
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

_DIGITS = "0123456789"
_LAZY = ast.IfExp | ast.BoolOp | ast.Lambda | ast.comprehension


@dataclass
class _Asked:
    texts: list[str]
    """What is looked for in paths."""
    read: list[set[str]]
    """What is read of the module at once, where one of them is found; the same for paths that are asked for as such."""


def goes_by_owner(knowledge: Knowledge, walker: Class, cls: Class) -> bool:
    """Whether all walks of a class pass over the new modules of `cls`, since they pass over its objects."""
    lineage = knowledge.hierarchy.lineage(cls)
    if lineage.torch != {"torch.nn.Module"} or lineage.unseen or knowledge.hierarchy.subclasses(cls):
        return False
    asked = [_asked(method, node) for method, node in walks(knowledge.hierarchy, walker, DESCENDANTS)]
    said = frozenset().union(*(method.words for base in lineage.project for method in base.methods.values()))
    stated = frozenset().union(*(base.stated for base in lineage.project))
    if any(one is None or not all(read - said - stated for read in one.read) for one in asked):
        return False
    names = _names_of_new_ones(knowledge, cls)
    ends = [text.rpartition(".")[2].rstrip(_DIGITS) for one in asked if one is not None for text in one.texts]
    return names is not None and all(end and not any(end in name for name in names) for end in ends)


def _names_of_new_ones(knowledge: Knowledge, cls: Class) -> set[str] | None:
    """What the new modules of the class may be called; None where they are not for operations alone."""
    run = knowledge.run(cls)
    sites = list(run.met.sites.values()) if run is not None else []
    own = [site for site in sites if site.function.owner in knowledge.hierarchy.lineage(cls).project]
    operations = [site for site in own if isinstance(site, Operation)]
    if not own or len(operations) != len(own):
        return None
    return {f"op_{row.attribute}_op" for site in operations for row, _ in site.candidates}


def _asked(method: Function, node: ast.Attribute) -> _Asked | None:
    """What a walk asks for; None where it does anything else."""
    loop = next((n for n in walk(method.node) if isinstance(n, ast.For) and _runs_over(n, node)), None)
    target = loop.target.elts if loop is not None and isinstance(loop.target, ast.Tuple) else []
    names = [part.id for part in target if isinstance(part, ast.Name)]
    if loop is None or len(loop.body) != 1 or loop.orelse or len(names) != 2 or len(target) != 2:
        return None
    asked, left = _Asked([], []), loop.body
    while left:
        branch = left[0]
        if len(left) != 1 or not isinstance(branch, ast.If):
            return None
        tests = branch.test.values if isinstance(branch.test, ast.BoolOp) else [branch.test]
        texts = [_text_asked(test, names[0]) for test in tests]
        both = isinstance(branch.test, ast.BoolOp) and isinstance(branch.test.op, ast.And)
        if both or None in texts:
            return None
        asked.texts += [text for text in texts if text]
        asked.read.append(set(_read_at_once(branch.body[0], names[1])))
        left = branch.orelse
    return asked


def _runs_over(loop: ast.For, node: ast.Attribute) -> bool:
    """`for name, module in self.named_modules()`"""
    over = loop.iter
    return node.attr == "named_modules" and isinstance(over, ast.Call) and over.func is node and not over.args


def _text_asked(test: ast.expr, name: str) -> str | None:
    """The text in `"conv" in name`, none in `name == "stem.conv"`; None for any other test."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    text, of = test.left, test.comparators[0]
    if isinstance(test.ops[0], ast.Eq):
        text, of = of, text
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str) or ast.unparse(of) != name:
        return None
    if isinstance(test.ops[0], ast.Eq):
        return ""
    return text.value or None if isinstance(test.ops[0], ast.In) else None


def _read_at_once(statement: ast.stmt, module: str) -> Iterator[str]:
    """The attributes of the module that a statement reads in any case, and that not every module has."""
    if isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign):
        nodes = list(walk(statement))
        if not any(isinstance(n, _LAZY) for n in nodes):
            found = (n.attr for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) == module)
            yield from (name for name in found if name not in MODULE_ATTRIBUTES)
