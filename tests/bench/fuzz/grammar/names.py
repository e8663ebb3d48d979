"""Names that mean something else than they seem to."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def shadowed_builtin(draw: Draw) -> Piece:
    above, body = draw.pick(
        (
            ["def enumerate(items):", "    return [(5, i) for i in items]"],
            ["for i, r in enumerate([x, x]): x = x + r * i"],
        ),
        (["def sum(items):", "    return items[0]"], ["x = sum([x * 2, x])"]),
        (["def range(n):", "    return [n]"], ["for i in range(3): x = x + i"]),
        (["abs = torch.neg"], ["x = abs(x) + 1"]),
        (
            ["def zip(a, b):", "    return [(x, y) for y in b for x in a]"],
            ["for a, b in zip([x], [1, 2]): x = x + a * b"],
        ),
        (["max = torch.maximum"], ["x = max(x, -x)"]),
        (["class print:", "    def __init__(self, *a):", "        self.a = a"], ["print(x + 1)"]),
    )
    return Piece(above=["", "", *above], body=body)


@construct
def local_shadow(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["F = torch", "x = F.relu(x)"],
            ["nn = {'relu': torch.relu}", "x = nn['relu'](x)"],
            ["relu = torch.tanh", "x = relu(x)"],
            ["runtime = 2", "x = x * runtime + 1"],
            ["add = torch.mul", "x = add(x, x) + 1"],
            ["sum = lambda ts: ts[0]", "x = sum([x + 1, x])"],
            ["ops = x + 1", "x = ops * 2"],
            ["call = F.gelu", "x = call(x) + call(-x)"],
            ["module = self", "x = x + module.training"],
            ["cat = torch.cat", "x = cat([x, x], 1)[:, :4]"],
        )
    )


@construct
def strange_imports(draw: Draw) -> Piece:
    imported, use = draw.pick(
        ("import torch.nn.functional as functional", "functional.relu(x)"),
        ("from torch.nn.functional import relu, softmax", "softmax(relu(x), dim=1)"),
        ("from torch.nn.functional import relu as r", "r(r(x) - 1)"),
        ("from torch import relu as F_relu, cat", "cat([F_relu(x), x], 1)[:, :4]"),
        ("import torch as T", "T.cat([x, T.tanh(x)], dim=1)[:, :4]"),
        ("import torch.nn as N", "N.functional.gelu(x)"),
        ("import operator as op", "op.mul(op.add(x, 1), x)"),
        ("import math", "x * math.sqrt(2) + math.pi"),
        ("import numpy as np", "x * np.float32(2) + torch.from_numpy(np.ones(4, np.float32))"),
        ("from math import *", "x * sqrt(4) + pow(2, 2)"),
        ("from operator import *", "add(x, mul(x, 2))"),
    )
    return Piece(imports=[imported], body=[f"x = {use}"])


@construct
def method_names(draw: Draw) -> Piece:
    """Methods that have the names of operations, torch's or the rewriter's."""
    name = draw.pick("relu", "add", "softmax", "concat", "call_ops", "sum", "mix_ops", "dropout")
    if name in draw.names:
        return Piece()
    draw.names.add(name)
    return Piece(
        methods=[f"def {name}(self, x):", f"    return {draw.tensor()}", ""],
        body=[f"x = self.{name}(F.relu(x))", "x = F.softmax(x + 1, 1)"],
    )


@construct
def parameter_names(draw: Draw) -> Piece:
    name = draw.name("given")
    parameter = draw.pick("ops", "call", "self_", "torch", "add", "runtime", "nn", "F")
    return Piece(
        methods=[
            f"def {name}(self, {parameter}, y=None):",
            f"    return {parameter} * 2 + (0 if y is None else y)",
            "",
        ],
        body=[f"x = self.{name}(x)", f"x = self.{name}({draw.pick('x, x', f'{parameter}=x', 'x, y=x')})"],
    )


@construct
def keyword_only(draw: Draw) -> Piece:
    name = draw.name("given")
    keyword = draw.pick("ops", "call", "relu")
    return Piece(
        above=[
            "",
            "",
            f"def {name}(x, *, {keyword}=1, **rest):",
            f"    return {draw.tensor()} * {keyword} + len(rest)",
        ],
        body=[f"x = {name}(x, {keyword}={draw.pick('2', 'x')}{draw.pick('', ', other=1')})", f"x = {name}(x)"],
    )


@construct
def other_self(draw: Draw) -> Piece:
    name = draw.name("odd")
    return Piece(
        methods=[
            f"def {name}(this, x):",
            f"    {draw.pick('self = this', 'me = this', 'pass')}",
            f"    return {draw.tensor()} * this.training",
            "",
        ],
        body=[f"x = self.{name}(x) + x"],
    )


@construct
def own_class_methods(draw: Draw) -> Piece:
    """An own class with a method named like a tensor's, in a helper that is given tensors as well."""
    name, function = draw.name("Bag", 0).capitalize(), draw.name("total")
    method = draw.pick("sum", "mean", "relu", "add")
    argument = "1" if method == "add" else ""
    above = text(f"""


        class {name}:
            def {method}(self, *a):
                return 3


        def {function}(v):
            return v.{method}({argument})
    """)
    return Piece(
        above=above,
        body=[f"x = x * {function}(x) + {function}({name}())"],
        extra=draw.pick([], [f"seen.append({function}({name}()))"]),
    )


