"""Schedules out of YAML: what they make, and that each mistake is said with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from runtime.schedule import (
    CompressionScheduler,
    Pruner,
    ScheduledTrainingPolicy,
    ScheduleError,
    component_from_file,
    dict_config,
    file_config,
)
from tests.runtime.quantization.small import quadrants
from tests.runtime.schedule.test_scheduler import prune_then_quantize
from tests.runtime.schedule.training import EPOCHS, Net, made, same_bits, train

SCHEDULE = """\
version: 1
pruners:
  agp:
    class: AutomatedGradualPruner
    initial_sparsity: 0.1
    final_sparsity: 0.8
    weights: [conv.weight, module.conv2.weight, fc.weight]
  filters:
    class: L1RankedStructureParameterPruner
    group_type: Filters
    desired_sparsity: 0.5
    weights: conv2.weight
regularizers:
  lasso:
    class: GroupLassoRegularizer
    reg_regims:
      conv2.weight: [0.001, Channels]
quantizers:
  qat:
    class: QuantAwareTrainRangeLinearQuantizer
    bits_activations: 8
    bits_weights: 8
    freeze_bn_after: 4
    overrides:
      unused.*: {bits_weights: null}
lr_schedulers:
  rate: {class: MultiStepLR, milestones: [2, 4], gamma: 0.5}
policies:
  - pruner: {instance_name: agp}
    starting_epoch: 0
    ending_epoch: 3
    frequency: 1
  - quantizer: {instance_name: qat}
    starting_epoch: 3
    ending_epoch: 6
    frequency: 1
  - lr_scheduler: {instance_name: rate}
    starting_epoch: 0
    ending_epoch: 6
  - regularizer:
      instance_name: lasso
      args: {keep_mask: true}
    epochs: [7, 8]
