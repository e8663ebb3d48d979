"""A function of another library, or of torch that has no module of its own, is called by a module.

What `einops.reduce` does inside are operations of torch that no source here shows, and so it is with any function of
a library that is not rewritten: nothing in them can become a module. The call as a whole can: a quantizer finds it, and
sees what goes in and what comes out.

```python
import einops


class Pool(nn.Module):
    def forward(self, x):
        return einops.reduce(x, "b c h w -> b c", "mean")
```

becomes

```python
import einops


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.reduce = runtime.modules.Function(einops.reduce)

    def forward(self, x):
        return self.reduce(x, "b c h w -> b c", "mean")
```

So it is with modules that compute this way, such as `einops.layers.torch.Reduce`: `Reduce("b c h w -> b c", "mean")` in
a constructor becomes `runtime.modules.Whole(Reduce("b c h w -> b c", "mean"))`, which calls it as one operation.

So it is with what torch computes and has no module for: `torch.cdist(x, y)` becomes `self.cdist(x, y)` with
`self.cdist = runtime.modules.Function(torch.cdist)`, and the method `out.index_add(0, index, x)` becomes
`self.index_add(out, 0, index, x)` with `runtime.modules.Function(torch.Tensor.index_add)`, which calls the method of
whatever it is given first. What only moves, selects, sorts, makes or draws stays, and so do losses.

So is a function of the project that the file defines in several branches, `if hasattr(F, "mish"): def mish(x): ...`,
of which only one is there when the code runs: `self.mish = runtime.modules.Function(mish)`.

So is a torch.autograd.Function of the project, whose forward runs apart from the gradient that it has: nothing in it
can become a module, and `LayerNorm.apply(x)` becomes `self.layer_norm(x)`, a module that calls it.

A function of which nothing is known is taken for one that computes where it is given a tensor, and its result is used
as one, unless its library is known for arrays or images of its own (NumPy, PIL). To rewrite what it does inside,
rewrite its library as well.

**Safety.** `runtime.modules.Function` passes on what it is given. Functions that only move what they are given, such as
`einops.rearrange`, are left as they are. What `__init__` might not find (a name that is imported in a branch or in a
function, an attribute that the file asks its library for by `hasattr(lib, "f")`) is called by a module that is given it
then: `self.call(f, x)` (RW205).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.changes.change import Change, Given, Substitution, as_given
from rewriter.changes.made import Wrap, WrapMethod
from rewriter.facts.functions.callers import may_compute
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.dealings import only_calls
from rewriter.python.code import Class, Function
from rewriter.python.names import in_small_letters
from rewriter.python.trees import children, walk
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.sites.site import METHOD, DifferentiatedCall, OutsideCall
from rewriter.torch_api import elsewhere

CODE = "RW206"
_WHOLE = "runtime.modules.Whole"
KEEPS = (
    """\
import einops


class Net(nn.Module):
    def forward(self, x):
        return einops.rearrange(x, "b c h w -> b (c h w)")
""",
)


def wrap_call(site: OutsideCall, context: Context) -> Change | Refusal:
    """The call of such a function becomes the call of a module."""
    if site.name.startswith(METHOD):
        return _method(site, site.name.removeprefix(METHOD), context)
    return _wrapped(site, site.name.rpartition(".")[2], context)


def wrap_differentiated(site: DifferentiatedCall, context: Context) -> Change | Refusal | None:
    """The call of a torch.autograd.Function; nothing where its forward passes on what it is given."""
    hierarchy = context.knowledge.hierarchy
    cls = hierarchy.project.find(site.name.removesuffix(".apply"))
    forward = hierarchy.lineage(cls).method("forward") if isinstance(cls, Class) else None
    if forward is not None and not may_compute(context.knowledge, forward):
        return None
    return _wrapped(site, in_small_letters(site.name.split(".")[-2]), context)


def _method(site: OutsideCall, name: str, context: Context) -> Change:
    """The module takes the tensor first, as torch.Tensor's own methods do."""
    node = site.node
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    given = (Given(node.func.value), *as_given(node))
    receiver, attribute = context.receiver_at(site), name.rstrip("_")
    return Change(CODE, site, context.place, receiver, attribute, WrapMethod(name), given, site.written)


def _wrapped(site: OutsideCall, name: str, context: Context) -> Change | Refusal:
    node, init = site.node, context.place.init
    assert isinstance(node, ast.Call)
    head = next((n.id for n in walk(node.func) if isinstance(n, ast.Name)), "")
    if init is not None and head in init.locals:
        message = f"`{head}` is a variable of __init__, where {site.written} would have to be named"
        return refuse("RW903", site, message, "give the variable another name")
    make, receiver = Wrap(node.func, is_seen=False), context.receiver_at(site)
    return Change(CODE, site, context.place, receiver, name, make, as_given(node), site.written)


def find_modules(_: Knowledge, function: Function, cls: Class | None) -> Iterator[Substitution]:
    """Modules of other libraries that compute, where they are made."""
    made = list(_made(function, function.node))
    if made and only_calls(function.file, elsewhere.MODULES_THAT_COMPUTE):
        for node in made:
            message = f"`{ast.unparse(node.func)}()`, which computes out of sight, is called as one operation"
            yield Substitution(CODE, function, node, _WHOLE, message, wraps=True)


def _made(function: Function, tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that make such a module, but for those that are given to `Whole` already."""
    for node in children(tree):
        is_whole = isinstance(node, ast.Call) and (function.name_inside(node.func) or "").endswith(".modules.Whole")
        if isinstance(node, ast.Call) and function.name_inside(node.func) in elsewhere.MODULES_THAT_COMPUTE:
            yield node
        elif not is_whole:
            yield from _made(function, node)


RULE = described(
    CODE,
    "function-of-another-library",
    __doc__,
    KEEPS,
    decides={OutsideCall: wrap_call, DifferentiatedCall: wrap_differentiated},
    finds_in_making=find_modules,
)
