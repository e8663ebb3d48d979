"""What many models have: copies of a layer, shortcuts that may be absent, settings, caches, experts."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, indented, text


@construct
def clones(draw: Draw) -> Piece:
    name, function = draw.name("layers"), draw.name("clones", 0)
    above = text(f"""

        def {function}(module, n):
            return nn.ModuleList([copy.deepcopy(module) for _ in range(n)])

    """)
    body = draw.pick(
        [f"for layer in self.{name}:", "    x = layer(x) + x"],
        [f"for i, layer in enumerate(self.{name}):", f"    x = F.relu(layer(x)) * {draw.pick('(i + 1)', '2')}"],
        ["for _ in range(2):", f"    for layer in self.{name}:", "        x = layer(x)"],
    )
    return Piece(
        imports=["import copy"], above=above, init=[f"self.{name} = {function}({draw.module()}, 2)"], body=body
    )


@construct
def shortcut(draw: Draw) -> Piece:
    """A residual block whose shortcut has a layer or none, used with both."""
    cls, a, b = draw.name("Block", 0).capitalize(), draw.name("one"), draw.name("two")
    made, skip = draw.pick(
        ("down if down is None else nn.Linear(4, 4)", "x if self.down is None else self.down(x)"),
        ("nn.Linear(4, 4) if down else nn.Identity()", "self.down(x)"),
        ("nn.Sequential() if not down else nn.Sequential(nn.Linear(4, 4))", "self.down(x)"),
        ("down and nn.Linear(4, 4)", "self.down(x) if self.down else x"),
    )
    join = draw.pick(["out += identity"], ["out = out + identity"], ["out.add_(identity)"], ["out = identity + out"])
    end = draw.pick("self.relu(out)", "F.relu(out, inplace=True)", "out.relu_()", "self.relu(self.fc(self.relu(out)))")
    above = ["", f"class {cls}(nn.Module):", "    def __init__(self, down=None):", "        super().__init__()"]
    above += [
        f"        self.down = {made}",
        "        self.fc = nn.Linear(4, 4)",
        "        self.relu = nn.ReLU(inplace=True)",
    ]
    above += ["", "    def forward(self, x):", f"        identity = {skip}", "        out = self.relu(self.fc(x))"]
    above += [*indented(join, 2), f"        return {end}", ""]
    return Piece(
        above=above,
        init=[f"self.{a} = {cls}()", f"self.{b} = {cls}(True)"],
        body=draw.pick([f"x = self.{b}(self.{a}(x))"], [f"x = self.{a}(x)", f"x = self.{a}(self.{b}(x))"]),
        extra=draw.pick([], [f"$m.{a}.down = nn.Linear(4, 4)", "seen.append(call(m))"]),
    )


@construct
def settings(draw: Draw) -> Piece:
    name = draw.name("cfg")
    act = draw.pick("relu", "gelu", "silu", "tanh")
    use = draw.pick(
        f"getattr(torch if self.{name}.act == 'tanh' else F, self.{name}.act)(x)",
        f"F.dropout(x, self.{name}.p, self.training)",
        f"x * self.{name}.scale + (1 if self.{name}.bias else 0)",
        f"torch.cat([x] * self.{name}.times, self.{name}.dim)[:, :4]",
        f"F.softmax(x / self.{name}.scale, dim=self.{name}.dim)",
        f"ACTS[self.{name}.act](x) + x",
    )
    made = f"types.SimpleNamespace(act='{act}', p=0.2, scale=2.0, bias=True, times=2, dim=1)"
    change = draw.pick("scale = 3.0", "p = 0.9", "bias = False", "dim = -1", "act = 'relu'")
    return Piece(
        imports=["import types"],
        above=["", "ACTS = {'relu': F.relu, 'gelu': F.gelu, 'silu': nn.SiLU(), 'tanh': torch.tanh}", ""],
        init=[f"self.{name} = {made}"],
        body=[f"x = {use}"],
        extra=draw.pick([], [f"$m.{name}.{change}", "seen.append(call(m))"]),
    )


@construct
def running_average(draw: Draw) -> Piece:
    name = draw.name("mean")
    update = draw.pick(
        f"self.{name} = self.{name} * 0.9 + x.detach().mean() * 0.1",
        f"self.{name}.mul_(0.9).add_(x.detach().mean() * 0.1)",
        f"self.{name} += x.detach().mean()",
        f"self.{name}.copy_(torch.lerp(self.{name}, x.detach().mean(0), 0.1))",
        f"self.{name}[0] = x.detach().max()",
    )
    return Piece(
        init=[f"self.register_buffer('{name}', torch.zeros(4){draw.pick('', ', persistent=False')})"],
        body=[f"if {draw.pick('self.training', 'torch.is_grad_enabled()')}:", f"    {update}", f"x = x - self.{name}"],
    )


@construct
def cache(draw: Draw) -> Piece:
    """Keys of earlier calls, in a dict that the caller brings."""
    name = draw.name("attend")
    methods = text(f"""
        def {name}(self, x, cache=None):
            k = {draw.tensor()}
            if cache is not None:
                if 'k' in cache:
                    k = torch.cat([cache['k'], k], {draw.pick("0", "dim=0")})
                cache['k'] = k
            return F.softmax(x @ k.t(), dim=-1) @ k

    """)
    body = draw.pick(
        [f"x = self.{name}(x)"],
        ["cache = {}", f"x = self.{name}(x, cache)", f"x = self.{name}(x, cache) + cache['k'][-len(x):]"],
        ["cache = dict()", "for _ in range(3):", f"    x = self.{name}(x, cache=cache)"],
    )
    return Piece(methods=[*methods, ""], body=body)


@construct
def experts(draw: Draw) -> Piece:
    name = draw.name("experts")
    take = draw.pick(
        [
            f"for i, expert in enumerate(self.{name}):",
            "    chosen = best == i",
            "    if chosen.any():",
            "        out[chosen] = expert(x[chosen]) * weight[chosen, i, None]",
        ],
        [f"for i, expert in enumerate(self.{name}):", "    out = out + expert(x) * weight[:, i : i + 1]"],
        [
            f"for i in range(len(self.{name})):",
            "    rows = (best == i).nonzero().flatten()",
            f"    out = out.index_add(0, rows, self.{name}[i](x[rows]))",
        ],
    )
    gate = draw.name("gate")
    return Piece(
        init=[f"self.{gate} = nn.Linear(4, 2)", f"self.{name} = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))"],
        body=[
            f"weight = F.softmax(self.{gate}(x), -1)",
            "best = weight.argmax(-1)",
            "out = torch.zeros_like(x)",
            *take,
            "x = out + x",
        ],
    )


@construct
def hidden_module(draw: Draw) -> Piece:
    """A module that is kept where nn.Module does not see it."""
    name = draw.name("teacher")
    made, call = draw.pick(
        (f"self.{name} = [nn.Linear(4, 4)]", f"self.{name}[0]"),
        (f"object.__setattr__(self, '{name}', nn.Linear(4, 4))", f"self.{name}"),
        (f"self.__dict__['{name}'] = nn.ReLU()", f"self.{name}"),
        (f"self.{name} = (lambda made: lambda t: made(t) + 1)(nn.Linear(4, 4))", f"self.{name}"),
    )
    body = draw.pick(
        [f"x = {call}(x)"], [f"x = {call}({call}(x) * 2)"], [f"with torch.no_grad(): y = {call}(x)", "x = x + y"]
    )
    return Piece(init=[made], body=body)


@construct
def captured(draw: Draw) -> Piece:
    """What a hook has seen of a layer."""
    layer, kept = draw.name("fc"), draw.name("kept")
    return Piece(
        init=[
            f"self.{layer} = {draw.module()}",
            f"self.{kept} = []",
            f"self.{layer}.register_forward_hook(lambda mod, i, o: self.{kept}.append(o * 2))",
        ],
        body=[
            *draw.pick([f"x = self.{layer}(x)"], [f"x = self.{layer}(x)", f"x = self.{layer}(x) + x"]),
            f"x = x + sum(self.{kept})",
            f"self.{kept}.clear()",
        ],
    )


@construct
def frozen_part(draw: Draw) -> Piece:
    name = draw.name("frozen")
    methods = text(f"""
        def train(self, mode=True):
            super().train(mode)
            {draw.pick(f"self.{name}.eval()", f"self.{name}.training = False", f"for m in self.{name}.modules(): m.eval()")}
            return self

    """)
    return Piece(
        init=[f"self.{name} = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))"],
        methods=[*methods, ""],
        body=[f"x = {draw.pick(f'self.{name}(x) + x', f'self.{name}(self.{name}(x))')}"],
    )


@construct
def any_input(draw: Draw) -> Piece:
    """A helper that takes a tensor, a list of some, a dict or nothing."""
    name = draw.name("prepare")
    methods = text(f"""
        def {name}(self, x=None, more=None):
            if x is None:
                return torch.zeros(4)
            if isinstance(x, (list, tuple)):
                x = torch.cat(x, 1)[:, :4]
            elif isinstance(x, dict):
                x = x['x'] * 2
            if more is not None:
                x = x + more
            return {draw.tensor()}

    """)
    calls = ["x", "[x, x]", "{'x': x}", "x, x", "x, more=2"]
    return Piece(
        methods=[*methods, ""], body=[f"x = x + self.{name}({draw.pick(*calls, '')})" for _ in range(draw.count())]
    )
