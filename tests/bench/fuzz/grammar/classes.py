"""Properties, inheritance, mixins, plain objects that compute."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, indented, text


@construct
def property_tensor(draw: Draw) -> Piece:
    name, weight = draw.name("scale"), draw.name("w")
    kind = draw.pick("property", "property", "cached_property")
    return Piece(
        imports=["from functools import cached_property"],
        init=[f"self.{weight} = nn.Parameter(torch.ones(4))"],
        methods=[f"@{kind}", f"def {name}(self):", f"    return {draw.pick('self.W * 2', 'F.softplus(self.W)', 'torch.cat([self.W[:2], self.W[2:]])').replace('W', weight)}", ""],
        body=draw.pick([f"x = x * self.{name}"], [f"x = x * self.{name} + self.{name}"], ["for _ in range(2):", f"    x = x + self.{name}"]),
    )


@construct
def property_setter(draw: Draw) -> Piece:
    name = draw.name("gain")
    return Piece(
        init=[f"self._{name} = 1.0"],
        methods=text(f"""
            @property
            def {name}(self):
                return self._{name} * 2

            @{name}.setter
            def {name}(self, value):
                self._{name} = value + 1
        """) + [""],
        body=[f"x = x * self.{name}", f"self.{name} = {draw.pick('3', 'self._' + name)}"],
        extra=[f"$m.{name} = 5", "seen.append(call(m))"],
    )  # fmt: skip


@construct
def mixin(draw: Draw) -> Piece:
    name, method = draw.name("Mix", 0).capitalize(), draw.name("mixed")
    piece = Piece(bases=[name], body=[f"x = self.{method}(x)"] * draw.count())
    lines = [f"class {name}:", f"    def {method}(self, x):", f"        return {draw.tensor(in_module=True)}"]
    if draw.chance(0.4):
        file = name.lower()
        piece.files[f"{file}.py"] = ["import torch", "from torch import nn", "import torch.nn.functional as F", "", "", *lines]
        piece.imports.append(f"from {file} import {name}")
    else:
        piece.above = ["", "", *lines]
    return piece


@construct
def module_mixin(draw: Draw) -> Piece:
    """A mixin that is a module itself, with an __init__ of its own in the super chain."""
    name, method, keep = draw.name("Part", 0).capitalize(), draw.name("parted"), draw.name("fc")
    above = text(f"""


        class {name}(nn.Module):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self.{keep} = {draw.module()}

            def {method}(self, x):
                x = self.{keep}(x)
                return {draw.tensor(in_module=True)}
    """)
    return Piece(bases=[name], above=above, body=[f"x = self.{method}(x)"] * draw.count())


@construct
def super_chain(draw: Draw) -> Piece:
    names = [draw.name(base, 0).capitalize() for base in ("chaina", "chainb", "chainc")[: draw.random.randint(2, 3)]]
    method = draw.name("link")
    above: list[str] = []
    for i, name in enumerate(names):
        base = names[i - 1] if i else "object"
        inside = f"return super().{method}({draw.tensor()})" if i else f"return {draw.tensor()}"
        if i and draw.chance(0.4):
            inside = f"return super().{method}(x) + super().{method}(x * 2)"
        above += ["", "", f"class {name}({base}):", f"    def {method}(self, x):", f"        {inside}"]
    return Piece(bases=[names[-1]], above=above, body=[f"x = self.{method}(x)"])


@construct
def callable_object(draw: Draw) -> Piece:
    name, keep = draw.name("Scaler", 0).capitalize(), draw.name("scaler")
    above = text(f"""


        class {name}:
            def __init__(self, k):
                self.k = k

            def __call__(self, x):
                return {draw.tensor()} * self.k
    """)
    kept = draw.chance(0.6)
    return Piece(
        above=above,
        init=[f"self.{keep} = {name}({draw.number()})"] if kept else [],
        body=[f"x = self.{keep}(x)" if kept else f"x = {name}({draw.number()})(x)"] * draw.count(),
        extra=draw.pick([], [f"$m.{keep}.k = 3", "seen.append(call(m))"], [f"seen.append($m.{keep}(torch.ones(1, 4)))"]) if kept else [],
    )


@construct
def plain_object_with_state(draw: Draw) -> Piece:
    name, keep = draw.name("Meter", 0).capitalize(), draw.name("meter")
    above = text(f"""


        class {name}:
            def __init__(self):
                self.total = 0

            def update(self, x):
                self.total = self.total + x.detach().mean()
                return {draw.tensor()} + self.total
    """)
    return Piece(above=above, init=[f"self.{keep} = {name}()"], body=[f"x = self.{keep}.update(x)"] * draw.count())


@construct
def dataclass(draw: Draw) -> Piece:
    name = draw.name("Out", 0).capitalize()
    kind = draw.pick("@dataclass", "@dataclass(frozen=True)")
    above = text(f"""


        {kind}
        class {name}:
            value: torch.Tensor
            scale: float = 2.0

            def scaled(self):
                return self.value * self.scale
    """)
    return Piece(imports=["from dataclasses import dataclass"], above=above, body=[f"out = {name}({draw.tensor()}{draw.pick('', ', 3.0', ', scale=x')})", f"x = out.{draw.pick('scaled()', 'value', 'scaled() + out.scaled()')}"])


@construct
def named_tuple(draw: Draw) -> Piece:
    name = draw.name("Pair", 0).capitalize()
    return Piece(imports=["from typing import NamedTuple"], above=["", "", f"class {name}(NamedTuple):", "    a: torch.Tensor", "    b: object = 2"], body=[f"p = {name}({draw.tensor()})", draw.pick("x = p.a * p.b", "a, b = p\nx = a + b", "x = p[0] - p[1]").replace("\n", "; ")])


@construct
def overloaded_operator(draw: Draw) -> Piece:
    name = draw.name("Box", 0).capitalize()
    above = text(f"""


        class {name}:
            def __init__(self, t):
                self.t = t

            def __add__(self, other):
                return {name}(self.t + other * 2)

            def __mul__(self, other):
                return self.t {draw.pick("*", "-")} other
    """)
    return Piece(above=above, body=[f"b = {name}(x)", draw.pick("x = (b + 1) * 2", "b += x; x = b * x", "x = sum([b + 1], start=0) * 2 if False else b * 3")])


@construct
def class_attribute(draw: Draw) -> Piece:
    name = draw.name("factor")
    value = draw.pick("2", "0.5", "nn.ReLU()", "staticmethod(torch.tanh)", "nn.Softmax(dim=1)")
    use = f"self.{name}(x)" if "(" in value else f"x * self.{name}"
    return Piece(methods=[f"{name} = {value}", ""], body=[f"x = {use}"] * draw.count())


@construct
def odd_getattr(draw: Draw) -> Piece:
    name = draw.name("scale")
    return Piece(
        methods=text(f"""
            def __getattr__(self, name):
                if name == "{name}":
                    return 3
                return super().__getattr__(name)
        """) + [""],
        body=[f"x = {draw.tensor()} * self.{name}"],
    )  # fmt: skip


@construct
def odd_setattr(draw: Draw) -> Piece:
    return Piece(
        methods=text("""
            def __setattr__(self, name, value):
                if isinstance(value, float):
                    value = value * 2
                super().__setattr__(name, value)
        """) + [""],
        init=[f"self.factor = {draw.pick('1.5', '2.0')}"],
        body=[f"x = {draw.tensor()} * self.factor"],
    )  # fmt: skip


@construct
def torch_subclass(draw: Draw) -> Piece:
    """A subclass of one of torch's own layers."""
    name, keep = draw.name("Layer", 0).capitalize(), draw.name("fc")
    base, made = draw.pick(("nn.Linear", "(4, 4)"), ("nn.ReLU", "()"), ("nn.LayerNorm", "(4)"), ("nn.Identity", "()"), ("nn.Dropout", "(0.5)"))
    inside = draw.pick("return super().forward(x) + 1", "x = super().forward(x)\n    return F.relu(x) * x", "return super().forward(super().forward(x)) - x").split("\n")
    return Piece(above=["", "", f"class {name}({base}):", "    def forward(self, x):", f"        {inside[0]}", *(f"    {line}" for line in inside[1:])], init=[f"self.{keep} = {name}{made}"], body=[f"x = self.{keep}(x)"] * draw.count())


