"""Classes that are made, changed, begun or called in unusual ways."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, indented


def _part(
    draw: Draw,
    lines: list[str],
    calls: int = 0,
    made: str = "N()",
    below: list[str] | None = None,
    base: str = "nn.Module",
) -> Piece:
    """A class `N` with these lines, one of which the model keeps and calls."""
    name, keep = draw.name("Odd", 0).capitalize(), draw.name("odd")
    above = ["", "", f"class N({base}):", *indented(lines), *(["", "", *below] if below else [])]
    above = [line.replace("N(", f"{name}(").replace("N.", f"{name}.").replace("N,", f"{name},") for line in above]
    above = [line.replace(f"n{name}(", "nN(") for line in above]
    call = draw.pick(
        [f"x = self.{keep}(x)"],
        [f"x = self.{keep}(x)"] * 2,
        [f"x = self.{keep}(x) + self.{keep}(-x)"],
        ["for _ in range(2):", f"    x = self.{keep}(x)"],
    )
    return Piece(above=above, init=[f"self.{keep} = {made.replace('N', name, 1)}"], body=call)


def _init(*lines: str, first: str = "super().__init__()") -> list[str]:
    return ["def __init__(self):", *indented([first, *lines] if first else lines), ""]


@construct
def begins_otherwise(draw: Draw) -> Piece:
    """The base's __init__ is run last, in a branch, by another name, or by its class."""
    layer = f"self.fc = {draw.module()}"
    forward = ["def forward(self, x):", f"    return {draw.tensor(in_module=True)} + self.fc(x)"]
    start = draw.pick(
        _init(layer, first="super(N, self).__init__()"),
        _init(layer, first="nn.Module.__init__(self)"),
        _init("self.k = 2", "super().__init__()", layer, first=""),
        _init("if True:", "    super().__init__()", layer, first=""),
        _init(layer, first="super().__init__(); self.k = 1"),
        ["def __init__(self, *args, **kwargs):", "    super().__init__(*args, **kwargs)", f"    {layer}", ""],
        [
            "def __init__(self, k=None) -> None:",
            "    super().__init__()",
            "    if k is not None:",
            f"        {layer}",
            "        return",
            f"    {layer}",
            "",
        ],
        _init("try:", f"    {layer}", "finally:", "    self.done = True"),
        _init(f"self.fc, self.other = {draw.module()}, None"),
        _init("with torch.no_grad():", f"    {layer}"),
        _init("for name in ['fc']:", f"    setattr(self, name, {draw.module()})"),
        _init(f"self.fc: nn.Module = {draw.module()}"),
    )
    return _part(draw, [*start, *forward])


@construct
def called_otherwise(draw: Draw) -> Piece:
    return _part(
        draw,
        draw.pick(
            ["def __call__(self, x):", f"    return {draw.tensor()}"],
            [
                "def __call__(self, x):",
                "    return super().__call__(x) + 1",
                "",
                "def forward(self, x):",
                f"    return {draw.tensor()}",
            ],
            [*_init("self.forward = self.other"), "def other(self, x):", f"    return {draw.tensor()}"],
            [f"forward = lambda self, x: {draw.tensor(in_module=True)}"],
            ["@torch.no_grad()", "def forward(self, x):", f"    return {draw.tensor()}"],
            ["def forward(self, *args):", "    x, = args", f"    return {draw.tensor()}"],
            ["def forward(self, x, /):", f"    return {draw.tensor()}"],
            ["def forward(self, x, *, k: float = 2.0) -> 'torch.Tensor':", f"    return {draw.tensor()} * k"],
            ["def run(self, x):", f"    return {draw.tensor()}", "", "forward = run"],
            [
                "def forward(self, x):",
                "    if x.dim() == 1: return x",
                "    return torch.stack([self.forward(r) for r in x]) + 1",
            ],
            ["def forward(self, x, depth=1):", "    if depth == 0: return x * 2", "    return self(x, depth - 1) + x"],
        ),
    )