"""


def scheduler_of(text: str, folder: Path, model: nn.Module | None = None) -> CompressionScheduler:
    path = folder / "schedule.yaml"
    path.write_text(text)
    model = model or Net()
    return file_config(model, torch.optim.SGD(model.parameters(), lr=0.1), path, dummy_input=quadrants(2)[0])


@pytest.mark.filterwarnings("ignore:overrides")
def test_a_file_trains_as_the_same_schedule_in_python_does(tmp_path: Path) -> None:
    path = tmp_path / "schedule.yaml"
    path.write_text(SCHEDULE)
    in_python = made(prune_then_quantize)
    train(in_python)
    by_file = made(lambda scheduler, optimizer: file_config(scheduler.model, optimizer, path, scheduler))
    train(by_file)
    assert same_bits(in_python[0].state_dict(), by_file[0].state_dict())


WRONG = [
    ("class: AutomatedGradualPruner", "class: AutomaticGradualPruner", "4:12: no class of pruners is called 'AutomaticGradualPruner'; near is AutomatedGradualPruner"),
    ("class: AutomatedGradualPruner", "class: SplicingPruner", "4:12: SplicingPruner is not available: weights do not come back"),
    ("class: AutomatedGradualPruner", "class: Zzz", "4:12: no class of pruners is called 'Zzz'; there are AutomatedGradualPruner, "),
    ("initial_sparsity: 0.1", "initial_sparsty: 0.1", "5:5: 'initial_sparsty' is not expected here; near is 'initial_sparsity'"),
    ("    initial_sparsity: 0.1\n", "", "4:5: 'initial_sparsity' is missing (class AutomatedGradualPruner)"),
    ("final_sparsity: 0.8", "final_sparsity: 1.8", "6:21: AutomatedGradualPruner: final_sparsity must be at least 0 and below 1, not 1.8"),
    ("final_sparsity: 0.8", "final_sparsity: 0.05", "6:21: AutomatedGradualPruner: final_sparsity (0.05) must be above initial_sparsity (0.1)"),
    ("final_sparsity: 0.8", "final_sparsity: high", "6:21: pruners.agp.final_sparsity: expected a valid number; found 'high'"),
    ("fc.weight]", "fc.wieght]", "7:49: the model has no parameter 'fc.wieght'; near is 'fc.weight'"),
    ("weights: conv2.weight", "weights: 5", "12:14: pruners.filters.weights: expected a valid list or a valid string; found 5"),
    ("weights: conv2.weight", "weights: conv9.weight", "12:14: the model has no parameter 'conv9.weight'; near is 'conv.weight'"),
    ("group_type: Filters", "group_type: Filter", "10:17: pruners.filters.group_type: expected 'Filters', '3D', 'Channels'"),
    ("group_type: Filters", "group_type: Blocks", "10:17: L1RankedStructureParameterPruner: group_type 'Blocks' needs kwargs: {block_shape:"),
    ("instance_name: agp", "instance_name: apg", "29:29: pruners has no 'apg'; near is 'agp'"),
    ("instance_name: agp", "instance: agp", "29:14: 'instance' is not expected here; near is 'instance_name'"),
    ("{instance_name: agp}", "{instance_name: agp, args: {keep_masks: true}}", "29:40: PruningPolicy: a pruning policy does not take ['keep_masks']; it takes"),
    ("{keep_mask: true}", "{keep_masks: true}", "42:14: 'keep_masks' is not expected here; near is 'keep_mask'"),
    ("pruners:", "prunners:", "2:1: 'prunners' is not expected here; near is 'pruners'"),
    ("class: MultiStepLR, ", "", "27:9: 'class' is missing"),
    ("class: MultiStepLR", "class: MultiStepLr", "27:17: no class of lr_schedulers is called 'MultiStepLr'; near is MultiStepLR"),
    ("class: MultiStepLR", "class: SequentialLR", "27:17: SequentialLR is not available: it takes other schedulers"),
    ("milestones: [2, 4], ", "", "27:9: 'milestones' is missing"),
    ("ending_epoch: 3\n", "ending_epoch: three\n", "31:19: policies.0.ending_epoch: expected a valid integer; found 'three'"),
    ("starting_epoch: 3", "starting_epoch: 7", "33:5: starting_epoch (7) must be at least 0 and below ending_epoch (6)"),
    ("starting_epoch: 3", "starting_epoch: -3", "34:21: policies.1.starting_epoch: expected greater than or equal to 0; found -3"),
    ("    frequency: 1\n  - lr", "    frequency: 0\n  - lr", "36:16: policies.1.frequency: expected greater than 0; found 0"),
    ("    frequency: 1\n  - lr", "    frequency: 9\n  - lr", "33:5: frequency must be from 1 to ending_epoch - starting_epoch (3), not 9"),
    ("  - quantizer:", "  - quantiser:", "33:5: 'quantiser' is not expected here; near is 'quantizer'"),
    ("epochs: [7, 8]", "epochs: [7, 8]\n    frequency: 1", "40:5: a policy has either epochs, or starting_epoch, ending_epoch and frequency"),
    ("epochs: [7, 8]", "epochs: []", "40:5: epochs must be numbers from 0 on, at least one"),
    ("epochs: [7, 8]", "pruner: {instance_name: agp}\n    epochs: [7]", "40:5: policies.3: a policy needs one of pruner, regularizer, quantizer, lr_scheduler, extension; found pruner and regularizer"),
    ("version: 1", "version: 2", "1:10: version: expected 1; found 2"),
    ("gamma: 0.5}", "gamma: 0.5", "28:9: this is not YAML: expected ',' or '}', but got ':'"),
    ("[conv.weight, module.conv2.weight, fc.weight]", "!!python/object/apply:os.system [true]", "7:14: the tag tag:yaml.org,2002:python/object/apply:os.system is not read here"),
    ("bits_weights: 8", "bits_weights: eight", "22:19: quantizers.qat.bits_weights: expected a valid integer; found 'eight'"),
    ("bits_weights: 8", "bits_weights: 0", "22:19: QuantAwareTrainRangeLinearQuantizer: bits_weights must be a positive number of bits or None, not 0"),
    ("{bits_weights: null}", "{wts: 4}", "25:17: QuantAwareTrainRangeLinearQuantizer: overrides['unused.*'] has the key 'wts'; write 'bits_weights'"),
    ("unused.*:", "unused(:", "25:16: QuantAwareTrainRangeLinearQuantizer: overrides has the key 'unused(', which is not a regular expression"),
    ("[0.001, Channels]", "[0.001, Channel]", "17:21: GroupLassoRegularizer: reg_regims['conv2.weight']: group type must be one of"),
    ("[0.001, Channels]", "0.001", "17:21: regularizers.lasso.reg_regims.conv2.weight: expected a valid list; found 0.001"),
    ("  - lr_scheduler:", "  - quantizer: {instance_name: qat}\n    epochs: [9]\n  - lr_scheduler:", "37:5: a model is quantized once, and this is a second quantizer"),
    ("initial_sparsity: 0.1", "initial_sparsity: 0.1\n    initial_sparsity: 0.2", "6:23: 'initial_sparsity' stands here twice, with different values"),
    ("policies:", "? [a, b]\n: c\npolicies:", "1:1: a key must be one word"),
    ("pruners:", "pruners: &all\n  again: *all", "2:10: an alias leads back to what it is a part of"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_said_with_line_and_column_and_what_is_near(
    right: str, wrong: str, message: str, tmp_path: Path
) -> None:
    assert right in SCHEDULE
    with pytest.raises(ScheduleError) as caught:
        scheduler_of(SCHEDULE.replace(right, wrong, 1), tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/schedule.yaml:{message}")


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: b: c\n", "- 1\n", "5\n", "\ttab: 1\n", "pruners: [", "\x00"])
def test_what_is_no_schedule_at_all_is_an_error_of_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match=r"^[^\n]*schedule\.yaml:\d+:\d+: [^\n]+$"):
        scheduler_of(text, tmp_path)


def test_every_mistake_in_the_form_is_said_at_once(tmp_path: Path) -> None:
    text = SCHEDULE.replace("version: 1", "version: 0").replace("instance_name: qat", "instance: qat")
    with pytest.raises(ScheduleError) as caught:
        scheduler_of(text, tmp_path)
    places = re.findall(r"schedule\.yaml:(\d+):", str(caught.value))
    assert places == ["1", "33"]


class EveryOther(Pruner):
    """A pruner of the user's own."""

    parameters_in = "weights"

    def __init__(self, name: str, weights: list[str], phase: int = 0) -> None:
        super().__init__(name)
        self.weights, self.phase = weights, phase

    def mask(self, name: str, weights: Any, moment: Any) -> Any:
        if name not in self.weights:
            return None
        flat = torch.arange(weights[name].numel()) % 2 == self.phase
        return flat.reshape(weights[name].shape)


