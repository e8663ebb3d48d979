"""In-place operations, views, several names for one tensor, sums that count and sums of tensors."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def in_place(draw: Draw) -> Piece:
    start = draw.pick(["x = x.clone()"], ["x = x * 1"], [])
    return Piece(body=[*start, *(draw.in_place() for _ in range(draw.count()))])


@construct
def alias(draw: Draw) -> Piece:
    first = draw.pick(
        "y = x",
        "y = x * 2",
        "y = z = x + 1",
        "y, z = x, x",
        "y = x.view(-1, 4)",
        "y = x[:]",
        "y = x.detach()",
        "y = x.clone()",
        "y = x.t()",
        "y = x[0]",
        "y = x.expand(3, 4)",
        "y = F.relu(x)",
        "y = x.contiguous()",
    )
    return Piece(
        body=[
            first,
            draw.in_place("y") if "x[0]" not in first and "t()" not in first else "y += 1",
            draw.pick("x = x + y.sum()", "x = x * 2", "x = x - y.mean()"),
        ]
    )


@construct
def sums(draw: Draw) -> Piece:
    """`+=` that begins with a number, a list, a tensor."""
    return Piece(
        body=draw.pick(
            ["total = 0", "for row in x: total += row", "x = x + total"],
            ["total = 0", "total += x.shape[0]", "total += x", "x = total"],
            ["parts = []", "parts += [x, x * 2]", "x = parts[0] + parts[1]"],
            ["loss = 0.", "for i in range(3):", "    loss = loss + (x * i).mean()", "x = x + loss"],
            ["n = 1", "n *= 2", "n -= x.dim()", "x = x + n"],
            ["y = None", "for i in range(2):", "    y = x if y is None else y + x", "x = y"],
            ["shape = x.shape", "shape += (1,)", "x = x + len(shape)"],
            ["total = 0", "for i, row in enumerate(x):", "    total += row * i if i else 0", "x = x + total"],
            ["total = torch.zeros(4)", "total += x[0]", "total += 1", "x = x + total"],
        )
    )


@construct
def items(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["d = {'a': x}", "d['a'] = d['a'] + 1", "d['a'] *= 2", "x = d['a']"],
            ["d = [x, 1]", "d[0] += 1", "d[1] += 1", "x = d[0] * d[1]"],
            ["d = {}", "d.setdefault('k', x)", "d['k'] = F.relu(d['k'])", "x = d.pop('k')"],
            ["y = x.clone()", "y[1:] += y[:-1] * 1", "x = y"],
            ["y = x.clone()", "y[:, 0], y[:, 1] = x[:, 1] * 2, x[:, 0] + 1", "x = y"],
            ["y = torch.zeros_like(x)", "for i in range(x.shape[0]):", "    y[i] = x[i] * i + 1", "x = y"],
            ["y = x.clone()", "y[y > 0] = 0.5", "y[0, 1:3] = y[1, 1:3] * 2", "x = y"],
            ["y = torch.empty_like(x)", "torch.add(x.detach(), 1, out=y)", "x = x + y"],
        )
    )


@construct
def attribute_sums(draw: Draw) -> Piece:
    name = draw.name("count")
    start, step = draw.pick(
        ("0", "1"), ("0.0", "x.detach().mean()"), ("0", "x.shape[0]"), ("torch.zeros(4)", "x.detach()[0]")
    )
    return Piece(
        init=[f"self.{name} = {start}"],
        body=[f"self.{name} += {step}", f"x = x * {draw.pick('1', '2')} + self.{name}"],
        extra=[f"seen.append($m.{name})"],
    )


@construct
def swaps(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["a, b = x.chunk(2, 1)", "a, b = b * 2, a + 1", "x = torch.cat([a, b], 1)"],
            ["a = b = x", "a = a + 1", "x = a * b"],
            ["y = x", "x = x + 1", "x, y = y, x", "x = x * y"],
            ["(a, b), c = (x, x + 1), 2", "x = a * b - c"],
            ["[*a] = x", "x = torch.stack(a) + 1"],
        )
    )


@construct
def returns_argument(draw: Draw) -> Piece:
    """A helper that hands its argument back, changes it, or both."""
    name = draw.name("touch")
    inside = draw.pick(
        ["x += 1", "return x"],
        ["x = x + 1", "return x"],
        ["x.mul_(2)", "return x"],
        ["y = x", "y += 1", "return x"],
        ["return x"],
        ["F.relu(x, inplace=True)", "return x"],
    )
    return Piece(
        methods=[f"def {name}(self, x):", *(f"    {line}" for line in inside), ""],
        body=draw.pick(
            [f"x = self.{name}(x * 1)"],
            [f"y = x * 1; x = self.{name}(y) + y"],
            [f"y = x.clone(); self.{name}(y); x = y"],
            [f"x = self.{name}(self.{name}(x.clone()))"],
        ),
    )


@construct
def in_place_module(draw: Draw) -> Piece:
    name = draw.name("act")
    made = draw.pick(
        "nn.ReLU(inplace=True)",
        "nn.ReLU(True)",
        "nn.Dropout(0.5, inplace=True)",
        "nn.Hardtanh(-1, 1, inplace=True)",
        "nn.ELU(inplace=True)",
        "nn.LeakyReLU(0.1, True)",
    )
    body = draw.pick(
        [f"y = x * 2; z = self.{name}(y); x = y + z"],
        [f"x = self.{name}(x * 1)"],
        [f"y = x + 0; self.{name}(y); x = y"],
        [f"y = x * 1; self.{name}(y[:, :2]); x = y"],
        [f"y = x * 2; x = self.{name}(y) + self.{name}(y)"],
    )
    met = draw.hazard("What was a function is a module", "m.modules()", f"[$m.{name}]")
    return Piece(
        init=[f"self.{name} = {made}"],
        body=body,
        extra=draw.pick(
            [],
            [f"$m.{name}.inplace = False", "seen.append(call(m))"],
            [
                f"for c in {met}:",
                "    if hasattr(c, 'inplace'): c.inplace = not c.inplace",
                "seen.append(call(m))",
            ],
        ),
    )


@construct
def in_place_functional(draw: Draw) -> Piece:
    return Piece(
        body=[
            draw.pick("y = x * 2", "y = x.clone()", "y = x + 0"),
            "z = y",
            draw.pick(
                "y = F.relu(y, inplace=True)",
                "y = F.dropout(y, 0.5, self.training, True)",
                "y = F.relu_(y)",
                "y = F.leaky_relu(y, 0.1, inplace=True)",
                "y = y.add_(z)",
                "y = y.clamp_(min=0)",
                "y += z",
                "y -= y",
                "y *= y",
                "y = y.mul_(y)",
            ),
            "x = z + y",
        ]
    )


@construct
def argument_changed(draw: Draw) -> Piece:
    """The caller's tensor is changed."""
    return Piece(body=[draw.in_place(), f"x = {draw.tensor()}"])


