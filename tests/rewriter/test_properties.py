"""Random modules keep the four promises; arbitrary Python never crashes and is never touched."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewriter.engine import rewrite
from rewriter.settings import Settings
from tests.rewriter.executed import HEADER, assert_equal_models, load, rewritten

X = torch.rand(2, 4, 6, 6) + 0.1

# Each keeps the shape of its operands, so that any two results can meet.
_UNARY = [
    "F.relu({a})", "torch.sigmoid({a})", "({a}).tanh()", "-({a})", "({a}).abs().sqrt()", "({a}) * 2", "1 - ({a})",
    "F.dropout({a}, 0.5, self.training)", "F.dropout({a}, 0.1)", "({a}).clamp(min=-1, max=n)", "self.act({a})",
    "self.conv({a})", "F.softmax({a}, dim=-1)", "torch.cumsum({a}, dim=1)", "self.norm({a})", "({a}).exp().log1p()",
    "F.avg_pool2d({a}, 3, stride=1, padding=1)", "({a}) - ({a}).mean(1, keepdim=True)", "self.helper({a})",
    "torch.cat(({a}).chunk(2, dim=1), 1)", "F.layer_norm({a}, ({a}).shape[1:])", "({a} if n > 1 else -({a}))",
]  # fmt: skip
_BINARY = [
    "({a}) + ({b})", "({a}) * ({b})", "torch.maximum({a}, {b})", "torch.add({a}, {b}, alpha=0.5)",
    "torch.stack([{a}, {b}]).mean(0)", "torch.where({a} > 0, {a}, {b})", "torch.lerp({a}, {b}, 0.3)",
    "(({a}) @ ({b}).transpose(-2, -1)) @ ({a})", "torch.cat([{a}, {b}], dim=1)[:, ::2]",
]  # fmt: skip
_IN_PLACE = ["{v} += {a}", "{v} *= 0.5", "{v}.add_({a})", "{v}.relu_()", "{v}[:, 0] += 1", "{v} -= {a}; {v} /= 2"]


@st.composite
def expression(draw: st.DrawFn, names: list[str], depth: int) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(names))
    inner = expression(names, depth - 1)
    if draw(st.booleans()):
        return draw(st.sampled_from(_UNARY)).format(a=draw(inner))
    return draw(st.sampled_from(_BINARY)).format(a=draw(inner), b=draw(inner))


@st.composite
def forward(draw: st.DrawFn) -> list[str]:
    names = ["x", "y"]
    lines = ["y = x * 1"]
    for index in range(draw(st.integers(1, 5))):
        kind = draw(st.integers(0, 5))
        value = draw(expression(names, 2))
        if kind < 3:
            lines.append(f"v{index} = ({value}) * 1")
            names.append(f"v{index}")
        elif kind == 3 and (owned := [n for n in names if n.startswith("v")]):
            lines.append(
                draw(st.sampled_from(_IN_PLACE)).format(v=draw(st.sampled_from(owned)), a=draw(st.sampled_from(names)))
            )
        elif kind == 4:
            lines += ["if x.mean() > 0.5:", f"    y = {value}", "else:", f"    y = {draw(expression(names, 1))}"]
        else:
            lines.append(f"total = n * 2 + len([x]) - {index}  # {value}")
    return [*lines, f"return {draw(expression(names, 2))}, y"]


def module(lines: list[str]) -> str:
    body = "".join(f"        {line}\n" for line in lines)
    return f"""{HEADER}

class Net(nn.Module):
    def __init__(self, n=2):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.act = nn.ReLU()
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x, n: int = 2):
{body}
    def helper(self, z):
        return F.silu(z) + 1
"""


def _differentiable(model: torch.nn.Module) -> bool:
    """Autograd forbids some of what the drawn code does in place."""
    try:
        for mode in (False, True):
            torch.stack([t.sum() for t in model.train(mode)(X.clone())]).sum().backward()
    except RuntimeError:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(forward())
def test_generated_modules_keep_the_promises(lines: list[str]) -> None:
    source = module(lines)
    result = rewritten(source)
    assert "total = n * 2 + len([x])" in result.after.decode() or "total" not in source
    torch.manual_seed(0)
    before = load(result.before)["Net"]()
    torch.manual_seed(0)
    after = load(result.after)["Net"]()
    with torch.set_grad_enabled(_differentiable(before)):
        assert_equal_models(before, after, X)
    assert not rewritten(result.after.decode()).changed


def test_the_standard_library_comes_back_byte_for_byte() -> None:
    """No file of it has an nn.Module; among them are broken ones, odd encodings and enormous ones."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(p for p in root.rglob("*.py") if "site-packages" not in p.parts)[::4]
    assert len(files) > 100
    for path in files:
        data = path.read_bytes()
        result = rewrite(data, Path(path.name), Settings())
        assert result.after == data and not result.findings, path
        assert result.failure is None or result.failure.kind in ("syntax", "encoding", "too-large", "too-deep"), path


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_never_crash(data: bytes) -> None:
    result = rewrite(b"class Module: forward = 1\n" + data, Path("any.py"), Settings())
    assert result.after == b"class Module: forward = 1\n" + data
    assert result.failure is None or result.failure.kind != "internal", result.failure
