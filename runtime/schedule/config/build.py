"""Makes a scheduler of a file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from runtime.schedule.config.classes import checked_arguments, find_class, parameters_of
from runtime.schedule.config.document import Document, ScheduleError, Step, read
from runtime.schedule.config.schema import SECTIONS, Instance, PolicyEntry, ScheduleFile, validated
from runtime.schedule.policies import LRPolicy, PruningPolicy, QuantizationPolicy, RegularizationPolicy
from runtime.schedule.policy import ScheduledTrainingPolicy
from runtime.schedule.pruners.base import plain_name
from runtime.schedule.scheduler import CompressionScheduler


def file_config(
    model: nn.Module,
    optimizer: Optimizer | None,
    filename: str | Path,
    scheduler: CompressionScheduler | None = None,
    dummy_input: Any = None,
) -> CompressionScheduler:
    """The scheduler that a YAML file describes; `dummy_input` is an example of the model's input.

    Whatever is wrong with the file is a ScheduleError, which says line and column.
    """
    document = read(filename)
    return configured(model, optimizer, document, scheduler, dummy_input)


def dict_config(
    model: nn.Module,
    optimizer: Optimizer | None,
    sched_dict: Mapping[str, Any],
    scheduler: CompressionScheduler | None = None,
    dummy_input: Any = None,
) -> CompressionScheduler:
    """The same for what a file would hold."""
    document = Document("the schedule", dict(sched_dict))
    return configured(model, optimizer, document, scheduler, dummy_input)


def component_from_file(
    model: nn.Module, filename: str | Path, class_name: str, dummy_input: Any = None, **extra: Any
) -> Any:
    """The first instance of a class in a file, whatever its policies say; `extra` are more arguments.

    Distiller's `config_component_from_file_by_class`, as its scripts use it for post-training quantization.
    """
    document = read(filename)
    file = validated(document)
    for section in SECTIONS.values():
        for name, instance in (getattr(file, section) or {}).items():
            if instance.class_ == class_name:
                return _Builder(document, model, None, dummy_input).instance(section, name, instance, extra)
    raise ScheduleError(document.error((), f"no section has an instance of class {class_name}"))


def configured(
    model: nn.Module,
    optimizer: Optimizer | None,
    document: Document,
    scheduler: CompressionScheduler | None,
    dummy_input: Any,
) -> CompressionScheduler:
    file = validated(document)
    if scheduler is None:
        scheduler = CompressionScheduler(model, dummy_input)
    builder = _Builder(document, model, optimizer, scheduler.dummy_input)
    instances = builder.instances(file)
    quantizers = [number for number, entry in enumerate(file.policies or []) if entry.kind == "quantizer"]
    if len(quantizers) > 1:
        document.raise_error(("policies", quantizers[1]), "a model is quantized once, and this is a second quantizer")
    for number, entry in enumerate(file.policies or []):
        policy = builder.policy(number, entry, instances)
        try:
            scheduler.add_policy(policy, entry.epochs, entry.starting_epoch, entry.ending_epoch, entry.frequency)
        except ValueError as error:
            raise ScheduleError(document.error(("policies", number), str(error))) from error
    return scheduler


_POLICIES: dict[str, type] = {
    "regularizer": RegularizationPolicy,
    "quantizer": QuantizationPolicy,
    "lr_scheduler": LRPolicy,
}


class _Builder:
    """Makes the instances and policies of one file."""

    def __init__(self, document: Document, model: nn.Module, optimizer: Optimizer | None, dummy_input: Any) -> None:
        self.document = document
        self.given = {"model": model, "optimizer": optimizer, "dummy_input": dummy_input}
        self.parameters = [plain_name(name) for name, _ in model.named_parameters(remove_duplicate=False)]

    def instances(self, file: ScheduleFile) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        for section in SECTIONS.values():
            written = getattr(file, section) or {}
            made[section] = {name: self.instance(section, name, one, {}) for name, one in written.items()}
        return made

    def instance(self, section: str, name: str, instance: Instance, extra: Mapping[str, Any]) -> Any:
        given = {**(instance.model_extra or {}), **extra}
        kind = find_class(self.document, section, name, instance.class_, given)
        where = (section, name)
        arguments = checked_arguments(self.document, where, kind, given)
        for parameter in parameters_of(kind):
            if parameter.name in self.given:
                arguments[parameter.name] = self.given[parameter.name]
            elif parameter.name == "name":
                arguments["name"] = name
        if "optimizer" in arguments and arguments["optimizer"] is None and section == "lr_schedulers":
            self.document.raise_error(where, "a learning rate is an optimizer's: pass it to file_config")
        self._check_names(where, kind, arguments)
        return self._made(where, kind, arguments)

    def policy(self, number: int, entry: PolicyEntry, instances: Mapping[str, Any]) -> ScheduledTrainingPolicy:
        section, use = SECTIONS[entry.kind], entry.use
        where: tuple[Step, ...] = ("policies", number, entry.kind)
        known = instances[section]
        if use.instance_name not in known:
            message = f"{section} has no {use.instance_name!r}"
            self._unknown((*where, "instance_name"), message, use.instance_name, known)
        instance, arguments = known[use.instance_name], use.args or {}
        where = (*where, "args") if use.args else where
        if entry.kind == "pruner":
            return self._made(where, PruningPolicy, {"pruner": instance, "pruner_args": arguments})  # type: ignore[no-any-return]
        if entry.kind == "extension":
            return instance  # type: ignore[no-any-return]
        kind = _POLICIES[entry.kind]
        first = parameters_of(kind)[0].name
        checked = checked_arguments(self.document, where, kind, arguments, (first,))
        given = {"dummy_input": self.given["dummy_input"]} if entry.kind == "quantizer" else {}
        return self._made(where, kind, {first: instance, **checked, **given})  # type: ignore[no-any-return]

    def _check_names(self, where: tuple[Step, ...], kind: Any, arguments: Mapping[str, Any]) -> None:
        """Every parameter that is named has to be there."""
        argument = getattr(kind, "parameters_in", "")
        named = arguments.get(argument, ())
        if isinstance(named, str):
            named = {None: named}
        elif not isinstance(named, Mapping):
            named = dict(enumerate(named))
        else:
            named = {name: name for name in named if name != "*"}
        for key, name in named.items():
            if plain_name(name) not in self.parameters:
                place = (*where, argument) if key is None else (*where, argument, key)
                self._unknown(place, f"the model has no parameter {name!r}", plain_name(name), self.parameters)

    def _unknown(self, where: tuple[Step, ...], message: str, name: str, known: Any) -> None:
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f"; near is {near[0]!r}" if near else f"; there are {', '.join(list(known)[:8])}" if known else ""
        self.document.raise_error(where, message + hint)

    def _made(self, where: tuple[Step, ...], kind: Any, arguments: Mapping[str, Any]) -> Any:
        try:
            return kind(**arguments)
        except (ValueError, TypeError, KeyError, NotImplementedError) as error:
            place = self._blamed(where, arguments, str(error))
            raise ScheduleError(self.document.error(place, f"{kind.__name__}: {error}")) from error

    def _blamed(self, where: tuple[Step, ...], arguments: Mapping[str, Any], message: str) -> tuple[Step, ...]:
        """The argument that a constructor's message names first, and the key in it."""
        named = [name for name in arguments if (*where, name) in self.document.ends and name in message]
        if not named:
            return where
        first = min(named, key=message.index)
        value = arguments[first]
        keys = [key for key in value if repr(key) in message] if isinstance(value, Mapping) else []
        return (*where, first, *keys[:1])
