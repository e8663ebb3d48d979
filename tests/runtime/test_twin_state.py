"""The state contract: to everything outside, a twin's parameters are torch's, although its parts hold them."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.utils.prune
from torch import Tensor, nn

import runtime.modules
from tests.runtime.against_torch import pair, tensors

CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], Callable[[], tuple[Tensor, ...]]]] = {
    "lstm": (
        "LSTM",
        (3, 4, 2),
        {"bidirectional": True, "proj_size": 2},
        lambda: (torch.randn(5, 2, 3),),
    ),
    "gru": ("GRU", (3, 4), {"bias": False}, lambda: (torch.randn(5, 2, 3),)),
    "rnn": ("RNN", (3, 4), {}, lambda: (torch.randn(5, 2, 3),)),
    "cell": ("LSTMCell", (3, 4), {}, lambda: (torch.randn(2, 3),)),
    "attention": ("MultiheadAttention", (8, 2), {}, lambda: (torch.randn(5, 2, 8),) * 3),
    "attention of other sizes": (
        "MultiheadAttention",
        (8, 2),
        {"kdim": 3, "vdim": 5, "add_bias_kv": True},
        lambda: (torch.randn(5, 2, 8), torch.randn(4, 2, 3), torch.randn(4, 2, 5)),
    ),
    "transformer": (
        "Transformer",
        (8, 2, 1, 1, 16, 0.0),
        {},
        lambda: (torch.randn(5, 2, 8), torch.randn(4, 2, 8)),
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Any:
    name, args, options, make_inputs = CASES[request.param]
    original, twin = pair(getattr(nn, name), getattr(runtime.modules, name), *args, **options)
    return original, twin, make_inputs()


def results(module: nn.Module, inputs: Any) -> list[Tensor]:
    return tensors(module(*inputs))


def equal(ours: list[Tensor], theirs: list[Tensor], tolerance: float = 1e-5) -> bool:
    return all(torch.allclose(a, b, atol=tolerance) for a, b in zip(ours, theirs, strict=True))


def perturbed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value + 0.1 for name, value in state.items()}


@pytest.mark.parametrize("assign", [False, True])
def test_state_goes_both_ways(case: Any, assign: bool) -> None:
    original, twin, inputs = case
    original.load_state_dict(perturbed(original.state_dict()))
    assert not equal(results(twin, inputs), results(original, inputs))
    report = twin.load_state_dict(original.state_dict(), strict=True, assign=assign)
    assert not report.missing_keys and not report.unexpected_keys
    assert equal(results(twin, inputs), results(original, inputs))
    twin.load_state_dict(perturbed(twin.state_dict()), assign=assign)
    original.load_state_dict(twin.state_dict(), strict=True)
    assert equal(results(twin, inputs), results(original, inputs))
    assert len(list(twin.parameters())) == len(list(original.parameters()))


def test_inside_a_model_too(case: Any) -> None:
    original, twin, inputs = case
    theirs, ours = nn.ModuleDict({"inner": original}), nn.ModuleDict({"inner": twin})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert list(ours.state_dict(prefix="m.")) == list(theirs.state_dict(prefix="m."))
    theirs.load_state_dict(perturbed(theirs.state_dict()))
    ours.load_state_dict(theirs.state_dict())
    assert equal(results(twin, inputs), results(original, inputs))


def test_a_missing_key_is_told_once_and_as_torch_does(case: Any) -> None:
    original, twin, _ = case
    state = original.state_dict()
    gone = next(iter(state))
    del state[gone]
    assert twin.load_state_dict(state, strict=False).missing_keys == [gone]
    with pytest.raises(RuntimeError, match="size mismatch") as error:
        twin.load_state_dict({**twin.state_dict(), gone: torch.zeros(1)})
    assert str(error.value).count("size mismatch") == 1


def test_an_optimizer_steps_alike_and_its_state_fits(case: Any) -> None:
    original, twin, inputs = case
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.01, momentum=0.9) for m in (original, twin)]
    for _ in range(2):
        for module, optimizer in zip((original, twin), optimizers, strict=True):
            optimizer.zero_grad()
            sum(t.square().mean() for t in results(module, inputs)).backward()
            optimizer.step()
        optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    assert equal(results(twin, inputs), results(original, inputs))


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "save"])
def test_copies_are_whole_and_independent(case: Any, how: str) -> None:
    _, twin, inputs = case
    if how == "deepcopy":
        copied = copy.deepcopy(twin)
    elif how == "pickle":
        copied = pickle.loads(pickle.dumps(twin))
    else:
        file = io.BytesIO()
        torch.save(twin, file)
        copied = torch.load(io.BytesIO(file.getvalue()), weights_only=False)
    before = results(twin, inputs)
    assert equal(results(copied, inputs), before, tolerance=0)
    assert list(copied.state_dict()) == list(twin.state_dict())
    copied.load_state_dict(perturbed(copied.state_dict()))
    assert not equal(results(copied, inputs), before)
    assert equal(results(twin, inputs), before, tolerance=0)


@pytest.mark.parametrize("overwrite", [False, True], ids=["data is set", "parameters are made anew"])
def test_the_dtype_may_change(case: Any, overwrite: bool) -> None:
    original, twin, inputs = case
    torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
    try:
        original.double(), twin.double()
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
    assert {p.dtype for p in twin.parameters()} == {torch.float64}
    assert len(list(twin.parameters())) == len(list(original.parameters()))
    original.load_state_dict(perturbed(original.state_dict()))
    twin.load_state_dict(original.state_dict())
    doubles = [t.double() for t in inputs]
    assert equal(results(twin, doubles), results(original, doubles), tolerance=1e-12)


def test_reduced_precision_runs(case: Any) -> None:
    _, twin, inputs = case
    twin.to(torch.bfloat16)
    assert {t.dtype for t in results(twin, [t.bfloat16() for t in inputs])} == {torch.bfloat16}


def test_meta_and_back(case: Any) -> None:
    original, twin, inputs = case
    twin.to("meta").to_empty(device="cpu")
    twin.load_state_dict(original.state_dict())
    assert equal(results(twin, inputs), results(original, inputs))


def test_requires_grad_and_sharing_reach_the_parts(case: Any) -> None:
    _, twin, inputs = case
    twin.requires_grad_(False)
    assert not any(t.requires_grad for t in results(twin, inputs))
    twin.share_memory()
    assert all(p.is_shared() for p in twin.parameters())


def test_functional_call_replaces_what_the_parts_use(case: Any) -> None:
    original, twin, inputs = case
    state = perturbed(dict(original.named_parameters()))
    ours = tensors(torch.func.functional_call(twin, state, inputs))
    original.load_state_dict(state)
    assert equal(ours, results(original, inputs))


def test_a_parameter_set_on_the_twin_is_set_on_the_part() -> None:
    twin = runtime.modules.LSTM(3, 4)
    weight = nn.Parameter(torch.randn(16, 4))
    twin.weight_hh_l0 = weight
    assert twin.hh_l0.weight is weight
    assert twin.all_weights[0][1] is weight


class Int8Linear(nn.Module):
    """What a quantizer puts in a Linear's place: it holds no float weight."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self.scale = weight.abs().max() / 127
        self.register_buffer("integers", (weight / self.scale).round().to(torch.int8))
        self.bias = None if linear.bias is None else linear.bias.detach().clone()

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.integers * self.scale, self.bias)


