"""Ways that a model's example has not taken never compute on codes: they get real numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime.int8 import compile, convert, report
from runtime.kernels.native import library
from tests.runtime.int8.small import differences, quantized


class Net(nn.Module):
    """Two layers, and something between them that depends on the width of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1)
        self.relu, self.add, self.other = nn.ReLU(), wrappers.EltWiseAdd(), nn.Conv2d(4, 4, 1)
        self.absent: nn.Module | None = None
        self.features = False

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.between(self.first(x)))
        return out

    def between(self, x: Tensor) -> Tensor:
        return x


class Raw(Net):
    def between(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 8:
            x = x * 2 + 1
        return x


class Chosen(Net):
    def between(self, x: Tensor) -> Tensor:
        return torch.tanh(x) if x.shape[-1] > 8 else x


class Skipped(Net):
    def between(self, x: Tensor) -> Tensor:
        if x.shape[-1] <= 8:
            x = self.add(self.other(x), x)
        return x


class Helper(Net):
    def between(self, x: Tensor) -> Tensor:
        return self.scaled(x) if self.wide(x) else x

    def wide(self, x: Tensor) -> bool:
        return x.shape[-1] > 8

    def scaled(self, x: Tensor) -> Tensor:
        return x / 3


class Module(Net):
    def between(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 8:
            x = self.other(x)
            return x * 0.5
        return x


class Copied(Net):
    """What is indexed lies in other memory than what was given."""

    def between(self, x: Tensor) -> Tensor:
        picked = x[:, [0, 1, 2, 3]]
        if x.shape[-1] > 8:
            picked -= 1
        return picked


class Early(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if x.shape[-1] > 8:
            return x
        out: Tensor = self.second(x)
        return out


WAYS: list[type[Net]] = [Raw, Chosen, Skipped, Helper, Module, Copied, Early]


@pytest.mark.parametrize("kind", WAYS)
def test_a_way_that_was_not_taken_gets_real_numbers(kind: type[Net]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 6)
    model = quantized(kind(), x)
    converted = convert(model)
    assert differences(model, converted, x) == {}
    wide = torch.randn(2, 3, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(converted(wide), model(wide), rtol=0, atol=1e-6)
    reasons = [line.reason for line in report(converted).lines if "did not take" in line.reason]
    assert reasons and all("test_unreached.py:" in reason for reason in reasons)


class Absent(Net):
    def between(self, x: Tensor) -> Tensor:
        if self.absent is not None:
            x = self.absent(x)
        if not isinstance(x, Tensor) or x.dim() != 4:
            raise ValueError(f"{x.shape} * 2")
        return x


class Present(Net):
    def between(self, x: Tensor) -> Tensor:
        if self.other is not None:
            x = self.add(self.other(x), x)
        out: Tensor = self.relu(x) if self.absent is None else self.absent(x)
        return out


class Repeated(Net):
    def between(self, x: Tensor) -> Tensor:
        """Words that stand there and do nothing."""
        parts = [self.other(part) for part in (x, x)]
        for part in parts:
            x = self.add(x, part)
        return x


class Trained(Net):
    """What is done in training alone, in several words."""

    rate = 0.1

    def between(self, x: Tensor) -> Tensor:
        if self.training and x.shape[-1] > 2:
            x = x * (torch.rand_like(x) > self.rate)
        if not self.training:
            return x
        return x + torch.randn_like(x)


class Told(Net):
    """The same, in a function that is told so."""

    def between(self, x: Tensor) -> Tensor:
        return dropped(x, 0.5, self.training, self.add)


def dropped(x: Tensor, rate: float, training: bool, add: nn.Module) -> Tensor:
    if not training or rate == 0:
        return x
    if training:
        return add(x, x)  # type: ignore[no-any-return]
    return x * rate


class Residual(Net):
    def between(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        if self.features:
            first, _ = x.chunk(2, dim=1)
            x = self.add(first, self.relu(x))
        return x


class Flagged(Net):
    """Its flag may be set later."""

    def between(self, x: Tensor) -> Tensor:
        if self.features:
            x = self.add(x * 2, x)
        return x


class Unsqueezed(Net):
    """Ways that only bring the input into the shape that is wanted, and back."""

    def forward(self, x: Tensor) -> Tensor:
        lone = x.dim() == 3
        if x.dim() == 3:
            x = x.unsqueeze(0)
        if x.ndim == 5:
            batch, steps = x.shape[:2]
            x = x.reshape(batch * steps, *x.shape[2:])
            x = torch.transpose(x, -1, -2).contiguous()[:, :, : x.size(-2)]
        x = self.second(self.first(x))
        if lone:
            x = x.squeeze(0)
        return x


class Folded(Net):
    """The same by an expression, and by what did run."""

    def between(self, x: Tensor) -> Tensor:
        x = x.flip(-1) if x.shape[-1] > 8 else x
        if x.shape[-1] <= 8:
            x = x.permute(0, 1, 3, 2)
        return x


@pytest.mark.parametrize("kind", [Unsqueezed, Folded])
def test_ways_that_only_move_cost_nothing(kind: type[Net]) -> None:
    torch.manual_seed(0)
    x, wide = torch.randn(2, 3, 6, 6), torch.randn(2, 3, 9, 9)
    others = [wide[0], wide.unsqueeze(1)] if kind is Unsqueezed else [wide]
    model = quantized(kind(), x)
    converted = convert(model)
    assert converted.first(x).dtype == torch.uint8  # type: ignore[operator]
    assert not [line for line in report(converted).lines if line.way]
    with torch.no_grad():
        assert all(torch.equal(converted(given), model(given)) for given in (x, *others))


class Viewed(Net):
    """What views go by is how elements lie in memory, which is another for codes."""

    def between(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 8:
            x = x.view(len(x), 4, -1, 3)
        return x


class Replaced(Net):
    """What is moved is another value than before, on another grid."""

    def forward(self, x: Tensor) -> Tensor:
        kept = self.first(x)
        other = self.other(kept)
        if x.shape[-1] > 8:
            other = kept.flip(-1)
        out: Tensor = self.second(self.add(other, kept))
        return out


class Measured(Net):
    """A size that is read out of a value."""

    def between(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 8:
            x = x[:, :, : int(x[0, 0, 0, 0])]
        return x


@pytest.mark.parametrize("kind", [Viewed, Replaced, Measured])
def test_ways_that_do_more_than_move_get_real_numbers(kind: type[Net]) -> None:
    x = torch.randn(2, 3, 6, 6)
    converted = convert(quantized(kind(), x))
    assert converted.first(x).dtype == torch.float32  # type: ignore[operator]


def test_a_way_is_said_once_with_what_it_costs() -> None:
    said = str(report(convert(quantized(Early(), torch.randn(2, 3, 6, 6)))))
    assert said.count("did not run with the first batch") == 1
    assert "so 1 module returns floating point" in said and "compiled program has no such cost" in said


def test_modules_that_refuse_codes_end_a_way() -> None:
    x = torch.randn(2, 3, 6, 6)
    converted = convert(quantized(Residual(), x))
    converted.features = True  # type: ignore[assignment]
    with pytest.raises(TypeError, match="'add' stays in floating point but was given int8 codes"):
        converted(x)


def test_flags_may_be_set_later() -> None:
    x = torch.randn(2, 3, 6, 6)
    model = quantized(Flagged(), x)
    converted = convert(model)
    model.features = converted.features = True  # type: ignore[assignment]
    with torch.no_grad():
        torch.testing.assert_close(converted(x), model(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", [Absent, Present, Repeated, Residual, Trained, Told])
def test_ways_that_are_fixed_cost_nothing(kind: type[Net]) -> None:
    x = torch.randn(2, 3, 6, 6)
    converted = convert(quantized(kind(), x))
    assert not [line for line in report(converted).lines if "did not take" in line.reason]
    assert converted.first(x).dtype == torch.uint8  # type: ignore[operator]


@pytest.mark.skipif(not library.runnable(), reason="no native kernels were built")
@pytest.mark.parametrize("kind", [Raw, Copied, Skipped])
def test_programs_stay_on_codes(kind: type[Net]) -> None:
    x = torch.randn(2, 3, 6, 6)
    converted = convert(quantized(kind(), x))
    compiled = compile(converted, x)
    assert compiled.program is not None and compiled.fixed == ""
    assert "dequantize" not in [op.name.split(".")[1] for op in compiled.program.ops]  # the last returns its sums
    copies = [op for op in compiled.program.ops if "memory_format" in op.kwargs]
    assert len(copies) == 1  # of the result, into torch's usual order
    with torch.no_grad():
        assert torch.equal(compiled(x), converted(x))


class Shared(Net):
    """An identity gives the very tensor that it is given: who takes one seems to take the other."""

    def __init__(self) -> None:
        super().__init__()
        self.same, self.norm = nn.Identity(), nn.BatchNorm2d(4)

    def between(self, x: Tensor) -> Tensor:
        same = self.same(x)
        out: Tensor = self.add(same, self.norm(x).tanh())
        return out


def test_codes_never_come_to_what_computes_in_floating_point() -> None:
    x = torch.randn(2, 3, 6, 6)
    model = quantized(Shared(), x)
    converted = convert(model)
    assert differences(model, converted, x) == {}


class GivenBack(Shared):
    """The model gives what an identity passes on."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        kept = self.first(x)
        return self.second(self.add(self.same(kept), kept)), kept


def test_codes_never_leave_the_model() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 6)
    model = quantized(GivenBack(), x)
    converted = convert(model)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(converted(x), model(x), strict=True))


def without_source() -> Callable[[Net, Tensor], Tensor]:
    made: dict[str, Callable[[Net, Tensor], Tensor]] = {}
    exec("def between(self, x):\n    if x.shape[-1] > 8:\n        x = x * 2\n    return x\n", made)
    return made["between"]


def test_functions_whose_source_is_not_there_count_as_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Net, "between", without_source())
    x = torch.randn(2, 3, 6, 6)
    converted = convert(quantized(Net(), x))
    assert converted.first(x).dtype == torch.float32  # type: ignore[operator]


def test_codes_that_come_to_a_module_in_floating_point_are_refused() -> None:
    converted = convert(quantized(Module(), torch.randn(2, 3, 6, 6)))
    with pytest.raises(TypeError, match="'other' stays in floating point but was given int8 codes"):
        converted.other(torch.zeros(1, 4, 2, 2, dtype=torch.uint8))  # type: ignore[operator]
