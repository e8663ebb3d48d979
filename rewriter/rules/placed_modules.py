"""One module that is placed several times gets an instance for each place.

`act = nn.ReLU()` given to two blocks, `[nn.ReLU()] * 3`, `default_act = nn.SiLU()` in a class body and `act=nn.SiLU()`
as a default are one object in many places: a quantizer that swaps or observes modules meets them all at once.

```python
class Block(nn.Module):
    default_act = nn.SiLU()

    def __init__(self):
        super().__init__()
        act = nn.ReLU(inplace=True)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), act, nn.Conv2d(8, 8, 3), act)
        self.act = self.default_act

    def forward(self, x):
        return self.act(self.stem(x))
```

becomes

```python
class Block(nn.Module):
    default_act = nn.SiLU()

    def __init__(self):
        super().__init__()
        act = nn.ReLU(inplace=True)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), act, nn.Conv2d(8, 8, 3), nn.ReLU(inplace=True))
        self.act = runtime.modules.own(self.default_act)

    def forward(self, x):
        return self.act(self.stem(x))
```

So are activations at file level, of other files and in tables as well, `ACTIVATIONS = {"relu": nn.ReLU()}`, whose
classes are known, and one that a name chose, `act = getattr(nn, kind)()`. `act = act or nn.ReLU()` and
`if act is None: act = nn.ReLU()` are treated alike, and so is a parameter for which those who make objects give
`nn.ReLU()`: behind the first place, each gets an instance of its own.
`own` copies a module without parameters and buffers, and returns anything else as it is: others may be chosen later.

**Safety.** Done for classes that keep nothing, and where nothing in the function, or in the class for an attribute,
could tell one instance from another. Where other code builds something of the children of what holds them, as
`nn.Sequential(*backbone.children())` does, it leaves out what it has met before: there it is not safe. Modules with
parameters stay shared, since the state_dict names them once for each place; RW905 says so. Names of children stay what
they were.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeGuard

from rewriter.changes.change import Substitution
from rewriter.facts.instances.each_matters import reader_of
from rewriter.facts.instances.file_level import shared_in
from rewriter.facts.instances.interchangeable import is_given_stateless, is_stateless, may_have_own
from rewriter.facts.instances.storing_nothing import made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.written import (
    alternatives,
    attributes_made,
    bound_once,
    calls_among,
    is_stored,
    member_of_product,
    parameters_kept,
    parameters_set,
    picks_of_torch,
    variables_made,
)
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.placements import Placements, Reader, Reads
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.constants import is_repeatable
from rewriter.rules.places import Places, written_out
from rewriter.rules.rule import described
from rewriter.torch_api import modules

CODE = "RW204"
KEEPS = (
    """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        conv = nn.Conv2d(3, 3, 1)
        self.twice = nn.Sequential(conv, conv)

    def forward(self, x):
        return self.twice(x)