@construct
def changed_class(draw: Draw) -> Piece:
    """The class is changed behind its statement."""
    lines = [
        "def forward(self, x):",
        f"    return {draw.tensor()}",
        "",
        "def spare(self, x):",
        f"    return {draw.tensor()}",
    ]
    below = draw.pick(
        ["N.forward = N.spare"],
        ["N.forward = lambda self, x: F.relu(x) + 1"],
        ["_forward = N.forward", "N.forward = lambda self, x: _forward(self, x) * 2"],
        ["setattr(N, 'forward', N.spare)"],
        ["N.scale = 3"],
        ["def _init(self):", "    nn.Module.__init__(self)", "", "", "N.__init__ = _init"],
        ["N.__call__ = N.spare"],
    )
    below = [
        line.replace("_forward", f"_forward_{len(draw.names)}").replace("_init(", f"_init_{len(draw.names)}(")
        for line in below
    ]
    below = [line.replace("= _init", f"= _init_{len(draw.names)}") for line in below]
    return _part(draw, lines, below=below)


@construct
def special_methods(draw: Draw) -> Piece:
    method = draw.pick(
        ["def __len__(self):", "    return 0"],
        ["def __iter__(self):", "    return iter([1, 2])"],
        ["def __getitem__(self, i):", "    return 2"],
        ["def __bool__(self):", "    return False"],
        ["def __eq__(self, other):", "    return True", "", "def __hash__(self):", "    return 1"],
        ["def __repr__(self):", "    return 'odd'"],
        ["def __contains__(self, name):", "    return True"],
        ["def __dir__(self):", "    return []"],
        ["def __init_subclass__(cls, **kw):", "    super().__init_subclass__(**kw)", "    print(cls.__name__)"],
        ["def __new__(cls, *a, **k):", "    return super().__new__(cls)"],
        ["def __delattr__(self, name):", "    print('del', name)"],
        ["def extra_repr(self):", "    return 'k=2'"],
        ["def train(self, mode=True):", "    print('train', mode)", "    return super().train(mode)"],
        ["def _apply(self, fn, recurse=True):", "    print('apply')", "    return super()._apply(fn)"],
        ["def __deepcopy__(self, memo):", "    print('copied')", "    return type(self)()"],
        ["def __reduce__(self):", "    return type(self), ()"],
        ["def state_dict(self, *a, **k):", "    print('state')", "    return super().state_dict(*a, **k)"],
        ["def named_parameters(self, *a, **k):", "    return super().named_parameters(*a, **k)"],
        [
            "def register_forward_hook(self, *a, **k):",
            "    print('hook')",
            "    return super().register_forward_hook(*a, **k)",
        ],
        ["def get_extra_state(self):", "    return {'k': 1}", "", "def set_extra_state(self, state):", "    pass"],
    )
    keep = draw.pick([], _init(f"self.fc = {draw.module()}"))
    inside = f"self.fc({draw.tensor()})" if keep else draw.tensor(in_module=True)
    return _part(draw, [*keep, *method, "", "def forward(self, x):", f"    return {inside} + x"])


@construct
def several_bases(draw: Draw) -> Piece:
    one, two = draw.name("One", 0).capitalize(), draw.name("Two", 0).capitalize()
    keep = draw.name("both")
    lines = [
        "",
        "",
        f"class {one}(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        f"        self.act = {draw.stateless()}",
        "",
        "    def one(self, x):",
        f"        return {draw.tensor()}",
        "",
        "    def forward(self, x):",
        f"        return self.act({draw.tensor()})",
        "",
        "",
        f"class {two}(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        f"        self.fc = {draw.module()}",
        "",
        "    def forward(self, x):",
        f"        return self.fc({draw.tensor()})",
    ]
    name = draw.name("Both", 0).capitalize()
    body = draw.pick(
        ["pass"],
        ["def forward(self, x):", "    return super().forward(x) + self.one(x)"],
        ["def forward(self, x):", f"    return {one}.forward(self, x) + {two}.forward(self, x)"],
    )
    lines += ["", "", f"class {name}({one}, {two}):", *indented(body)]
    return Piece(above=lines, init=[f"self.{keep} = {name}()"], body=[f"x = self.{keep}(x)"] * draw.count())


