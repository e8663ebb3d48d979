"""What TorchScript takes, beside the constructs of other themes that it takes as well."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, scriptable


@scriptable
def typed_method(draw: Draw) -> Piece:
    """Methods as TorchScript wants them, called once or twice, exported or not."""
    name = draw.name("typed")
    decorator = draw.pick([], ["@torch.jit.export"])
    call = draw.pick(
        f"self.{name}(x)", f"self.{name}(self.{name}(x))", f"self.{name}(x) + self.{name}(x * 2)", f"self.{name}(x, 3)"
    )
    return Piece(
        methods=[
            *decorator,
            f"def {name}(self, x: torch.Tensor, k: int = 2) -> torch.Tensor:",
            f"    return {draw.tensor()} * k",
            "",
        ],
        body=[f"x = {call}"],
    )


@scriptable
def zip_of_lists(draw: Draw) -> Piece:
    a, b = draw.name("convs"), draw.name("norms")
    return Piece(
        init=[
            f"self.{a} = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])",
            f"self.{b} = nn.ModuleList([nn.ReLU(), nn.Tanh()])",
        ],
        body=[f"for a, b in zip(self.{a}, self.{b}):", f"    x = {draw.pick('b(a(x)) + x', 'a(x) * b(x)', 'b(a(x))')}"],
    )


@scriptable
def list_of_tensors(draw: Draw) -> Piece:
    name = draw.name("layers")
    return Piece(
        init=[f"self.{name} = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])"],
        body=[
            "outs = [x]",
            f"for layer in self.{name}:",
            f"    outs.append(layer(outs[-1]){draw.pick('', ' + x')})",
            "x = torch.cat(outs, 1)[:, :4]",
        ],
    )


@scriptable
def optional_part(draw: Draw) -> Piece:
    name = draw.name("maybe")
    return Piece(
        init=[f"self.{name} = {draw.pick('None', 'nn.Linear(4, 4)')}"],
        body=[f"if self.{name} is not None:", f"    x = self.{name}(x) + x"],
    )
