"""Compound modules become their twins: on request only, checkpoints and results kept."""

from __future__ import annotations

import torch

from rewriter.results import Safety
from tests.rewriter.executed import HEADER, load, rewritten

TAGGER = (
    HEADER
    + """

class Tagger(nn.Module):
    def __init__(self, kind="LSTM"):
        super().__init__()
        self.embed = nn.Embedding(10, 6)
        self.rnn = nn.LSTM(
            6,  # input
            5,
            num_layers=2,
            bidirectional=True,
        )
        self.attend = torch.nn.MultiheadAttention(10, 2)

    def forward(self, tokens):
        out, _ = self.rnn(self.embed(tokens))
        attended, _ = self.attend(out, out, out)
        return out + attended
"""
)


def test_only_with_unsafe_fixes() -> None:
    result = rewritten(TAGGER)
    gated = [f for f in result.findings if f.code == "RW301"]
    assert len(gated) == 2 and all(f.safety is Safety.UNSAFE and "rounding" in f.why_unsafe for f in gated)
    assert b"nn.LSTM(\n            6,  # input\n" in result.after


def test_same_checkpoint_and_results() -> None:
    result = rewritten(TAGGER, unsafe_fixes=True)
    text = result.after.decode()
    assert "self.rnn = runtime.modules.LSTM(\n            6,  # input\n" in text
    assert "self.attend = runtime.modules.MultiheadAttention(10, 2)" in text
    before, after = load(result.before)["Tagger"](), load(result.after)["Tagger"]()
    assert list(before.state_dict()) == list(after.state_dict())
    after.load_state_dict(before.state_dict(), strict=True)
    tokens = torch.randint(0, 10, (7, 3))
    torch.testing.assert_close(after(tokens), before(tokens), rtol=1e-5, atol=1e-6)
    assert not rewritten(text, unsafe_fixes=True).changed


def test_what_cannot_be_replaced_in_the_source() -> None:
    chosen = TAGGER.replace("nn.LSTM(", "getattr(nn, kind)(")
    assert [r.code for r in rewritten(chosen).refusals] == ["RW909"]
    inherited = HEADER + "\n\nclass Own(nn.LSTM):\n    pass\n"
    (refusal,) = rewritten(inherited).refusals
    assert refusal.code == "RW909" and "Own inherits from nn.LSTM" in refusal.message and "convert" in refusal.advice


def test_beside_a_method_that_is_told_which_of_its_calls_is_running() -> None:
    source = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.GRUCell(4, 4), nn.GRUCell(4, 4)

    def scan(self, cell, x):
        return cell(x, torch.zeros_like(x)) * 2

    def forward(self, x):
        return self.scan(self.left, x) + self.scan(self.right, x)
"""
    result = rewritten(HEADER + source, unsafe_fixes=True)
    after = result.after.decode()
    assert "runtime.modules.GRUCell(4, 4), runtime.modules.GRUCell(4, 4)" in after
    assert "runtime.modules.nth(self.scan, 1)(self.right, x)" in after
    before, new = load(result.before)["Net"](), load(result.after)["Net"]()
    new.load_state_dict(before.state_dict(), strict=True)
    x = torch.randn(3, 4)
    assert torch.allclose(before(x), new(x), atol=1e-6)
