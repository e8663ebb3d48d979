"""A function that is chosen when the code runs is called by a module.

`getattr(F, self.act)(x)`, a table of functions, `act=F.relu` as an argument of a method or function, a function in the
body of a class (`ACT = staticmethod(F.relu)`) or of a configuration (`config.act`): which operation it is may differ
from object to object and from call to call, so that no module of torch.nn can stand for it. Where the choice is among
functions of the project, `Call` is told of them, or of the table that holds them, as in
`runtime.modules.Call(ATTENTION, eager_attention)`, and holds modules for the operations of each.

```python
class Block(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.act = act

    def forward(self, x):
        return getattr(F, self.act)(x)
```

becomes

```python
class Block(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.act = act
        self.call = runtime.modules.Call()

    def forward(self, x):
        return self.call(getattr(F, self.act), x)
```

A method of an object that is not a module, as in `cache.update(k)`, is chosen by the object's class. It is given its
modules by a keyword, as a function is (RW202): `def update(self, k, *, ops=runtime.modules.shared[CacheUpdateOps])`.
The forward calls `self.call(cache.update, k)`, where `runtime.modules.Call(Cache.update)` holds modules for the method
of the class that it knows, and for all methods that override it.

A class decorator may choose the forward of the class: `def forward(self, x): return TABLE[self.kind](self, x)` inside
it, and `cls.forward = forward`. Its `__init__`, which it has to put into the class as well, makes the module.

`super().forward(x)` in a subclass of one of torch's layers becomes `self.call(super().forward, x)`, and
`nn.LayerNorm.forward(self, x)` becomes `self.call(nn.LayerNorm.forward, self, x)`, so that the layer's
operation has a module of its own beside those for what the subclass adds.

The class is known by an annotation, or where the object is made. An object that the module keeps and calls, and that
may be of many classes, says itself which one it is of: `self.call = runtime.modules.Call(self.processor)`. The objects
themselves keep no module, and are copied and pickled as before. Objects that a module keeps in an attribute become
modules, where they can.

An object that a forward makes of tensors may compute in its `__init__`, which is given modules alike: `CorrBlock(x, y)`
becomes `self.call(CorrBlock, x, y)`, where `runtime.modules.Call(CorrBlock.__init__)` holds them.

**Safety.** The function is still chosen where and when it was; `Call` passes the arguments on. A function that it was
not told of, or that takes no modules, is called as it is: functions that join a table later, methods of classes that
are written later. Methods of a class that TorchScript may compile are left alone, and those that come back to
themselves, properties, generators, and methods that a decorator may change. Functions that are kept in an attribute
become modules where they are stored (RW203).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.changes.change import Change, Given, as_given
from rewriter.changes.made import Call
from rewriter.facts.functions.scripted_objects import class_name
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.kept_objects import statement_setting
from rewriter.python.code import Function
from rewriter.python.function_tables import Table, find_table
from rewriter.python.given_methods import GivenMethods
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.sites.site import ChosenCall, OperationOfAnyKind, Site
from rewriter.values.functions import Choice, Member
from rewriter.values.plain_objects import Method

CODE = "RW205"
_MOST_NAMED = 3
"""Of the classes that a kept object may be of; where there are more, the object itself says which one it is of."""
KEEPS = (
    """\
class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return getattr(x, self.size)
""",
)


def call_chosen(site: ChosenCall | OperationOfAnyKind, context: Context) -> Change | Refusal:
    """The call becomes one of a module, which is told of the project's functions that the code around it names."""
    node = site.node
    assert isinstance(node, ast.Call)
    found: list[ast.expr] = []
    if isinstance(site, ChosenCall):
        methods = [method for method in site.choice.methods if context.takes_modules(method.function)]
        found = [*_named(site, context, site.choice), *_methods(site, context, methods)]
        found = found or list(_beside(site, context, site.choice))
    named = {ast.unparse(node): node for node in found}
    make = _kept_by_itself(site, context, len(named)) or Call(tuple(named.values()))
    if isinstance(site, ChosenCall) and not named and not make.kept:
        message = f"{site.written} calls functions with operations, which have no name where it is made"
        return refuse("RW903", site, message)
    given = (Given(node.func), *as_given(node))
    return Change(CODE, site, context.place, context.receiver_at(site), "call", make, given, site.written)


