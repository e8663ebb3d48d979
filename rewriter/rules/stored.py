"""A function that an object keeps, to call it later, becomes a module where it is stored.

A parameter `act=F.relu`, `getattr(F, name)`, `partial(F.interpolate, scale_factor=2)`, tables of functions, functions
that return one and lambdas with one operation hide an operation in an attribute: a quantizer finds no module.

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
call it and compare it to None, and where no other code of the project handles an attribute of that name on objects
that it holds. A module in its place later is called as before; a function has to be given to `as_module` first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.changes.change import Substitution
from rewriter.facts.attributes import is_only_called, operations_in, stored_in
from rewriter.facts.code import Class, Function
from rewriter.facts.hierarchy import own_name
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.trees import walk
from rewriter.results import Refusal
from rewriter.rules.rule import described
from rewriter.torch_api import catalogue
from rewriter.values.functions import AnyOperation
from rewriter.values.modules import Module
from rewriter.values.plain import Nothing

CODE = "RW203"
KEEPS = (
    """\
class Net(nn.Module):
    def __init__(self, act=F.relu):
        super().__init__()
        self.act = act
        self.name = act.__name__

    def forward(self, x):
        return x, self.name, self.act is F.relu
""",
)

_NAME_IT = "make a method of it, or a module"


def find_stored(knowledge: Knowledge, cls: Class) -> Iterator[Substitution | Refusal]:
    """The values in the class's `__init__` that may be functions and are kept to be called."""
    init = cls.constructor
    own = own_name(init) if init is not None else None
    if init is None or own is None or not knowledge.may_be_module(cls):
        return
    for node in walk(init.node):
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Attribute)):
            continue
        target = node.targets[0]
        if not (isinstance(target.value, ast.Name) and target.value.id == own):
            continue
        kept = _local_function(node.value, init)
        operations = operations_in(kept, init) if kept is not None else 0
        if not (operations > 1 or _may_be_stored(knowledge, cls, target.attr, node.value, init)):
            continue
        if not is_only_called(knowledge.hierarchy, cls, target.attr):
            continue
        if operations > 1:
            message = f"`self.{target.attr}` keeps a function with {operations} operations"
            yield Refusal("RW903", message, init.file.source.span(node.value), _NAME_IT)
        else:
            message = f"`{ast.unparse(node.value)}`, which may be a function, is stored as a module"
            yield Substitution(CODE, init, node.value, "runtime.modules.as_module", message, wraps=True)


def _may_be_stored(knowledge: Knowledge, cls: Class, attribute: str, node: ast.expr, init: Function) -> bool:
    """Whether it may be a function, or is not known and stands where a base or subclass may put a function."""
    if _is_function(knowledge, cls, attribute, node, init):
        return True
    value = knowledge.attribute(cls, attribute)
    if isinstance(node, ast.Constant) or value.is_only(Module, Nothing) or attribute not in init.words:
        return False
    family = [*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls)]
    return any(
        _is_function(knowledge, relative, attribute, stored, relative.constructor)
        for relative in family
        if relative is not cls and relative.constructor is not None
        for stored in stored_in(relative.constructor, attribute)
    )


def _is_function(knowledge: Knowledge, cls: Class, attribute: str, node: ast.expr, init: Function) -> bool:
    kept = _local_function(node, init)
    if kept is not None and operations_in(kept, init) == 1:
        return True
    return knowledge.attribute(cls, attribute).may_be(AnyOperation) or _may_be_function(node, init)


def _local_function(node: ast.expr, init: Function) -> ast.Lambda | ast.FunctionDef | None:
    """A lambda, or the name of a function that `__init__` defines once."""
    if isinstance(node, ast.Lambda):
        return node
    name = node.id if isinstance(node, ast.Name) else ""
    found = [n for n in walk(init.node) if isinstance(n, ast.FunctionDef) and n.name == name and n is not init.node]
    return found[0] if len(found) == 1 else None


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
    stored = [n for n in walk(init.node) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
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


RULE = described(CODE, "function-as-value", __doc__, KEEPS, finds_in_class=find_stored)