@construct
def local_class(draw: Draw) -> Piece:
    name, keep = draw.name("make_block", 0), draw.name("block")
    above = text(f"""


        def {name}(k):
            class Local(nn.Module):
                def forward(self, x):
                    return {draw.tensor(in_module=True)} * k

            return Local()
    """)
    return Piece(above=above, init=[f"self.{keep} = {name}({draw.number()})"], body=[f"x = self.{keep}(x)"] * draw.count())


@construct
def borrowed_method(draw: Draw) -> Piece:
    name, method = draw.name("Lender", 0).capitalize(), draw.name("lent")
    base = draw.pick("nn.Module", "object")
    return Piece(above=["", "", f"class {name}({base}):", f"    def {method}(self, x):", f"        return {draw.tensor(in_module=True)}"], methods=draw.pick([f"{method} = {name}.{method}", ""], [f"{method}_too = {name}.{method}", f"def {method}(self, x):", f"    return self.{method}_too(x)", ""]), body=[f"x = self.{method}(x)"])


@construct
def overriding_subclass(draw: Draw) -> Piece:
    """A block class and its subclass, which replaces the method that the forward calls or the attribute it holds."""
    base, sub, keep = draw.name("Root", 0).capitalize(), draw.name("Sub", 0).capitalize(), draw.name("block")
    act = draw.pick("F.relu", "nn.ReLU()", "torch.tanh")
    other = "nn.GELU()" if act == "nn.ReLU()" else draw.pick("torch.tanh", "nn.GELU()", "F.gelu", "lambda t: t * 2")
    above = text(f"""


        class {base}(nn.Module):
            def __init__(self{draw.pick("", ", act=F.relu")}):
                super().__init__()
                self.act = {act}

            def inside(self, x):
                return {draw.tensor()}

            def forward(self, x):
                return self.inside(self.act(x)) + self.inside(x)


        class {sub}({base}):
    """)
    body = draw.pick(
        ["def __init__(self):", "    super().__init__()", f"    self.act = {other}"],
        ["def inside(self, x):", f"    return {draw.tensor()}"],
        ["def inside(self, x):", "    return super().inside(x) * 2"],
        ["def forward(self, x):", "    return super().forward(x) + self.inside(x)"],
    )
    return Piece(above=[*above, *indented(body)], init=[f"self.{keep} = {draw.pick(base, sub, sub)}()"], body=[f"x = self.{keep}(x)"] * draw.count())
