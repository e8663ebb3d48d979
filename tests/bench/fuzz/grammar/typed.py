"""What classes say of themselves: generic, abstract, with protocols, metaclasses, slots and descriptors."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def generic(draw: Draw) -> Piece:
    cls, part = draw.name("Typed", 0).capitalize(), draw.name("typed")
    bases, imports = draw.pick(
        ("nn.Module, Generic[T]", "from typing import Generic, TypeVar"),
        ("nn.Module, abc.ABC", "import abc"),
        ("nn.Module, Runs", "from typing import Protocol"),
        ("nn.Module, metaclass=Meta", "import typing"),
        ("nn.Module, kind='b'", "import typing"),
    )
    above = {
        "Generic": ["T = TypeVar('T')", ""],
        "Protocol": ["class Runs(Protocol):", f"    def extra(self, x): return {draw.tensor()}", ""],
        "typing": [
            "class Meta(type):",
            "    def __call__(cls, *args, **kwargs):",
            "        made = super().__call__(*args, **kwargs)",
            f"        made.{draw.pick('scale', 'add', 'marked')} = 2",
            "        return made",
            "",
        ],
        "abc": [],
    }[imports.rpartition(" ")[2] if "Generic" not in imports else "Generic"]
    begins = ["    def __init_subclass__(cls, **kw): super().__init_subclass__()"] if "kind" in bases else []
    if begins:
        above = ["class Kinds(nn.Module):", *begins, ""]
        bases = "Kinds, kind='b'"
    marked = "    @abc.abstractmethod" if "abc" in bases else "    # not abstract"
    body = text(f"""
    class {cls}Base({bases}):
        def __init__(self, n=2):
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.n = n

    {marked}
        def step(self, x): ...

        def forward(self, x):
            return self.step({draw.tensor()}) * self.n


    class {cls}({cls}Base):
        def step(self, x):
            return {draw.pick("self.fc(x) + x", "F.relu(self.fc(x))", "torch.cat([x, self.fc(x)], 1)[:, 2:6]")}
    """)
    made = f"{cls}(3)" if "Meta" in bases else draw.pick(f"{cls}()", f"{cls}(n=3)")
    return Piece(
        imports=[imports],
        above=["", *above, *body, ""],
        init=[f"self.{part} = {made}"],
        body=draw.pick([f"x = self.{part}(x)"], [f"x = self.{part}(self.{part}(x))"]),
    )


@construct
def descriptor(draw: Draw) -> Piece:
    """Attributes that something else reads and writes."""
    cls, name = draw.name("Field", 0).capitalize(), draw.name("field", 0)
    returned = draw.pick("obj.__dict__.get(self.name, 1)", "obj.kept * 2", "obj.kept", "torch.full((4,), 2.0)")
    above = text(f"""
    class {cls}:
        def __set_name__(self, owner, name): self.name = '_' + name

        def __get__(self, obj, owner=None):
            if obj is None: return self
            return {returned}

        def __set__(self, obj, value):
            obj.__dict__[self.name] = value
    """)
    return Piece(
        above=["", *above, ""],
        methods=[f"{name} = {cls}()", ""],
        init=["self.kept = 2", f"self.{name} = 3"],
        body=draw.pick([f"x = x * self.{name}"], [f"x = x + self.{name}", f"x = {draw.tensor()}"]),
        extra=draw.pick([], [f"$m.{name} = 5", "seen.append(call(m))"]),
    )


@construct
def partial_method(draw: Draw) -> Piece:
    name = draw.name("scaled", 0)
    return Piece(
        imports=["from functools import partialmethod, lru_cache, wraps"],
        methods=[
            *text(f"""
            def {name}(self, x, by):
                return {draw.tensor()} * by

            {name}_twice = partialmethod({name}, by=2)
            {name}_thrice = {draw.pick(f"partialmethod({name}, by=3)", f"lambda self, x: self.{name}(x, 3)")}
            """),
            "",
        ],
        body=draw.pick(
            [f"x = self.{name}_twice(x)"],
            [f"x = self.{name}_twice(x) + self.{name}_thrice(x)"],
            [f"x = self.{name}(self.{name}_twice(x), by=0.5)"],
        ),
    )


@construct
def slotted(draw: Draw) -> Piece:
    """Small plain objects with slots, tuples with methods, and weak references between parts."""
    cls, name = draw.name("Cell", 0).capitalize(), draw.name("cell")
    above, made, use = draw.pick(
        (
            [f"class {cls}:", "    __slots__ = ('w', 'b')", "    def __init__(self, w, b): self.w, self.b = w, b"],
            f"{cls}(2, 1)",
            f"x * self.{name}.w + self.{name}.b",
        ),
        (
            [
                f"class {cls}(typing.NamedTuple):",
                "    w: float = 2.0",
                f"    def run(self, x): return {draw.tensor()} * self.w",
            ],
            f"{cls}()",
            f"self.{name}.run(x)",
        ),
        (
            [f"class {cls}(dict):", "    def run(self, x):", f"        return {draw.tensor()} * self['k']"],
            f"{cls}(k=2)",
            f"self.{name}.run(x) + self.{name}.run(-x)",
        ),
        (
            [f"class {cls}(list):", "    def run(self, x):", "        for f in self: x = f(x) + x", "        return x"],
            f"{cls}([torch.tanh, F.relu])",
            f"self.{name}.run(x)",
        ),
        (
            [f"class {cls}(str):", "    def run(self, x):", "        return x * len(self) + 1"],
            f"{cls}('abc')",
            f"self.{name}.run(x)",
        ),
    )
    return Piece(
        imports=["import typing"],
        above=["", *above, ""],
        init=[f"self.{name} = {made}"],
        body=[f"x = {use}"],
    )
