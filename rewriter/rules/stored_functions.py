"""A function that an object keeps, to call it later, becomes a module where it is stored.

A parameter `act=F.relu`, `getattr(F, name)`, `partial(F.interpolate, scale_factor=2)`, `partial` of the project's own
functions, tables of functions, functions that return one, lambdas with one operation, and what other classes and
functions of the project give a constructor (`Gate(F.gelu)`, `Gate(lambda x, y: x + y)`) hide operations in an
attribute: a quantizer finds no module.

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

`as_module` returns modules and None as they are, and puts any other callable into a module that calls it. Where the
branches of `__init__` store different things and one of them may be a function, each that may be one is given to it. A
function of the project that takes modules (RW202), also behind `partial`, gets its own from the module that keeps it.

**Safety.** Done where the class, its bases and its subclasses do nothing with the attribute but set it in `__init__`
behind `super().__init__()`, call it and compare it to None, where no class has the name in its body, and where no other
code of the project handles an attribute of that name on objects that it holds. A parameter `cfg: Config` is not meant,
where `Config` is not a module: `ACTS[cfg.act]` is fine. A module in its place later is called as
before; a function has to be given to `as_module` first. Elsewhere, and in containers, the function stays, and the call
becomes one of a module (RW205).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.changes.change import Substitution
from rewriter.facts.functions.kept import may_be_kept, stored_in_family, value_of
from rewriter.facts.knowledge import Knowledge
from rewriter.python.attributes import is_only_called, operations_in, stores_of
from rewriter.python.code import Class, Function
from rewriter.python.trees import named_parameters, walk
from rewriter.results import Refusal
from rewriter.rules.rule import TakesModules, described
from rewriter.sites.site import ModuleCall
from rewriter.values.base import Value
from rewriter.values.functions import Choice, NestedFunction, SomeFunction
from rewriter.values.modules import Module, WrappedFunction
from rewriter.values.one_operation import is_handed_in
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


def find_stored(knowledge: Knowledge, cls: Class, takes_modules: TakesModules) -> Iterator[Substitution | Refusal]:
    """The values in the class's `__init__` that may be functions and are kept to be called."""
    init = cls.constructor
    if init is None or not knowledge.may_be_module(cls):
        return
    finder = _Finder(knowledge, cls, init, takes_modules)
    for store in stores_of(cls):
        attribute, node = store.target.attr, store.value
        lambdas = finder.lambdas(node)
        operations = max((operations_in(one.node, one.around) for one in lambdas), default=0)
        only_called = is_only_called(knowledge.hierarchy, cls, attribute)  # first, since it costs little
        if operations > 1 and only_called:
            message = f"`self.{attribute}` keeps a function with {operations} operations"
            yield Refusal("RW903", message, init.file.source.span(node), _NAME_IT)
        if only_called and finder.is_to_be_kept(attribute, node) and may_be_kept(knowledge, cls, attribute):
            message = f"`{ast.unparse(node)}`, which may be a function, is stored as a module"
            yield Substitution(CODE, init, node, "runtime.modules.as_module", message, wraps=True)
        elif (
            any(not is_handed_in(one) for one in lambdas if operations)
            and not (operations > 1 and only_called)
            and _is_called(cls, attribute)
        ):
            message = f"`self.{attribute}` keeps a function with operations, and more is done with it than to call it"
            yield Refusal("RW903", message, init.file.source.span(node), _NAME_IT)


def _is_called(cls: Class, attribute: str) -> bool:
    calls = (node.func for node in walk(cls.node) if isinstance(node, ast.Call))
    return any(isinstance(func, ast.Attribute) and func.attr == attribute for func in calls)


@dataclass(frozen=True)
class _Finder:
    knowledge: Knowledge
    cls: Class
    init: Function
    takes_modules: TakesModules

    def lambdas(self, node: ast.expr) -> list[NestedFunction]:
        """Those, and functions defined inside of others, that an expression may be."""
        functions = (p for p in value_of(self.knowledge, self.cls, node).parts if isinstance(p, SomeFunction))
        return [member for function in functions for member in function.members if isinstance(member, NestedFunction)]

    def is_to_be_kept(self, attribute: str, node: ast.expr) -> bool:
        """Whether it may be a function, or is not known and stands where another class or branch may put a function."""
        value = value_of(self.knowledge, self.cls, node)
        annotation = _annotation_of_parameter(node, self.init)
        if self._is_function(value) or ("Callable[" in annotation and "Tensor" in annotation):
            return True
        if "Callable" in annotation and "Module" not in annotation and self._is_called_by_forward(attribute):
            return True
        if isinstance(node, ast.Constant) or value.is_only(Module, Nothing) or _is_kept_already(node, self.init):
            return False
        others = stored_in_family(self.knowledge, self.cls, attribute)
        return any(self._is_function(other) or other.may_be(WrappedFunction) for _, stored, other in others)

    def _is_called_by_forward(self, attribute: str) -> bool:
        run = self.knowledge.run(self.cls)
        sites = run.met.sites.values() if run is not None else ()
        return any(isinstance(site, ModuleCall) and site.attribute == attribute for site in sites)

    def _is_function(self, value: Value) -> bool:
        """Whether it may be an operation, or a function that takes modules for its own."""
        return any(
            self._computes(part) for part in value.parts if isinstance(part, SomeFunction) and part.may_be_stored
        )

    def _computes(self, function: SomeFunction) -> bool:
        functions = Choice(function.members).functions
        return not functions or any(map(self.takes_modules, functions))


def _is_kept_already(node: ast.expr, init: Function) -> bool:
    return isinstance(node, ast.Call) and (init.name_inside(node.func) or "").endswith(".modules.as_module")


def _annotation_of_parameter(node: ast.expr, init: Function) -> str:
    """What a parameter that the constructor does not set is annotated as."""
    spec = init.node.args
    annotated = {a.arg: a.annotation for a in named_parameters(spec)}
    annotation = annotated.get(node.id) if isinstance(node, ast.Name) else None
    if annotation is None:
        return ""
    names = (n for n in walk(init.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return "" if isinstance(node, ast.Name) and node.id in {n.id for n in names} else ast.unparse(annotation)


RULE = described(CODE, "function-as-value", __doc__, KEEPS, finds_in_class=find_stored)
