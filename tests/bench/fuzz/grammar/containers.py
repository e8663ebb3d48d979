"""Sequential, ModuleList, ModuleDict, subclasses of them, plain lists and dicts of modules."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, indented, scriptable, text


@scriptable
def layer(draw: Draw) -> Piece:
    name = draw.name("fc")
    return Piece(init=[f"self.{name} = {draw.module()}"], body=[f"x = self.{name}(x)"])


@scriptable
def layer_again(draw: Draw) -> Piece:
    name = draw.name("act")
    body = draw.pick(
        [f"x = self.{name}(x)", f"x = self.{name}(x * 2)"],
        [f"x = self.{name}(self.{name}(x) - 1)"],
        [f"x = self.{name}(x) + self.{name}(-x)"],
    )
    return Piece(init=[f"self.{name} = {draw.pick(draw.stateless(), draw.module())}"], body=body)


@construct
def layer_in_loop(draw: Draw) -> Piece:
    name = draw.name("act")
    return Piece(
        init=[f"self.{name} = {draw.module()}"],
        body=[f"for _ in range({draw.count()}):", f"    x = self.{name}(x) + x"],
    )


@scriptable
def sequential(draw: Draw) -> Piece:
    name = draw.name("seq")
    act = draw.stateless()
    made = draw.pick(
        f"nn.Sequential({draw.module()}, {draw.module()})",
        f"nn.Sequential(*[{act}] * 2)",
        f"nn.Sequential(*[{draw.module()} for _ in range(2)])",
    )
    return Piece(init=[f"self.{name} = {made}"], body=[f"x = self.{name}(x)"] * draw.count())


@construct
def sequential_opened(draw: Draw) -> Piece:
    name = draw.name("seq")
    body = draw.pick(
        [f"for layer in self.{name}:", "    x = layer(x) + x"],
        [f"x = self.{name}[1](self.{name}[0](x)) + x"],
        [f"for i, layer in enumerate(self.{name}):", "    x = layer(x) * (i + 1)"],
        [f"for name, layer in self.{name}.named_children():", "    x = layer(x) - x"],
        [f"x = self.{name}[:1](x) + self.{name}[-1](x)"],
        [f"for layer in reversed(self.{name}):", f"    x = F.relu(layer(x)) + len(self.{name})"],
        [f"x = sum(layer(x) for layer in self.{name})"],
    )
    piece = Piece(init=[f"self.{name} = nn.Sequential({draw.module()}, {draw.module()})"], body=body)
    piece.extra += draw.pick(
        [], [f"$m.{name}.append(nn.Tanh())", "seen.append(call(m))"], [f"del $m.{name}[1]", "seen.append(call(m))"]
    )
    return piece


@construct
def module_list(draw: Draw) -> Piece:
    name = draw.name("layers")
    made = draw.pick(
        f"nn.ModuleList([{draw.module()} for _ in range({draw.count()})])",
        f"nn.ModuleList([{draw.module()}, {draw.module()}])",
        f"nn.ModuleList([{draw.stateless()}] * 2)",
    )
    inside = draw.pick(
        "layer(x)", "layer(x) + x", "F.relu(layer(x))", "x * layer(x).sigmoid()", "torch.cat([layer(x), x], 1)[:, :4]"
    )
    body = draw.pick(
        [f"for layer in self.{name}:", f"    x = {inside}"],
        [f"for i, layer in enumerate(self.{name}):", f"    x = {inside} + i"],
        [f"for i in range(len(self.{name})):", f"    x = self.{name}[i](x) + x"],
        [f"ys = [layer(x) for layer in self.{name}]", "x = sum(ys)"],
    )
    piece = Piece(init=[f"self.{name} = {made}"], body=body)
    piece.extra += draw.pick(
        [],
        [f"$m.{name}.append(nn.Linear(4, 4))", "seen.append(call(m))"],
        [f"del $m.{name}[0]", "seen.append(call(m))"],
        [f"$m.{name}[0] = nn.Tanh()", "seen.append(call(m))"],
        [f"$m.{name} = nn.ModuleList([nn.ReLU()] * 4)", "seen.append(call(m))"],
        [f"$m.{name}.insert(0, nn.ReLU())", "seen.append(call(m))"],
        [f"$m.{name} = $m.{name}[:1]", "seen.append(call(m))"],
    )
    return piece


@scriptable
def list_scripted(draw: Draw) -> Piece:
    name = draw.name("layers")
    inside = draw.pick("layer(x)", "layer(x) + x", "F.relu(layer(x))")
    return Piece(
        init=[f"self.{name} = nn.ModuleList([nn.Linear(4, 4), {draw.module()}])"],
        body=[f"for layer in self.{name}:", f"    x = {inside}"],
    )


@construct
def two_lists(draw: Draw) -> Piece:
    a, b = draw.name("convs"), draw.name("norms")
    inside = draw.pick("a(x) + b(x)", "b(a(x)) + x", "F.relu(b(a(x)))")
    loop = draw.pick(f"for a, b in zip(self.{a}, self.{b}):", f"for i, (a, b) in enumerate(zip(self.{a}, self.{b})):")
    piece = Piece(
        init=[
            f"self.{a} = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])",
            f"self.{b} = nn.ModuleList([{draw.module()} for _ in range({draw.pick(2, 3)})])",
        ],
        body=[loop, f"    x = {inside}"],
    )
    piece.extra += draw.pick([], [f"$m.{a}.append(nn.Linear(4, 4))", "seen.append(call(m))"])
    return piece


@construct
def module_dict(draw: Draw) -> Piece:
    name = draw.name("heads")
    body = draw.pick(
        [f"for key, head in self.{name}.items():", "    x = head(x) + len(key)"],
        [f"x = self.{name}['a'](self.{name}['b'](x)) + x"],
        [f"for head in self.{name}.values():", "    x = x + head(x)"],
        [f"x = sum(self.{name}[k](x) for k in ('a', 'b'))"],
        [f"for key in self.{name}:", f"    x = F.relu(self.{name}[key](x))"],
        [f"x = self.{name}['a' if self.training else 'b'](x)", f"x = self.{name}['a'](x)"],
    )
    piece = Piece(init=[f"self.{name} = nn.ModuleDict({{'a': {draw.module()}, 'b': {draw.module()}}})"], body=body)
    piece.extra += draw.pick(
        [],
        [f"$m.{name}['c'] = nn.Tanh()", "seen.append(call(m))"],
        [f"$m.{name}['a'] = nn.ReLU()", "seen.append(call(m))"],
        [f"$m.{name}.pop('b')", "seen.append(call(m))"],
    )
    return piece


@construct
def plain_list(draw: Draw) -> Piece:
    name = draw.name("parts")
    made = draw.pick(
        f"[{draw.stateless()}, nn.Tanh()]",
        f"({draw.stateless()}, nn.ReLU())",
        f"[{draw.function()}, torch.tanh]",
        "[nn.Linear(4, 4), nn.ReLU()]",
    )
    return Piece(
        init=[f"self.{name} = {made}"],
        body=draw.pick(
            [f"for part in self.{name}:", "    x = part(x) + x"],
            [f"x = self.{name}[0](x)", f"x = self.{name}[1](self.{name}[0](x))"],
            [f"for a, b in zip(range(5), self.{name}):", "    x = x + a", f"x = self.{name}[-1](x)"],
        ),
    )


@construct
def plain_dict(draw: Draw) -> Piece:
    name = draw.name("parts")
    made = draw.pick(
        f"{{'p': {draw.stateless()}, 'q': nn.Linear(4, 4)}}",
        "dict(p=F.relu, q=torch.tanh)",
        f"{{'p': {draw.stateless()}, 'q': lambda t: t * 2}}",
    )
    return Piece(
        init=[f"self.{name} = {made}"],
        body=draw.pick(
            [f"for part in self.{name}.values():", "    x = part(x) + 1"],
            [f"x = self.{name}['p'](x)", f"x = self.{name}['p'](x) + x"],
            [f"x = self.{name}.get('q', F.relu)(x)"],
        ),
    )


@construct
def own_sequential(draw: Draw) -> Piece:
    name, keep = draw.name("Stack", 0).capitalize(), draw.name("stack")
    base, made = draw.pick(
        ("nn.Sequential", f"({draw.module()}, {draw.module()})"),
        ("nn.ModuleList", f"([{draw.module()}, {draw.module()}])"),
    )
    inside = draw.pick(
        ["for layer in self:", "    x = layer(x) + x"],
        ["for i, layer in enumerate(self):", "    x = F.relu(layer(x)) * (i + 1)"],
        ["y = self[0](x)", "x = self[1](y) + y"],
        ["for layer in self.children():", "    x = torch.cat([layer(x), x], 1)[:, :4]"],
        ["x = x + len(self)", "for layer in self: x = layer(x) * x"],
    )
    if base == "nn.Sequential":
        inside += draw.pick([], ["x = super().forward(x) + 1"])
    lines = [f"class {name}({base}):", "    def forward(self, x):", *indented([*inside, "return x"], 2)]
    return Piece(
        above=["", "", *lines],
        init=[f"self.{keep} = {name}{made}"],
        body=[f"x = self.{keep}(x)"] * draw.count(),
        extra=draw.pick([], [f"seen.append(len($m.{keep}))", f"$m.{keep}.append(nn.ReLU())", "seen.append(call(m))"]),
    )


@construct
def own_dict(draw: Draw) -> Piece:
    name, keep = draw.name("Heads", 0).capitalize(), draw.name("heads")
    above = text(f"""


        class {name}(nn.ModuleDict):
            def forward(self, x):
                for key, layer in self.items():
                    x = layer(x) + {draw.pick("len(key)", "x", "len(self)")}
                return F.relu(x) {draw.pick("", "+ x")}
    """)
    return Piece(
        above=above,
        init=[f"self.{keep} = {name}(dict(a={draw.module()}, b={draw.module()}))"],
        body=[f"x = self.{keep}(x)"],
    )


@construct
def no_children(draw: Draw) -> Piece:
    """Modules that are no children of the object, since a plain list or dict holds them."""
    name, key = draw.name("acts"), draw.pick("a", "type", "a.b")
    members = [draw.pick(draw.stateless(), draw.stateless(), "nn.Linear(4, 4)", "nn.Dropout(0.5)") for _ in range(2)]
    displays = [f"[{', '.join(members)}]", f"({members[0]}, {members[1]})", f"[{members[0]}] * 2"]
    displays += [f"[{members[0]} for _ in range(2)]", f"[{members[0]}]"]
    loop = [f"for act in self.{name}:", "    x = act(x)"]
    body = draw.pick(
        loop,
        [*loop, *loop],
        ["for _ in range(2):", *(f"    {line}" for line in loop)],
        [f"x = [act(y) for act, y in zip(self.{name}, [x, x])][0]"],
        [f"x = self.{name}[-1](x)"],
        [f"x = self.{name}[0](x)", f"x = self.{name}[0](x)"],
        [f"for act in self.{name}[:1]:", "    x = act(x)"],
        [*loop, f"x = x * len(self.{name})"],
        [*loop, "x = x * len(list(self.modules()))"],
        [f"for i, act in enumerate(reversed(self.{name})):", "    x = act(x) + i"],
    )
    more = draw.pick([], [], [f"self.{name} += [{draw.stateless()}]"], [f"self.all = nn.Sequential(*self.{name})"])
    if draw.chance(0.3):
        body, more = (
            draw.pick([f"x = self.{name}[{key!r}](x)"], [f"for act in self.{name}.values():", "    x = act(x)"]),
            [],
        )
        displays = [f"{{{key!r}: {members[0]}}}"]
    return Piece(init=[f"self.{name} = {draw.pick(*displays)}", *more], body=body)