""",
)

Found = Iterator[Substitution | Refusal]


def find_placed(knowledge: Knowledge, function: Function, cls: Class | None) -> Found:
    """Modules that the function, which runs when objects are made, puts into several places."""
    finder = _Finder(knowledge, function, cls)
    yield from finder.places.gated(finder.parted(), cls)
    yield from finder.unknown()


@dataclass(frozen=True)
class _Finder:
    knowledge: Knowledge
    function: Function
    cls: Class | None

    @cached_property
    def places(self) -> Places:
        return Places(CODE, self.function, self.knowledge, self.reader)

    @cached_property
    def reader(self) -> Reader:
        return reader_of(self.knowledge, self.function, self.cls, self._gives_own)

    def _gives_own(self, call: ast.Call) -> bool:
        return (self._name(call.func) or "").endswith((".modules.own", ".modules.again"))

    def _name(self, node: ast.expr) -> str | None:
        return self.function.name_inside(node)

    def parted(self) -> Found:
        yield from self.multiplied()
        yield from self.variables()
        yield from self.stood_in_for()
        yield from self.handed_in()
        yield from self.shared_by_objects()
        yield from self.attributes()

    def multiplied(self) -> Found:
        """`[nn.ReLU()] * 3`."""
        for node in walk(self.function.node):
            if (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Mult)
                and (member := member_of_product(node)) is not None
            ):
                made = made_class(self.knowledge, member, self._name)
                code = written_out(node, self.function) if is_stateless(self.knowledge, made) else None
                if code is not None:
                    yield self.places.repeated(node, code)
                elif made is not None:
                    yield self.places.stays(node, made)

    def variables(self) -> Found:
        """`act = nn.ReLU()`, placed again."""
        for name, statement in variables_made(walk(self.function.node)):
            if not bound_once(self.function, name):
                continue
            values = alternatives(statement.value)
            made = [self._made(value) for value in values]
            picked = [picks_of_torch(value, self._name) for value in values]
            if all(m is None for m in made) and not any(picked):
                continue
            placements = self.reader.placements(Reads(name))
            may_part = all(p or is_stateless(self.knowledge, m) for m, p in zip(made, picked, strict=True))
            if may_part and placements.clear:
                yield from self._separated(self.places.later(placements.placed, statement), placements, statement)
            elif made[0] is not None:
                held = self.places.later([node for node in placements.placed if self.places.is_held(node)], statement)
                held += [(product, True) for product in placements.multiplied if self.places.is_held(product)]
                yield from (self.places.stays(node, made[0]) for node, _ in held[:1])

    def stood_in_for(self) -> Found:
        """`act = act or nn.ReLU()`: a parameter, or what stands in for it, placed again."""
        for name, statement in parameters_set(self.function):
            made = [self._made(value) for value in calls_among(statement.value)]
            if not made or not all(is_stateless(self.knowledge, m) for m in made):
                continue
            placements, inside = self.reader.placements(Reads(name)), set(walk(statement))
            placed = [node for node in placements.placed if node not in inside]
            if placements.clear:
                yield from (self.places.own(node) for node, _ in self.places.later(placed, statement))

    def handed_in(self) -> Found:
        """`nn.Sequential(conv, act, conv, act)`, where those who make objects give `nn.GELU()` for `act`."""
        init = self.function
        for name in parameters_kept(init) if self.cls is not None and init is self.cls.constructor else ():
            placements = self.reader.placements(Reads(name))
            later = self.places.later(placements.placed, None) if placements.clear else []
            if later and self.cls is not None and is_given_stateless(self.knowledge, self.cls, init, name):
                yield from (self.places.own(node) for node, _ in later)

    def shared_by_objects(self) -> Found:
        """Defaults of parameters, what stands in a class's body, and module-level variables."""
        for reads, made in self._shared():
            if all(may_have_own(self.knowledge, one) for one in made):
                placements = self.reader.placements(reads)
                yield from (self.places.own(node) for node in placements.placed if placements.clear)

    def attributes(self) -> Found:
        """`self.act = nn.ReLU()`, placed again by the `__init__` that made it."""
        init, cls, own = self.function, self.cls, own_name(self.function)
        if cls is None or own is None or init is not cls.constructor:
            return
        statements = [s for s in walk(init.node) if isinstance(s, ast.stmt)]
        made: dict[str, list[ast.Assign]] = {}
        for attribute, statement in attributes_made(statements, own):
            made.setdefault(attribute, []).append(statement)
        for attribute, makes in made.items():
            placements = self.reader.placements(Reads(attribute, own))
            if not all(self._may_part(statement.value) for statement in makes):
                again = [node for node in placements.placed if self.places.is_kept(node)]
                named = self._made(makes[0].value)
                yield from (self.places.stays(node, named) for node in again[:1] if named is not None)
                continue
            if placements.placed and placements.clear and self._is_settled(attribute, len(makes)):
                since = makes[0] if len(makes) == 1 else None
                later = [(node, self.reader.repeats(node, since)) for node in placements.placed]
                kept = 0 if self._is_called(attribute) or later[0][1] else 1
                if since is not None:
                    yield from self._separated(later[kept:], placements, since)
                else:
                    yield from (self.places.own(node) for node, _ in later[kept:])

    def _may_part(self, value: ast.expr) -> bool:
        return picks_of_torch(value, self._name) or is_stateless(self.knowledge, self._made(value))

    def unknown(self) -> Found:
        """`act = build(config)`, of a class that nobody can see, placed again in a container: that is said."""
        init, own = self.function, own_name(self.function)
        statements = [s for s in walk(init.node) if isinstance(s, ast.stmt)]
        made = [(Reads(name), s) for name, s in variables_made(statements) if bound_once(init, name)]
        made += [(Reads(name, own), s) for name, s in attributes_made(statements, own)] if own is not None else []
        for reads, statement in made:
            if not any(self._may_part(value) or self._made(value) for value in alternatives(statement.value)):
                placed = [node for node in self.reader.placements(reads).placed if self.places.is_contained(node)]
                later = self.places.later(placed, statement)
                yield from (self.places.stays(node, statement.value) for node, _ in later[:1])

    # What is shared

    def _shared(self) -> Iterator[tuple[Callable[[ast.expr], bool], Sequence[str | Class | None]]]:
        stored = {n.id for n in walk(self.function.node) if isinstance(n, ast.Name) and is_stored(n)}
        for name, default in self.function.defaults.items():
            if isinstance(default, ast.Call) and name not in stored:
                yield Reads(name), [made_class(self.knowledge, default, self.function.full_name)]
        own = own_name(self.function)
        yield from ((nodes.__contains__, makers) for nodes, makers in shared_in(self.knowledge, self.function))
        for base in self.knowledge.hierarchy.lineage(self.cls).project if self.cls and own else ():
            full_name = partial(base.file.names.full_name, shadowed=base.shadowed)
            for name, statement in variables_made(base.node.body):
                if name in self.function.words:
                    yield Reads(name, own or ""), [made_class(self.knowledge, statement.value, full_name)]

    def _made(self, value: ast.expr) -> str | Class | None:
        """The class made; for a class that a parameter chose, the one that it has as its default."""
        chosen = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
        default = self.function.defaults.get(chosen)
        name = self.function.full_name(default) if default is not None else None
        return name if name in modules.PARAMETER_FREE else made_class(self.knowledge, value, self._name)

    def _family(self) -> list[Class]:
        assert self.cls is not None
        hierarchy = self.knowledge.hierarchy
        return [*hierarchy.lineage(self.cls).project, *hierarchy.subclasses(self.cls)]

    def _is_settled(self, attribute: str, times: int) -> bool:
        """The whole family sets it so often, in this `__init__`, and only that and calls make use of it."""
        nodes = [n for cls in self._family() for n in walk(cls.node) if _is_attribute(n, attribute)]
        called = {id(n.func) for cls in self._family() for n in walk(cls.node) if isinstance(n, ast.Call)}
        here = {id(n) for n in walk(self.function.node)}
        declared = {id(n.target) for n in walk(self.function.node) if isinstance(n, ast.AnnAssign) and n.value is None}
        set_here = [n for n in nodes if not isinstance(n.ctx, ast.Load) and id(n) not in declared]
        return len(set_here) == times and all(id(n) in here or id(n) in called for n in nodes)

    def _is_called(self, attribute: str) -> bool:
        calls = (n for cls in self._family() for n in walk(cls.node) if isinstance(n, ast.Call))
        return any(_is_attribute(call.func, attribute) for call in calls)

    # What becomes of it

    def _separated(
        self, later: list[tuple[ast.expr, bool]], placements: Placements, statement: ast.Assign
    ) -> Iterator[Substitution]:
        named = made_class(self.knowledge, statement.value, self._name)
        again = named in modules.PARAMETER_FREE and is_repeatable(statement.value, self.function.node)
        unused = len(later) == len(placements.placed) and isinstance(statement.targets[0], ast.Name)
        for node, repeats in later:
            yield (
                self.places.made_again(node, statement.value)
                if again and not repeats and not unused
                else self.places.own(node)
            )


def _is_attribute(node: ast.AST, attribute: str) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr == attribute


RULE = described(CODE, "shared-instance", __doc__, KEEPS, finds_in_making=find_placed)
