"""What forwards of published models compute: heads, rotations, windows, masks, rates, quantized steps, tied weights."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.grammar.configured import called
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def heads(draw: Draw) -> Piece:
    qkv, name = draw.name("to_qkv"), draw.name("attend", 0)
    split = draw.pick(
        ["q, k, v = map(lambda t: t.reshape(n, 2, 2).transpose(0, 1), self.QKV(x).chunk(3, dim=-1))"],
        ["q, k, v = self.QKV(x).view(n, 3, 2, 2).permute(1, 2, 0, 3)"],
        ["q, k, v = (t.unflatten(1, (2, 2)).transpose(0, 1) for t in self.QKV(x).split(4, dim=-1))"],
        ["qkv = self.QKV(x).reshape(n, 3, 2, 2).permute(1, 2, 0, 3)", "q, k, v = qkv[0], qkv[1], qkv[2]"],
        ["qkv = self.QKV(x).view(n, 3, 2, 2).unbind(1)", "q, k, v = [t.transpose(0, 1) for t in qkv]"],
    )
    mask = draw.pick(
        [],
        ["scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.finfo(x.dtype).max)"],
        ["scores += torch.full((n, n), float('-inf')).triu(1)"],
        ["scores = torch.where(torch.ones(n, n).tril() == 1, scores, scores.new_tensor(-1e4))"],
        ["scores.masked_fill_(~torch.ones(n, n).tril().bool(), float('-inf'))"],
    )
    join = draw.pick(
        "scores.softmax(-1) @ v",
        "torch.einsum('hij,hjd->hid', F.softmax(scores, -1), v)",
        "torch.bmm(scores.softmax(dim=-1), v)",
    )
    whole = [
        "scores = q @ k.transpose(-2, -1) * 2 ** -0.5",
        *mask,
        f"x = {join}",
    ]
    fused = draw.pick(
        ["x = F.scaled_dot_product_attention(q, k, v, dropout_p=0.1 if self.training else 0.0)"],
        ["x = F.scaled_dot_product_attention(q, k, v, is_causal=True)"],
    )
    methods = [
        f"def {name}(self, x):",
        "    n = x.shape[0]",
        *(f"    {line.replace('QKV', qkv)}" for line in [*split, *draw.pick(whole, whole, fused)]),
        "    return x.transpose(0, 1).reshape(n, 4)",
        "",
    ]
    return Piece(init=[f"self.{qkv} = nn.Linear(4, 12)"], methods=methods, body=called(draw, f"self.{name}(T)"))


@construct
def rotated(draw: Draw) -> Piece:
    half, cos = draw.name("rotate_half", 0), draw.name("cos")
    above = text(f"""

        def {half}(x):
            {draw.pick("x1, x2 = x.chunk(2, dim=-1)", "x1, x2 = x[..., :2], x[..., 2:]", "x1, x2 = x.split(2, -1)")}
            return torch.cat((-x2, x1), dim=-1)

    """)
    made = draw.pick(
        [f"self.register_buffer('{cos}', torch.arange(4.).cos(), persistent=False)"],
        ["inv = 1.0 / (10 ** (torch.arange(0, 4, 2).float() / 4))", f"self.{cos} = torch.cat([inv, inv]).cos()"],
    )
    body = draw.pick(
        [f"x = x * self.{cos} + {half}(x) * self.{cos}.sin()"],
        [f"q, k = (t * self.{cos} + {half}(t) for t in (x, x * 2))", "x = q * k"],
        [f"pos = torch.arange(x.shape[0])[:, None] * self.{cos}", f"x = (x * pos.cos()) + ({half}(x) * pos.sin())"],
    )
    return Piece(above=above, init=made, body=body)


@construct
def windows(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            [
                "h = x.shape[1] // 2",
                "w = x.view(-1, 2, h).permute(1, 0, 2).contiguous()",
                "x = (w * 2).permute(1, 0, 2).reshape(-1, 4)",
            ],
            [
                "x = torch.roll(x, shifts=(-1,), dims=(1,))",
                f"x = {draw.tensor()}",
                "x = torch.roll(x, shifts=(1,), dims=(1,))",
            ],
            ["pad = (4 - x.shape[1] % 4) % 4", "if pad: x = F.pad(x, (0, pad))", f"x = {draw.tensor()}"],
            ["x = F.pad(x, (1, 1), mode='constant', value=0.5)", "x = x[:, 1:-1].contiguous() * 2"],
            ["a, b = x[..., ::2], x[..., 1::2]", "x = torch.stack((a - b, a + b), dim=-1).flatten(-2)"],
            ["x = x.unfold(1, 2, 2).mean(-1).repeat_interleave(2, dim=1)"],
            ["x = torch.cat([x.narrow(1, 2, 2), x.narrow(1, 0, 2)], dim=1) + x[:, [3, 2, 1, 0]]"],
            ["x0, *rest = x.split([1, 1, 2], dim=1)", "x = torch.cat([x0 * 2, *rest], 1)"],
        )
    )


@construct
def dropped_path(draw: Draw) -> Piece:
    name = draw.name("drop_path", 0)
    drawn = draw.pick(
        [
            "mask = x.new_empty((x.shape[0], 1)).bernoulli_(keep)",
            "if keep > 0.0 and scale: mask.div_(keep)",
            "return x * mask",
        ],
        [
            "mask = keep + torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), dtype=x.dtype)",
            "return x.div(keep) * mask.floor_()",
        ],
        ["mask = torch.bernoulli(torch.full_like(x[:, :1], keep))", "x = x / keep * mask", "return x"],
    )
    above = [
        "",
        f"def {name}(x, p=0.3, training=False, scale=True):",
        "    if p == 0. or not training:",
        "        return x",
    ]
    above += ["    keep = 1 - p", *(f"    {line}" for line in drawn), ""]
    keep = draw.name("stochastic")
    cls = draw.name("DropPath", 0)
    above += [
        "",
        f"class {cls}(nn.Module):",
        "    def __init__(self, p=None):",
        "        super().__init__()",
        "        self.p = p",
    ]
    above += ["", "    def forward(self, x):", f"        return {name}(x, self.p, self.training)", ""]
    made = f"{cls}(0.2) if {draw.pick('True', 'False')} else nn.Identity()"
    return Piece(above=above, init=[f"self.{keep} = {made}"], body=called(draw, f"self.{keep}(T)"))


@construct
def scaled_by_layer(draw: Draw) -> Piece:
    name = draw.name("gamma")
    made = draw.pick(
        "nn.Parameter(torch.ones(4) * 0.1)", "nn.Parameter(torch.zeros(4)) if True else None", "None", "1e-2"
    )
    use = draw.pick(
        f"x * self.{name} if self.{name} is not None else x",
        f"x + (self.{name} if self.{name} is not None else 1) * x",
        f"(x.mul_(self.{name}) if x.is_leaf and not x.requires_grad else x * self.{name}) if self.{name} is not None else x + 0",
    )
    return Piece(init=[f"self.{name} = {made}"], body=[f"x = {use}", "if x.ndim == 2: x = x.clone()"])


@construct
def quantized_step(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["x = x + (x.round() - x).detach()"],
            ["q = torch.clamp(torch.round(x / 0.1), -8, 7) * 0.1", "x = x + (q - x).detach()"],
            ["d = torch.cdist(x, torch.eye(4))", "x = F.embedding(d.argmin(1), torch.eye(4)) + (x - x.detach())"],
            [
                "soft = F.softmax(x, -1)",
                "hard = F.one_hot(soft.argmax(-1), 4).to(x)",
                "x = hard - soft.detach() + soft",
            ],
            ["x = x.sign() * x.abs().mean(dim=1, keepdim=True)"],
            [
                "scale = x.detach().abs().amax(dim=-1, keepdim=True).clamp(min=1e-5) / 127",
                "x = (x / scale).round() * scale + x",
            ],
        )
    )


@construct
def tied_weights(draw: Draw) -> Piece:
    one, two = draw.name("encoder"), draw.name("decoder")
    init, body = draw.pick(
        (
            [f"self.{two} = nn.Linear(4, 4)", f"self.{two}.weight = self.{one}.weight"],
            [f"x = self.{two}(F.relu(self.{one}(x)))"],
        ),
        ([], [f"x = F.linear(F.relu(self.{one}(x)), self.{one}.weight.t())"]),
        ([], [f"x = self.{one}(x) @ self.{one}.weight + self.{one}.bias"]),
        ([f"self.{two} = [self.{one}]"], [f"x = self.{two}[0](self.{one}(x)) + x"]),
        ([f"self.{two} = nn.ModuleList([self.{one}] * 2)"], [f"for layer in self.{two}: x = layer(x) + 1"]),
        (
            [f"self.{two} = nn.Linear(4, 4)", f"del self.{two}.bias; self.{two}.register_parameter('bias', None)"],
            [f"x = self.{two}(self.{one}(x)) * 2"],
        ),
    )
    init = [part for line in init for part in line.split("; ")]
    return Piece(init=[f"self.{one} = nn.Linear(4, 4)", *init], body=body)


@construct
def computed_weight(draw: Draw) -> Piece:
    """A layer whose weight is normalized, masked or scaled at each call."""
    cls, keep = draw.name("Standard", 0).capitalize(), draw.name("standard")
    weight = draw.pick(
        ["w = self.weight - self.weight.mean(dim=1, keepdim=True)", "w = w / (w.std(dim=1, keepdim=True) + 1e-5)"],
        ["w = F.normalize(self.weight, dim=1) * self.gain[:, None]"],
        ["w = self.weight * self.mask.to(self.weight)"],
        ["with torch.no_grad(): norm = self.weight.norm()", "w = self.weight / norm.clamp(min=1e-4)"],
        [
            "var, mean = torch.var_mean(self.weight, dim=1, keepdim=True)",
            "w = (self.weight - mean) * torch.rsqrt(var + 1e-6)",
        ],
    )
    above = [
        "",
        "",
        f"class {cls}(nn.Linear):",
        "    def __init__(self, *args, **kwargs):",
        "        super().__init__(*args, **kwargs)",
    ]
    above += [
        "        self.gain = nn.Parameter(torch.ones(self.out_features))",
        "        self.register_buffer('mask', torch.eye(4) > -1)",
    ]
    above += ["", "    def weights(self):", *(f"        {line}" for line in weight), "        return w"]
    above += [
        "",
        "    def forward(self, x):",
        f"        return {draw.pick('F.linear(x, self.weights(), self.bias)', 'x @ self.weights().t() + self.bias')}",
    ]
    return Piece(above=above, init=[f"self.{keep} = {cls}(4, 4)"], body=called(draw, f"self.{keep}(T)"))


@construct
def own_parametrization(draw: Draw) -> Piece:
    cls, layer = draw.name("Symmetric", 0).capitalize(), draw.name("fc")
    above = text(f"""


        class {cls}(nn.Module):
            def forward(self, w):
                return {draw.pick("w.triu() + w.triu(1).transpose(-1, -2)", "F.softplus(w)", "w * (w.abs() > 0.1)", "torch.tanh(w) * 2")}

            def right_inverse(self, w):
                return w.triu()
    """)
    return Piece(
        imports=["from torch.nn.utils import parametrize"],
        above=above,
        init=[
            f"self.{layer} = nn.Linear(4, 4)",
            f"parametrize.register_parametrization(self.{layer}, 'weight', {cls}())",
        ],
        body=draw.pick(
            called(draw, f"self.{layer}(T)"),
            ["with parametrize.cached():", f"    x = self.{layer}(self.{layer}(x))"],
            [f"x = x @ self.{layer}.weight * 0.5"],
        ),
    )


@construct
def queue(draw: Draw) -> Piece:
    """A buffer that is written to in part at each call."""
    name, at = draw.name("queue"), draw.name("pointer")
    write = draw.pick(
        [f"self.{name}[int(self.{at}) % 3] = x.detach()[0].float()", f"self.{at} += 1"],
        [f"self.{name} = torch.cat([self.{name}[1:], x[:1].detach().float()])"],
        [f"self.{name}.copy_(self.{name}.roll(1, 0))", f"self.{name}[0].add_(x.detach().mean(0))"],
        [f"self.{name}.index_copy_(0, torch.tensor([1]), x[:1].detach().float())"],
        [f"self.{name}[:, :2].mul_(0.9)", f"self.{at}.fill_(x.shape[0])"],
        ["with torch.no_grad():", f"    self.{name}.lerp_(x.detach().float().mean(0, keepdim=True).expand(3, 4), 0.5)"],
    )
    return Piece(
        init=[
            f"self.register_buffer('{name}', torch.zeros(3, 4))",
            f"self.register_buffer('{at}', torch.zeros((), dtype=torch.long))",
        ],
        body=[*write, f"x = x + self.{name}.mean(0) {draw.pick('', f'* self.{at}')}"],
    )


@construct
def grown_mask(draw: Draw) -> Piece:
    name, update = draw.name("mask"), draw.name("update_mask", 0)
    methods = text(f"""
        def {update}(self, n):
            if self.{name} is None or self.{name}.shape[0] < n:
                self.{name} = torch.ones(n, 4).{draw.pick("tril()", "triu(1) * 2", "cumsum(0)")}
            return self.{name}[:n]
    """)
    return Piece(
        init=[f"self.{name} = None"],
        methods=[*methods, ""],
        body=draw.pick(
            [f"x = x * self.{update}(x.shape[0])"], [f"x = x.masked_fill(self.{update}(len(x)) == 0, -1.0) + x"]
        ),
        extra=[f"seen.append($m.{name} is None)"],
    )


@construct
def gated(draw: Draw) -> Piece:
    name = draw.name("gate")
    return Piece(
        init=[f"self.{name} = nn.Linear(4, 8)"],
        body=draw.pick(
            [f"a, b = self.{name}(x).chunk(2, dim=-1)", "x = a * F.gelu(b)"],
            [f"x = F.glu(self.{name}(x), dim=-1)"],
            [f"y = self.{name}(x)", "x = torch.sigmoid(y[:, 4:]) * y[:, :4] + x"],
            [f"x, gate = self.{name}(x).split([4, 4], 1)", "x *= gate.sigmoid()"],
            [
                "w = x.mean(0, keepdim=True)",
                f"w = F.relu(self.{name}(w), inplace=True)[:, :4]",
                "x = x * w.sigmoid().expand_as(x)",
            ],
        ),
    )
