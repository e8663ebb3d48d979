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
inside a module of the project, or in an `nn.Sequential`, get handles of their own, too; what a part stores when it
runs, it stores on the part that the module has. With `hidden=True`, code that goes through all modules meets the
first one only: where it picks those of the class, or the module keeps something and has no parameters.

A module that the object gives to others, `block(x, bias=self.bias)`, may be called by each of them: all but the first
get a handle, and in a loop each turn does: `block(x, bias=runtime.modules.handed(self.bias, self.bias2[i]))`. Where
the object has None under that name, `handed` returns None.

Another method than the forward is treated alike: where `self.coder.decode(x)` runs again, or in a loop, the call
becomes `self.coder2.decode(x)`. The object may be no module yet, and become one since it computes for the class.

In a loop whose turns `__init__` can count, each turn has an instance; so it has in a loop over the members of a list,
however many these are, as over one that such loops have filled, and in `range(steps)` of a parameter that has a number
for its default: the list of modules begins with one, and makes more when they are asked for. A method that a
forward comes to on several ways gets a parameter that says which one is running, and an instance for each: `def
_mix(self, x, y, *, call=0)`, called as `self._mix(x, y, call=1)`, in a loop as `self._mix(x, y, call=i)`, and by a
method that is told its own way as `self._mix(x, y, call=call)`. Code elsewhere may override or replace a method with a
public name by one that takes no such parameter: it is called as `runtime.modules.nth(self.mix, 1)(x, y)`, which passes
the number to a method that takes it. Overrides in the project are told the same numbers, and pass their own on:
`nth(super().mix, call)(x, y)`. Classes below that call a method of their base several times, which the base itself
calls once at most, number their calls in the same way; the modules of the base are lists that grow then.

A member of a list that several turns may take, `self.blocks[i // 2](x)`, becomes `self.blocks2[i][i // 2](x)`: each
turn has handles of all members.
A member of a list that loops call again, `for layer in self.layers: x = layer(layer(x))` or a second loop over the
list, becomes `self.layers2[i](x)`, where `self.layers2` is a handle of the list, made behind the last statement that
fills it. Where such a loop stands in another one, `for i in range(2):`, there is a handle of the list for each turn of
that: `self.layers2[i][j](x)`. Where it is not known which statement that is, one serves all calls, and RW902 says so.

A module that a method is given, `def forward(self, x, place: nn.Module)`, and calls in a loop, `place(x)`, becomes
`self.call[i](place, x)`: each `runtime.modules.CallAgain()` runs a handle of what it is given.

A method that cannot be told, since it passes on whatever it is given (`def mix(self, **given)`) or code asks what it
takes, runs on modules of its own instead: `self.again(self.mix)(x=x)`, in a loop `self.again[i](self.mix)(x=x)`, where
`self.again` is a `runtime.modules.RunAgain(self, "mix")`. It has a handle for each module that the method comes to, and
the method finds these under the modules' names while it runs.

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
from rewriter.changes.made import Tie
from rewriter.changes.turns import is_named, names_run_over
from rewriter.facts.making.construction import Construction
from rewriter.python.code import Class
from rewriter.python.members import loops_beside
from rewriter.python.trees import begin_of, end_of, walk
from rewriter.results import Refusal
from rewriter.rules.another import belongs_to_class, maker_of
from rewriter.rules.context import Context
from rewriter.rules.given_again import given_again
from rewriter.rules.member_again import member_again
from rewriter.rules.refusals import refuse
from rewriter.rules.rule import described
from rewriter.rules.running_again import decide_method_again
from rewriter.sites.site import (
    CallByAnotherName,
    HandedModule,
    KeptFunctionCall,
    MappedModule,
    MemberCall,
    MethodAgain,
    ModuleCall,
    PartCall,
    PartMethodCall,
)
from rewriter.values.modules import Module

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
    if max(site.instances) == 0 and not often and not belongs_to_class(site, context):
        return None
    turns = context.loops.around(site)
    if often and not turns and (min(site.instances) == 0 or site.in_loop):
        return refuse("RW902", site, f"`self.{site.attribute}` is called more than once from this place")
    again = _again(site, context, in_list=bool(turns))
    if isinstance(again, Refusal):
        return again
    return _in_turns(replace(again, turns=turns), site, context)


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
    return _in_turns(replace(again, turns=(turn,), each=True, given=again.given[1:]), site, context)


def decide_handed(site: HandedModule, context: Context) -> Change | Refusal | None:
    """`block(x, bias=self.bias)` in a loop: at each turn `block` is given a handle to call, `self.bias2[i]`."""
    decided = decide_call(site, context)
    if isinstance(decided, Refusal) and decided.code == "RW902":
        return refuse("RW902", site, f"{site.written} is given to others more than once, and each may call it")
    return replace(decided, given=(), what=site.written) if isinstance(decided, Change) else decided


