"""What flows through: skips of a U-Net, losses in a dict, accumulations, numbers taken out of tensors."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct


@construct
def skips(draw: Draw) -> Piece:
    down, up = draw.name("down"), draw.name("up")
    kept = draw.pick("hs.append(x)", "hs.insert(0, x)", "hs += [x]", "hs = [*hs, x]", "hs = hs + [x]")
    taken = draw.pick("hs.pop()", "hs[-i - 1]", "hs[i]", "hs.pop(0)", "hs[len(hs) - 1 - i]")
    joined = draw.pick(
        f"torch.cat([x, {taken}], 1)[:, 2:6]", f"x + {taken}", f"layer(x) * {taken}", f"F.relu(layer(x) + {taken})"
    )
    return Piece(
        init=[
            f"self.{down} = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])",
            f"self.{up} = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))",
        ],
        body=[
            "hs = []",
            f"for layer in self.{down}:",
            f"    x = {draw.pick('layer(x)', 'F.relu(layer(x))', 'layer(x) + x')}",
            f"    {kept}",
            draw.pick(f"for i, layer in enumerate(self.{up}):", f"for i, layer in enumerate(reversed(self.{up})):"),
            f"    x = {joined}",
        ],
        extra=draw.pick([], [f"$m.{up}[0] = nn.Identity()", "seen.append(call(m))"]),
    )


@construct
def losses(draw: Draw) -> Piece:
    total = draw.pick(
        ["x = x + sum(losses.values())"],
        ["x = x + sum(losses[k] * w for k, w in {'a': 1.0, 'b': 0.5}.items())"],
        [
            "total = 0.0",
            "for k, v in losses.items():",
            "    total = total + v * (2 if k == 'a' else 1)",
            "x = x * total",
        ],
        ["losses['total'] = losses['a'] + losses['b']", "x = x - losses['total']"],
        ["losses = {k: v / 2 for k, v in losses.items()}", "x = x + losses['a'] * losses['b']"],
    )
    return Piece(
        body=[
            "losses = {}",
            f"losses['a'] = {draw.pick('F.mse_loss(x, x * 2)', '(x ** 2).mean()', 'F.l1_loss(x, -x)', 'x.abs().sum()')}",
            f"losses.update(b={draw.pick('F.smooth_l1_loss(x, x + 1)', '-F.cosine_similarity(x, x + 1).mean()', 'x.pow(2).sum().sqrt()')})",
            *total,
        ]
    )


@construct
def accumulated(draw: Draw) -> Piece:
    lines = draw.pick(
        ["x = list(itertools.accumulate([x, x * 2, -x]))[-1]"],
        ["x = list(itertools.accumulate([x, -x], torch.maximum))[-1]"],
        ["x = functools.reduce(operator.mul, [x, x + 1, x.abs()])"],
        ["x = functools.reduce(lambda a, b: F.relu(a) + b, (x, x * 2, x - 1))"],
        ["for a, b in itertools.pairwise([x, x * 2, -x]):", "    x = x + a * b"],
        ["for i, a in zip(itertools.count(1), (x, -x)):", "    x = x * i + a"],
        ["for a, k in itertools.product((x, -x), (1, 2)):", "    x = x + a * k"],
        ["x = max([x, x * 2], key=lambda t: t.sum().item()) + 1"],
        ["x = operator.itemgetter(0)([x, 1]) + operator.attrgetter('T')(x).T"],
        ["it = iter([x, x * 2, x * 3])", "x = next(it) + next(it)", "for rest in it: x = x - rest"],
        ["x = sum(a * b for a, b in zip([x, -x], [1, 2]))", "x = math.fsum([1, 2]) * x"],
        ["first, *rest = (x, x + 1, x + 2)", "x = torch.stack(rest).sum(0) * first"],
        ["x = torch.stack([*map(torch.add, [x, x], [1, 2])]).mean(0)"],
        ["x = sum(map(lambda t: t * 2, filter(lambda t: t.dim() == 2, [x, x])))"],
    )
    return Piece(imports=["import functools", "import itertools", "import math", "import operator"], body=lines)


@construct
def numbers_taken_out(draw: Draw) -> Piece:
    """Values that leave the tensors, and decide what is computed or how often."""
    return Piece(
        body=draw.pick(
            ["n = int(x.abs().sum().item()) % 3", "for i in range(n):", "    x = x + i", f"x = {draw.tensor()}"],
            ["if (x.mean() > 0).item():", f"    x = {draw.tensor()}", "else:", f"    x = {draw.tensor()}"],
            ["scale = max(x.abs().max().item(), 1.0)", "x = x / scale"],
            ["scale = 1.0 / (1 + float(x.detach().norm()))", "x = x * scale + (1 - scale)"],
            ["top = x.argmax(1).tolist()", "x = torch.stack([row * (i + 1) for row, i in zip(x, top)])"],
            ["rows = x.shape[0] // 2 + 1", "a, b = x[:rows], x[rows:]", "x = torch.cat([a * 2, b + 1])"],
            ["assert not torch.isnan(x).any(), f'{x.mean()}'", f"x = {draw.tensor()}"],
            ["steps = torch.arange(x.shape[0])", "x = x * steps[:, None].to(x) + steps.sum() * 2"],
            ["mask = torch.rand(x.shape[0], 1) > 0.5", "x = x * mask + (~mask) * 2", "x = x.masked_fill(mask, 0.1)"],
            ["mean, std = x.mean(0, keepdim=True), x.std(0, keepdim=True) + 1", "x = (x - mean) / std"],
        )
    )


@construct
def written_in_parts(draw: Draw) -> Piece:
    """Views of one tensor that are written to one by one."""
    return Piece(
        body=[
            draw.pick("y = x.clone()", "y = x * 1", "y = torch.cat([x, x], 1)[:, :4].contiguous()"),
            *draw.pick(
                ["a, b = y.chunk(2, 1)", "a.mul_(2)", "b += a", "x = y"],
                ["a, b = y.split([1, 3], 1)", "a += 1; b *= a", "x = y + x"],
                ["y[..., ::2] += y[..., 1::2]", "x = y"],
                ["y.view(-1)[::2].add_(1)", "x = y * 2"],
                ["y.T.mul_(2)", "x = y - 1"],
                ["rows = list(y)[:2]", "rows[0].add_(1)", "rows[1] += rows[0]", "x = y"],
                ["y[0].copy_(y[1] * 2)", "x = y"],
                ["y.narrow(1, 0, 2).zero_()", "x = y + 1"],
                ["z = y.expand_as(x)", "y += 1", "x = z * 2"],
                ["y.diagonal().fill_(0.5)", "x = F.relu(y)"],
                ["y.select(1, 0).sub_(1)", "y.transpose(0, 1)[1] /= 2", "x = y"],
                ["y.index_add_(0, torch.tensor([0]), y[:1] * 2)", "x = y"],
                ["y.scatter_add_(1, torch.zeros(y.shape[0], 1, dtype=torch.long), y[:, :1] * 1)", "x = y"],
                ["y, z = y + 1, y", "z += y", "x = y * z"],
                ["for t in y.unbind(0)[:1]: x = x + t.exp()", "y += x", "x = y"],
            ),
        ]
    )
