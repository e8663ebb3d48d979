"""Functions that are kept in attributes and tables, passed on, returned, or looked up by name."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def lambda_attribute(draw: Draw) -> Piece:
    name = draw.name("act")
    return Piece(init=[f"self.{name} = lambda t: {draw.tensor('t')}"], body=[f"x = self.{name}(x)"] * draw.count())


@construct
def function_attribute(draw: Draw) -> Piece:
    name = draw.name("act")
    piece = Piece(
        init=[f"self.{name} = {draw.function()}"],
        body=draw.pick([f"x = self.{name}(x)"], [f"x = self.{name}(self.{name}(x) - 1)"]),
    )
    other = [f"$m.{name} = {draw.function()}", "seen.append(call(m))"]
    exchanged = draw.hazard("A function in the place of a module", other, [])
    piece.extra += draw.pick(
        [],
        exchanged,
        [f"seen.append($m.{name}(torch.ones(2)))"],
        [f"$m.{name} = nn.Tanh()", "seen.append(call(m))"],
    )
    return piece


@construct
def own_function_attribute(draw: Draw) -> Piece:
    name, function = draw.name("act"), draw.name("swish")
    where = draw.pick("init", "class")
    piece = Piece(
        above=["", "", f"def {function}(x):", f"    return {draw.tensor()}"],
        body=[f"x = self.{name}(x)"] * draw.count(),
    )
    if where == "init":
        piece.init.append(f"self.{name} = {function}")
    else:
        piece.methods.append(f"{name} = staticmethod({function})")
    return piece


@construct
def bound_method_attribute(draw: Draw) -> Piece:
    name, method = draw.name("act"), draw.name("swish")
    return Piece(
        init=[f"self.{name} = self.{method}"],
        body=[f"x = self.{name}(x)"] * draw.count(),
        methods=[f"def {method}(self, x):", f"    return {draw.tensor()}", ""],
    )


@construct
def partial(draw: Draw) -> Piece:
    made = draw.pick(
        "partial(F.leaky_relu, negative_slope=0.3)",
        "partial(torch.add, 1)",
        "partial(F.softmax, dim=1)",
        "partial(F.dropout, p=0.5)",
    )
    name = draw.name("act")
    return Piece(
        imports=["from functools import partial"],
        init=[f"self.{name} = {made}"],
        body=[f"x = self.{name}(x)"] * draw.count(),
    )


@construct
def table(draw: Draw) -> Piece:
    name, kind = draw.name("TABLE"), draw.name("kind")
    entries = draw.pick(
        '{"relu": F.relu, "tanh": torch.tanh}',
        '{"relu": nn.ReLU, "tanh": nn.Tanh}',
        '{"relu": lambda x: x * 2, "tanh": torch.tanh}',
    )
    call = f"{name}[self.{kind}]" + ("()" if "nn." in entries else "")
    piece = Piece(
        above=["", f"{name} = {entries}"],
        init=[f"self.{kind} = {draw.pick(chr(34) + 'relu' + chr(34), chr(34) + 'tanh' + chr(34))}"],
        body=[f"x = {call}(x)"] * draw.count(),
    )
    piece.extra += draw.pick([], [f"$m.{kind} = 'tanh'", "seen.append(call(m))"])
    return piece


@construct
def by_name(draw: Draw) -> Piece:
    return Piece(
        body=[
            draw.pick(
                "x = getattr(F, 'relu')(x)",
                "x = getattr(torch, 'tanh' if self.training else 'sigmoid')(x)",
                "x = getattr(x, 'abs')()",
                "x = x.__add__(1)",
                "x = torch.Tensor.add(x, 2)",
                "x = nn.functional.relu(x)",
                "x = torch.ops.aten.relu(x)",
                "x = operator.add(x, 1)",
            )
        ],
        imports=["import operator"],
    )


@construct
def passed_function(draw: Draw) -> Piece:
    name = draw.name("twice")
    argument = draw.pick("F.relu", "torch.tanh", "self.training and F.relu or F.gelu", "lambda t: t * 3", "nn.ReLU()")
    return Piece(
        body=[f"x = {name}({argument}, x)"],
        above=["", "", f"def {name}(f, x):", f"    return f(f(x) {draw.pick('+', '*')} 2)"],
    )


@construct
def returned_function(draw: Draw) -> Piece:
    name = draw.name("make_scale")
    keep = draw.name("scale")
    return Piece(
        above=text(f"""


            def {name}(k):
                def scale(x):
                    return {draw.tensor()} * k
                return scale
        """),
        init=[f"self.{keep} = {name}({draw.number()})"],
        body=[f"x = self.{keep}(x)"],
    )


@construct
def inner_module_argument(draw: Draw) -> Piece:
    """A free function that is given a module or its parameters."""
    name, layer = draw.name("run"), draw.name("fc")
    return Piece(
        init=[f"self.{layer} = nn.Linear(4, 4)"],
        above=[
            "",
            "",
            f"def {name}(layer, x):",
            f"    return {draw.pick('layer(x) + x', 'F.linear(x, layer.weight, layer.bias)', 'layer(layer(x))', 'F.relu(layer(x))')}",
        ],
        body=[f"x = {name}(self.{layer}, x)"] * draw.count(),
    )


@construct
def takes_self(draw: Draw) -> Piece:
    name = draw.name("run")
    return Piece(
        above=["", "", f"def {name}(self, x):", f"    return {draw.tensor(in_module=True)}"],
        body=[f"x = {name}(self, x)"],
    )
