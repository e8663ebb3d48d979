"""Callbacks, epochs, masks that hold, and trainings that go on after an interruption."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from runtime.quantization import (
    DorefaQuantizer,
    LSQQuantizer,
    PACTQuantizer,
    QuantAwareTrainRangeLinearQuantizer,
    WRPNQuantizer,
    finish_training,
)
from runtime.schedule import (
    AutomatedGradualPruner,
    CompressionScheduler,
    GroupLassoRegularizer,
    KnowledgeDistillationPolicy,
    L1Regularizer,
    LRPolicy,
    MagnitudeParameterPruner,
    MultiStepMultiGammaLR,
    PruningPolicy,
    QuantizationPolicy,
    RegularizationPolicy,
    ScheduledTrainingPolicy,
    SparsityLevelParameterPruner,
)
from runtime.schedule.scheduler import active_epochs
from tests.runtime.quantization.small import quadrants
from tests.runtime.schedule.training import EPOCHS, Net, borders, made, resumed, same_bits, saved, train

X, Y = quadrants(2)


def prune_then_quantize(scheduler: CompressionScheduler, optimizer: Any) -> None:
    pruner = AutomatedGradualPruner("agp", 0.1, 0.8, ["conv.weight", "module.conv2.weight", "fc.weight"])
    scheduler.add_policy(PruningPolicy(pruner), starting_epoch=0, ending_epoch=3, frequency=1)
    quantizer = QuantAwareTrainRangeLinearQuantizer(
        scheduler.model, optimizer, bits_activations=8, bits_weights=8, freeze_bn_after=4
    )
    scheduler.add_policy(QuantizationPolicy(quantizer, X), starting_epoch=3, ending_epoch=EPOCHS)
    rate = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], gamma=0.5)
    scheduler.add_policy(LRPolicy(rate), starting_epoch=0, ending_epoch=EPOCHS)


def many_things_at_once(scheduler: CompressionScheduler, optimizer: Any) -> None:
    """Regularizers, dense copies, gradient masks, learned clips and a teacher."""
    torch.manual_seed(5)
    scheduler.add_policy(KnowledgeDistillationPolicy(scheduler.model, Net(), 2.0), epochs=[1, 3, 4])
    group = GroupLassoRegularizer("groups", scheduler.model, {"conv2.weight": [1e-3, "Filters"]}, "Mean_Abs")
    scheduler.add_policy(RegularizationPolicy(group), starting_epoch=0, ending_epoch=4)
    scheduler.add_policy(RegularizationPolicy(L1Regularizer("l1", scheduler.model, {"fc.weight": 1e-3})), epochs=[2, 5])
    arguments = {"mask_on_forward_only": True, "mask_gradients": True, "mini_batch_pruning_frequency": 2}
    level = SparsityLevelParameterPruner("level", {"fc.weight": 0.5})
    scheduler.add_policy(PruningPolicy(level, arguments), starting_epoch=0, ending_epoch=4)
    dense = {"mask_on_forward_only": True, "use_double_copies": True, "keep_mask": True}
    scheduler.add_policy(
        PruningPolicy(SparsityLevelParameterPruner("conv", {"conv.weight": 0.3}), dense), epochs=[1, 2, 3]
    )
    quantizer = LSQQuantizer(scheduler.model, optimizer, bits_activations=8, bits_weights=4)
    scheduler.add_policy(QuantizationPolicy(quantizer, X), starting_epoch=2, ending_epoch=EPOCHS)
    rate = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    scheduler.add_policy(LRPolicy(rate), starting_epoch=0, ending_epoch=EPOCHS)


def copies_of_weights(scheduler: CompressionScheduler, optimizer: Any) -> None:
    """The quantizer comes first, renames parameters and adds a group to the optimizer."""
    quantizer = PACTQuantizer(scheduler.model, optimizer, bits_activations=4, bits_weights=4)
    scheduler.add_policy(QuantizationPolicy(quantizer, X), starting_epoch=0, ending_epoch=EPOCHS)
    magnitude = MagnitudeParameterPruner("threshold", {"*": 0.0, "conv2.weight": 0.05})
    scheduler.add_policy(PruningPolicy(magnitude), epochs=[1, 2])
    rate = MultiStepMultiGammaLR(optimizer, [1, 3], [0.5, 0.1])
    scheduler.add_policy(LRPolicy(rate, each="minibatch"), starting_epoch=0, ending_epoch=EPOCHS)


@pytest.mark.parametrize("configure", [prune_then_quantize, many_things_at_once, copies_of_weights])
def test_a_training_goes_on_bit_for_bit_from_every_epochs_border_and_from_mid_epoch(configure: Any) -> None:
    whole = made(configure)
    files = train(whole, save_at=borders())
    ends = [*files[1:], saved(whole)]
    for border, until, file, end in zip(borders(), [*borders()[1:], None], files, ends, strict=True):
        again = resumed(configure, file)
        train(again, stop_at=until)
        assert same_bits(saved(again), end), f"what goes on from {border} differs at {until}"


def test_pruned_weights_are_zero_in_training_in_quantized_training_and_as_integers() -> None:
    model, optimizer, scheduler = made(prune_then_quantize)
    train((model, optimizer, scheduler))
    expected = {name: mask.mask for name, mask in scheduler.masks.items() if mask.mask is not None}
    assert set(expected) == {"conv.weight", "conv2.weight", "fc.weight"}
    for name, mask in scheduler.masks.items():
        if name in expected:
            assert mask.sparsity == pytest.approx(0.8, abs=0.01)
            assert not mask.parameter[~expected[name]].any()
    finish_training(model, X)
    for name, kept in expected.items():
        layer = model.get_submodule(name.removesuffix(".weight"))
        assert not layer.weight[~kept].any(), "zeros are zeros among the integers"
        assert layer.weight[kept].any()


@pytest.mark.parametrize(("kind", "warned"), [(DorefaQuantizer, True), (WRPNQuantizer, False)])
def test_a_quantizer_without_a_zero_is_said(kind: Any, warned: bool) -> None:
    def configure(scheduler: CompressionScheduler, optimizer: Any) -> None:
        pruner = SparsityLevelParameterPruner("half", {"conv2.weight": 0.5})
        scheduler.add_policy(PruningPolicy(pruner), epochs=[0])
        scheduler.add_policy(QuantizationPolicy(kind(scheduler.model, optimizer, 8, 4)), epochs=[0])

    scheduler = made(configure)[2]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scheduler.on_epoch_begin(0)
    assert any("has no zero among its 4-bit weights" in str(one.message) for one in caught) == warned
    zero = (scheduler.model.conv2.weight == 0).float().mean()
    assert (zero == 0) if warned else (zero >= 0.5)


def test_sparsity_grows_as_the_paper_says() -> None:
    scheduler = made(prune_then_quantize)[2]
    seen = []
    for epoch in range(3):
        scheduler.on_epoch_begin(epoch)
        seen.append(scheduler.masks["conv2.weight"].sparsity)
        scheduler.on_epoch_end(epoch)
    assert seen == pytest.approx([0.1, 0.8 - 0.7 / 8, 0.8], abs=1e-3)


class Recording(ScheduledTrainingPolicy):
    """Notes each callback."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def on_epoch_begin(self, model: Any, masks: Any, moment: Any) -> None:
        self.calls.append(("begin", moment.epoch, moment.step))

    def on_minibatch_end(self, model: Any, masks: Any, moment: Any) -> None:
        self.calls.append(("minibatch", moment.epoch, moment.minibatch))

    def on_epoch_end(self, model: Any, masks: Any, moment: Any, metrics: Any) -> None:
        self.calls.append(("end", moment.epoch, moment.last))


