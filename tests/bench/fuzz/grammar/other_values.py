"""Operators and methods of what is not a tensor, by names and symbols that tensors have as well."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text

_IMPORTS = [
    "import collections",
    "import datetime",
    "import fractions",
    "import logging",
    "import pathlib",
    "import time",
    "import numpy as np",
]


@construct
def other_operators(draw: Draw) -> Piece:
    return Piece(
        imports=_IMPORTS,
        init=[
            "self.root = pathlib.Path('a')",
            "self.sizes = (1, 2)",
            "self.label = 'net'",
            "self.ratio = fractions.Fraction(1, 2)",
        ],
        body=draw.pick(
            ["path = self.root / 'b' / self.label", f"x = {draw.tensor()} * len(path.parts)"],
            ["name = self.label + '_' + '%s' % x.dim()", "x = x * len(name)"],
            ["sizes = self.sizes + (3,) * 2", "x = x + sum(sizes)"],
            [
                "start = time.time()",
                f"x = {draw.tensor()}",
                "taken = time.time() - start",
                "x = x + (1 if taken >= 0 else 2)",
            ],
            [
                "span = datetime.timedelta(seconds=2) * 2 - datetime.timedelta(seconds=1)",
                "x = x * span.total_seconds()",
            ],
            ["counts = collections.Counter('aab') + collections.Counter('b')", "x = x + counts['b'] * 2"],
            ["x = x * float(self.ratio * 2 + 1)", "x = x - self.ratio.numerator"],
            ["x = np.float32(2) * x + np.float64(1)", "x = x * np.ones(4, dtype=np.float32)[0]"],
            ["seen_ = {'a', 'b'} - {'a'}", "seen_.add('c')", "x = x + len(seen_)"],
            ["logging.getLogger('n').debug('%s', x)", f"x = {draw.tensor()}"],
            ["print(f'{x.mean():.3f}', x.shape[0] * 2)", f"x = {draw.tensor()}"],
            ["x = x + (True + 1) * 2 - (3 > 2)", "x = x * (not self.training)"],
            ["words = 'a b c'.split() + ['d']", "x = x * len(words) + 'abc'.index('c')"],
            ["kept = [0] * x.shape[0]", "kept[0] += 2", "x = x + kept[0] - max(kept)"],
        ),
    )


@construct
def helper_of_all(draw: Draw) -> Piece:
    """One helper, given tensors here, and texts, tuples, paths or arrays there."""
    name = draw.name("joined", 0)
    inside = draw.pick(
        "a + b", "a * 2", "a.sum()", "a[0] + b[0]", "a.mean() + b.mean()", "a - b", "max(a, b)", "abs(a)"
    )
    others = {
        "a + b": ["'a', 'b'", "(1,), (2,)", "[1], [2]", "np.ones(2), 1", "1, 2.5"],
        "a * 2": ["'ab', None", "[1], 0", "np.ones(2), 0", "3, 0"],
        "a.sum()": ["np.ones(3), 0", "Own(), 0"],
        "a[0] + b[0]": ["'ab', 'cd'", "[1], [2]", "(x, 1), (x, 2)", "np.ones(2), np.ones(2)"],
        "a.mean() + b.mean()": ["np.ones(2), np.ones(3)"],
        "a - b": ["{1, 2}, {2}", "np.ones(2), 1", "3, 1"],
        "max(a, b)": ["'a', 'b'", "1, 2", "(1,), (2,)"],
        "abs(a)": ["-1, 0", "np.ones(2), 0", "Own(), 0"],
    }[inside]
    own = text("""
    class Own:
        def sum(self): return 5
        def __abs__(self): return 6
    """)
    given = draw.pick(*others)
    tensors = "x.mean(), x.sum()" if inside == "max(a, b)" else "x, x * 2"
    if draw.chance(0.5):
        call, place = f"self.{name}", {"methods": [f"def {name}(self, a, b):", f"    return {inside}", ""]}
    else:
        call, place = name, {"above": ["", f"def {name}(a, b):", f"    return {inside}", ""]}
    above = ["", *own, "", *place.pop("above", [])]
    first = draw.pick(
        [f"x = x + {call}({tensors})", f"y = {call}({given})"], [f"y = {call}({given})", f"x = x + {call}({tensors})"]
    )
    return Piece(imports=_IMPORTS, above=above, body=[*first, "x = x * len(str(y))"], **place)


@construct
def several_results(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["values, where = x.max(1)", "x = x - values[:, None] * 2"],
            ["best = x.topk(2, dim=1)", "x = x + best.values.sum(1, keepdim=True) + best[1].float().mean()"],
            ["x = torch.sort(x, 1)[0] + x.sort(dim=1, descending=True).values"],
            ["var, mean = torch.var_mean(x, 1, keepdim=True)", "x = (x - mean) / (var + 1).sqrt()"],
            ["a, b = torch.broadcast_tensors(x, torch.ones(4))", "x = a * 2 + b"],
            ["q, r = torch.linalg.qr(x.t() @ x + torch.eye(4))", "x = x @ r"],
            ["u = torch.unique(x.sign())", "x = x * u.numel()"],
            ["m = x.cummax(1)", "x = m[0] + m.indices"],
            ["lo, hi = x.aminmax()", "x = (x - lo) / (hi - lo + 1)"],
            ["a, b = x.tensor_split(2, dim=1)", "x = torch.hstack([b, a]) + torch.vstack([a, a])[: x.shape[0]].mean()"],
            ["i, j = torch.meshgrid(torch.arange(2.0), torch.arange(2.0), indexing='ij')", "x = x + (i * j).sum()"],
            ["x = torch.func.vjp(torch.tanh, x)[0] * 2"],
        )
    )


@construct
def other_kinds_of_tensors(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            [
                "z = torch.view_as_complex(x.reshape(-1, 2, 2).contiguous())",
                "z = z * 2 + z.conj()",
                "x = torch.view_as_real(z).reshape(x.shape)",
            ],
            [
                "z = torch.fft.rfft(x, dim=1)",
                "z = z * torch.exp(torch.tensor(1j).to(z.dtype)).abs()",
                "x = torch.fft.irfft(z, n=4, dim=1)",
            ],
            ["mask = (x > 0) & ~(x > 1) | (x < -1)", "x = x * mask + mask.sum()"],
            ["n = (x * 10).long()", "n = n // 2 % 3 - (n << 1)", "x = x + n * 0.5"],
            ["x = (x.to_sparse() * 2).to_dense() + x"],
            ["n = torch.arange(x.shape[0]) * 2 + 1", "x = x * n[:, None] / n.sum()"],
            ["x = x.half().float() * 2 if False else x.to(torch.float64).to(x.dtype) * 2"],
            ["x = x.new_ones(4) * x + x.new_tensor([1.0, 2, 3, 4])"],
            [
                "m = torch.ones(x.shape[0], x.shape[0]).tril().bool()",
                "x = (x @ x.t()).masked_fill(~m, -1e4).softmax(-1) @ x",
            ],
            ["x = torch.zeros_like(x).index_add(0, torch.zeros(x.shape[0], dtype=torch.long), x) + x"],
            ["p = torch.nn.utils.rnn.pad_sequence([x[:1], x], batch_first=True)", "x = p.sum(0)[: x.shape[0]] * 2"],
        )
    )


@construct
def unbound_methods(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["x = torch.Tensor.add(x, 1)", "x = torch.Tensor.relu(x)"],
            ["f = torch.Tensor.mul", "x = f(x, 2) + f(x, x)"],
            ["x = torch.special.expit(x) + torch.special.erf(x)"],
            ["x = torch.ops.aten.relu(x) + x"],
            ["x = x.__add__(1).__mul__(2)", "x = x.__rsub__(1)"],
            ["x = getattr(x, 'relu')() + getattr(torch, 'tanh')(x)"],
            ["x = x.apply_(lambda v: v) if False else x.clone().clamp_min(0) + 1"],
            ["op = x.add", "x = op(1) + op(2)"],
            ["ops_ = [x.mul, x.sub]", "x = ops_[0](2) + ops_[1](1)"],
            ["x = sum((m(x) for m in (torch.neg, torch.abs, torch.Tensor.exp)), torch.zeros(()))"],
            ["x = torch.addmm(x, x, torch.eye(4), beta=2) + torch.baddbmm(x[None], x[None], torch.eye(4)[None])[0]"],
            ["x = F.relu(input=x) + torch.add(other=1, input=x) + torch.cat(tensors=[x, x], dim=1)[:, :4]"],
        )
    )


@construct
def gradients_by_hand(draw: Draw) -> Piece:
    """Hooks on tensors and on modules for the way back, gradients that are kept, parts that are taken out of it."""
    name = draw.name("fc")
    init = [f"self.{name} = nn.Linear(4, 4)"]
    made = draw.pick(
        [],
        [f"self.{name}.register_full_backward_hook(lambda m, i, o: (i[0] * 2,))"],
        [f"self.{name}.weight.register_hook(lambda g: g * 0.5)"],
        [f"self.{name}.register_full_backward_pre_hook(lambda m, o: (o[0] + 1,))"],
    )
    body = draw.pick(
        [f"y = self.{name}(x)", "if y.requires_grad: y.retain_grad()", "x = y * 2 + x"],
        [f"y = self.{name}(x)", "if y.requires_grad: y.register_hook(lambda g: g * 3)", "x = F.relu(y) + y"],
        [f"x = x + (self.{name}(x) - x).detach()", f"x = x + self.{name}(x)"],
        [f"with torch.no_grad(): self.{name}.weight.mul_(0.5).add_(0.1)", f"x = self.{name}(x) + 1"],
        ["with torch.set_grad_enabled(self.training):", f"    x = self.{name}(x) + F.relu(x)"],
        [
            "y = x.detach().requires_grad_()",
            "with torch.enable_grad():",
            f"    g = torch.autograd.grad(self.{name}(y).tanh().sum(), y)[0]",
            "x = x + g",
        ],
        [f"x = self.{name}(x).requires_grad_() * 2"],
    )
    return Piece(init=[*init, *made], body=body)
