"""What each pruner and regularizer takes away, against what can be counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from runtime.schedule import (
    CompressionScheduler,
    DistillationLossWeights,
    GroupLassoRegularizer,
    KnowledgeDistillationPolicy,
    L1RankedStructureParameterPruner,
    L1RankedStructureParameterPruner_AGP,
    L1Regularizer,
    L2RankedStructureParameterPruner,
    MagnitudeParameterPruner,
    Moment,
    PruningPolicy,
    RegularizationPolicy,
    SensitivityPruner,
    SparsityLevelParameterPruner,
)

NOW = Moment(epoch=0, step=0, steps=3, minibatch=0, minibatches=None, optimizer=None)
END = Moment(epoch=2, step=2, steps=3, minibatch=0, minibatches=None, optimizer=None)


class Two(nn.Module):
    """A convolution and a matrix whose elements count up."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.other, self.fc = nn.Conv2d(4, 4, 2), nn.Conv2d(2, 4, 1), nn.Linear(3, 2)
        with torch.no_grad():
            self.conv.weight.copy_(torch.arange(64).reshape(4, 4, 2, 2) - 20.0)
            self.fc.weight.copy_(torch.tensor([[1.0, -5.0, 3.0], [-2.0, 4.0, 0.5]]))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.fc(x)
        return result


def kept(pruner: Any, name: str = "conv.weight", moment: Moment = NOW) -> Tensor:
    mask = pruner.mask(name, CompressionScheduler(Two()).masks.weights(), moment)
    assert mask is not None and mask.dtype is torch.bool
    return mask


def test_elements_below_a_threshold_go() -> None:
    pruner = MagnitudeParameterPruner("m", {"*": 2.5, "module.conv.weight": 10})
    assert kept(pruner, "fc.weight").tolist() == [[False, True, True], [False, True, False]]
    assert kept(pruner).sum() == 64 - 21
    with pytest.raises(ValueError, match=r"needs a default .* under '\*'"):
        MagnitudeParameterPruner("m", {"conv.weight": 1.0})


def test_elements_below_so_many_deviations_go() -> None:
    weight = Two().fc.weight.detach()
    mask = kept(SensitivityPruner("s", {"fc.weight": 0.7}), "fc.weight")
    assert torch.equal(mask, weight.abs() > 0.7 * weight.std())
    weights = CompressionScheduler(Two()).masks.weights()
    assert SensitivityPruner("s", {"fc.weight": 0.7}).mask("conv.weight", weights, NOW) is None


def test_the_smallest_elements_go() -> None:
    mask = kept(SparsityLevelParameterPruner("l", {"*": 0.5}), "fc.weight")
    assert mask.tolist() == [[False, True, True], [False, True, False]]


@pytest.mark.parametrize(
    ("group", "name", "sparsity", "expected"),
    [
        ("Filters", "conv.weight", 0.5, [[False], [False], [True], [True]]),
        ("3D", "conv.weight", 0.25, [[True], [False], [True], [True]]),
        ("Rows", "fc.weight", 0.5, [[True], [False]]),
        ("Cols", "fc.weight", 1 / 3, [[False, True, True]]),
    ],
)
def test_the_structures_of_the_smallest_norm_go(group: Any, name: str, sparsity: float, expected: Any) -> None:
    mask = kept(L1RankedStructureParameterPruner("s", group, sparsity, [name]), name)
    assert torch.equal(
        mask, torch.tensor(expected).reshape(*torch.tensor(expected).shape, *[1] * (mask.dim() - 2)).expand_as(mask)
    )


def test_channels_kernels_and_blocks_go_whole() -> None:
    weight = Two().conv.weight.detach()
    channels = kept(L2RankedStructureParameterPruner("c", "Channels", 0.25, "conv.weight"))
    lowest = weight.square().sum((0, 2, 3)).argmin()
    assert channels.all(0).all(-1).all(-1).tolist() == [channel != lowest for channel in range(4)]
    kernels = kept(L1RankedStructureParameterPruner("k", "2D", 0.5, "conv.weight"))
    assert torch.equal(kernels.flatten(2).all(-1), kernels.flatten(2).any(-1)) and kernels.float().mean() == 0.5
    pruner = L1RankedStructureParameterPruner("b", "Blocks", 0.25, "conv.weight", kwargs={"block_shape": [1, 2, 1, 1]})
    blocks = kept(pruner)
    assert torch.equal(blocks[:, 0::2], blocks[:, 1::2]) and blocks.float().mean() == 0.75
    sums = (weight[:, 0::2].abs() + weight[:, 1::2].abs())[~blocks[:, 0::2]]
    assert sums.max() <= (weight[:, 0::2].abs() + weight[:, 1::2].abs())[blocks[:, 0::2]].min()
    with pytest.raises(ValueError, match=r"blocks of \(1, 3, 1, 1\) do not divide a weight of shape \(4, 4, 2, 2\)"):
        kept(L1RankedStructureParameterPruner("b", "Blocks", 0.25, "conv.weight", kwargs={"block_shape": [1, 3, 1, 1]}))


