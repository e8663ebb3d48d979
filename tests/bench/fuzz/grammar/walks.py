"""Children that are added by name, walked over, counted, nested, or in several places."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct


@construct
def added_modules(draw: Draw) -> Piece:
    name = draw.name("part")
    how = draw.pick(
        f"self.add_module('{name}%d' % i, {draw.module()})",
        f"setattr(self, f'{name}{{i}}', {draw.module()})",
        f"self.register_module('{name}' + str(i), {draw.module()})",
    )
    call = draw.pick(
        f"getattr(self, '{name}%d' % i)(x)",
        f"getattr(self, f'{name}{{i}}')(x) + x",
        f"self._modules['{name}' + str(i)](x)",
        f"self.get_submodule(f'{name}{{i}}')(x)",
    )
    return Piece(init=["for i in range(2):", f"    {how}"], body=["for i in range(2):", f"    x = {call}"])


@construct
def children_walk(draw: Draw) -> Piece:
    """A forward that runs over the children of a part, or looks at what they are."""
    name = draw.name("body")
    body = draw.pick(
        [f"for layer in self.{name}.children():", "    x = layer(x) + 1"],
        [f"for layer in self.{name}.modules():", "    if isinstance(layer, nn.Linear):", "        x = layer(x) + x"],
        [f"x = x * sum(p.sum() for p in self.{name}.parameters())"],
        [f"if isinstance(self.{name}[0], nn.Linear):", f"    x = x + self.{name}[0].weight.sum()"],
    )
    return Piece(
        init=[f"self.{name} = nn.Sequential(nn.Linear(4, 4), {draw.module()})"], body=[*body, f"x = self.{name}(x)"]
    )


@construct
def own_children(draw: Draw) -> Piece:
    walk = draw.pick(
        "len(list(self.modules()))",
        "len(list(self.children()))",
        "len(self._modules)",
        "sum(1 for _ in self.named_modules())",
        "sum(isinstance(c, nn.Linear) for c in self.modules())",
        "sum(p.numel() for p in self.parameters())",
    )
    return Piece(body=[f"x = {draw.tensor()} * {walk}"])


@construct
def parameter_list(draw: Draw) -> Piece:
    name = draw.name("weights")
    made = draw.pick(
        "nn.ParameterList([nn.Parameter(torch.ones(4)) for _ in range(2)])",
        "nn.ParameterDict({'a': nn.Parameter(torch.ones(4))})",
    )
    loop = f"for w in self.{name}{'.values()' if 'Dict' in made else ''}:"
    return Piece(init=[f"self.{name} = {made}"], body=[loop, f"    x = x {draw.pick('*', '+')} w"])


@construct
def nested_lists(draw: Draw) -> Piece:
    name = draw.name("stages")
    return Piece(
        init=[
            f"self.{name} = nn.ModuleList([nn.ModuleList([{draw.module()} for _ in range(i + 1)]) for i in range(2)])"
        ],
        body=[
            f"for stage in self.{name}:",
            "    for layer in stage:",
            f"        x = {draw.pick('layer(x) + x', 'F.relu(layer(x))', 'x * layer(x)')}",
            f"    x = {draw.tensor()}",
        ],
    )


@construct
def shared_instance(draw: Draw) -> Piece:
    """One module in several places."""
    a, b = draw.name("first"), draw.name("second")
    one = "A module that was made again is one of two"
    compared = draw.hazard(one, [f"seen.append($m.{a} is $m.{b})"], ["seen.append(1)"])
    replaced = draw.hazard(one, [f"$m.{a} = nn.Tanh()", "seen.append(call(m))"], ["seen.append(1)"])
    return Piece(
        init=draw.pick(
            [f"act = {draw.module()}", f"self.{a} = act", f"self.{b} = nn.Sequential(act, nn.Linear(4, 4))"],
            [f"self.{a} = self.{b} = {draw.module()}"],
            [f"self.{a} = {draw.module()}", f"self.{b} = self.{a}"],
        ),
        body=[
            f"x = self.{b}(self.{a}(x))",
            *draw.pick([], [f"x = x * (2 if self.{a} is self.{b} else 3)"], [f"x = self.{a}(x)"]),
        ],
        extra=draw.pick([], replaced, compared),
    )
