"""A function that an object keeps, to call it later, becomes a module where it is stored.

A parameter `act=F.relu`, `getattr(F, name)`, `partial(F.interpolate, scale_factor=2)` and tables of functions hide an
operation in an attribute: a quantizer that looks for modules finds none.

```python
class Block(nn.Module):
    def __init__(self, act=F.relu):
        super().__init__()
        self.act = act

    def forward(self, x):
        return self.act(x)
```

becomes

```python
class Block(nn.Module):
    def __init__(self, act=F.relu):
        super().__init__()
        self.act = runtime.modules.as_module(act)

    def forward(self, x):
        return self.act(x)
```

`as_module` gives modules and None back as they are, and puts any other callable into a module that calls it.

**Safety.** Done where the class, its bases and its subclasses do nothing with the attribute but set it in `__init__`,
call it and compare it to None. An attribute that holds one function of torch for certain is no secret: its calls
become modules of that function (RW106 and others).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.hierarchy import own_name
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.project import Class, Function
from rewriter.facts.values import Kind
from rewriter.rules.change import Substitution
from rewriter.rules.rule import described
from rewriter.torch_api import catalogue

RULE = described("RW203", "function-as-value", __doc__)


def find_stored(knowledge: Knowledge, cls: Class) -> Iterator[Substitution]:
    """The values in the class's `__init__` that may be functions and are kept to be called."""
    init = cls.constructor
    own = own_name(init) if init is not None else None
    if init is None or own is None or not knowledge.may_be_module(cls):
        return
    for node in ast.walk(init.node):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Attribute):
            target = node.targets[0]
            is_own = isinstance(target.value, ast.Name) and target.value.id == own
            certain = knowledge.attribute(cls, target.attr).is_only(Kind.FUNCTION)
            may_be = is_own and not certain and _may_be_function(node.value, init)
            if may_be and _is_only_called(knowledge, cls, target.attr):
                message = f"`{ast.unparse(node.value)}`, which may be a function, is stored as a module"
                yield Substitution(RULE.code, init, node.value, "runtime.modules.as_module", message, wraps=True)


def _may_be_function(node: ast.expr, init: Function) -> bool:
    if isinstance(node, ast.IfExp):
        return _may_be_function(node.body, init) or _may_be_function(node.orelse, init)
    if isinstance(node, ast.BoolOp):
        return any(_may_be_function(value, init) for value in node.values)
    if isinstance(node, ast.Name) and node.id in init.locals:
        return _is_callable_parameter(node.id, init)
    if isinstance(node, ast.Name | ast.Attribute):
        return _is_operation(init.global_name(node))
    if isinstance(node, ast.Call):
        name = init.global_name(node.func)
        if name == "functools.partial":
            return bool(node.args) and _may_be_function(node.args[0], init)
        return name == "builtins.getattr" and init.global_name(node.args[0]) in ("torch", "torch.nn.functional")
    return isinstance(node, ast.Subscript) and _is_table(node.value, init)


def _is_operation(name: str | None) -> bool:
    return name is not None and name.startswith("torch.") and bool(catalogue.by_spelling(name))


def _is_callable_parameter(name: str, init: Function) -> bool:
    """A parameter with a function of torch for its default, or one that is annotated as a callable."""
    spec = init.node.args
    positional = [*spec.posonlyargs, *spec.args]
    argument = next((a for a in [*positional, *spec.kwonlyargs] if a.arg == name), None)
    stored = [
        n for n in ast.walk(init.node) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
    ]
    if argument is None or stored:
        return False
    default = init.defaults.get(name)
    annotation = ast.unparse(argument.annotation) if argument.annotation is not None else ""
    takes_tensors = "Callable[" in annotation and "Tensor" in annotation
    return takes_tensors or (isinstance(default, ast.Name | ast.Attribute) and _is_operation(init.global_name(default)))


def _is_table(node: ast.expr, init: Function) -> bool:
    """A dict of the same file that holds a function of torch."""
    if not isinstance(node, ast.Name) or node.id in init.locals:
        return False
    tables = (s for s in init.file.source.tree.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Dict))
    named = (s.value for s in tables if any(isinstance(t, ast.Name) and t.id == node.id for t in s.targets))
    held = [value for table in named if isinstance(table, ast.Dict) for value in table.values]
    return any(_is_operation(init.file.names.full_name(value)) for value in held)


def _is_only_called(knowledge: Knowledge, cls: Class, attribute: str) -> bool:
    """Besides `__init__`, which sets it, the family calls the attribute or asks whether it is None."""
    called = False
    for relative in [*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls)]:
        allowed = {id(n.func) for n in ast.walk(relative.node) if isinstance(n, ast.Call)}
        compared = [n for n in ast.walk(relative.node) if isinstance(n, ast.Compare) and _is_none(n.comparators)]
        allowed |= {id(n.left) for n in compared}
        set_in_init = {id(t) for t in _targets(relative.constructor)}
        for node in ast.walk(relative.node):
            if isinstance(node, ast.Attribute) and node.attr == attribute and id(node) not in set_in_init:
                if id(node) not in allowed:
                    return False
                called = True
    return called


def _targets(init: Function | None) -> Iterator[ast.expr]:
    for node in ast.walk(init.node) if init is not None else ():
        if isinstance(node, ast.Assign):
            yield from node.targets


def _is_none(comparators: list[ast.expr]) -> bool:
    return all(isinstance(c, ast.Constant) and c.value is None for c in comparators)
