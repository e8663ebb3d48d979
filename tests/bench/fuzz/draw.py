"""Chance, and the small things that constructs draw: names, numbers, expressions, steps of a forward."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from tests.bench.fuzz.piece import CONSTRUCTS, SCRIPTABLE, Piece, together

T = TypeVar("T")

# Names that the rewriter gives as well: a person may have used them before.
TAKEN_NAMES = "add mul relu softmax concat dropout call ops sum mean sub sigmoid matmul add2 relu2 tanh neg".split()

# Each keeps the shape of `V`, which has four columns.
EXPRESSIONS = (
    "V + 1",
    "1 - V",
    "V * 2",
    "V + V",
    "V * V.sigmoid()",
    "-V",
    "V / 3",
    "2 * V - 1",
    "V ** 2",
    "abs(V)",
    "F.relu(V)",
    "torch.relu(V)",
    "V.relu()",
    "F.gelu(V)",
    "torch.tanh(V)",
    "F.silu(V)",
    "F.leaky_relu(V, 0.2)",
    "F.softmax(V, dim=-1)",
    "F.softmax(V, -1)",
    "torch.softmax(V, 0)",
    "V.softmax(dim=0)",
    "F.log_softmax(V, dim=1)",
    "torch.cat([V, V], 1)[:, :4]",
    "torch.cat((V[:, :2], V[:, 2:]), dim=-1)",
    "torch.stack([V, V]).sum(0)",
    "torch.stack((V, -V), dim=1)[:, 0]",
    "V.mean(1, keepdim=True) + V",
    "V - V.mean()",
    "V * V.sum(-1, keepdim=True)",
    "V @ torch.eye(4)",
    "torch.matmul(V, torch.ones(4, 4))",
    "V.exp()",
    "V.clamp(-1, 1)",
    "torch.clamp(V, min=0)",
    "V.masked_fill(V > 0, 0.5)",
    "torch.where(V > 0, V, V * 0.1)",
    "V.max(V * 2)",
    "torch.maximum(V, -V)",
    "F.normalize(V, dim=1)",
    "V.flatten(1)",
    "V.view(-1, 4) + 0",
    "V.t().t() * 2",
    "V.abs().sqrt()",
    "V - V.max()",
    "F.layer_norm(V, (4,))",
    "F.pad(V, (0, 1))[:, :4]",
    "sum([V, V])",
    "torch.add(V, V, alpha=2)",
    "V.add(1)",
    "V.mul(V)",
    "V // 2",
    "V % 2",
    "F.hardtanh(V, -0.5, 0.5)",
    "F.elu(V)",
    "V.unsqueeze(0).mean(0)",
    "V.cumsum(0)",
    "torch.einsum('ij,jk->ik', V, torch.eye(4))",
    "V.chunk(2, 1)[0].repeat(1, 2)",
    "V.split(2, dim=1)[1].repeat(1, 2)",
    "torch.bmm(V[None], torch.eye(4)[None])[0]",
    "F.interpolate(V[None], scale_factor=2.0)[0, :, ::2]",
    "V.div(2)",
    "F.max_pool1d(V[None], 1)[0]",
    "F.avg_pool1d(V[None], 1)[0]",
    "F.linear(V, torch.eye(4))",
    "V.pow(2)",
    "+V + 0",
    "torch.float_power(V, 2).float()",
    "torch.logcumsumexp(V, 1)",
    "V.index_add(0, torch.arange(V.shape[0]), V)",
    "torch.layer_norm(V, (4,))",
    "torch.var_mean(V, 1, keepdim=True)[1] + V",
    "V.diff(dim=1).sum() + V",
    "V.scatter_add(0, torch.zeros_like(V).long(), V)",
    "torch.special.log_ndtr(V)",
)
OF_MODULES = ("F.dropout(V, 0.5, self.training)", "F.dropout(V, p=0.3, training=self.training)")
RANDOM = ("F.dropout(V, 0.4)", "V + torch.rand(1)", "V * torch.randn_like(V)")
PARTLY_IN_PLACE = (
    "V += 1",
    "V *= 2",
    "V -= V.mean()",
    "V.add_(1)",
    "V.mul_(0.5)",
    "F.relu_(V)",
    "F.relu(V, inplace=True)",
    "torch.relu_(V)",
    "V.clamp_(-1, 1)",
    "V[:, 0] += 1",
    "V[0] *= 2",
    "V[:, :2].mul_(3)",
    "V /= 2",
    "V.relu_()",
    "V.sub_(V.mean())",
    "V[:, 1:3] = V[:, 1:3] * 2",
    "torch.add(V, 1, out=V.data)",
    "V.zero_().add_(1)",
)
MODULES = (
    "nn.ReLU()",
    "nn.Linear(4, 4)",
    "nn.Dropout(0.5)",
    "nn.Tanh()",
    "nn.BatchNorm1d(4)",
    "nn.LayerNorm(4)",
    "nn.Identity()",
    "nn.ReLU(inplace=True)",
    "nn.Sigmoid()",
    "nn.GELU()",
    "nn.PReLU()",
    "nn.Softmax(dim=1)",
    "nn.Sequential(nn.Linear(4, 4), nn.ReLU())",
    "nn.LeakyReLU(0.1)",
    "nn.Hardtanh(-1, 1)",
)
STATELESS = ("nn.ReLU()", "nn.Tanh()", "nn.Dropout(0.5)", "nn.Sigmoid()", "nn.GELU()", "nn.LeakyReLU(0.3)")
FUNCTIONS = ("F.relu", "torch.tanh", "torch.sigmoid", "F.gelu", "F.silu", "torch.relu", "F.softplus", "F.elu")


class Draw:
    """One program's chance. The same seed draws the same program."""

    def __init__(
        self,
        seed: int,
        without: Sequence[str] = (),
        scriptable: bool = False,
        depth: int = 2,
        spared: bool = False,
    ) -> None:
        self.random = random.Random(seed)
        self.spared = spared
        self.hazards: list[str] = []
        """The headings in docs/what-changes.md of what the program does."""
        self.depth = depth
        self.scriptable = scriptable
        self.names: set[str] = set()
        self.used: list[str] = []
        """The names of the constructs in the order they were drawn."""
        self.available = [
            name
            for name in CONSTRUCTS
            if not name.startswith(tuple(without)) and (name in SCRIPTABLE or not scriptable)
        ]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, *options: T) -> T:
        return self.random.choice(options)

    def hazard(self, heading: str, does: T, instead: T) -> T:
        """What `docs/what-changes.md` says to give something else, or the same program without it."""
        self.hazards.append(heading)
        return instead if self.spared else does

    def number(self) -> str:
        return self.pick("2", "3", "0.5", "1", "-1", "1.5")

    def count(self) -> int:
        return self.random.randint(1, 3)

    def name(self, base: str, strange: float = 0.15) -> str:
        """A name that nothing else in the program has; now and then one that the rewriter likes to give."""
        if self.chance(strange):
            base = self.pick(*TAKEN_NAMES)
        name, number = base, 2
        while name in self.names:
            name, number = f"{base}{number}", number + 1
        self.names.add(name)
        return name

    def tensor(self, value: str = "x", in_module: bool = False) -> str:
        """An expression of the shape of `value`, of one or two operations."""
        options = (*EXPRESSIONS, *OF_MODULES) if in_module else EXPRESSIONS
        if in_module and not self.scriptable and self.chance(0.05):
            options = RANDOM
        found = self.pick(*options).replace("V", value)
        if self.chance(0.2):
            found = self.pick("(E) + (G)", "(E) * (G)", "torch.cat([E, G], 1)[:, 2:6]", "(E) - (G)").replace("E", found)
            found = found.replace("G", self.pick(*EXPRESSIONS).replace("V", value))
        return found

    def in_place(self, value: str = "x") -> str:
        return self.pick(*PARTLY_IN_PLACE).replace("V", value)

    def module(self) -> str:
        return self.pick(*MODULES)

    def stateless(self) -> str:
        return self.pick(*STATELESS)

    def function(self) -> str:
        return self.pick(*FUNCTIONS)

    def step(self) -> Piece:
        """One construct, or a plain line where the nesting is deep."""
        if self.depth <= 0 or not self.available or self.chance(0.15):
            return Piece(body=[f"x = {self.tensor(in_module=True)}"])
        name = self.pick(*self.available)
        self.used.append(name)
        self.depth -= 1
        piece = CONSTRUCTS[name](self)
        self.depth += 1
        return piece

    def steps(self, count: int) -> Piece:
        return together([self.step() for _ in range(count)])
