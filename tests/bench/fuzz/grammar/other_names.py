"""Modules that a forward makes itself, that variables and arguments stand for, that parts of others are; named tuples."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct


@construct
def made_in_forward(draw: Draw) -> Piece:
    """Modules with and without settings that the forward knows, and some that are never the same twice."""
    made = draw.pick(
        draw.stateless(),
        "nn.Softmax(dim=x.dim() - 1)",
        "nn.Sequential(nn.ReLU(), nn.Tanh())",
        "nn.Hardtanh(-1.0, float(x.size(1)))",
        "nn.LayerNorm(4)",
        "nn.Identity()",
    )
    line = draw.pick(f"x = {made}(x)", f"x = {made}({draw.tensor()}) + x", f"act = {made}; x = act(x) * act(x)")
    return Piece(body=draw.pick([line], ["for _ in range(2):", f"    {line}"], ["if x.dim() > 1:", f"    {line}"]))


@construct
def pooled_in_forward(draw: Draw) -> Piece:
    size = draw.pick("4", "x.shape[1]", "x.size(-1)", "self.width")
    made = draw.pick(f"nn.AdaptiveAvgPool1d({size})", f"nn.Upsample({size})", f"nn.Upsample(size={size})")
    return Piece(init=["self.width = 4"], body=[f"x = {made}(x[None])[0]"])


@construct
def by_another_name(draw: Draw) -> Piece:
    name, helper = draw.name("act"), draw.name("twice", 0)
    above = [f"def {helper}(f, x):", f"    return {draw.pick('f(f(x))', 'f(x) + 1', 'f(x) + f(x * 2)')}", ""]
    body = draw.pick(
        [f"f = self.{name}", "x = f(f(x))"],
        [f"x = {helper}(self.{name}, x)", f"x = self.{name}(x) + 1"],
        [f"f = self.{name} if x.dim() > 1 else F.relu", "x = f(x)"],
        [f"for f in (self.{name}, torch.tanh):", "    x = f(x)"],
        [f"x = (g := self.{name})(g(x))"],
        [f"x = torch.utils.checkpoint.checkpoint(self.{name}, x, use_reentrant=False)", f"x = self.{name}(x)"],
    )
    imports = ["import torch.utils.checkpoint"]
    return Piece(above=above, imports=imports, init=[f"self.{name} = {draw.stateless()}"], body=body)


@construct
def part_and_whole(draw: Draw) -> Piece:
    name = draw.name("steps")
    return Piece(
        init=[f"self.{name} = nn.Sequential({draw.stateless()}, nn.Linear(4, 4))"],
        body=draw.pick(
            [f"x = self.{name}(x)", f"x = self.{name}[0](x)"],
            [f"x = self.{name}[1](self.{name}[0](x))", f"x = self.{name}(x)"],
        ),
    )


@construct
def named_tuple(draw: Draw) -> Piece:
    name = draw.name("Pair", 0)
    fields = draw.pick("'left right'", "['left', 'right']", "'left, right'")
    use = draw.pick("pair.left * pair.right", "pair[0] + pair.right", "pair._replace(left=x).left + pair.right")
    made = draw.pick("(x, x + 1)", "(left=x, right=x * 2)", "(*[x, x])")
    above = [f"{name} = collections.namedtuple('{name}', {fields})", ""]
    return Piece(imports=["import collections"], above=above, body=[f"pair = {name}{made}", f"x = {use}"])
