"""A module that a forward calls again gets an instance of its own for each call.

A quantizer keeps one set of statistics, and one scale, for each module. Where `self.relu` runs twice, the second run
overwrites what the first one taught it. Modules without parameters cost nothing, so each call can have its own.

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.conv(self.relu(x)))
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.relu = nn.ReLU(inplace=True)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu2(self.conv(self.relu(x)))
```

The first call keeps its name, which other code may refer to. A module under two names counts as one, as after
`self.a = self.b = nn.ReLU()`. Calls in different branches of one `if` share an instance,
since only one of them runs.

So does a module that stands in the class's body, which all objects share and none has as a child. A module that owns
parameters or has settings, or whose name does not say its class, gets `runtime.modules.again(self.norm)`: a handle,
an instance of the same class with the same parameters, settings and children. The state_dict keeps its keys, and what
somebody later puts in the place of `self.norm` is what the handle stands for then. With `parts=True` the operations
inside a module of the project, or in an `nn.Sequential`, get handles of their own, too; that is done where all of its
parts are known and no method of theirs stores anything on the object.

Another method than the forward is treated alike: where `self.coder.decode(x)` runs again, or in a loop, the call
becomes `self.coder2.decode(x)`. The object may be no module yet, and become one since it computes for the class.

In a loop whose turns `__init__` can count, each turn has an instance; so it has in a loop over the members of a list,
however many these are, as over one that such loops have filled: the list of modules begins with one, and makes more
when they are asked for. A method that a
forward comes to on several ways gets a parameter that says which one is running, and an instance for each: `def
_mix(self, x, y, *, call=0)`, called as `self._mix(x, y, call=1)`, in a loop as `self._mix(x, y, call=i)`, and by a
method that is told its own way as `self._mix(x, y, call=call)`. Code elsewhere may override or replace a method with a
public name by one that takes no such parameter: it is called as `runtime.modules.nth(self.mix, 1)(x, y)`, which passes
the number to a method that takes it. Overrides in the project are told the same numbers, and pass their own on:
`nth(super().mix, call)(x, y)`.

A nested function that is called again is told so as well: `def stats(y, *, call=0)`, called as `stats(y, call=1)`.
So is a lambda that `map` runs for each of several: `map(lambda t, i: self.mul[i](t, cos), (q, k), range(2))`. A module
that `map` runs, `map(self.norm, (q, k))`, becomes `self.norm2.each((q, k))`, where `self.norm2` is a list with a handle
for each turn. Where the ways cannot be counted, as in a `while` or for the steps of a recurrence, one instance serves
all, and RW902 says so.

**Safety.** `self.relu = nn.ReLU()` is made again by the expression that made the first; code elsewhere that replaces
`model.relu` by name has to replace `model.relu2` as well (docs/what-changes.md). Where several branches of `__init__`
make the module, or a subclass puts another one in its place, the second call gets a handle, which stands for whichever
the object has. A method gets a parameter only where nobody hands it on.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from rewriter.changes.change import Change, as_given
from rewriter.changes.made import MakeAgain, Tie
from rewriter.facts.attributes import assignments_of, assigns_always, handled_from_outside
from rewriter.facts.code import Class, Function
from rewriter.facts.construction import Construction
from rewriter.facts.handing import handled_otherwise
from rewriter.facts.kept import stored_in_family
from rewriter.facts.memoryless import keeps_nothing, made_class, makes_memoryless
from rewriter.facts.stand_ins import why_no_stand_in
from rewriter.facts.stateless import is_stateless
from rewriter.facts.trees import walk
from rewriter.results import Refusal
from rewriter.rules.constants import is_repeatable
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.sites.site import KeptFunctionCall, MappedModule, ModuleCall, PartCall, PartMethodCall
from rewriter.torch_api import modules
from rewriter.values.modules import Made, Module

CODE = "RW201"
KEEPS = (
    """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x):
        if x.dim() > 2:
            return self.relu(x)
        return self.relu(x.T)
