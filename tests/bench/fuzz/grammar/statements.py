"""Operations in odd places of statements: subscripts, annotations, defaults, assertions, augmented assignments."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def augmented(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["x = x * 1", f"x {draw.pick('**', '//', '%', '/', '-')}= 2"],
            ["x = x.clone()", "x @= torch.eye(4)"],
            ["n = (x * 4).int()", "n += 1", "n //= 2", "x = x + n"],
            ["n = (x * 4).int()", "try:", "    n += 0.5", "except RuntimeError:", "    n += 1", "x = x + n"],
            ["m = x > 0", "m &= x < 1", "m |= x > 2", "m ^= True", "x = x * m"],
            ["y = x[0].clone()", "try:", "    y += x", "except RuntimeError:", "    y = y + 1", "x = x + y"],
            ["x.data += 1", "x = x * 2"],
            ["y = [x]", "y += [x + 1]", "y *= 2", "x = sum(y)"],
            ["y = (x,)", "y += (x * 2,)", "x = y[0] - y[1]"],
            ["s = ''", "s += 'a' * 3", "x = x + len(s)"],
            ["y = x", "y -= y.mean(0)", "x = x + y"],
            ["self.tmp = x * 1", "self.tmp += 1", "self.tmp[0] *= 2", "x = self.tmp"],
            ["d = {'k': x * 1}", "d['k'] += d['k']", "d['k'] -= 1", "x = d['k']"],
        )
    )


@construct
def places(draw: Draw) -> Piece:
    """Where an expression may stand."""
    return Piece(
        body=draw.pick(
            [f"y: torch.Tensor = {draw.tensor()}", "x = y"],
            ["x = x[(x.sum(1) + 1).argsort()] + 1"],
            ["x = x[: int(abs(x.sum() * 0) + 3)] * 2"],
            [f"assert ({draw.tensor()}).dim() == 2, x + 1", "x = x + 1"],
            [f"y = z = {draw.tensor()}", "x = y + z"],
            [f"x = [{draw.tensor()}, {draw.tensor()}][int((x + 1).sum() > 0)]"],
            [f"x = {{'a': {draw.tensor()}, 'b': x}}['a']"],
            [f"x = (lambda t: {draw.tensor('t')})({draw.tensor()})"],
            [f"x = max([{draw.tensor()}, x + 1], key=lambda t: float((t * 2).sum()))"],
            ["while (x := x * 0.5).abs().max() > 1: pass", "x = x + 1"],
            ["print((x * 0 + 1).sum().item(), end=';')", f"x = {draw.tensor()}"],
            ["x, *_ = x + 1, x * 2, -x"],
            ["x = x + (yes := 1)", "x = x * yes"],
            [f"x = not x.dim() or {draw.tensor()}"],
            ["x = x + torch.tensor([i * 2 + 1 for i in range(4)])"],
            ["x = x if 0 < (x * 0 + 1).mean() < 2 else -x"],
            ["global LAST", f"LAST = {draw.tensor()}", "x = LAST + 1"],
            ["import math", "x = x * math.exp(0) + math.floor(2.5)"],
            ["x = (x + 1) * (x + 1) - (x + 1) / (x * x + 1)"],
            ["x = x + 1 + 2 + x + 3 - -x"],
            ["x = x + " + " + ".join(["x * 2"] * 12)],
            ["x = torch.relu(torch.relu(torch.relu(x - 1) - 1) + 1)"],
            ["x = x.add(1).mul(2).relu().sub(1).div(3)"],
        )
    )


@construct
def in_defaults(draw: Draw) -> Piece:
    """Operations that run where a function is made, or where the file is imported."""
    name, weight = draw.name("weighted"), draw.name("WEIGHT")
    return Piece(
        above=["", f"{weight} = torch.eye(4) @ torch.eye(4) + 1"],
        methods=[f"def {name}(self, x, w={weight} * 2):", "    return x * w[0] + 1", ""],
        body=[f"x = self.{name}(x)", f"x = self.{name}(x, {weight}) + {weight}[1]"],
    )


@construct
def in_class_body(draw: Draw) -> Piece:
    name = draw.name("table")
    return Piece(
        methods=[f"{name} = torch.arange(4.0) * 2 + 1", f"for _i in range(2): {name} = {name} + _i", ""],
        body=[f"x = x + self.{name}", f"x = {draw.tensor()}"],
    )


@construct
def mathematics_in_init(draw: Draw) -> Piece:
    name = draw.name("pe")
    made = draw.pick(
        "torch.arange(4.0) * 2 + 1",
        "torch.cat([torch.ones(2), torch.zeros(2)]) / 2",
        "F.softmax(torch.ones(4), 0)",
        "torch.exp(-torch.arange(4.0))",
    )
    keep = draw.pick(
        f"self.register_buffer('{name}', {made})", f"self.{name} = nn.Parameter({made})", f"self.{name} = {made}"
    )
    return Piece(init=[keep], body=[f"x = x + self.{name}", f"x = {draw.tensor()}"])


@construct
def resets(draw: Draw) -> Piece:
    """A layer with parameters of its own, set by a method that __init__ and the user call."""
    name, weight = draw.name("reset_parameters"), draw.name("weight")
    fill = draw.pick("nn.init.uniform_(self.W)", "self.W.data.normal_()", "nn.init.constant_(self.W, 1 / 4 ** 0.5)")
    return Piece(
        init=[f"self.{weight} = nn.Parameter(torch.empty(4))", f"self.{name}()"],
        methods=[f"def {name}(self):", f"    {fill.replace('W', weight)}", ""],
        body=[f"x = F.relu(x * self.{weight})"],
        extra=[f"$m.{name}()", "seen.append(call(m))"],
    )


@construct
def scripting_branch(draw: Draw) -> Piece:
    test = draw.pick("torch.jit.is_scripting()", "torch.jit.is_tracing()", "torch.onnx.is_in_onnx_export()")
    return Piece(body=[f"if not {test}:", f"    x = {draw.tensor()}", "else:", f"    x = {draw.tensor()}"])


@construct
def seeds(draw: Draw) -> Piece:
    return Piece(
        body=[
            draw.pick("torch.manual_seed(3)", "gen = torch.Generator().manual_seed(1)"),
            "x = x + torch.rand(4)",
            f"x = {draw.tensor(in_module=True)}",
        ]
    )


@construct
def zero_argument_super(draw: Draw) -> Piece:
    """super() inside of a nested function, with the class named."""
    return Piece(body=["def up(t):", "    return len(super(type(self), self).__dir__()) * 0 + t * 2", "x = up(x) + 1"])


@construct
def type_checks(draw: Draw) -> Piece:
    name = draw.name("norm_input")
    return Piece(
        methods=[
            *text(
                f"""\n            def {name}(self, x):\n                if isinstance(x, (list, tuple)):\n                    return [self.{name}(t) for t in x]\n                if isinstance(x, dict):\n                    return {{k: self.{name}(v) for k, v in x.items()}}\n                if not torch.is_tensor(x):\n                    return x + 1\n                return {draw.tensor()}\n        """
            ),
            "",
        ],
        body=draw.pick(
            [f"x = self.{name}([x, 1])[0]"],
            [f"x = self.{name}({{'a': x, 'n': 2}})['a']"],
            [f"x = self.{name}(x) * self.{name}(2)"],
        ),
    )