class Wrapped(nn.Module):
    """What quantization-aware training puts there: it keeps the module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.module(*inputs) * 1.0


def replace(model: nn.Module, kind: type[nn.Module], replacement: Callable[[Any], nn.Module]) -> int:
    """The generic quantizer: finds leaves of a kind by named_modules and puts others there by setattr."""
    found = [name for name, module in model.named_modules() if isinstance(module, kind)]
    for name in found:
        parent, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent), attribute, replacement(model.get_submodule(name)))
    return len(found)


def test_a_quantizer_replaces_the_linears(case: Any) -> None:
    _, twin, inputs = case
    model = nn.ModuleDict({"inner": twin})
    exact = results(twin, inputs)
    assert replace(model, nn.Linear, Int8Linear) >= 2
    rough = results(twin, inputs)
    assert not equal(rough, exact, tolerance=1e-7)
    assert equal(rough, exact, tolerance=0.2)
    floats = {name for name, _ in model.named_parameters()}
    assert not any("weight_ih" in name or "weight_hh" in name or "proj_weight" in name for name in floats)
    assert equal(results(copy.deepcopy(twin), inputs), rough, tolerance=0)


def test_a_wrapper_keeps_the_contract(case: Any) -> None:
    original, twin, inputs = case
    assert replace(twin, nn.Linear, Wrapped) >= 2
    names = [name for name, _ in original.named_parameters()]
    owned = [name for name in names if "." not in name]
    assert [name for name, _ in twin.named_parameters()][: len(owned)] == owned
    assert len(list(twin.parameters())) == len(names)
    original.load_state_dict(perturbed(original.state_dict()))
    if len(owned) == len(names):  # everything in it is a twin's own: wrapping its parts changes no key
        twin.load_state_dict(original.state_dict(), strict=True)
        assert equal(results(twin, inputs), results(original, inputs))


@pytest.mark.parametrize("kind", [nn.Sigmoid, runtime.modules.EltWiseAdd, runtime.modules.EltWiseMult])
def test_a_quantizer_replaces_the_gates(kind: type[nn.Module]) -> None:
    twin = runtime.modules.LSTM(3, 4)
    x = torch.randn(5, 2, 3)
    exact = results(twin, (x,))

    class Rounded(Wrapped):
        def forward(self, *inputs: Tensor) -> Tensor:
            return (super().forward(*inputs) * 8).round() / 8

    assert replace(twin, kind, Rounded) >= 2
    assert not equal(results(twin, (x,)), exact)


def test_putting_a_linear_back_is_seen() -> None:
    twin = runtime.modules.LSTM(3, 4)
    twin.ih_l0 = Int8Linear(twin.ih_l0)
    assert twin.weight_ih_l0 is None
    with pytest.raises(RuntimeError, match=r"Unexpected key.*weight_ih_l0"):
        twin.load_state_dict(nn.LSTM(3, 4).state_dict())


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "reparametrize",
    [
        lambda lstm: nn.utils.weight_norm(lstm, "weight_hh_l0"),
        lambda lstm: nn.utils.prune.l1_unstructured(lstm, "weight_hh_l0", amount=0.5),
    ],
    ids=["weight norm", "pruning"],
)
def test_weights_computed_before_each_forward_reach_the_parts(
    reparametrize: Callable[[nn.Module], Any],
) -> None:
    original, twin = pair(nn.LSTM, runtime.modules.LSTM, 3, 4)
    reparametrize(original), reparametrize(twin)
    x = torch.randn(5, 2, 3)
    for factor in (1.0, 0.5):
        for module in (original, twin):
            name = "weight_hh_l0_g" if hasattr(module, "weight_hh_l0_g") else "weight_hh_l0_orig"
            with torch.no_grad():
                getattr(module, name).mul_(factor)
        assert equal(results(twin, (x,)), results(original, (x,)))
    twin(x)[0].sum().backward()
    original(x)[0].sum().backward()
    ours, theirs = dict(twin.named_parameters()), dict(original.named_parameters())
    assert set(ours) == set(theirs)
    assert all(torch.allclose(ours[name].grad, theirs[name].grad, atol=1e-5) for name in theirs)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weight_norm_may_be_removed_again() -> None:
    twin = runtime.modules.LSTM(3, 4)
    nn.utils.weight_norm(twin, "weight_hh_l0")
    nn.utils.remove_weight_norm(twin, "weight_hh_l0")
    assert twin.hh_l0.weight is twin.weight_hh_l0
    assert set(twin.state_dict()) == set(nn.LSTM(3, 4).state_dict())