@construct
def defined_in_branch(draw: Draw) -> Piece:
    name, keep = draw.name("Chosen", 0).capitalize(), draw.name("chosen")

    def one(value: str) -> list[str]:
        return [f"    class {name}(nn.Module):", "        def forward(self, x):", f"            return {value}"]

    statement = draw.pick((["if torch.__version__:"], ["else:"]), (["try:"], ["except ImportError:"]))
    above = ["", "", *statement[0], *one(draw.tensor(in_module=True)), *statement[1], *one(draw.tensor())]
    return Piece(above=above, init=[f"self.{keep} = {name}()"], body=[f"x = self.{keep}(x)"] * draw.count())


@construct
def nested_class(draw: Draw) -> Piece:
    name, keep = draw.name("Inner", 0).capitalize(), draw.name("inner")
    return Piece(
        methods=[
            f"class {name}(nn.Module):",
            "    def forward(self, x):",
            f"        return {draw.tensor(in_module=True)}",
            "",
        ],
        init=[f"self.{keep} = self.{name}()"],
        body=[f"x = self.{keep}(x)"] * draw.count(),
    )


@construct
def class_decorator(draw: Draw) -> Piece:
    name, keep, decorator = draw.name("Marked", 0).capitalize(), draw.name("marked"), draw.name("mark")
    inside = draw.pick(
        ["cls.marked = True", "return cls"],
        ["class Sub(cls):", "    def forward(self, x):", "        return super().forward(x) * 2", "return Sub"],
        ["REGISTRY[cls.__name__] = cls", "return cls"],
    )
    above = [
        "",
        "REGISTRY = {}",
        "",
        "",
        f"def {decorator}(cls):",
        *indented(inside),
        "",
        "",
        f"@{decorator}",
        f"class {name}(nn.Module):",
        "    def forward(self, x):",
        f"        return {draw.tensor(in_module=True)}",
    ]
    made = draw.pick(f"{name}()", f"REGISTRY['{name}']()") if "REGISTRY[cls" in inside[0] else f"{name}()"
    return Piece(above=above, init=[f"self.{keep} = {made}"], body=[f"x = self.{keep}(x)"] * draw.count())


@construct
def other_base_names(draw: Draw) -> Piece:
    imported, base = draw.pick(
        ("from torch.nn import Module", "Module"),
        ("from torch.nn import Module as M", "M"),
        ("import torch.nn", "torch.nn.Module"),
        ("import abc", "nn.Module, abc.ABC"),
        ("from typing import Generic, TypeVar", "nn.Module, Generic[TypeVar('T')]"),
        ("from torch.nn.modules.module import Module as Base_", "Base_"),
    )
    piece = _part(draw, ["def forward(self, x):", f"    return {draw.tensor(in_module=True)}"], base=base)
    piece.imports.append(imported)
    return piece


@construct
def dataclass_module(draw: Draw) -> Piece:
    name, keep = draw.name("Data", 0).capitalize(), draw.name("data")
    above = [
        "",
        "",
        "@dataclass(eq=False)",
        f"class {name}(nn.Module):",
        "    k: float = 2.0",
        "",
        "    def __post_init__(self):",
        "        super().__init__()",
        f"        self.act = {draw.stateless()}",
        "",
        "    def forward(self, x):",
        f"        return self.act({draw.tensor(in_module=True)}) * self.k",
    ]
    return Piece(
        imports=["from dataclasses import dataclass"],
        above=above,
        init=[f"self.{keep} = {name}()"],
        body=[f"x = self.{keep}(x)"] * draw.count(),
    )


@construct
def enum_choice(draw: Draw) -> Piece:
    name, keep = draw.name("Kind", 0).capitalize(), draw.name("kind")
    above = [
        "",
        "",
        f"class {name}(Enum):",
        "    A = 'relu'",
        "    B = 'tanh'",
        "",
        "    def run(self, x):",
        f"        return getattr(torch, self.value)(x) {draw.pick('+ 1', '', '* 2')}",
    ]
    return Piece(
        imports=["from enum import Enum"],
        above=above,
        init=[f"self.{keep} = {name}.{draw.pick('A', 'B')}"],
        body=draw.pick(
            [f"x = self.{keep}.run(x)"], [f"if self.{keep} is {name}.A: x = F.relu(x)", f"else: x = {draw.tensor()}"]
        ),
    )
