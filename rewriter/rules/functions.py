"""A function gets modules for its operations, and each call in a forward brings its own.

A function belongs to no object, so nothing in it could hold a module. It gets a class of its own, whose objects hold
one module for each operation, and a keyword that takes such an object. A forward calls it through
`runtime.modules.Function`, which makes the object and passes it on. Every other caller goes on as before, with one
object for all of them.

```python
def scaled_add(x, y, scale):
    return x + y * scale


class Block(nn.Module):
    def forward(self, x, y):
        return scaled_add(x, y, 0.5)
```

becomes

```python
class ScaledAddOps(nn.Module):
    def __init__(self):
        super().__init__()
        self.mul = runtime.modules.EltWiseMult()
        self.add = runtime.modules.EltWiseAdd()


def scaled_add(x, y, scale, *, ops=runtime.modules.shared[ScaledAddOps]):
    return ops.add(x, ops.mul(y, scale))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.scaled_add = runtime.modules.Function(scaled_add)

    def forward(self, x, y):
        return self.scaled_add(x, y, 0.5)
```

A function that `map` runs for each of several, `map(scaled, (q, k))`, becomes `self.scaled.each((q, k))`: a list of
modules, each of which runs it for one of them. So does an operation of torch, as in `map(torch.relu, (q, k))`, and one
that a partial gives constants, as in `map(partial(torch.cat, dim=1), pairs)`.

In a function's loop over a list, or over as many turns as the source says, `ops.add[i](x, y)` is another module each
turn; so is `ops.add[call](x, y)` in a nested function for each of its calls.

Static methods and class methods belong to no object either, and are treated alike.

**Safety.** The function has to stand at module level, or in a class there, and be called by a forward of the project.
Functions that a decorator may change, generators, recursive functions and arguments of `torch.jit.script` are left
alone, since TorchScript cannot give modules to a function; those behind `torch.jit.script_if_tracing` bring none into
a trace. The order in which files are rewritten does not matter:
`runtime.modules.Function` calls a function that takes no modules as it is.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from rewriter.changes.change import Change, as_given
from rewriter.changes.made import Make, Wrap
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.scripted import is_compiled
from rewriter.python.code import Function
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.rules.operations import decide, module_for
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.sites.site import FunctionCall, HandedFunction, Operation, Site
from rewriter.torch_api import catalogue
from rewriter.torch_api.reserved import SCRIPT_FUNCTIONS
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.sequence import Sequence

CODE = "RW202"
_HAND_OVER = "hand over a module, or call the function itself in a loop or comprehension"
KEEPS = (
    """\
def shape_of(x):
    return x.shape[0] + 1


class Net(nn.Module):
    def forward(self, x):
        return x[:shape_of(x)]
""",
)


def wrap_call(site: FunctionCall, context: Context) -> Change | Refusal:
    """The call of such a function becomes the call of a module."""
    assert isinstance(site.node, ast.Call)
    return _wrapped(site, site.node.func, site.callee, context)


def wrap_handed(site: HandedFunction, context: Context) -> Change | Refusal:
    """`map(norm, (q, k))` becomes `self.norm.each((q, k))`, which has a module for each turn."""
    node, function = site.node, site.handed
    assert isinstance(node, ast.Call)
    turn = context.loops.of_map(site)
    change: Change | Refusal | None
    if isinstance(function, str):
        is_partial = isinstance(node.args[0], ast.Call)
        change = _partial(site, function, context) if is_partial else _operation(site, function, context)
    elif isinstance(node.args[0], ast.Call):
        change = None
    else:
        change = _wrapped(site, node.args[0], function, context)
    if turn is None or change is None:
        message = f"{site.written} runs `{ast.unparse(node.args[0])}`, which no module can be called in place of there"
        return refuse("RW903", site, message, _HAND_OVER)
    if isinstance(change, Refusal):
        return change
    return replace(change, given=change.given[1:], turns=(turn,), each=True)


def _operation(site: HandedFunction, name: str, context: Context) -> Change | None:
    """The module of a function of torch's that is called with operands alone."""
    node = site.node
    assert isinstance(node, ast.Call)
    make = module_for(name, len(node.args) - 1)
    if make is None or make.target in context.picked_classes or context.picked_texts:
        return None
    row, receiver = make.row, context.receiver_at(site)
    return Change(row.code, site, context.place, receiver, row.attribute, make, as_given(node), site.written)


def _partial(site: HandedFunction, name: str, context: Context) -> Change | None:
    """The module of `partial(torch.cat, dim=1)`: what is given before is fixed at construction."""
    node = site.node
    assert isinstance(node, ast.Call) and isinstance(node.args[0], ast.Call)
    partial, operands, found = node.args[0], node.args[1:], catalogue.by_spelling(name)
    if len(found) != 1 or len(partial.args) != 1 or len(found[0][0].operands) != len(operands):
        return None
    row, whole = found[0][0], ast.copy_location(ast.Call(partial.args[0], operands, partial.keywords), node)
    made = decide(Operation(whole, site.function, site.self_name, site.order, found, True), context)
    if not isinstance(made, Change) or not isinstance(made.make, Make) or row.follows_training:
        return None
    if {k.arg for k in partial.keywords} != {fixed.name for fixed in made.make.fixed} - {"inplace"}:
        return None
    if row.operands[0].startswith("*") and not _holds_sequences(context.values.get(operands[0], UNKNOWN)):
        return None
    return replace(made, site=site, given=as_given(node), what=site.written)


def _holds_sequences(value: Value) -> bool:
    return bool(value.held) and all(member.is_only(Sequence) for member in value.held)


def _wrapped(site: Site, func: ast.expr, callee: Function, context: Context) -> Change | Refusal:
    assert isinstance(site.node, ast.Call)
    if not _is_known_in_init(site, func, callee, context):
        message = f"{callee.node.name} takes modules, but `{ast.unparse(func)}` is not a name for it in __init__"
        return refuse("RW903", site, message, "call the function by its own name")
    if _is_taken_for_another(site, func, context):
        message = f"TorchScript, which compiles this, calls its own `{ast.unparse(func)}` here"
        return refuse("RW903", site, message, "give the function another name")
    given, receiver = as_given(site.node), context.receiver_at(site)
    name = callee.node.name.strip("_") or "function"
    return Change(CODE, site, context.place, receiver, name, Wrap(func), given, site.written)


def _is_known_in_init(site: Site, func: ast.expr, callee: Function, context: Context) -> bool:
    """Whether the function called has the same name where its module is made."""
    init = context.place.init
    head = next((n.id for n in walk(func) if isinstance(n, ast.Name)), "")
    of_object = context.cls is not None  # and not of the class that holds the modules of a function
    if (
        of_object
        and isinstance(context.place, Construction)
        and isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Name)
    ):
        own = context.place.self_name if init is not None else "self"
        if func.value.id == site.self_name == own:
            return func.attr == callee.node.name
    return site.function.global_name(func) is not None and (init is None or head not in init.locals)


def _is_taken_for_another(site: Site, func: ast.expr, context: Context) -> bool:
    """Compiled, a module for the call would run the file's function where TorchScript has run its own."""
    own = isinstance(func, ast.Name) and func.id in SCRIPT_FUNCTIONS
    return own and is_compiled(context.knowledge.hierarchy, site.function)


RULE = described(
    CODE,
    "function-with-operations",
    __doc__,
    KEEPS,
    decides={FunctionCall: wrap_call, HandedFunction: wrap_handed},
)
