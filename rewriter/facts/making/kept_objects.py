"""What a constructor has put into an attribute of its object by the time that it makes new modules."""

from __future__ import annotations

import ast

from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.construction import Construction
from rewriter.python.attributes import assigns_always, sets_locals
from rewriter.python.trees import begin_of, named_parameters, returns_in


def statement_setting(knowledge: Knowledge, place: Construction, attribute: str) -> ast.stmt | None:
    """The statement of `__init__` behind which every object has the attribute; None where that is not certain.

    `self.coder = coder`, and `self.set_coder(coder)`, a method that sets it on every way through.
    """
    init, lineage = place.init, knowledge.hierarchy.lineage(place.cls)
    if init is None or place.begin is None or place.beside or lineage.method(attribute) is not None:
        return None
    certain = [statement for statement in init.node.body if _sets(knowledge, place, statement, attribute)]
    if not certain or any(_returns_before(statement, certain[0]) for statement in init.node.body):
        return None
    return certain[0] if begin_of(certain[0]) > begin_of(place.begin) else None


def _sets(knowledge: Knowledge, place: Construction, statement: ast.stmt, attribute: str) -> bool:
    init = place.init
    if init is not None and sets_locals(statement, place.self_name):
        spec = init.node.args
        return any(a.arg == attribute for a in named_parameters(spec))
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return assigns_always([statement], attribute) and not isinstance(statement, ast.Return | ast.Raise)
    if ast.unparse(call.func.value) != place.self_name:
        return False
    method = knowledge.hierarchy.lineage(place.cls).method(call.func.attr)
    overridden = any(call.func.attr in below.methods for below in knowledge.hierarchy.subclasses(place.cls))
    return method is not None and not overridden and assigns_always(method.node.body, attribute)


def _returns_before(statement: ast.stmt, other: ast.stmt) -> bool:
    return begin_of(statement) < begin_of(other) and any(returns_in([statement]))
