"""Comprehensions, generators, and the builtins that walk."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def list_of(draw: Draw) -> Piece:
    each = draw.pick("x * i", "F.relu(x) + i", "x + i if i else x", "torch.cat([x, x], 1)[:, :4]")
    return Piece(
        body=[
            f"ys = [{each} for i in range({draw.count()})]",
            f"x = {draw.pick('sum(ys)', 'torch.stack(ys).mean(0)', 'torch.cat(ys, 1)[:, :4]', 'ys[-1]')}",
        ]
    )


@construct
def generator_sum(draw: Draw) -> Piece:
    each = draw.pick("x * i", "(x + i).relu()", "x[i] * 2", "row * 2 for row in x for i")
    return Piece(
        body=[
            f"x = x + sum({each} for i in range(2))"
            if " for " not in each
            else "x = x + sum(row * i for row in x for i in range(2))"
        ]
    )


@construct
def dict_of(draw: Draw) -> Piece:
    return Piece(
        body=[
            f"d = {{k: {draw.tensor()} * k for k in (1, 2)}}",
            draw.pick(
                "x = d[1] + d[2]",
                "for k, v in d.items():\n    x = x + v * k".split("\n")[0] + " x = x + v * k",
                "x = sum(d.values())",
            ),
        ]
    )


@construct
def nested(draw: Draw) -> Piece:
    return Piece(
        body=[
            "grid = [[x * i + j for i in range(2)] for j in range(2)]",
            "x = torch.stack([torch.stack(r).sum(0) for r in grid]).mean(0)",
        ]
    )


@construct
def filtered(draw: Draw) -> Piece:
    return Piece(body=["ys = [y for y in (x, x + 1, -x) if y.sum() > 0]", f"x = sum(ys) if ys else {draw.tensor()}"])


@construct
def mapped(draw: Draw) -> Piece:
    function = draw.pick("F.relu", "torch.tanh", "lambda t: t * 2", "lambda t: F.softmax(t, -1)", "torch.neg")
    return Piece(body=[f"x = torch.stack(list(map({function}, x.unbind(0))))"])


@construct
def reduced(draw: Draw) -> Piece:
    function = draw.pick("torch.add", "lambda a, b: a * b", "operator.mul", "torch.maximum")
    return Piece(
        imports=["import functools", "import operator"],
        body=[f"x = functools.reduce({function}, [x, x + 1, {draw.tensor()}])"],
    )


@construct
def any_all(draw: Draw) -> Piece:
    test = draw.pick(
        "any(r.sum() > 0 for r in x)", "all((r * 2).sum() > -9 for r in x)", "max(float(r.sum() + 1) for r in x) > 0"
    )
    return Piece(body=[f"x = {draw.tensor()} if {test} else {draw.tensor()}"])


@construct
def stars(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["first, *rest = x.split(1, 1)", "x = torch.cat([first * 2, *rest], 1)"],
            ["parts = [p + 1 for p in x.chunk(2, 1)]", "x = torch.cat([*parts], dim=1)"],
            ["a, b = (p * 2 for p in x.chunk(2, dim=1))", "x = torch.cat((b, a), 1)"],
            ["kw = dict(dim=1)", "x = F.softmax(x, **kw)"],
            ["args = (1,)", "x = F.log_softmax(x, *args)"],
            ["x = torch.stack([*map(F.relu, [x, -x])]).sum(0)"],
        )
    )


@construct
def generator_function(draw: Draw) -> Piece:
    name = draw.name("pieces")
    return Piece(
        body=[f"x = sum(self.{name}(x))" if draw.chance(0.5) else f"x = torch.stack(list(self.{name}(x))).sum(0)"],
        methods=text(f"""
            def {name}(self, x):
                yield {draw.tensor()}
                for i in range(2):
                    yield x + i
        """),
    )


@construct
def lazy_generator(draw: Draw) -> Piece:
    """A generator that is advanced elsewhere, between other operations."""
    return Piece(
        body=[
            "g = (x * i for i in range(3))",
            "x = next(g) + 1",
            "x = x + next(g)",
            f"x = {draw.tensor()}",
            "for y in g: x = x - y",
        ]
    )


@construct
def sorted_by(draw: Draw) -> Piece:
    return Piece(body=["rows = sorted(x, key=lambda r: float((r * 2).sum()))", "x = torch.stack(rows) + 1"])


@construct
def zipped(draw: Draw) -> Piece:
    return Piece(
        body=[
            "ys = []",
            "for a, b in zip(x.unbind(1), x.flip(1).unbind(1)):",
            f"    ys.append({draw.pick('a + b', 'a * b.relu()', 'torch.maximum(a, b)')})",
            "x = torch.stack(ys, 1)",
        ]
    )