@construct
def buffers(draw: Draw) -> Piece:
    name = draw.name("running")
    update = draw.pick(
        f"self.{name} += x.detach().mean(0)",
        f"self.{name}.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)",
        f"self.{name} = self.{name} * 0.9 + x.detach().mean(0)",
        f"self.{name}[:] = x.detach()[0] * 2",
        f"self.{name}.copy_(self.{name} + 1)",
        f"self.{name}.data = self.{name}.data + 1",
    )
    guard = draw.pick([update], ["if self.training:", f"    {update}"], ["with torch.no_grad():", f"    {update}"])
    return Piece(
        init=[f"self.register_buffer('{name}', torch.zeros(4){draw.pick('', ', persistent=False')})"],
        body=[*guard, f"x = x {draw.pick('+', '-', '*')} self.{name}"],
    )


@construct
def parameters(draw: Draw) -> Piece:
    name = draw.name("weight")
    use = draw.pick(
        "x * self.W",
        "x @ torch.diag(self.W)",
        "F.linear(x, torch.diag(self.W), self.W)",
        "F.layer_norm(x, (4,), self.W)",
        "torch.addcmul(x, x, self.W)",
        "x + self.W.sigmoid()",
        "F.prelu(x, self.W[:1])",
        "x * (self.W + 1)",
        "F.batch_norm(x, None, None, self.W, training=True)",
    )
    piece = Piece(init=[f"self.{name} = nn.Parameter(torch.rand(4))"], body=[f"x = {use.replace('W', name)}"])
    piece.extra += draw.pick(
        [],
        [f"$m.{name} = nn.Parameter(torch.ones(4) * 3)", "seen.append(call(m))"],
        [f"$m.{name}.data.zero_()", "seen.append(call(m))"],
    )
    return piece


@construct
def tied(draw: Draw) -> Piece:
    a, b = draw.name("enc"), draw.name("dec")
    return Piece(
        init=text(f"""
        self.{a} = nn.Linear(4, 4)
        self.{b} = nn.Linear(4, 4, bias=False)
        self.{b}.weight = self.{a}.weight
    """),
        body=[
            f"x = self.{b}(self.{a}(x))",
            *draw.pick([], [f"x = self.{a}(x)"], [f"x = F.linear(x, self.{b}.weight.t())"]),
        ],
    )
