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


def scaled_add(x, y, scale, *, ops=runtime.modules.shared(ScaledAddOps)):
    return ops.add(x, ops.mul(y, scale))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.scaled_add = runtime.modules.Function(scaled_add)

    def forward(self, x, y):
        return self.scaled_add(x, y, 0.5)
```

Static methods and class methods belong to no object either, and are treated alike.

**Safety.** The function has to stand at module level, or in a class there, and be called by a forward of the project.
Functions that a decorator may change, generators, recursive functions and arguments of `torch.jit.script` are left
alone, since TorchScript cannot give modules to a function; those behind `torch.jit.script_if_tracing` bring none into
a trace. The order in which files are rewritten does not matter:
`runtime.modules.Function` calls a function that takes no modules as it is.
"""

from __future__ import annotations

import ast

from rewriter.changes.change import Change, as_given
from rewriter.changes.made import Wrap
from rewriter.facts.construction import Construction
from rewriter.facts.trees import walk
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.sites.site import FunctionCall

CODE = "RW202"
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
    node = site.node
    assert isinstance(node, ast.Call)
    if not _is_known_in_init(site, context):
        message = (
            f"{site.callee.node.name} takes modules, but `{ast.unparse(node.func)}` is not a name for it in __init__"
        )
        return refuse("RW903", site, message, "call the function by its own name")
    given = as_given(node)
    name = site.callee.node.name.strip("_") or "function"
    make, receiver = Wrap(node.func), context.receiver_at(site)
    return Change(CODE, site, context.place, receiver, name, make, given, site.written)


def _is_known_in_init(site: FunctionCall, context: Context) -> bool:
    """Whether the function called has the same name where its module is made."""
    assert isinstance(site.node, ast.Call)
    init, func = context.place.init, site.node.func
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
            return func.attr == site.callee.node.name
    return site.function.global_name(func) is not None and (init is None or head not in init.locals)


RULE = described(CODE, "function-with-operations", __doc__, KEEPS, decides={FunctionCall: wrap_call})