def _kept_by_itself(site: Site, context: Context, named: int) -> Call | None:
    """`Call(self.processor)`, where the object keeps what is called and names of all that it may be are not at hand."""
    func, place = site.node.func if isinstance(site.node, ast.Call) else None, context.place
    if not isinstance(site, ChosenCall) or not isinstance(place, Construction):
        return None
    if not site.choice.methods and (named or not any(map(context.takes_modules, site.choice.functions))):
        return None
    if not isinstance(func, ast.Attribute) or ast.unparse(func.value) != site.self_name:
        return None
    if named == len(site.choice.methods) <= _MOST_NAMED and named:
        return None
    statement = statement_setting(context.knowledge, place, func.attr)
    return None if statement is None else Call(kept=func.attr, stored=statement)


def _named(site: Site, context: Context, choice: Choice) -> Iterator[ast.expr]:
    """Where the function around the site, or `__init__`, names one of the functions, or a table of them."""
    init, told = context.place.init, choice.named
    trees: list[ast.AST] = [site.function.node, *([init.node] if init is not None else [])]
    if site.function.owner is not None:
        trees += [s for s in site.function.owner.node.body if isinstance(s, ast.Assign | ast.AnnAssign)]
    yield from _named_in(trees, site, context, told)
    if isinstance(owner := site.function.owner, GivenMethods):
        read = (n for n in walk(site.function.node) if isinstance(n, ast.Name))
        yield from (n for n in read if (full := owner.full_name_around(n.id)) and _meant(full, context) in told)


def _named_in(trees: list[ast.AST], site: Site, context: Context, told: frozenset[Member]) -> Iterator[ast.expr]:
    init = context.place.init
    for tree in trees:
        function = init if init is not None and tree is init.node else site.function
        nodes = (n for n in walk(tree) if isinstance(n, ast.Name | ast.Attribute))
        for node in sorted(nodes, key=lambda n: (n.lineno, n.col_offset)):
            name = function.global_name(node)
            head = next(n.id for n in walk(node) if isinstance(n, ast.Name)) if name else ""
            if name and not (init is not None and head in init.locals) and _meant(name, context) in told:
                yield node


def _beside(site: Site, context: Context, choice: Choice) -> Iterator[ast.expr]:
    """Functions of the same file, and those that another method names: at hand wherever nothing hides their names."""
    init, file = context.place.init, site.function.file
    others = [] if site.function.owner is None else [m.node for m in site.function.owner.methods.values()]
    yield from _named_in([*others], site, context, choice.named)
    hidden = site.function.shadowed | (init.locals if init is not None else set())
    for function in choice.functions:
        name = function.node.name
        if file.functions.get(name) is function and name not in hidden and context.takes_modules(function):
            yield ast.Name(name, ast.Load())


def _methods(site: Site, context: Context, methods: list[Method]) -> Iterator[ast.expr]:
    """`Cache.update`, for methods of objects: the class by which they are known, where the file has a name for it."""
    init, file, hierarchy = context.place.init, site.function.file, context.knowledge.hierarchy
    hidden = site.function.shadowed | (init.locals if init is not None else set())
    for method in methods:
        for cls in hierarchy.lineage(method.called_on).project:
            has_it = hierarchy.lineage(cls).method(method.function.node.name) is not None
            name = class_name(hierarchy.project, file, cls, hidden) if has_it else None
            if name is not None:
                yield ast.Attribute(ast.Name(name, ast.Load()), method.function.node.name, ast.Load())
                break


def _meant(name: str, context: Context) -> Function | Table | None:
    found = context.knowledge.project.find(name)
    return found if isinstance(found, Function) else find_table(context.knowledge.hierarchy, name)


RULE = described(
    CODE, "chosen-function", __doc__, KEEPS, decides={ChosenCall: call_chosen, OperationOfAnyKind: call_chosen}
)
