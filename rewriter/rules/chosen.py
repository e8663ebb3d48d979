"""A call of a function that the code chooses brings modules for each function that it may come to.

Libraries keep implementations of one thing in a table and take one at each call. Which one runs is known only then, so
its operations have no place in the object that calls it. `runtime.modules.Call` holds modules for all of them and calls
the one that it is given.

```python
def scaled(x):
    return x * 0.5


MIXES = {"sum": torch.sum, "scaled": scaled}


class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        mix = MIXES[self.kind]
        return mix(x)
```

becomes

```python
class ScaledOps(nn.Module):
    def __init__(self):
        super().__init__()
        self.mul = runtime.modules.EltWiseMult()


def scaled(x, *, ops=runtime.modules.shared(ScaledOps)):
    return ops.mul(x, 0.5)


MIXES = {"sum": torch.sum, "scaled": scaled}


class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.call = runtime.modules.Call(MIXES)

    def forward(self, x):
        mix = MIXES[self.kind]
        return self.call(mix, x)
```

**Safety.** The choice stays where it is. A function that `Call` was not told of, or that takes no modules, is called as
it is; functions that join the table later are among those.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.interpreter.state import Site
from rewriter.facts.project import Function
from rewriter.facts.tables import Table, find_table
from rewriter.results import Refusal
from rewriter.rules.change import Change, Gather, Given, as_given
from rewriter.rules.operations import Context
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described

RULE = described("RW205", "chosen-function", __doc__)


def gather(site: Site, context: Context) -> Change | Refusal:
    """The call becomes one of a module that is told of the functions that the code around it names."""
    node = site.node
    assert isinstance(node, ast.Call)
    what = f"`{ast.unparse(node.func)}()`"
    named = {ast.unparse(found): found for found in _named(site, context)}
    if not named:
        return refuse("RW903", site, f"{what} calls functions with operations, which have no name where it is made")
    given = (Given(node.func), *as_given(node))
    make = Gather(tuple(named.values()))
    return Change(RULE.code, site, context.place, context.receiver_at(site), "call", make, given, what)


def _named(site: Site, context: Context) -> Iterator[ast.expr]:
    """Where the function around the site names one of the functions, or a table of them, as `__init__` could."""
    assert site.choice is not None
    init = context.place.init
    nodes = (n for n in ast.walk(site.function.node) if isinstance(n, ast.Name | ast.Attribute))
    for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
        name = site.function.global_name(node)
        head = next(n.id for n in ast.walk(node) if isinstance(n, ast.Name)) if name else ""
        if name and not (init is not None and head in init.locals) and _meant(name, context) in site.choice.of:
            yield node


def _meant(name: str, context: Context) -> Function | Table | None:
    project = context.knowledge.project
    found = project.find(name)
    return found if isinstance(found, Function) else find_table(project, name)
