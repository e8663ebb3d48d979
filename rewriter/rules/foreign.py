"""Modules of other quantizers become ours, with `--from`.

torch.ao's `FloatFunctional` is one module with a method for each operation, called several times if the author likes.
A quantizer that swaps modules by their class and observes what they return does not see what a method computes.
`rewriter fix --from torch-ao` puts a module in the place of each call.

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.skip_add = torch.ao.nn.quantized.FloatFunctional()

    def forward(self, x):
        return self.skip_add.add(x, self.conv(x))
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.skip_add = runtime.modules.EltWiseAdd()

    def forward(self, x):
        return self.skip_add(x, self.conv(x))
```

Where one instance is called several times, each further call gets an instance of its own: `self.skip_add2`. Without
`--from` each call is left, and RW913 says so: `runtime.quantize` makes modules of them on its copy.
`QuantStub` and `DeQuantStub` pass on what they are given and stay; `fuse_model` stays, and nobody has to call it.

`--from distiller` and `--from aimet` name our class where theirs is called in the constructor: the modules are called
in the same way, and compute the same. Without `--from` they are known to compute, and get instances of their own where
one is called again. `--from brevitas` puts `nn.Conv2d`, `nn.Linear` and others in the place of layers that quantize,
without the settings of their quantizers.

**Safety.** That is unsafe for Brevitas, whose layers return quantized results and may have parameters for that. For
torch.ao it is done where the class makes the instance in one line of its `__init__`, calls its methods and does nothing
else with it, and where no other code handles an attribute of that name. All calls of one instance are rewritten, or
none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rewriter.changes.change import Change, NamedChange
from rewriter.facts.making.construction import Construction
from rewriter.python.attributes import handled_from_outside
from rewriter.python.code import Class
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.rules.foreign_classes import of_library
from rewriter.rules.operations import decide
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.sites.site import ForeignOperation

CODE = "RW401"
KEEPS = (
    """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.skip_add = torch.ao.nn.quantized.FloatFunctional()

    def forward(self, x):
        return self.helper(self.skip_add, x)

    def helper(self, functional, x):
        return functional.add(x, x)
""",
)


def decide_foreign(site: ForeignOperation, context: Context) -> Change | Refusal:
    """The module that takes the place of the call, or why none can."""
    found = _maker(site, context)
    if isinstance(found, str):
        return refuse("RW904", site, f"{site.written} stays a call of another library's module: {found}")
    change = decide(site, context)
    if isinstance(change, Refusal):
        return change
    maker, first = found
    instead = maker if site.node is first else None
    return replace(change, code=CODE, attribute=site.attribute, instead=instead)


def _maker(site: ForeignOperation, context: Context) -> tuple[ast.Assign, ast.Call] | str:
    """The line that makes the module, and the first of the calls; or why the module cannot be replaced."""
    place, attribute = context.place, site.attribute
    if not attribute or not isinstance(place, Construction) or place.init is None:
        return "it belongs to another object, or is not made in __init__"
    hierarchy, cls = context.knowledge.hierarchy, place.cls
    others = [c for c in [*hierarchy.lineage(cls).project[1:], *hierarchy.subclasses(cls)] if _named(c, attribute)]
    if others or handled_from_outside(context.knowledge.hierarchy, attribute):
        return "other code reads or sets it, too"
    uses = _named(cls, attribute)
    calls = [call for call in _calls(cls.node, attribute) if _holder(call) in uses]
    made = [s for s in place.init.node.body if isinstance(s, ast.Assign) and s.targets[0] in uses]
    plain = [s for s in made if len(s.targets) == 1 and isinstance(s.value, ast.Call) and not _arguments(s.value)]
    if len(plain) != 1 or len(uses) != len(calls) + 1:
        return "it is not made by one line of __init__, or more is done with it than to call its methods"
    return plain[0], calls[0]


def _arguments(call: ast.Call) -> list[object]:
    return [*call.args, *call.keywords]


def _named(cls: Class, attribute: str) -> list[ast.expr]:
    """`self.attribute`"""
    own = {own_name(method) for method in cls.methods.values()}
    found = (n for n in walk(cls.node) if isinstance(n, ast.Attribute) and n.attr == attribute)
    return [n for n in found if isinstance(n.value, ast.Name) and n.value.id in own]


def _calls(tree: ast.AST, attribute: str) -> Iterator[ast.Call]:
    """`self.attribute.method(...)`"""
    for node in walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder = _holder(node)
            if isinstance(holder, ast.Attribute) and holder.attr == attribute:
                yield node


def _holder(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def incomplete(changes: Iterable[NamedChange], cls: ast.ClassDef) -> Iterator[tuple[NamedChange, Refusal]]:
    """Changes of an instance of which not every call becomes one: they are not made."""
    found: dict[str, list[NamedChange]] = {}
    for named in changes:
        if isinstance(named.change.site, ForeignOperation):
            found.setdefault(named.change.site.attribute, []).append(named)
    for attribute, group in found.items():
        whole = len(group) == len(list(_calls(cls, attribute)))
        if not whole or any(named.turns for named in group):
            why = f"not every call of self.{attribute} can become a module of its own"
            yield from ((named, refuse("RW904", named.change.site, why)) for named in group)


RULE = described(
    CODE,
    "foreign-module",
    __doc__,
    KEEPS,
    decides={ForeignOperation: decide_foreign},
    source="torch-ao",
    finds_from={library: of_library(library) for library in ("distiller", "aimet", "brevitas")},
)