class Counting(ScheduledTrainingPolicy):
    """An extension of the user's own, which is given what it asks for."""

    def __init__(self, name: str, model: nn.Module, step: int = 1) -> None:
        self.name, self.model, self.step, self.count = name, model, step, 0

    def on_epoch_begin(self, model: Any, masks: Any, moment: Any) -> None:
        self.count += self.step


def test_classes_that_the_program_defines_can_be_named(tmp_path: Path) -> None:
    text = """\
pruners:
  mine: {class: EveryOther, weights: [fc.weight], phase: 1}
extensions:
  counter: {class: Counting, step: 3}
policies:
  - pruner: {instance_name: mine}
    epochs: [0]
  - extension: {instance_name: counter}
    epochs: [0, 2]
"""
    model = Net()
    scheduler = scheduler_of(text, tmp_path, model)
    for epoch in range(4):
        scheduler.on_epoch_begin(epoch)
        scheduler.on_epoch_end(epoch)
    assert not model.fc.weight.flatten()[::2].any() and model.fc.weight.flatten()[1::2].all()
    counting = scheduler.policies[1]
    assert isinstance(counting, Counting) and counting.count == 6 and counting.model is model
    assert counting.name == "counter"


def test_anchors_merges_and_equal_repetitions_are_read_as_yaml_means_them(tmp_path: Path) -> None:
    text = """\
pruners:
  one: &base
    class: SparsityLevelParameterPruner
    levels: {fc.weight: 0.5, fc.weight: 0.5}
  two:
    <<: *base
    levels: {conv.weight: 0.25}
policies:
  - {pruner: {instance_name: one}, epochs: &when [0]}
  - {pruner: {instance_name: two}, epochs: *when}
"""
    scheduler = scheduler_of(text, tmp_path)
    scheduler.on_epoch_begin(0)
    assert scheduler.masks["fc.weight"].sparsity == 0.5
    assert scheduler.masks["conv.weight"].sparsity == 0.25


