"""Functions and methods of the program's own: how they are called, kept, passed and replaced."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, scriptable, text


@scriptable
def helper(draw: Draw) -> Piece:
    name = draw.name("mix")
    calls = draw.pick([f"x = {name}(x)"], [f"x = {name}({name}(x))"], [f"x = {name}(x) + {name}(x * 2)"])
    return Piece(
        body=calls, above=["", "", f"def {name}(x):", f"    x = {draw.tensor()}", f"    return {draw.tensor()}"]
    )


@construct
def helper_with_defaults(draw: Draw) -> Piece:
    name, keyword = draw.name("scaled"), draw.pick("scale", "ops", "call", "add", "relu", "module")
    call = draw.pick(f"{name}(x)", f"{name}(x, 3)", f"{name}(x, {keyword}=0.5)", f"{name}({keyword}=x, x=x)")
    return Piece(
        body=[f"x = {call}"], above=["", "", f"def {name}(x, {keyword}=2):", f"    return {draw.tensor()} * {keyword}"]
    )


@construct
def helper_with_keywords(draw: Draw) -> Piece:
    name, keyword = draw.name("scaled"), draw.pick("scale", "ops", "call", "add")
    return Piece(
        body=[f"x = {name}(x, {keyword}={draw.pick('3', 'x')})"],
        above=["", "", f"def {name}(x, *a, **kw):", f"    return {draw.tensor()} * kw['{keyword}'] + len(a) + len(kw)"],
    )


@construct
def method_twice(draw: Draw) -> Piece:
    name = draw.name("step")
    call = draw.pick(
        f"self.{name}(self.{name}(x))", f"self.{name}(x) - self.{name}(-x)", f"self.{name}(x=x)", f"self.{name}(*[x])"
    )
    return Piece(
        body=[f"x = {call}"], methods=[f"def {name}(self, x):", f"    return {draw.tensor(in_module=True)}", ""]
    )


@construct
def method_with_steps(draw: Draw) -> Piece:
    name = draw.name("stage")
    piece = draw.step()
    piece.methods += [f"def {name}(self, x):", *(f"    {line}" for line in piece.body), "    return x", ""]
    piece.body = draw.pick(
        [f"x = self.{name}(x)"],
        [f"x = self.{name}(x)", f"x = self.{name}(x)"],
        ["for _ in range(2):", f"    x = self.{name}(x)"],
    )
    return piece


@construct
def static_method(draw: Draw) -> Piece:
    name, kind = draw.name("shift"), draw.pick("staticmethod", "classmethod")
    first = "cls, " if kind == "classmethod" else ""
    call = draw.pick(f"self.{name}(x)", f"self.{name}(self.{name}(x))", f"type(self).{name}(x)")
    return Piece(
        body=[f"x = {call}"], methods=[f"@{kind}", f"def {name}({first}x):", f"    return {draw.tensor()}", ""]
    )


@construct
def closure(draw: Draw) -> Piece:
    return Piece(
        body=[
            "def inner(t):",
            f"    return {draw.tensor('t')} + x",
            draw.pick(
                "x = inner(x)", "x = inner(inner(x))", "x = [inner(x), inner(-x)][1]", "f = inner\nx = f(x)"
            ).replace("\n", "; "),
        ]
    )


@construct
def closure_nonlocal(draw: Draw) -> Piece:
    return Piece(
        body=[
            "total = x * 0",
            "def note(t):",
            "    nonlocal total",
            "    total = total + t",
            "    return t * 2",
            "x = note(x)",
            f"x = note({draw.tensor()}) + total",
        ]
    )


@construct
def lambda_local(draw: Draw) -> Piece:
    return Piece(
        body=[
            f"f = lambda t{draw.pick('', ', k=2')}: {draw.tensor('t')}",
            draw.pick("x = f(x)", "x = f(f(x))", "x = f(x) + f(x * 2)"),
        ]
    )


@construct
def recursion(draw: Draw) -> Piece:
    name = draw.name("deeper")
    if draw.chance(0.5):
        return Piece(
            body=[f"x = {name}(x, 2)"],
            above=["", "", f"def {name}(x, n):", f"    return x if n == 0 else {name}({draw.tensor()}, n - 1)"],
        )
    return Piece(
        body=[f"x = self.{name}(x, 2)"],
        methods=[
            f"def {name}(self, x, n=2):",
            "    if not n:",
            "        return x",
            f"    return self.{name}({draw.tensor()}, n - 1) + x",
            "",
        ],
    )


@construct
def mutual_recursion(draw: Draw) -> Piece:
    a, b = draw.name("even"), draw.name("odd")
    return Piece(
        body=[f"x = self.{a}(x, {draw.count()})"],
        methods=[
            f"def {a}(self, x, n):",
            f"    return x + 1 if n == 0 else self.{b}(x * 2, n - 1)",
            "",
            f"def {b}(self, x, n):",
            f"    return x - 1 if n == 0 else self.{a}({draw.tensor()}, n - 1)",
            "",
        ],
    )


@construct
def decorated(draw: Draw) -> Piece:
    name, wrapper = draw.name("mixed"), draw.name("logged")
    return Piece(
        imports=["import functools"],
        above=text(f"""


            def {wrapper}(f):
                @functools.wraps(f)
                def inner(*args, **kwargs):
                    print(f.__name__, len(args), sorted(kwargs))
                    return f(*args, **kwargs){draw.pick("", " + 1", " * 2")}
                return inner
        """),
        methods=[f"@{wrapper}", f"def {name}(self, x{draw.pick('', ', k=2')}):", f"    return {draw.tensor()}", ""],
        body=[f"x = self.{name}(x)"] * draw.count(),
    )


@construct
def decorated_free(draw: Draw) -> Piece:
    name = draw.name("mixed")
    decorator = draw.pick(
        "torch.no_grad()", "torch.jit.ignore", "functools.lru_cache(maxsize=None)", "torch.jit.unused"
    )
    return Piece(
        imports=["import functools"],
        above=["", "", f"@{decorator}", f"def {name}(x):", f"    return {draw.tensor()}"],
        body=[f"x = {name}(x)"] * draw.count(),
    )


@construct
def star_arguments(draw: Draw) -> Piece:
    name = draw.name("joined")
    call = draw.pick(
        f"self.{name}(x, x + 1)",
        f"self.{name}(*x.chunk(1), scale=2)",
        f"self.{name}(x, x, scale=x)",
        f"self.{name}(*(x, x), **dict(scale=3))",
    )
    return Piece(
        body=[f"x = {call}"],
        methods=[
            f"def {name}(self, *xs, scale=1, **kw):",
            "    y = sum(xs) * scale",
            f"    return {draw.tensor('y')} + len(kw)",
            "",
        ],
    )


@construct
def numbers_and_tensors(draw: Draw) -> Piece:
    """One helper that is given numbers here and tensors there."""
    name = draw.name("halve")
    return Piece(
        above=[
            "",
            "",
            f"def {name}(v, w=2):",
            f"    return v {draw.pick('/', '*', '+', '-')} w {draw.pick('+ 1', '', '* v')}",
        ],
        body=draw.pick(
            [f"k = {name}(4)", f"x = {name}(x) * k"],
            [f"n = {name}(x.shape[1], 2)", f"x = {name}(x, n) + n"],
            [f"x = {name}(x, {name}(3))"],
        ),
    )


@construct
def redefined(draw: Draw) -> Piece:
    name = draw.name("act")
    return Piece(
        above=["", "", f"def {name}(x):", f"    return {draw.tensor()}"],
        below=["", f"def {name}(x):", f"    return {draw.tensor()}", ""],
        body=[f"x = {name}(x)"],
    )


@construct
def conditional_definition(draw: Draw) -> Piece:
    name = draw.name("act")
    return Piece(
        above=text(f"""

        if hasattr(torch, "{draw.pick("relu", "no_such_thing")}"):
            def {name}(x):
                return {draw.tensor()}
        else:
            def {name}(x):
                return {draw.tensor()}
    """),
        body=[f"x = {name}(x)"] * draw.count(),
    )


@construct
def monkeypatched(draw: Draw) -> Piece:
    name = draw.name("act")
    piece = Piece(above=["", "", f"def {name}(x):", f"    return {draw.tensor()}"], body=[f"x = {name}(x)"])
    piece.extra = draw.pick(
        ["global " + name, f"{name} = torch.tanh", "seen.append(call(m))"],
        [f"seen.append({name}(torch.ones(2, 4)))"],
        [f"seen.append(list(map({name}, [torch.ones(2, 4)])))"],
        [f"seen.append({name}(x=torch.ones(2, 4)))"],
    )
    if piece.extra[0].startswith("global"):
        piece.above = [*piece.above, "", "", f"def set_{name}(f):", f"    global {name}", f"    {name} = f"]
        piece.extra = [f"set_{name}(torch.tanh)", "seen.append(call(m))"]
    return piece
