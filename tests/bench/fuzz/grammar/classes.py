"""Properties, inheritance, mixins, plain objects that compute."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def property_tensor(draw: Draw) -> Piece:
    name, weight = draw.name("scale"), draw.name("w")
    kind = draw.pick("property", "property", "cached_property")
    return Piece(
        imports=["from functools import cached_property"],
        init=[f"self.{weight} = nn.Parameter(torch.ones(4))"],
        methods=[
            f"@{kind}",
            f"def {name}(self):",
            f"    return {draw.pick('self.W * 2', 'F.softplus(self.W)', 'torch.cat([self.W[:2], self.W[2:]])').replace('W', weight)}",
            "",
        ],
        body=draw.pick(
            [f"x = x * self.{name}"],
            [f"x = x * self.{name} + self.{name}"],
            ["for _ in range(2):", f"    x = x + self.{name}"],
        ),
    )


@construct
def property_setter(draw: Draw) -> Piece:
    name = draw.name("gain")
    return Piece(
        init=[f"self._{name} = 1.0"],
        methods=[
            *text(
                f"""\n            @property\n            def {name}(self):\n                return self._{name} * 2\n\n            @{name}.setter\n            def {name}(self, value):\n                self._{name} = value + 1\n        """
            ),
            "",
        ],
        body=[f"x = x * self.{name}", f"self.{name} = {draw.pick('3', 'self._' + name)}"],
        extra=[f"$m.{name} = 5", "seen.append(call(m))"],
    )


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
        extra=draw.pick([], [f"$m.{keep}.k = 3", "seen.append(call(m))"], [f"seen.append($m.{keep}(torch.ones(1, 4)))"])
        if kept
        else [],
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
    return Piece(
        imports=["from dataclasses import dataclass"],
        above=above,
        body=[
            f"out = {name}({draw.tensor()}{draw.pick('', ', 3.0', ', scale=x')})",
            f"x = out.{draw.pick('scaled()', 'value', 'scaled() + out.scaled()')}",
        ],
    )


@construct
def named_tuple(draw: Draw) -> Piece:
    name = draw.name("Pair", 0).capitalize()
    return Piece(
        imports=["from typing import NamedTuple"],
        above=["", "", f"class {name}(NamedTuple):", "    a: torch.Tensor", "    b: object = 2"],
        body=[
            f"p = {name}({draw.tensor()})",
            draw.pick("x = p.a * p.b", "a, b = p\nx = a + b", "x = p[0] - p[1]").replace("\n", "; "),
        ],
    )


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
    return Piece(
        above=above,
        body=[
            f"b = {name}(x)",
            draw.pick("x = (b + 1) * 2", "b += x; x = b * x", "x = sum([b + 1], start=0) * 2 if False else b * 3"),
        ],
    )


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
        methods=[
            *text(
                f"""\n            def __getattr__(self, name):\n                if name == "{name}":\n                    return 3\n                return super().__getattr__(name)\n        """
            ),
            "",
        ],
        body=[f"x = {draw.tensor()} * self.{name}"],
    )


@construct
def odd_setattr(draw: Draw) -> Piece:
    return Piece(
        methods=[
            *text(
                """\n            def __setattr__(self, name, value):\n                if isinstance(value, float):\n                    value = value * 2\n                super().__setattr__(name, value)\n        """
            ),
            "",
        ],
        init=[f"self.factor = {draw.pick('1.5', '2.0')}"],
        body=[f"x = {draw.tensor()} * self.factor"],
    )