def test_a_policy_runs_in_its_epochs_and_in_no_other() -> None:
    scheduler, policy = CompressionScheduler(Net()), Recording()
    scheduler.add_policy(policy, starting_epoch=1, ending_epoch=6, frequency=2)
    for epoch in range(7):
        scheduler.on_epoch_begin(epoch)
        scheduler.on_minibatch_end(epoch)
        scheduler.on_epoch_end(epoch)
    steps = [(1, 0), (3, 1), (5, 2)]
    expected = [[("begin", e, s), ("minibatch", e, 0), ("end", e, s == 2)] for e, s in steps]
    assert policy.calls == [call for calls in expected for call in calls]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, 3, 3, 1), "starting_epoch .3. must be at least 0 and below ending_epoch .3."),
        ((None, 0, 4, 5), "frequency must be from 1 to ending_epoch - starting_epoch .4., not 5"),
        (([1], 0, 4, 1), "either epochs, or starting_epoch"),
        (([], None, None, None), "at least one"),
        (([-1], None, None, None), "from 0 on"),
        ((None, 0, None, None), "needs epochs, or starting_epoch and ending_epoch"),
    ],
)
def test_epochs_that_mean_nothing_are_errors(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        active_epochs(*given)


def test_the_loop_of_the_design_page_needs_no_more_than_the_epoch() -> None:
    model, optimizer, scheduler = made(prune_then_quantize)
    scheduler.on_epoch_begin(0)
    scheduler.on_minibatch_begin(0)
    loss = nn.functional.cross_entropy(model(X), Y)
    scheduler.before_backward_pass(0)
    loss.backward()
    optimizer.step()
    scheduler.on_minibatch_end(0)
    scheduler.on_epoch_end(0)
    weight = model.conv2.weight
    assert (weight == 0).float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_a_policy_that_adds_to_the_loss_asks_for_it() -> None:
    scheduler = CompressionScheduler(Net())
    scheduler.add_policy(RegularizationPolicy(L1Regularizer("l1", scheduler.model, {"fc.weight": 0.5})), epochs=[0])
    scheduler.on_epoch_begin(0)
    with pytest.raises(TypeError, match="write loss = scheduler"):
        scheduler.before_backward_pass(0)
    loss, parts = scheduler.before_backward_pass(0, loss=torch.tensor(1.0), return_loss_components=True)
    term = 0.5 * scheduler.masks["fc.weight"].parameter.abs().sum()
    assert loss.item() == pytest.approx(1 + term.item())
    assert [(part.name, part.value.item()) for part in parts] == [("L1Regularizer_loss", pytest.approx(term.item()))]


def test_what_torch_has_pruned_stays_pruned_under_its_own_name() -> None:
    model = Net()
    prune.l1_unstructured(model.conv2, "weight", amount=0.5)
    expected = model.conv2.weight_mask.bool()
    before = model.eval()(X).detach()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    scheduler = CompressionScheduler(model)
    assert "conv2.weight" in model.state_dict() and "conv2.weight_orig" not in model.state_dict()
    assert torch.equal(model(X), before)
    scheduler.on_epoch_begin(0)
    nn.functional.cross_entropy(model(X), Y).backward()
    optimizer.step()
    scheduler.on_minibatch_end(0)
    assert torch.equal(model.conv2.weight != 0, expected)


def test_going_on_in_another_epoch_or_with_another_schedule_is_an_error() -> None:
    [file] = train(made(prune_then_quantize), save_at=[(2, 1)], stop_at=(2, 1))
    again = resumed(prune_then_quantize, file)
    with pytest.raises(RuntimeError, match="saved in epoch 2, after 1 minibatches; go on there, not in epoch 0"):
        again[2].on_epoch_begin(0)
    file.seek(0)
    with pytest.raises(ValueError, match="schedule with 3 policies, this one has 7"):
        resumed(many_things_at_once, file)


def test_minibatches_of_an_epoch_that_did_not_begin_are_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"call on_epoch_begin\(1\)"):
        CompressionScheduler(Net()).on_minibatch_begin(1)


def test_a_parameter_that_is_not_there_is_named_with_what_is_near() -> None:
    with pytest.raises(KeyError, match="near are conv2"):
        CompressionScheduler(Net()).masks["conv2.wieght"]
