"""A module that a forward calls again gets an instance of its own for each call.

A quantizer keeps one set of statistics, and one scale, for each module. Where `self.relu` runs twice, the second run
overwrites what the first one taught it. Modules without parameters cost nothing, so each call can have its own.

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.conv(self.relu(x)))
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.relu = nn.ReLU(inplace=True)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu2(self.conv(self.relu(x)))
```

The first call keeps its name, which other code may refer to. Calls in different branches of one `if` share an instance,
since only one of them runs.

A module that owns parameters, or may own some, gets `runtime.modules.again(self.norm)`: a copy if it turns out to
have no state, else a handle that runs the same module. Parameters and running statistics stay one, the state_dict
keeps its keys. With `parts=True` the operations inside a module of the project get instances of their own, too; that is
done where no method of it stores anything on the object.

**Safety.** torch.nn classes without parameters, buffers and state are made again by the expression that made the first.
Nothing is done where the attribute is assigned in more than one place: the second instance would not follow.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from rewriter.facts.construction import Construction
from rewriter.facts.interpreter.state import Site
from rewriter.facts.knowledge import keeps_nothing
from rewriter.facts.names import bound_names
from rewriter.facts.project import Class
from rewriter.facts.trees import walk
from rewriter.results import Refusal
from rewriter.rules.change import Change, MakeAgain, Tie, as_given
from rewriter.rules.constants import reads_names
from rewriter.rules.loops import Turns
from rewriter.rules.operations import Context
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.torch_api import modules

RULE = described("RW201", "reused-module", __doc__)

_PURE = frozenset({"int", "float", "bool", "len", "min", "max", "round", "tuple", "list", "str"})


def decide_call(site: Site, context: Context, loops: Turns) -> Change | Refusal | None:
    """What to do about a call of a module; nothing where it is the first."""
    often = site.in_loop or site.called_in_loop or len(site.instances) > 1
    if max(site.instances) == 0 and not often:
        return None
    turns = loops.around(site)
    if often and not turns:
        return refuse("RW902", site, f"`self.{site.attribute}` is called more than once from this place")
    again = _again(site, context)
    return again if isinstance(again, Refusal) else replace(again, turns=turns)


def _again(site: Site, context: Context) -> Change | Refusal:
    make = _maker(site, context)
    if isinstance(make, str):
        return refuse("RW904", site, f"`self.{site.attribute}` is called again, but {make}")
    node = site.node
    assert isinstance(node, ast.Call)
    given = as_given(node)
    what = f"`self.{site.attribute}()` again"
    return Change(RULE.code, site, context.place, context.receiver_at(site), site.attribute, make, given, what)


def _maker(site: Site, context: Context) -> MakeAgain | Tie | str:
    """How the second instance is made, or why it cannot be."""
    assert isinstance(context.place, Construction)
    cls, hierarchy = context.place.cls, context.knowledge.hierarchy
    ref = site.module.ref if site.module is not None else None
    own = list(_assignments(cls, site.attribute))
    above = [s for base in hierarchy.lineage(cls).project[1:] for s in _assignments(base, site.attribute)]
    below = [s for sub in hierarchy.subclasses(cls) for s in _assignments(sub, site.attribute)]
    if len(own) + len(above) != 1 or below:
        return "it is not assigned in exactly one place"
    parts = isinstance(ref, Class) and keeps_nothing(context.knowledge, ref)
    if above:
        return Tie(site.attribute, None, parts)
    if context.place.init is None or own[0] not in set(walk(context.place.init.node)):
        return "it is not assigned in __init__"
    statement = own[0]
    assert statement.value is not None
    if ref in modules.PARAMETER_FREE and _repeatable(statement.value, context.place.init.node):
        return MakeAgain(site.attribute, statement.value, statement)
    return Tie(site.attribute, statement, parts)


def _assignments(cls: Class, attribute: str) -> Iterator[ast.Assign | ast.AnnAssign]:
    for node in walk(cls.node):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(n, ast.Attribute) and n.attr == attribute for t in targets for n in walk(t)):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            yield node


def _repeatable(expression: ast.expr, init: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Running the expression again, later in `__init__`, gives an equal object."""
    if not isinstance(expression, ast.Call):
        return False
    calls = [n for n in walk(expression) if isinstance(n, ast.Call) and n is not expression]
    if any(not (isinstance(c.func, ast.Name) and c.func.id in _PURE) for c in calls):
        return False
    if any(isinstance(n, ast.NamedExpr | ast.Await | ast.Yield | ast.Lambda) for n in walk(expression)):
        return False
    rebound = [name for statement in walk(init) if isinstance(statement, ast.stmt) for name in _bound_here(statement)]
    parameters = {a.arg for a in [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs]}
    return all(rebound.count(name) <= (0 if name in parameters else 1) for name in reads_names(expression))


def _bound_here(statement: ast.stmt) -> set[str]:
    """What the statement itself binds, not the statements inside it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    inner = {n for s in walk(statement) if isinstance(s, ast.stmt) and s is not statement for n in bound_names(s)}
    return bound_names(statement) - inner
