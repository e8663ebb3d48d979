"""Branches, loops, exceptions, context managers."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, indented, scriptable, text


def around(piece: Piece, before: list[str], after: list[str] | None = None, by: int = 1) -> Piece:
    """The piece with its body put below a statement."""
    piece.body = [*before, *indented(piece.body or ["pass"], by), *(after or [])]
    return piece


@scriptable
def line(draw: Draw) -> Piece:
    return Piece(body=[f"x = {draw.tensor(in_module=True)}"])


@scriptable
def if_training(draw: Draw) -> Piece:
    return around(draw.step(), ["if self.training:"], ["else:", f"    x = {draw.tensor()}"])


@construct
def if_value(draw: Draw) -> Piece:
    condition = draw.pick("x.sum() > 0", "x.shape[0] == 3", "x.dim() > 1 and x.max() > 0", "not x.requires_grad")
    return around(draw.step(), [f"if {condition}:"], ["elif x.mean() < 0:", f"    x = {draw.tensor()}"])


@construct
def if_flag(draw: Draw) -> Piece:
    flag = draw.name("flag")
    piece = around(draw.step(), [f"if self.{flag}:"])
    piece.init.append(f"self.{flag} = {draw.pick('True', 'False', 'None', 'nn.ReLU()')}")
    piece.extra += draw.pick([], [f"$m.{flag} = True", "seen.append(call(m))"])
    return piece


@scriptable
def for_range(draw: Draw) -> Piece:
    return around(draw.step(), [f"for _ in range({draw.count()}):"])


@construct
def for_attribute(draw: Draw) -> Piece:
    steps = draw.name("steps")
    piece = around(draw.step(), [f"for {draw.pick('_', 'i')} in range(self.{steps}):"])
    piece.init.append(f"self.{steps} = {draw.count()}")
    piece.extra += draw.pick(
        [], [f"$m.{steps} = 4", "seen.append(call(m))"], [f"$m.{steps} = 1", "seen.append(call(m))"]
    )
    return piece


@construct
def for_else(draw: Draw) -> Piece:
    stop = draw.pick("i == 1", "x.sum() > 100", "i > 5")
    piece = around(draw.step(), ["for i in range(3):"])
    piece.body += [f"    if {stop}:", f"        {draw.pick('break', 'continue')}", f"    x = {draw.tensor()}"]
    piece.body += ["else:", f"    x = {draw.tensor()}"]
    return piece


@construct
def for_tuple(draw: Draw) -> Piece:
    loop = draw.pick("for s in (1, 2, 0.5):", "for s in [x, 2, x * 3]:", "for i, s in enumerate((2, x)):")
    return Piece(body=[loop, f"    x = x * s {draw.pick('+ 1', '- x', '')}"])


@construct
def for_rows(draw: Draw) -> Piece:
    return Piece(
        body=[
            "rows = []",
            "for row in x:",
            f"    rows.append({draw.pick('row + 1', 'F.relu(row)', 'row * row.sum()')})",
            "x = torch.stack(rows)",
        ]
    )


@construct
def while_count(draw: Draw) -> Piece:
    piece = around(draw.step(), ["n = 0", "while n < 2:"])
    piece.body += ["    n += 1"]
    return piece


@construct
def while_tensor(draw: Draw) -> Piece:
    body = ["turns = 0", "while x.abs().max() > 0.5 and turns < 4:", f"    x = x * {draw.pick('0.5', '0.1')}"]
    return Piece(body=[*body, "    turns += 1", *draw.pick([], ["    if turns == 2: break"])])


@construct
def nested_loops(draw: Draw) -> Piece:
    return Piece(
        body=[
            "for i in range(2):",
            "    for j in range(i, 2):",
            f"        x = x {draw.pick('+', '*')} (i + j)",
            f"    x = {draw.tensor()}",
        ]
    )


@construct
def try_except(draw: Draw) -> Piece:
    bad = draw.pick(
        "x @ x", "torch.cat([x, x[0]])", "x.view(7)", "self.missing(x)", "x + torch.ones(7)", "F.relu(None)"
    )
    error = draw.pick("Exception", "(RuntimeError, AttributeError, TypeError)", "Exception as error")
    body = ["try:", f"    y = {draw.tensor()}", f"    x = {bad}", f"except {error}:", f"    x = {draw.tensor()}"]
    return Piece(
        body=[*body, *draw.pick([], ["else:", "    x = x + 5"]), *draw.pick([], ["finally:", "    x = x - 1"])]
    )


@construct
def try_step(draw: Draw) -> Piece:
    return around(draw.step(), ["try:"], ["except RuntimeError:", f"    x = {draw.tensor()}"])


@construct
def raises(draw: Draw) -> Piece:
    bad = draw.pick(
        "x @ x",
        "torch.cat([x, x[0]])",
        "x + torch.ones(7)",
        "F.softmax(x, 5)",
        "x.mean(9)",
        "x + 'a'",
        "F.relu(None)",
        "torch.stack([x, x[0]])",
        "F.max_pool2d(x, 9)",
        "x.sum(dim=4)",
    )
    return Piece(body=[f"if x.sum() > {draw.pick('0', '1000')}:", f"    x = {bad}"])


@construct
def raise_own(draw: Draw) -> Piece:
    return Piece(
        body=["if x.mean() > 0.1:", "    raise ValueError(f'mean {(x + 1).mean():.3f}')", f"x = {draw.tensor()}"]
    )


@construct
def finally_return(draw: Draw) -> Piece:
    name = draw.name("attempt")
    return Piece(
        body=[f"x = self.{name}(x)"],
        methods=text(f"""
            def {name}(self, x):
                try:
                    return {draw.tensor()}
                finally:
                    x = x + 1
                    print("done", tuple(x.shape))
        """),
    )


@construct
def with_context(draw: Draw) -> Piece:
    context = draw.pick(
        "torch.no_grad()",
        "torch.enable_grad()",
        "torch.set_grad_enabled(self.training)",
        "torch.autograd.profiler.record_function('a')",
        "torch.autocast('cpu', enabled=False)",
    )
    return around(draw.step(), [f"with {context}:"])


@construct
def with_own_manager(draw: Draw) -> Piece:
    name = draw.name("scope")
    piece = around(draw.step(), [f"with {name}(x) as scale:"], ["x = x * scale"])
    piece.imports.append("from contextlib import contextmanager")
    piece.above += text(f"""
        @contextmanager
        def {name}(x):
            yield {draw.pick("2", "x.mean()", "x.mean() + 1", "F.relu(x)")}
    """)
    return piece


@construct
def match_kind(draw: Draw) -> Piece:
    subject = draw.pick("x.shape[0]", "self.training", "x.dim()", "(x.dim(), x.shape[1])")
    case = draw.pick("3", "True", "2", "(2, n)", "int() as n")
    body = [
        f"match {subject}:",
        f"    case {case}:",
        f"        x = {draw.tensor()}",
        "    case _:",
        f"        x = {draw.tensor()}",
    ]
    return Piece(body=body)


@construct
def early_return(draw: Draw) -> Piece:
    name = draw.name("early")
    inside = [f"if {draw.pick('x.sum() > 0', 'self.training', 'x.shape[0] > 5')}:", f"    return {draw.tensor()}"]
    return Piece(
        body=[f"x = self.{name}(x)"],
        methods=[f"def {name}(self, x):", *indented([*inside, f"x = {draw.tensor()}", f"return {draw.tensor()}"])],
    )


@scriptable
def ternary(draw: Draw) -> Piece:
    condition = draw.pick("self.training", "x.shape[0] > 2")
    return Piece(body=[f"x = {draw.tensor()} if {condition} else {draw.tensor()}"])


@construct
def walrus(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            [f"x = (y := {draw.tensor()}) + y"],
            [f"if (y := {draw.tensor()}).sum() > 0:", "    x = y + 1"],
            [f"x = torch.cat([y := {draw.tensor()}, y], 1)[:, :4]"],
        )
    )


@construct
def boolean(draw: Draw) -> Piece:
    return Piece(body=[f"x = {draw.pick('None or', 'x is not None and', 'self.training and 0 or')} ({draw.tensor()})"])


@construct
def conditional_order(draw: Draw) -> Piece:
    """Operands with effects, whose order counts."""
    return Piece(
        body=[f"x = (x.clone().add_(1) {draw.pick('+', '*', '-')} torch.rand(1)) * torch.rand(1) + {draw.tensor()}"]
    )


@construct
def deletes(draw: Draw) -> Piece:
    return Piece(
        body=[
            f"y = {draw.tensor()}",
            "x = x + y",
            "del y",
            "y = x",
            "assert y.dim() == 2, y + 1",
            f"x = {draw.tensor('y')}",
        ]
    )


@construct
def one_line(draw: Draw) -> Piece:
    return Piece(
        body=[
            draw.pick(
                f"x = {draw.tensor()}; x = {draw.tensor()}",
                f"if self.training: x = {draw.tensor()}",
                f"for _ in range(2): x = {draw.tensor()}; x = x + 1",
                f"x = ({draw.tensor()})  # why: {draw.number()}",
            )
        ]
    )
