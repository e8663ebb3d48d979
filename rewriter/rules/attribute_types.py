"""A class that becomes a module is no longer named as the type of an attribute.

TorchScript compiles a class that `__annotations__` names for an attribute, and takes no module there. Where a class
whose objects compute for a module becomes a module, its entry goes; of what type the attribute is, TorchScript sees.

```python
class Coder:
    def __init__(self, weight: float):
        self.weight = weight

    def decode(self, codes: torch.Tensor, boxes: torch.Tensor):
        return codes / self.weight + boxes


class Head(nn.Module):
    __annotations__ = {"coder": Coder, "depth": int}

    def __init__(self):
        super().__init__()
        self.coder = Coder(2.0)

    def forward(self, codes: torch.Tensor, boxes: torch.Tensor):
        return self.coder.decode(codes, boxes)
```

becomes

```python
class Coder(nn.Module):
    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight
        self.div = runtime.modules.EltWiseDiv()
        self.add = runtime.modules.EltWiseAdd()

    def decode(self, codes: torch.Tensor, boxes: torch.Tensor):
        return self.add(self.div(codes, self.weight), boxes)


class Head(nn.Module):
    __annotations__ = {"depth": int}

    def __init__(self):
        super().__init__()
        self.coder = Coder(2.0)

    def forward(self, codes: torch.Tensor, boxes: torch.Tensor):
        return self.coder.decode(codes, boxes)
```

**Safety.** An annotation without `__annotations__`, as in `coder: Coder`, stays, and so does the class that it names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.changes.change import Substitution
from rewriter.facts.functions.callers import runs_of_users
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.attribute_types import attribute_types, may_lose_type
from rewriter.facts.making.construction import Construction, find_construction
from rewriter.python.code import Class
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.rule import TakesModules, described
from rewriter.sites.site import Operation
from rewriter.values.plain_objects import is_plain

CODE = "RW207"
KEEPS = (
    """\
class Coder:
    def __init__(self, weight: float):
        self.weight = weight

    def scaled(self, number: int):
        return number * self.weight


class Head(nn.Module):
    __annotations__ = {"coder": Coder}

    def __init__(self):
        super().__init__()
        self.coder = Coder(2.0)

    def forward(self, x):
        return x, self.coder.scaled(2)
""",
)


def find_types(knowledge: Knowledge, cls: Class, _: TakesModules) -> Iterator[Substitution | Refusal]:
    """The entries of `__annotations__` that name a class which becomes a module."""
    tables = [s.value for s in cls.node.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Dict)]
    init, names = cls.constructor, (n for table in tables for value in table.values for n in walk(value))
    if init is None or not tables or not knowledge.may_be_module(cls):
        return
    said = (cls.file.names.full_name(n) for n in names if isinstance(n, ast.Name | ast.Attribute))
    found = dict.fromkeys(knowledge.project.find(name) for name in said if name is not None)
    gone: dict[ast.Dict, dict[int, str]] = {}
    for named in found:
        if isinstance(named, Class) and _becomes_module(knowledge, named):
            for entry in attribute_types(knowledge, named):
                if entry.owner is cls and entry.table is not None and entry.position is not None:
                    gone.setdefault(entry.table, {})[entry.position] = named.node.name
    for table, entries in gone.items():
        text = _without(cls, table, set(entries))
        message = f"`{', '.join(entries.values())}` becomes a module, which is no type of an attribute"
        yield Substitution(CODE, init, table, text, message, is_code=True)


def _becomes_module(knowledge: Knowledge, cls: Class) -> bool:
    """Whether objects of a plain class compute for a module, and have operations of their own for that."""
    if not is_plain(knowledge, cls) or not all(may_lose_type(knowledge, t) for t in attribute_types(knowledge, cls)):
        return False
    methods = {m for m in cls.methods.values() if not m.is_static and m is not cls.constructor}
    sites = [site for run in runs_of_users(knowledge, cls, methods) for site in run.met.sites.values()]
    computes = any(isinstance(site, Operation) and not site.idle and site.function in methods for site in sites)
    return computes and isinstance(find_construction(knowledge, cls), Construction)


def _without(cls: Class, table: ast.Dict, gone: set[int]) -> str:
    """The table as it is written, less these entries."""
    source = cls.file.source
    keys = [key for key in table.keys if key is not None]
    text, position = "", source.start(table)
    for number, (key, value) in enumerate(zip(keys, table.values, strict=True)):
        if number in gone:
            is_last = number == len(keys) - 1
            text += source.text[position : source.start(key)]
            position = source.end(value) if is_last else source.start(keys[number + 1])
            text = text.rstrip().removesuffix(",") if is_last and number - 1 not in gone else text
    rest = source.text[position : source.end(table)]
    return "{}" if len(gone) == len(keys) else text + rest


RULE = described(CODE, "attribute-type", __doc__, KEEPS, finds_in_class=find_types)
