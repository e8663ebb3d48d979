"""Modules in a plain list, tuple or dict become children of their object.

The children of an object are the modules that it has for attributes, and what `nn.ModuleList` and `nn.ModuleDict` hold.
Those in a plain list run as well, but no quantizer finds them.

```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.acts = [nn.ReLU(), nn.Tanh()]
        self.ends = {"soft": nn.Softmax(dim=1)}

    def forward(self, x):
        for act in self.acts:
            x = act(x)
        return self.ends["soft"](x)
```

becomes

```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.acts = nn.ModuleList([nn.ReLU(), nn.Tanh()])
        self.ends = nn.ModuleDict({"soft": nn.Softmax(dim=1)})

    def forward(self, x):
        for act in self.acts:
            x = act(x)
        return self.ends["soft"](x)
```

**Safety.** Applied to modules of torch that keep nothing and act alike in training, and that one expression takes out,
to run each of them once. Layers with weights would have new names in the state_dict, a dropout would begin to follow
`eval()`, and a list that is changed, compared or handed on may have to be a list: these stay, and RW915 says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from rewriter.changes.change import Substitution
from rewriter.facts.instances.interchangeable import is_stateless
from rewriter.facts.instances.storing_nothing import made_class
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.filled import added_to_list
from rewriter.facts.walks.after_making import walker_over
from rewriter.python.attributes import Store, assignments_of, handled_from_outside, stores_of
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import path_to, walk
from rewriter.results import Refusal
from rewriter.rules.places import written_out
from rewriter.rules.refusals import advice_for
from rewriter.rules.reuse import repeats_part
from rewriter.rules.rule import TakesModules, described
from rewriter.sites.site import PartCall
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.dictionary import Dictionary
from rewriter.values.sequence import Sequence

CODE = "RW209"
_RUNNING_OVER = frozenset({"enumerate", "zip", "len", "reversed"})
_OF_A_DICT = frozenset({"items", "values"})
_NO_KEYS = MODULE_ATTRIBUTES | {"clear", "items", "keys", "pop", "update", "values"}
KEEPS = (
    """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4), nn.ReLU()]
        self.drops = [nn.Dropout(0.5)]
        self.acts = [nn.ReLU()]
        self.acts.append(nn.Tanh())

    def forward(self, x):
        for part in self.layers:
            x = part(x)
        return self.acts[0](self.drops[0](x))
