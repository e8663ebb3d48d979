"""Lists and dicts of tensors, as pyramids, recurrences and detection heads hand them on."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Lines, Piece, construct, indented


def _made(draw: Draw, name: str) -> Lines:
    return draw.pick(
        [f"{name} = [x, {draw.tensor()}]"],
        [f"{name} = [x]", "for _ in range(2):", f"    x = {draw.tensor()}", f"    {name}.append(x)"],
        [f"{name} = list(torch.stack([x, -x, x * 2]).unbind(0))"],
        [f"{name} = []", f"for s in (1, {draw.number()}):", f"    {name} += [x * s]"],
        [f"{name} = [{draw.tensor('f')} for f in (x, -x)]"],
        [f"{name} = (x, {draw.tensor()}, x)"],
    )


def _used(draw: Draw, name: str) -> Lines:
    """Leaves one tensor in `x`."""
    return draw.pick(
        [f"for f in {name}:", f"    x = x + {draw.tensor('f')}"],
        [f"for i, f in enumerate({name}[1:]):", f"    x = {draw.tensor('f')} * (i + 1) + x"],
        [f"for a, b in zip({name}, {name}[1:]):", f"    x = a * {draw.tensor('b')}"],
        [f"for i in range(len({name}) - 1):", f"    x = {name}[i + 1] - {draw.tensor(f'{name}[i]')}"],
        [f"for f in reversed({name}):", f"    x = torch.maximum(x, {draw.tensor('f')})"],
        [f"x = torch.stack([{draw.tensor('f')} for f in {name}]).mean(0)"],
        [f"x = sum({draw.tensor('f')} for f in {name})"],
        [f"x = {name}[-1] + {name}[0] * len({name})"],
        [f"x = torch.cat(tuple({name}), 1)[:, :4]"],
        [f"rest = list({name})", "while rest:", "    x = x + rest.pop()"],
        [
            f"down = list({name})",
            "for i in range(len(down) - 1, 0, -1):",
            "    down[i - 1] = down[i - 1] + down[i]",
            "x = down[0]",
        ],
    )


@construct
def gathered(draw: Draw) -> Piece:
    name = draw.name("feats")
    return Piece(body=[*_made(draw, name), *_used(draw, name)])


@construct
def handed_to_module(draw: Draw) -> Piece:
    """A module that is given lists, of other lengths from call to call."""
    cls, name = draw.name("Neck", 0).capitalize(), draw.name("neck")
    kind = draw.pick("", "", ": list[torch.Tensor]", ": 'list'", ": tuple")
    returned = draw.pick(
        ["outs = []", "for f in feats:", f"    outs.append({draw.tensor('f')})", "return outs"],
        [f"return [{draw.tensor('f')} for f in feats]"],
        [
            "outs = list(feats)",
            "for i in range(1, len(outs)):",
            f"    outs[i] = outs[i] + {draw.tensor('outs[i - 1]')}",
            "return outs",
        ],
        ["last = feats[-1]", f"return [{draw.tensor('last')}] + [f * 2 for f in feats[:-1]]"],
        ["return [self.fc(f) + f for f in feats]"],
    )
    above = ["", f"class {cls}(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    above += [
        "        self.fc = nn.Linear(4, 4)",
        "",
        f"    def forward(self, feats{kind}):",
        *indented(returned, 2),
        "",
    ]
    calls = draw.pick(
        [f"feats = self.{name}([x, x * 2])"],
        [f"feats = self.{name}(self.{name}([x, -x, x]))"],
        [f"feats = self.{name}([x]) + self.{name}([x, -x])"],
        [f"feats = self.{name}((x, {draw.tensor()}))", "for _ in range(2):", f"    feats = self.{name}(feats[:2])"],
    )
    longer = [f"seen.append($m.{name}([torch.ones(2, 4)] * 5))", "seen.append(call(m))"]
    return Piece(
        above=above,
        init=[f"self.{name} = {cls}()"],
        body=[*calls, *_used(draw, "feats")],
        extra=draw.pick([], longer),
    )


@construct
def handed_to_function(draw: Draw) -> Piece:
    name = draw.name("fuse")
    signature, call = draw.pick(
        ("feats", f"{name}([x, -x])"),
        ("feats, k=2", f"{name}((x, x * 2), 3)"),
        ("*feats", f"{name}(x, {draw.tensor()})"),
        ("first, *feats", f"{name}(x, x + 1, -x)"),
    )
    above = ["", f"def {name}({signature}):", "    x = feats[0]", *indented(_used(draw, "feats")), "    return x", ""]
    return Piece(above=above, body=[f"x = {call}"] * draw.pick(1, 1, 2))


@construct
def handed_to_method(draw: Draw) -> Piece:
    name = draw.name("fuse")
    methods = [f"def {name}(self, feats):", "    x = feats[0]", *indented(_used(draw, "feats")), "    return x", ""]
    calls = draw.pick(
        [f"x = self.{name}([x, -x])"],
        [f"x = self.{name}([x, -x])", f"x = self.{name}([x, x, x])"],
        ["for _ in range(2):", f"    x = self.{name}((x, {draw.tensor()}))"],
    )
    return Piece(methods=methods, body=calls, extra=draw.pick([], [f"seen.append($m.{name}([torch.ones(2, 4)] * 4))"]))


@construct
def levels(draw: Draw) -> Piece:
    """A layer for each member."""
    convs, name = draw.name("convs"), draw.name("feats")
    loop = draw.pick(
        [f"for conv, f in zip(self.{convs}, {name}):", "    outs.append(conv(f) + f)"],
        [f"for i, f in enumerate({name}[:2]):", f"    outs.append(F.relu(self.{convs}[i](f)))"],
        [f"for i in range(len(self.{convs})):", f"    outs.append(self.{convs}[i]({name}[i]) * 2)"],
        [f"outs = [conv(f) + x for conv, f in zip(self.{convs}, {name})]"],
        [f"for conv in self.{convs}:", "    outs.append(conv(outs[-1] if outs else x) + x)"],
    )
    return Piece(
        init=[f"self.{convs} = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])"],
        body=[*_made(draw, name), "outs = []", *loop, *_used(draw, "outs")],
        extra=draw.pick([], [], [f"$m.{convs}.append(nn.Linear(4, 4))", "seen.append(call(m))"]),
    )


@construct
def in_dict(draw: Draw) -> Piece:
    name = draw.name("maps")
    used = draw.pick(
        [f"for k, v in {name}.items():", f"    {name}[k] = {draw.tensor('v')}", f"x = sum({name}.values())"],
        [f"for k in sorted({name}):", f"    x = x + {name}[k]"],
        [f"x = torch.stack(list({{k: v * 2 for k, v in {name}.items()}}.values())).sum(0)"],
        [f"x = {name}.pop('a') + {name}.get('c', {draw.tensor()})"],
        [f"{name}.update(c=x * 2)", f"for v in {name}.values():", "    x = x * v"],
    )
    return Piece(body=[f"{name} = {{'a': x, 'b': {draw.tensor()}}}", *used])


@construct
def steps_of_time(draw: Draw) -> Piece:
    """A recurrence over what the input is long."""
    loop, step = draw.pick(
        ("for t in range(x.shape[1]):", "x[:, t : t + 1]"),
        ("for col in x.unbind(1):", "col[:, None]"),
        ("for t in range(x.size(1) - 1, -1, -1):", "x[:, t, None]"),
        ("for t, col in enumerate(torch.split(x, 1, dim=1)):", "col"),
    )
    update = draw.pick(f"torch.tanh(h * {step} + h)", f"h + {step}", f"h * 0.5 + F.relu({step})")
    return Piece(body=["h = torch.zeros(x.shape[0], 4)", loop, f"    h = {update}", "x = x + h"])