def test_others_lose_what_their_leader_loses() -> None:
    pruner = L1RankedStructureParameterPruner_AGP(
        "a", 0.25, 0.5, "Filters", ["conv.weight", "other.weight"], group_dependency="Leader"
    )
    assert kept(pruner, "other.weight", END).flatten(1).all(1).tolist() == [False, False, True, True]
    assert kept(pruner, "other.weight", NOW).flatten(1).all(1).tolist() == [True, False, True, True]
    unlike = L1RankedStructureParameterPruner(
        "u", "Filters", 0.5, ["conv.weight", "fc.bias"], group_dependency="Leader"
    )
    with pytest.raises(ValueError, match=r"u: fc.bias has shape \(2,\) and cannot lose the structures of its leader"):
        kept(unlike, "fc.bias")


@pytest.mark.parametrize(("group", "name"), [("Filters", "fc.weight"), ("Rows", "conv.weight")])
def test_structures_that_a_weight_does_not_have_are_an_error(group: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"group_type '{group}' is for"):
        kept(L1RankedStructureParameterPruner("s", group, 0.5, name), name)


def trained(policy: Any, steps: int = 2, epochs: int = 1) -> tuple[Two, CompressionScheduler, list[Tensor]]:
    """Steps that add one to each weight; returns also the weight that each forward has seen."""
    model, seen = Two(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = CompressionScheduler(model)
    scheduler.add_policy(policy, starting_epoch=0, ending_epoch=epochs)
    for epoch in range(epochs):
        scheduler.on_epoch_begin(epoch)
        for number in range(steps):
            scheduler.on_minibatch_begin(epoch, number, steps)
            seen.append(model.fc.weight.detach().clone())
            loss = scheduler.before_backward_pass(epoch, number, steps, -model.fc.weight.sum())
            optimizer.zero_grad()
            loss.backward()
            scheduler.before_parameter_optimization(epoch, number, steps)
            optimizer.step()
            scheduler.on_minibatch_end(epoch, number, steps)
        scheduler.on_epoch_end(epoch)
    return model, scheduler, seen


START = Two().fc.weight.detach()
LEVEL = {"fc.weight": 0.5}
MASK = torch.tensor([[False, True, True], [False, True, False]])


def policy(**arguments: Any) -> PruningPolicy:
    return PruningPolicy(SparsityLevelParameterPruner("l", LEVEL), arguments)


def test_what_is_pruned_stays_zero() -> None:
    model, _, seen = trained(policy())
    assert torch.equal(model.fc.weight, (START + 2) * MASK) and torch.equal(seen[1], (START + 1) * MASK)


def test_masks_of_the_forward_pass_only_let_weights_come_back() -> None:
    model, _, seen = trained(policy(mask_on_forward_only=True))
    assert torch.equal(seen[1], (START * MASK + 1) * MASK), "masked again for the second forward"
    assert torch.equal(model.fc.weight, (START * MASK + 1) * MASK + 1), "and back with the last step"
    model, _, _ = trained(policy(mask_on_forward_only=True, keep_mask=True))
    assert torch.equal(model.fc.weight.detach() != 0, MASK), "unless the mask is kept at the end"


def test_double_copies_step_from_the_dense_weights() -> None:
    model, scheduler, seen = trained(
        policy(mask_on_forward_only=True, use_double_copies=True, keep_mask=True), epochs=2
    )
    assert torch.equal(seen[1], (START + 1) * MASK)
    second = scheduler.masks["fc.weight"].mask
    assert second is not None and second.float().mean() == 0.5
    assert torch.equal(seen[2], (START + 2) * second), "the second mask is of weights that were never lost"
    assert torch.equal(model.fc.weight, (START + 4) * second)


def test_gradients_can_be_masked() -> None:
    model, _, _ = trained(policy(mask_on_forward_only=True, mask_gradients=True), steps=1)
    assert torch.equal(model.fc.weight, (START + 1) * MASK)
    with pytest.raises(ValueError, match="mask_gradients needs mask_on_forward_only"):
        policy(mask_gradients=True)


def test_pruning_within_an_epoch() -> None:
    _, _, seen = trained(policy(skip_first_minibatch=True), steps=3)
    assert (seen[0] != 0).all() and (seen[1] == 0).sum() == 3
    _, scheduler, seen = trained(policy(discard_masks_at_minibatch_end=True), steps=2)
    assert torch.equal(seen[0], START * MASK) and scheduler.masks["fc.weight"].mask is None
    assert torch.equal(seen[1], START * MASK + MASK), "masked after the step, then free"
    _, _, seen = trained(policy(mini_batch_pruning_frequency=2), steps=3)
    assert [(one == 0).sum().item() for one in seen] == [3, 3, 3]


def test_l1_adds_the_magnitudes_and_cuts_off_below_its_strength() -> None:
    model = Two()
    regularizer = L1Regularizer("l1", model, {"fc.weight": 0.5}, threshold_criteria="Max")
    assert regularizer.loss({"fc.weight": model.fc.weight}).item() == 0.5 * 15.5
    after, scheduler, _ = trained(RegularizationPolicy(regularizer, keep_mask=True), steps=1)
    expected = START + 1 - 0.5 * START.sign()
    assert torch.equal(after.fc.weight, expected * (expected.abs() > 0.5))
    assert torch.equal(scheduler.masks["fc.weight"].mask, expected.abs() > 0.5)


@pytest.mark.parametrize(
    ("group", "norm"),
    [
        ("Filters", lambda w: w.flatten(1).norm(dim=1).sum()),
        ("Channels", lambda w: w.transpose(0, 1).flatten(1).norm(dim=1).sum()),
        ("2D", lambda w: w.flatten(2).norm(dim=2).sum()),
        ("4D", lambda w: w.norm()),
        ("Channels+4D", lambda w: w.transpose(0, 1).flatten(1).norm(dim=1).sum() + w.norm()),
    ],
)
def test_group_lasso_adds_the_norms_of_structures(group: str, norm: Any) -> None:
    model = Two()
    regularizer = GroupLassoRegularizer("g", model, {"module.conv.weight": [0.1, group]})
    loss = regularizer.loss({"conv.weight": model.conv.weight})
    assert loss.item() == pytest.approx(0.1 * norm(model.conv.weight).item(), rel=1e-5)
    with torch.no_grad():
        model.conv.weight[0] = 0
    regularizer.loss({"conv.weight": model.conv.weight}).backward()
    assert torch.isfinite(model.conv.weight.grad).all(), "a structure of zeros has a gradient, which is zero"


def test_group_lasso_cuts_off_whole_structures() -> None:
    weight = Two().conv.weight.detach()
    for criterion, size in (("Max", lambda f: f.abs().max()), ("Mean_Abs", lambda f: f.abs().mean())):
        regularizer = GroupLassoRegularizer("g", Two(), {"conv.weight": [13.0, "Filters"]}, criterion)
        mask = regularizer.mask("conv.weight", weight).flatten(1).all(1).tolist()
        assert mask == [bool(size(one) > 13) for one in weight]


def test_distillation_is_hintons_loss() -> None:
    torch.manual_seed(0)
    model, teacher, x = Two(), Two(), torch.randn(5, 3)
    nn.init.normal_(teacher.fc.weight)
    scheduler = CompressionScheduler(model)
    distillation = KnowledgeDistillationPolicy(model, teacher, 3.0, DistillationLossWeights(0.7, 0.2))
    scheduler.add_policy(distillation, epochs=[1])
    scheduler.on_epoch_begin(0)
    model(x)
    assert scheduler.before_backward_pass(0, loss=torch.tensor(4.0)) == 4.0
    scheduler.on_epoch_begin(1)
    with pytest.raises(RuntimeError, match="the student has not run in training mode"):
        scheduler.before_backward_pass(1, loss=torch.tensor(4.0))
    student = model.train()(x)
    loss = scheduler.before_backward_pass(1, loss=torch.tensor(4.0))
    soft = [F.softmax(logits / 3, dim=1) for logits in (teacher(x), student)]
    distance = (soft[0] * (soft[0] / soft[1]).log()).sum() / 5
    assert loss.item() == pytest.approx((0.2 * 4 + 0.7 * distance * 9).item(), rel=1e-5)
    loss.backward()
    assert model.fc.weight.grad is not None and teacher.fc.weight.grad is None