""",
)


def decide_call(site: ModuleCall, context: Context) -> Change | Refusal | None:
    """What to do about a call of a module; nothing where it is the first."""
    often = site.in_loop or site.called_in_loop or len(site.instances) > 1
    if max(site.instances) == 0 and not often and not _belongs_to_class(site, context):
        return None
    turns = context.loops.around(site)
    if often and not turns and (min(site.instances) == 0 or site.in_loop):
        return refuse("RW902", site, f"`self.{site.attribute}` is called more than once from this place")
    again = _again(site, context, in_list=bool(turns))
    if isinstance(again, Refusal):
        return again
    if turns and not _always_made(again, context):
        why = "which __init__ makes in some cases only: one instance serves all turns of the loop"
        return refuse("RW902", site, f"`self.{site.attribute}` is called in a loop, {why}")
    return replace(again, turns=turns)


def decide_method(site: PartMethodCall, context: Context) -> Change | Refusal | None:
    """`self.coder.decode(x)`, called again, becomes `self.coder2.decode(x)`: another part for each call."""
    decided = decide_call(site, context)
    if not isinstance(decided, Change):
        return decided
    assert isinstance(decided.make, Tie)
    return replace(decided, make=replace(decided.make, called=site.callee.node.name))


def decide_map(site: MappedModule, context: Context) -> Change | Refusal:
    """`map(self.norm, (q, k))` becomes `self.norm2.each((q, k))`, which has a module for each turn."""
    turn = context.loops.of_map(site)
    if turn is None:
        return refuse("RW902", site, f"`self.{site.attribute}` is called for each of several by `map`")
    again = _again(site, context, in_list=True)
    if isinstance(again, Refusal):
        return again
    return replace(again, turns=(turn,), each=True, given=again.given[1:])


def decide_part(site: PartCall, context: Context) -> Refusal | None:
    """What is said of a call of what a part of the object holds; nothing where it is the first."""
    if max(site.instances) == 0 and not site.in_loop:
        return None
    assert isinstance(site.node, ast.Call)
    called = ast.unparse(site.node.func)
    advice = f"make a second one in __init__, as in `self.again = runtime.modules.again({called})`, and call that"
    why = "one module of a part serves several executions"
    how = "in a loop" if site.in_loop else "again"
    return refuse("RW902", site, f"{site.written} is called {how}: {why}", advice)


def _always_made(again: Change, context: Context) -> bool:
    """Whether every way through `__init__` makes what is to be made again."""
    init, statement = context.place.init, again.make.repeats
    return statement is None or (init is not None and statement in init.node.body)


def _again(site: ModuleCall, context: Context, in_list: bool) -> Change | Refusal:
    make = _maker(site, context, in_list)
    if isinstance(make, str):
        return refuse("RW904", site, f"`self.{site.attribute}` is called again, but {make}")
    node = site.node
    assert isinstance(node, ast.Call)
    given = as_given(node)
    what = f"`self.{site.attribute}()` again"
    return Change(CODE, site, context.place, context.receiver_at(site), site.attribute, make, given, what)


def _maker(site: ModuleCall, context: Context, in_list: bool) -> MakeAgain | Tie | str:
    """How the second instance is made, or why it cannot be."""
    assert isinstance(context.place, Construction)
    cls, hierarchy = context.place.cls, context.knowledge.hierarchy
    ref = site.made
    if _belongs_to_class(site, context):
        return Tie(site.attribute, None)
    if _is_stated(cls, site.attribute, context) and list(assignments_of(cls, site.attribute)):
        return "the class has something else under that name, which hides the module"
    made = ref.node.name if isinstance(ref, Class) else str(ref).rpartition(".")[2]
    is_picked = ref in context.picked_classes or any(text in made for text in context.picked_texts)
    if is_picked and ref not in modules.WITH_PARAMETERS:  # walks meet a handle of what has some under no class's name
        return "code picks modules of its class out of all, and would meet another one"
    own = list(assignments_of(cls, site.attribute))
    above = [s for base in hierarchy.lineage(cls).project[1:] for s in assignments_of(base, site.attribute)]
    below = [s for sub in hierarchy.subclasses(cls) for s in assignments_of(sub, site.attribute)]
    if below and not own and not above:
        return "it is made by subclasses, of which there may be others"
    if len(own) + len(above) != 1 or below:
        return _made_in_several_places(site, context)
    if isinstance(ref, Class) and (why := why_no_stand_in(context.knowledge, ref)) is not None:
        return why
    if above:
        inits = [base.constructor for base in hierarchy.lineage(cls).project[1:]]
        maker = next((init for init in inits if init is not None and above[0] in init.node.body), None)
        if maker is None:
            return "a base class makes it in some cases only, or outside of __init__"
        return Tie(site.attribute, None, _can_be_taken_apart(ref, above[0], maker, context))
    if context.place.init is None or own[0] not in set(walk(context.place.init.node)):
        return "it is not assigned in __init__"
    statement, anchor = own[0], context.place.anchor
    assert statement.value is not None
    if statement in context.place.init.node.body and statement.lineno > (0 if anchor is None else anchor.lineno):
        return "it is assigned behind the place where new modules can be made"
    alone = handled_otherwise(context.knowledge, cls, site.attribute) is None
    alone = alone and not handled_from_outside(context.knowledge.hierarchy, site.attribute)
    plain = ref in modules.PARAMETER_FREE and _makes_another(statement.value, context.place.init, context)
    if plain and not in_list and alone and _says_it_all(site.attribute, statement.value):
        return MakeAgain(site.attribute, statement.value, statement)
    return Tie(site.attribute, statement, _can_be_taken_apart(ref, statement, context.place.init, context))


def _made_in_several_places(site: ModuleCall, context: Context) -> Tie | str:
    """A handle, made behind what `__init__` assigns: it stands for whichever module the object has, then and later."""
    assert isinstance(context.place, Construction)
    cls, hierarchy, init = context.place.cls, context.knowledge.hierarchy, context.place.init
    upper = hierarchy.lineage(cls).project
    inits = [base.constructor for base in upper if base.constructor is not None]
    if not any(assigns_always(maker.node.body, site.attribute) for maker in inits):
        return "__init__ makes it in some cases only"
    inside = {id(node) for node in walk(init.node)} if init is not None else set()
    own = [store for store in assignments_of(cls, site.attribute) if id(store) in inside]
    if any(context.place.anchor is None or s.lineno > (context.place.anchor.end_lineno or 0) for s in own):
        return "it is assigned behind the place where new modules can be made"
    values = [value for _, _, value in stored_in_family(context.knowledge, cls, site.attribute)]
    classes = {v.made for value in values for v in value.parts if isinstance(v, Module) and isinstance(v.made, Class)}
    reasons = (why_no_stand_in(context.knowledge, made) for made in sorted(classes, key=lambda made: made.name))
    if (why := next(filter(None, reasons), None)) is not None:
        return why
    return Tie(site.attribute, None, isinstance(site.made, Class) and keeps_nothing(context.knowledge, site.made))


def _says_it_all(attribute: str, made: ast.expr) -> bool:
    """`self.relu = nn.ReLU(inplace=True)`: no setting and no other class that somebody would put there later.

    What is called `act` may become another activation, and what has a number may get another; a handle follows.
    """
    if not isinstance(made, ast.Call) or made.args or any(k.arg != "inplace" for k in made.keywords):
        return False
    cls = ast.unparse(made.func).rpartition(".")[2]
    return attribute.rstrip("_0123456789").replace("_", "").lower() == cls.lower()


def _makes_another(made: ast.expr, init: Function, context: Context) -> bool:
    """Whether the expression can run again: it calls a class, or what `__init__` was given, and no function of unknown
    effect."""
    if not isinstance(made, ast.Call) or not is_repeatable(made, init.node):
        return False
    if made_class(context.knowledge, made, init.name_inside) is not None:
        return True
    return not isinstance(made.func, ast.Attribute) and init.name_inside(made.func) is None


def _can_be_taken_apart(ref: Made, made: ast.Assign | ast.AnnAssign, maker: Function, context: Context) -> bool:
    """Whether it is known what the module is made of, and that nothing in there stores anything."""
    if isinstance(ref, Class):
        return keeps_nothing(context.knowledge, ref)
    if ref != "torch.nn.Sequential" or made.value is None:
        return False
    return makes_memoryless(context.knowledge, made.value, maker.name_inside)


def _belongs_to_class(site: ModuleCall, context: Context) -> bool:
    """Whether the module stands in the class's body: all objects share it, and none has it as a child."""
    assert isinstance(context.place, Construction)
    cls, hierarchy, made = context.place.cls, context.knowledge.hierarchy, site.made
    if not _is_stated(cls, site.attribute, context) or not isinstance(made, str | Class):
        return False
    family = [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]
    stored = any(True for relative in family for _ in assignments_of(relative, site.attribute))
    return not stored and is_stateless(context.knowledge, made, across_objects=True)


def _is_stated(cls: Class, attribute: str, context: Context) -> bool:
    """Whether the body of the class, or of one above it, binds the name to a value."""
    bodies = (base.node.body for base in context.knowledge.hierarchy.lineage(cls).project)
    stated = [s for body in bodies for s in body if isinstance(s, ast.Assign)]
    return any(isinstance(t, ast.Name) and t.id == attribute for s in stated for t in s.targets)


RULE = described(
    CODE,
    "reused-module",
    __doc__,
    KEEPS,
    decides={
        ModuleCall: decide_call,
        KeptFunctionCall: decide_call,
        MappedModule: decide_map,
        PartCall: decide_part,
        PartMethodCall: decide_method,
    },
)
