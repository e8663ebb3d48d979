"""What code puts in the place of functions, asks about them, or stores under names that torch has."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Lines, Piece, construct, text

_REPLACED = {
    "torch.cat": "torch.cat([x, x], 1)[:, :4]",
    "torch.relu": "torch.relu(x)",
    "F.softmax": "F.softmax(x, dim=1)",
    "torch.Tensor.mul": "x.mul(2)",
    "torch.nn.functional.relu": "F.relu(x) + x",
}


def _while_replaced(name: str, by: str, how: str) -> Lines:
    """What a user does while another function stands there; afterwards the one that stood there does again."""
    home, _, bare = name.rpartition(".")
    put = f"setattr({home}, '{bare}', {by})" if how == "setattr" else f"{name} = {by}"
    if how == "patch":
        full = name.replace("F.", "torch.nn.functional.")
        return [f"with mock.patch('{full}', {by}):", "    seen.append(call(m))"]
    return [f"own = {name}", put, "try:", "    seen.append(call(m))", "finally:", f"    {name} = own"]


@construct
def function_of_torch_replaced(draw: Draw) -> Piece:
    name = draw.pick(*_REPLACED)
    own = draw.name("own", 0)
    return Piece(
        imports=["from unittest import mock"],
        above=["", f"{own} = {name}", ""],
        body=[f"x = {_REPLACED[name]}"],
        extra=_while_replaced(name, f"lambda *a, **k: {own}(*a, **k) * 3", draw.pick("plain", "setattr", "patch")),
    )


@construct
def variable_switched(draw: Draw) -> Piece:
    """A variable of the file that holds a function, and that another function sets."""
    name = draw.name("act")
    above = ["", f"{name} = {draw.pick('F.relu', 'torch.sigmoid', 'F.gelu')}", "", "", f"def set_{name}(f):"]
    return Piece(
        above=[*above, f"    global {name}", f"    {name} = f"],
        body=[f"x = {name}(x)"] * draw.count(),
        extra=[f"set_{name}({draw.pick('torch.tanh', 'torch.sin')})", "seen.append(call(m))"],
    )


@construct
def into_a_buffer(draw: Draw) -> Piece:
    name = draw.name("kept")
    function = draw.pick("torch.sigmoid", "torch.tanh", "torch.exp", "torch.abs", "torch.sqrt")
    return Piece(
        init=[f"self.register_buffer('{name}', torch.zeros(3, 4), persistent={draw.pick('True', 'False')})"],
        body=["with torch.no_grad():", f"    {function}(x, out=self.{name})", f"x = x + self.{name}"],
    )


@construct
def stored_as_what_modules_have(draw: Draw) -> Piece:
    """A function under a name that the class of all modules has."""
    name = draw.pick("half", "double", "type", "bfloat16")
    value = draw.pick("torch.relu", f"lambda t: {draw.tensor('t')}")
    return Piece(init=[f"self.{name} = {value}"], body=[f"x = self.{name}(x)"] * draw.count())


@construct
def functions_in_a_list(draw: Draw) -> Piece:
    """Taken in turn, perhaps by how many parameters they take."""
    mix, gate, steps = draw.name("mix", 0), draw.name("gate", 0), draw.name("STEPS", 0)
    taken = draw.pick(f"for f in {steps}:", f"for i, f in enumerate({steps}):", f"for f in reversed({steps}):")
    counted = "x = f(x, 0.3) if len(inspect.signature(f).parameters) == 2 else f(x)"
    return Piece(
        imports=["import inspect"],
        above=text(f"""
        def {mix}(x, weight=0.5):
            return {draw.tensor()} * weight


        def {gate}(x):
            return {draw.tensor()}


        {steps} = {draw.pick(f"[{mix}, {gate}]", f"({mix}, {gate})")}
        """),
        body=[taken, f"    {draw.pick('x = f(x)', counted)}"],
    )


@construct
def one_of_two_modules(draw: Draw) -> Piece:
    """Which of two a branch on one line, or a conditional expression, makes, and runs several times."""
    name, test = draw.name("act"), draw.pick("True", "False", "torch.is_grad_enabled()")
    first, second = draw.module(), draw.stateless()
    init = draw.pick(
        [f"if {test}: self.{name} = {first}", f"else: self.{name} = {second}"],
        [f"self.{name} = {first} if {test} else {second}"],
        [f"with torch.no_grad(): self.{name} = {first}"],
        [f"self.{name} = {first}; self.made_{name} = {test}"],
    )
    return Piece(init=init, body=[f"x = self.{name}(x)"] * (1 + draw.count()))
