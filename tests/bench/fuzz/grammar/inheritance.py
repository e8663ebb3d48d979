"""Mixins, super chains, overrides, classes made in functions, methods lent to another class."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, indented, text


@construct
def mixin(draw: Draw) -> Piece:
    name, method = draw.name("Mix", 0).capitalize(), draw.name("mixed")
    piece = Piece(bases=[name], body=[f"x = self.{method}(x)"] * draw.count())
    lines = [f"class {name}:", f"    def {method}(self, x):", f"        return {draw.tensor(in_module=True)}"]
    if draw.chance(0.4):
        file = name.lower()
        piece.files[f"{file}.py"] = [
            "import torch",
            "from torch import nn",
            "import torch.nn.functional as F",
            "",
            "",
            *lines,
        ]
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
def torch_subclass(draw: Draw) -> Piece:
    """A subclass of one of torch's own layers."""
    name, keep = draw.name("Layer", 0).capitalize(), draw.name("fc")
    base, made = draw.pick(
        ("nn.Linear", "(4, 4)"),
        ("nn.ReLU", "()"),
        ("nn.LayerNorm", "(4)"),
        ("nn.Identity", "()"),
        ("nn.Dropout", "(0.5)"),
    )
    inside = draw.pick(
        "return super().forward(x) + 1",
        "x = super().forward(x)\n    return F.relu(x) * x",
        "return super().forward(super().forward(x)) - x",
    ).split("\n")
    return Piece(
        above=[
            "",
            "",
            f"class {name}({base}):",
            "    def forward(self, x):",
            f"        {inside[0]}",
            *(f"    {line}" for line in inside[1:]),
        ],
        init=[f"self.{keep} = {name}{made}"],
        body=[f"x = self.{keep}(x)"] * draw.count(),
    )


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
    return Piece(
        above=above, init=[f"self.{keep} = {name}({draw.number()})"], body=[f"x = self.{keep}(x)"] * draw.count()
    )


@construct
def borrowed_method(draw: Draw) -> Piece:
    name, method = draw.name("Lender", 0).capitalize(), draw.name("lent")
    base = draw.pick("nn.Module", "object")
    return Piece(
        above=[
            "",
            "",
            f"class {name}({base}):",
            f"    def {method}(self, x):",
            f"        return {draw.tensor(in_module=True)}",
        ],
        methods=draw.pick(
            [f"{method} = {name}.{method}", ""],
            [f"{method}_too = {name}.{method}", f"def {method}(self, x):", f"    return self.{method}_too(x)", ""],
        ),
        body=[f"x = self.{method}(x)"],
    )


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
    return Piece(
        above=[*above, *indented(body)],
        init=[f"self.{keep} = {draw.pick(base, sub, sub)}()"],
        body=[f"x = self.{keep}(x)"] * draw.count(),
    )
