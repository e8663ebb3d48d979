"""A module that the forward makes at each call is made in `__init__`.

`nn.Softmax(dim=1)(x)` works, and yet no object has this module for a child: nothing that looks for modules can find it,
observe what comes out of it, or put another one in its place.

```python
class Head(nn.Module):
    def forward(self, x):
        x = nn.AvgPool2d(x.shape[2:])(nn.ReLU()(x))
        return nn.Softmax(dim=1)(x)
```

becomes

```python
class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.avg_pool = runtime.modules.FunctionalAvgPool2d()
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.avg_pool(self.relu(x), kernel_size=x.shape[2:])
        return self.softmax(x)
```

So are classes of the project that keep nothing, and an `nn.Sequential` of such modules. Arguments that are known only
when the forward runs are passed at the call, where torch has a function that takes them.

**Safety.** Done for classes without parameters and memory. A dropout that is made at the call is always in training,
and a layer has other weights each time: they stay, and RW914 says so.
"""

from __future__ import annotations

import ast

from rewriter.changes.change import Change, Given, as_given
from rewriter.changes.made import Fixed, Make, MakeEarlier
from rewriter.facts.instances.interchangeable import is_stateless
from rewriter.facts.instances.storing_nothing import made_class
from rewriter.python.code import Class
from rewriter.python.names import in_small_letters
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.constants import is_constant
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.sites.site import NewModuleCall
from rewriter.torch_api import catalogue
from rewriter.torch_api.modules import COMPUTE_NOTHING
from rewriter.torch_api.row import Row, Spelling

CODE = "RW208"
_SEQUENTIAL = "torch.nn.Sequential"
_PLAIN = (
    ast.Name | ast.Attribute | ast.Subscript | ast.Slice | ast.Tuple | ast.List | ast.Constant | ast.BinOp | ast.UnaryOp
    | ast.Call
)  # fmt: skip
_SIZES = frozenset({"size", "dim", "numel", "len", "int", "tuple", "list"})
KEEPS = (
    """\
class Net(nn.Module):
    def forward(self, x):
        return nn.Flatten()(x)
""",
)


def make_earlier(site: NewModuleCall, context: Context) -> Change | Refusal | None:
    """The module is made in `__init__`, as it stands or as the function's own that takes the arguments at the call."""
    node, cls = site.node, _class_of(site.made, site, context)
    assert isinstance(node, ast.Call)
    if isinstance(cls, str) and (cls.removeprefix("torch.nn.") in COMPUTE_NOTHING or cls.endswith("Loss")):
        return None
    if node.func is not site.made:
        return _left(site, "in a variable of the forward")
    if not _is_ready_made(site.made, site, context):
        return _with_arguments(site, cls, context) or _left(site, _why(site, cls, context))
    if cls in context.picked_classes or _is_hidden(site, context):
        return _left(site, "and code around it would take the new one for another")
    make, given, receiver = MakeEarlier(site.made), as_given(node), context.receiver_at(site)
    return Change(CODE, site, context.place, receiver, _attribute(cls), make, given, _written(site))


def _class_of(made: ast.expr, site: NewModuleCall, context: Context) -> str | Class | None:
    return made_class(context.knowledge, made, site.function.global_name)


def _is_ready_made(made: ast.expr, site: NewModuleCall, context: Context) -> bool:
    """Whether one instance, made beforehand, computes what each new one does."""
    if not isinstance(made, ast.Call):
        return False
    cls, given = _class_of(made, site, context), [*made.args, *(k.value for k in made.keywords)]
    if cls == _SEQUENTIAL:
        return all(_is_ready_made(each, site, context) for each in given)
    return is_stateless(context.knowledge, cls, across_objects=True) and all(
        is_constant(value, site.function) for value in given
    )