def test_a_dictionary_makes_the_same_scheduler() -> None:
    model = Net()
    schedule = {
        "pruners": {"p": {"class": "SensitivityPruner", "sensitivities": {"fc.weight": 0.5}}},
        "policies": [{"pruner": {"instance_name": "p"}, "epochs": [0]}],
    }
    scheduler = dict_config(model, None, schedule)
    scheduler.on_epoch_begin(0)
    threshold = 0.5 * Net().fc.weight.std().item()
    assert scheduler.masks["fc.weight"].sparsity == pytest.approx(0.3, abs=0.15) and threshold > 0
    with pytest.raises(ScheduleError, match=r"^the schedule, pruners\.p\.class: no class of pruners is called 'X'"):
        dict_config(model, None, {"pruners": {"p": {"class": "X"}}})


def test_one_instance_can_be_taken_out_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "schedule.yaml"
    path.write_text(SCHEDULE)
    quantizer = component_from_file(Net(), path, "QuantAwareTrainRangeLinearQuantizer", ema_decay=0.5)
    assert quantizer.default_qbits == (8, 8, None) and quantizer.ema_decay == 0.5
    with pytest.raises(ScheduleError, match="no section has an instance of class PACTQuantizer"):
        component_from_file(Net(), path, "PACTQuantizer")


@pytest.mark.parametrize(
    ("entry", "rates"),
    [
        ("{class: StepLR, step_size: 2, gamma: 0.1}", [1, 1, 0.1, 0.1, 0.01, 0.01]),
        ("{class: ExponentialLR, gamma: 0.5}", [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        ("{class: MultiStepMultiGammaLR, milestones: [1, 4], gammas: [0.5, 0.1]}", [1, 0.5, 0.5, 0.5, 0.05, 0.05]),
        ("{class: PolynomialLR, total_iters: 5, power: 1}", [1, 0.8, 0.6, 0.4, 0.2, 0]),
        ("{class: CosineAnnealingLR, T_max: 4}", [1, 0.8535534, 0.5, 0.1464466, 0, 0.1464466]),
        ("{class: LinearLR, start_factor: 0.5, total_iters: 2}", [0.5, 0.75, 1, 1, 1, 1]),
    ],
)
def test_learning_rates_are_those_of_torch(entry: str, rates: list[float], tmp_path: Path) -> None:
    text = f"lr_schedulers:\n  rate: {entry}\npolicies:\n"
    text += "  - {lr_scheduler: {instance_name: rate}, starting_epoch: 0, ending_epoch: 9}\n"
    (tmp_path / "s.yaml").write_text(text)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = file_config(model, optimizer, tmp_path / "s.yaml")
    seen = []
    for epoch in range(EPOCHS):
        scheduler.on_epoch_begin(epoch)
        seen.append(optimizer.param_groups[0]["lr"])
        scheduler.on_epoch_end(epoch)
    assert seen == pytest.approx(rates, abs=1e-6)