""",
)


def find_plain(knowledge: Knowledge, cls: Class, _: TakesModules) -> Iterator[Substitution | Refusal]:
    """The lists and dicts of modules that the constructor keeps, each taken from by one expression."""
    init = cls.constructor
    if init is None or not knowledge.may_be_module(cls):
        return
    for store in stores_of(cls):
        if isinstance(store.value, ast.Dict | ast.List | ast.Tuple | ast.ListComp | ast.BinOp):
            holder = _as_children(knowledge, cls, store, init)
            if holder is not None:
                yield holder
            elif _are_no_children(knowledge, cls, store, init):
                message = f"`self.{store.target.attr}` keeps modules in a plain list or dict: no children of the object"
                yield Refusal("RW915", message, init.file.source.span(store.value), advice_for("RW915"))


def _as_children(knowledge: Knowledge, cls: Class, store: Store, init: Function) -> Substitution | None:
    made, attribute = store.value, store.target.attr
    display = made if isinstance(made, ast.Dict) else _as_list(made, init)
    names = [_name_beside(knowledge, part, init) for part in _parts(display)]
    if not names or None in names or not _is_taken_once(knowledge, cls, attribute, isinstance(made, ast.Dict)):
        return None
    holder = "ModuleDict" if isinstance(made, ast.Dict) else "ModuleList"
    text = init.file.source.segment(made) if display is made else ast.unparse(display)
    message = f"`self.{attribute}` keeps modules that are no children of the object: it becomes an nn.{holder}"
    return Substitution(CODE, init, made, f"{names[0]}{holder}({text})", message, is_code=True)


def _are_no_children(knowledge: Knowledge, cls: Class, store: Store, init: Function) -> bool:
    """Whether the constructor makes modules for the list alone, and the forward calls them."""
    own, attribute = own_name(init), store.target.attr
    display = store.value if isinstance(store.value, ast.Dict) else _as_list(store.value, init)
    made = _parts(display, any_keys=True)
    made = [*made, *(added_to_list(attribute, init, own) if own is not None else ())]
    if not made or any(made_class(knowledge, part, init.name_inside) is None for part in made):
        return False
    return bool(_calls_of(knowledge, cls, attribute)) and knowledge.attribute(cls, attribute).may_be(
        Sequence, Dictionary
    )


def _as_list(made: ast.expr, init: Function) -> ast.expr:
    """`[nn.ReLU() for _ in range(3)]` for `[nn.ReLU()] * 3`, and anything else as it is."""
    if not isinstance(made, ast.BinOp) or not isinstance(made.op, ast.Mult):
        return made
    code = written_out(made, init)
    return made if code is None else ast.parse(code, mode="eval").body


def _parts(display: ast.expr, any_keys: bool = False) -> list[ast.expr]:
    """What makes the members; nothing of a dict with keys that no nn.ModuleDict takes, unless these may be any."""
    if isinstance(display, ast.List | ast.Tuple):
        return display.elts
    if isinstance(display, ast.Dict) and any_keys:
        return display.values
    if isinstance(display, ast.Dict):
        keys = (key.value if isinstance(key, ast.Constant) else None for key in display.keys)
        named = (isinstance(k, str) and k.isidentifier() and k not in _NO_KEYS for k in keys)
        return display.values if all(named) else []
    return [display.elt] if isinstance(display, ast.ListComp) else []


def _name_beside(knowledge: Knowledge, part: ast.expr, init: Function) -> str | None:
    """`nn.` for `nn.ReLU()`, a module that computes the same wherever it stands; None for anything else."""
    made = made_class(knowledge, part, init.name_inside)
    home, _, name = made.rpartition(".") if isinstance(made, str) else ("", "", "")
    if home != "torch.nn" or not isinstance(part, ast.Call) or not is_stateless(knowledge, made, across_objects=True):
        return None
    return ast.unparse(part.func).removesuffix(name) or None


def _is_taken_once(knowledge: Knowledge, cls: Class, attribute: str, is_dict: bool) -> bool:
    """Whether one expression of the forward takes modules out, to run them, and nothing else is done with them."""
    family = [*knowledge.hierarchy.lineage(cls).project, *knowledge.hierarchy.subclasses(cls)]
    stores = [store for relative in family for store in assignments_of(relative, attribute)]
    walker = walker_over(knowledge, cls, made_early=True)
    nodes = [(n, relative) for relative in family for n in walk(relative.node)]
    uses = [(n, relative) for n, relative in nodes if isinstance(n, ast.Attribute) and n.attr == attribute]
    reads = [(n, relative) for n, relative in uses if isinstance(n.ctx, ast.Load)]
    if (
        walker is not None
        or len(stores) != 1
        or len(uses) != 2
        or len(reads) != 1
        or handled_from_outside(knowledge.hierarchy, attribute)
    ):
        return False
    ((read, relative),) = reads
    is_named = any(isinstance(n, ast.Constant) and n.value == attribute for n in walk(cls.file.source.tree))
    return not is_named and _takes_members(read, relative, is_dict) and _runs_each_once(knowledge, cls, attribute, read)


def _takes_members(read: ast.Attribute, cls: Class, is_dict: bool) -> bool:
    """`for act in self.acts`, `zip(self.acts, xs)`, `self.acts[i]`, `self.ends["soft"]`, `self.ends.values()`"""
    *_, around = path_to(read, cls.node)
    if isinstance(around, ast.Subscript):
        return not isinstance(around.slice, ast.Slice) and isinstance(around.ctx, ast.Load)
    if is_dict:
        return isinstance(around, ast.Attribute) and around.attr in _OF_A_DICT
    if isinstance(around, ast.Call):
        return isinstance(around.func, ast.Name) and around.func.id in _RUNNING_OVER
    return isinstance(around, ast.For | ast.comprehension)


def _runs_each_once(knowledge: Knowledge, cls: Class, attribute: str, read: ast.Attribute) -> bool:
    calls = _calls_of(knowledge, cls, attribute)
    of_read = [s for s in calls if s.member is not None or any(node is read for node in _callee(s))]
    return bool(of_read) and not any(max(s.instances) or repeats_part(s) for s in of_read)


def _calls_of(knowledge: Knowledge, cls: Class, attribute: str) -> list[PartCall]:
    """The calls of what the attribute holds, by name or by a variable of a loop."""
    run = knowledge.run(cls)
    calls = [s for s in (run.met.sites.values() if run is not None else ()) if isinstance(s, PartCall)]
    return [s for s in calls if attribute in ({s.member.attribute} if s.member is not None else _named(s))]


def _named(site: PartCall) -> set[str]:
    return {node.attr for node in _callee(site) if isinstance(node, ast.Attribute)}


def _callee(site: PartCall) -> Iterable[ast.AST]:
    assert isinstance(site.node, ast.Call)
    return walk(site.node.func)


RULE = described(CODE, "modules-in-plain-list", __doc__, KEEPS, finds_in_class=find_plain)