@construct
def numpy_helper(draw: Draw) -> Piece:
    name, keep = draw.name("center"), draw.name("shift")
    piece = Piece(
        imports=["import numpy as np"],
        above=[
            "",
            "",
            f"def {name}(a):",
            f"    return {draw.pick('a - a.mean()', 'a * 2 + 1', 'abs(a) / 2', 'a.sum() * a')}",
        ],
        body=[f"x = {name}(x)"],
    )
    if draw.chance(0.5):
        piece.init.append(f"self.{keep} = float({name}(np.arange(4.0))[0])")
        piece.body.append(f"x = x + self.{keep}")
    else:
        piece.extra.append(f"seen.append(float({name}(np.arange(4.0))[0]))")
    return piece


@construct
def globals_looked_at(draw: Draw) -> Piece:
    name = draw.name("CLASSES")
    return Piece(
        body=[f"x = {draw.tensor()}"],
        below=[
            "",
            f"{name} = sorted(k for k, v in globals().items() if isinstance(v, type) and issubclass(v, nn.Module))",
            f"print({name})",
        ]
        if draw.chance(0.3)
        else ["", f"{name} = [k for k in dir() if k.startswith('Net')]", f"print({name})"],
    )


@construct
def unused(draw: Draw) -> Piece:
    """Code that no forward reaches."""
    name = draw.name("never")
    return Piece(
        methods=[
            f"def {name}(self, a, b):",
            f"    {draw.pick('return a + b', 'c = torch.cat([a, b]); return c', 'a += b', 'return F.relu(a) @ b')}",
            "",
        ],
        body=[f"x = {draw.tensor()}"],
        extra=draw.pick(
            [],
            [f"seen.append($m.{name}(torch.ones(4, 4), torch.ones(4, 4)))"],
            [f"try: seen.append($m.{name}(1, 2))", "except TypeError as e: seen.append('type error')"],
        ),
    )


@construct
def private_names(draw: Draw) -> Piece:
    """Names with two underscores, which the class's name goes into."""
    name = draw.name("mix")
    use = draw.pick(
        [f"x = self.__{name}(x)"],
        [f"x = self.__{name}(self.__{name}(x))"],
        [f"x = self.__{name}(x) - self.__{name}(x * 2)"],
    )
    if draw.chance(0.5):
        return Piece(methods=[f"def __{name}(self, x):", f"    return {draw.tensor(in_module=True)}", ""], body=use)
    return Piece(init=[f"self.__{name} = {draw.pick(draw.module(), draw.function())}"], body=use)


@construct
def taken_in_class(draw: Draw) -> Piece:
    """The class has, as a property, annotation or class attribute, a name that the rewriter would like."""
    taken = draw.pick(
        ["@property", "def relu(self):", "    return 2"],
        ["relu = None"],
        ["relu: nn.Module"],
        ["def relu(self, x):", "    return x * 3"],
        ["relu = property(lambda self: 5)"],
        ["relu = nn.Tanh()"],
    )
    return (
        Piece()
        if "relu" in draw.names or draw.names.add("relu")
        else Piece(methods=[*taken, ""], body=["x = F.relu(x) + 1"])
    )


@construct
def taken_later(draw: Draw) -> Piece:
    """The name is taken from outside, or at run time."""
    name = draw.pick("relu", "add", "softmax")
    if name in draw.names:
        return Piece()
    draw.names.add(name)
    body = ["x = F.relu(x)", "x = x + 1", "x = F.softmax(x, 1)"]
    how = draw.pick("made", "extra", "forward", "setattr", "dict")
    if how == "made":
        set_by_user = draw.hazard("Names that a subclass elsewhere has", name, "of_the_user")
        return Piece(body=body, made=[f"$m.{set_by_user} = 3"], extra=[f"seen.append($m.{set_by_user})"])
    if how == "extra":
        set_by_user = draw.hazard("Names that a subclass elsewhere has", name, "of_the_user")
        value = draw.pick("3", "nn.Tanh()", "torch.ones(4)")
        return Piece(body=body, extra=[f"$m.{set_by_user} = {value}", "seen.append(call(m))"])
    if how == "forward":
        return Piece(body=[*body, f"self.{name} = 3", f"x = x * self.{name}"])
    if how == "setattr":
        return Piece(init=[f"setattr(self, {name!r}, 3)"], body=[*body, f"x = x * self.{name}"])
    return Piece(init=[f"self.__dict__[{name!r}] = 3"], body=[*body, f"x = x * self.{name}"])