def _with_arguments(site: NewModuleCall, cls: str | Class | None, context: Context) -> Change | None:
    """`nn.AvgPool2d(x.shape[2:])(x)` calls the function's module, which takes what is known when it runs."""
    found = _row_of(cls) if isinstance(cls, str) else None
    node, made = site.node, site.made
    assert isinstance(node, ast.Call)
    if found is None or node.keywords or any(isinstance(a, ast.Starred) for a in (*node.args, *made.args)):
        return None
    row, spelling = found
    if len(node.args) != len(row.operands) or row.follows_training or row.flexible_target in context.picked_classes:
        return None
    names = [p.name for p in spelling.parameters][len(row.operands) :]
    told = [*zip(names, made.args, strict=False), *((str(k.arg), k.value) for k in made.keywords)]
    late = [(name, value) for name, value in told if not is_constant(value, site.function)]
    if any(name not in row.parameters for name, _ in told) or not _may_come_later([v for _, v in late], node.args):
        return None
    fixed = tuple(Fixed(name, value, True) for name, value in told if (name, value) not in late)
    given = (*(Given(operand) for operand in node.args), *(Given(value, name) for name, value in late))
    make = Make(row, spelling, row.flexible_target, fixed)
    return Change(CODE, site, context.place, context.receiver_at(site), row.attribute, make, given, _written(site))


def _row_of(cls: str) -> tuple[Row, Spelling] | None:
    """The operation of a class without parameters, spelled as a call of the class and of what it makes."""
    row = catalogue.by_target(cls)
    if row is None or "weight" in row.parameters or any(o.startswith("*") for o in row.operands):
        return None
    operands = ", ".join(row.operands)
    if row.target == cls:
        return row, Spelling(cls, f"{operands}, {row.constructor}".removesuffix(", "))
    if any(module.name == cls and not module.arguments for module in row.modules):
        return row, Spelling(cls, row.function.signature)
    return None


def _may_come_later(values: list[ast.expr], operands: list[ast.expr]) -> bool:
    """Whether the values are the same behind the operands: sizes, and settings that no call in between could change."""
    nodes = [n for value in values for n in walk(value)]
    methods = [n.func for n in nodes if isinstance(n, ast.Call)]
    read = {n.attr for n in nodes if isinstance(n, ast.Attribute) and n not in methods} - {"shape", "ndim"}
    between = [_name(n.func) for operand in operands for n in walk(operand) if isinstance(n, ast.Call)]
    is_plain = (
        all(isinstance(n, _PLAIN) for n in nodes if isinstance(n, ast.expr))
        and {_name(method) for method in methods} <= _SIZES
    )
    return is_plain and not (read and between) and not any(name.endswith("_") for name in between)


def _name(func: ast.expr) -> str:
    """The last part of what is called."""
    return func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")


def _is_hidden(site: NewModuleCall, context: Context) -> bool:
    """Whether `__init__` has a variable of a name that the expression reads."""
    init = context.place.init
    return init is not None and any(isinstance(n, ast.Name) and n.id in init.locals for n in walk(site.made))


def _why(site: NewModuleCall, cls: str | Class | None, context: Context) -> str:
    if cls == _SEQUENTIAL:
        return "of parts that are not all made there, or hold something"
    if is_stateless(context.knowledge, cls, across_objects=True):
        return "with arguments that are known only when it runs"
    is_free = is_stateless(context.knowledge, cls)
    return "and is always in training" if is_free else "and may hold weights or a memory of its own"


def _left(site: NewModuleCall, why: str) -> Refusal:
    return refuse("RW914", site, f"{_written(site)} makes a module at each call, {why}")


def _written(site: NewModuleCall) -> str:
    return f"`{ast.unparse(site.made.func)}(...)()`"


def _attribute(cls: str | Class | None) -> str:
    row = catalogue.by_target(cls) if isinstance(cls, str) else None
    if row is not None:
        return row.attribute
    name = cls.node.name if isinstance(cls, Class) else str(cls).rpartition(".")[2]
    return in_small_letters(name) or "module"


RULE = described(CODE, "module-made-in-forward", __doc__, KEEPS, decides={NewModuleCall: make_earlier})