def decide_member(site: MemberCall, context: Context) -> Change | Refusal | None:
    """`self.blocks[i // 2](x)` in a loop becomes `self.blocks2[i][i // 2](x)`: handles of all blocks for each turn."""
    if not site.in_loop and not site.called_in_loop:
        return None
    turns = context.loops.around(site)
    again = _again(site, context, in_list=True) if turns else None
    if isinstance(again, Change) and isinstance(again.make, Tie) and again.make.parts:
        return _in_turns(replace(again, what=site.written, turns=turns, member=site.index), site, context)
    why = "several turns may run one module, and share the operations inside"
    return refuse("RW902", site, f"{site.written} is called in a loop: {why}")


def decide_part(site: PartCall, context: Context) -> Change | Refusal | None:
    """What becomes of a call of what a part of the object holds; nothing where it is the first."""
    assert isinstance(site.node, ast.Call)
    repeats = repeats_part(site)
    if max(site.instances) == 0 and not repeats:
        if not _whole_runs(site, context):
            return None
        why = f"`self.{site.whole}()` has run it already: one module serves both"
        return refuse("RW902", site, f"{site.written} is called again, and {why}")
    again = given_again(site, context) if site.member is None else member_again(site, site.member, context)
    if again is not None:
        return again
    called = ast.unparse(site.node.func)
    what = "`self.again = nn.ModuleList(runtime.modules.again(part) for part in self.parts)`"
    what = (
        what
        if site.member is not None or isinstance(site.node.func, ast.Name)
        else f"`self.again = runtime.modules.again({called})`"
    )
    advice = f"make a second one in __init__, as in {what}, and call that"
    why = "one module of a part serves several executions"
    how = "in a loop" if repeats else "again"
    return refuse("RW902", site, f"{site.written} is called {how}: {why}", advice)


def repeats_part(site: PartCall) -> bool:
    """Whether one part runs as often as a loop has turns."""
    assert isinstance(site.node, ast.Call)
    if site.member is not None:
        return site.called_in_loop or any(loops_beside(site.node.func, site.function.node))
    return site.in_loop and not _names_each_turn(site.node.func)


def _whole_runs(site: PartCall, context: Context) -> bool:
    """Whether the call of the whole, which came before, has run the part."""
    assert isinstance(site.node, ast.Call)
    if not site.whole or context.cls is None:
        return False
    whole = context.knowledge.attribute(context.cls, site.whole)
    made = whole.made if isinstance(whole, Module) else None
    if made == "torch.nn.Sequential":
        return True
    run = context.knowledge.run(made) if isinstance(made, Class) else None
    called = {s.attribute for s in run.met.sites.values() if isinstance(s, ModuleCall)} if run is not None else set()
    return ast.unparse(site.node.func).partition(f".{site.whole}.")[2] in called


def decide_by_another_name(site: CallByAnotherName, context: Context) -> Refusal | None:
    """`f = self.act` and `f(f(x))`: nothing where it is the first call of what the attribute holds."""
    return called_again(site)


def called_again(site: CallByAnotherName) -> Refusal | None:
    """The reason why one module serves several calls, wherever they stand."""
    is_one = len(site.attributes) == 1
    often = is_one and (site.in_loop or site.called_in_loop)
    if max(site.instances) == 0 and not often:
        return None
    what = " or ".join(f"`self.{attribute}`" for attribute in site.attributes)
    advice = "call the attribute by its own name, or make a second module in __init__"
    return refuse("RW902", site, f"{site.written} calls {what} {'in a loop' if often else 'again'}", advice)


def _names_each_turn(called: ast.expr) -> bool:
    """`getattr(self, f"block{i}")`"""
    return isinstance(called, ast.Call) and not isinstance(called.args[1], ast.Constant)


def _in_turns(again: Change, site: ModuleCall, context: Context) -> Change | Refusal:
    """With a list for the turns, which stands in a branch of `__init__` where the module does.

    Nothing behind the branch may touch what the loops run over: there it could be filled.
    """
    place, statement = context.place, again.make.repeats
    if not isinstance(place, Construction) or place.init is None or statement is None:
        return again
    named, nodes = names_run_over(again.turns, place.self_name), list(walk(place.init.node))
    later = (begin_of(n) for n in nodes if isinstance(n, ast.expr) and is_named(n, named))
    if statement not in place.init.node.body and any(at > end_of(statement) for at in later):
        why = "which __init__ makes in some cases only: one instance serves all turns of the loop"
        return refuse("RW902", site, f"`self.{site.attribute}` is called in a loop, {why}")
    return again


def _again(site: ModuleCall, context: Context, in_list: bool) -> Change | Refusal:
    make = maker_of(site, context, in_list)
    if isinstance(make, str):
        return refuse("RW904", site, f"`self.{site.attribute}` is called again, but {make}")
    given = as_given(site.node) if isinstance(site.node, ast.Call) else ()
    what = f"`self.{site.attribute}()` again"
    return Change(CODE, site, context.place, context.receiver_at(site), site.attribute, make, given, what)


RULE = described(
    CODE,
    "reused-module",
    __doc__,
    KEEPS,
    decides={
        ModuleCall: decide_call,
        KeptFunctionCall: decide_call,
        HandedModule: decide_handed,
        MappedModule: decide_map,
        MemberCall: decide_member,
        MethodAgain: decide_method_again,
        PartCall: decide_part,
        CallByAnotherName: decide_by_another_name,
        PartMethodCall: decide_method,
    },
)
