"""The classes that a schedule's file can name, and what their constructors take.

A class is looked up among those that are there: this package's, and any subclass that the program has defined before.
Nothing is imported because a file says so.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError, create_model
from pydantic_core import SchemaError
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

import runtime.distiller.quantization
import runtime.quantization
from runtime.quantization.quantizer import Quantizer
from runtime.schedule.config.document import Document, ScheduleError, Step
from runtime.schedule.config.schema import explanations
from runtime.schedule.policies import MultiStepMultiGammaLR, extensions
from runtime.schedule.policy import ScheduledTrainingPolicy
from runtime.schedule.pruners import Pruner
from runtime.schedule.regularizers import Regularizer

GIVEN = ("self", "name", "model", "optimizer", "dummy_input", "last_epoch")
"""Arguments that do not come from the file."""
_BASES: dict[str, type] = {
    "pruners": Pruner,
    "regularizers": Regularizer,
    "quantizers": Quantizer,
    "lr_schedulers": LRScheduler,
    "extensions": ScheduledTrainingPolicy,
}
_ABSENT = {
    "SplicingPruner": "weights do not come back by a second threshold; a SensitivityPruner with the policy's argument "
    "mask_on_forward_only: true lets the optimizer bring them back",
    "BaiduRNNPruner": "use AutomatedGradualPruner, whose sparsity grows by a formula of its own",
    "GroupVarianceRegularizer": "use GroupLassoRegularizer",
    "DropFilterRegularizer": "filters are not dropped at random",
    "StructureRemover": "whole layers are not removed; FilterRemover and ChannelRemover thin them",
    **dict.fromkeys(
        (
            f"{kind}{suffix}"
            for kind in (
                *("ActivationAPoZRankedFilterPruner", "ActivationMeanRankedFilterPruner", "BernoulliFilterPruner"),
                *("GradientRankedFilterPruner", "RandomRankedFilterPruner", "RandomLevelStructureParameterPruner"),
                *("FMReconstructionChannelPruner", "StructureParameterPruner"),
            )
            for suffix in ("", "_AGP")
        ),
        "structures are ranked by their norm only: L1RankedStructureParameterPruner, L2RankedStructureParameterPruner "
        "and their _AGP",
    ),
    **dict.fromkeys(("SequentialLR", "ChainedScheduler"), "it takes other schedulers; write a policy for each of them"),
    **dict.fromkeys(("LambdaLR", "MultiplicativeLR"), "it takes a function, which a file cannot hold; use LRPolicy"),
}
"""Names that people will write, and why they are not there."""


def find_class(document: Document, section: str, name: str, written: str, given: Iterable[str]) -> type:
    """The class that `class:` of an instance names; with Distiller's arguments, the one that takes those."""
    known = available(section)
    if written in known:
        kind = known[written]
        distillers = getattr(runtime.distiller.quantization, written, kind)
        return distillers if set(given) - {one.name for one in parameters_of(kind)} else kind
    where = (section, name, "class")
    if written in _ABSENT:
        raise ScheduleError(document.error(where, f"{written} is not available: {_ABSENT[written]}"))
    near = difflib.get_close_matches(written, known, n=1)
    hint = f"near is {near[0]}" if near else f"there are {', '.join(sorted(known))}"
    raise ScheduleError(document.error(where, f"no class of {section} is called {written!r}; {hint}"))


def available(section: str) -> dict[str, type]:
    """The classes of a section by name."""
    if section == "lr_schedulers":
        torchs = {name: getattr(lr_scheduler, name) for name in lr_scheduler.__all__}
        found = {name: kind for name, kind in torchs.items() if name not in _ABSENT and name != "LRScheduler"}
        found["MultiStepMultiGammaLR"] = MultiStepMultiGammaLR
    elif section == "quantizers":
        found = {
            name: getattr(runtime.quantization, name) for name in runtime.quantization.__all__ if "Quantizer" in name
        }
        del found["Quantizer"]
    elif section == "extensions":
        found = {name: getattr(extensions, name) for name in extensions.__all__}
    else:
        package = importlib.import_module(f"runtime.schedule.{section}")
        found = {name: getattr(package, name) for name in package.__all__ if name != _BASES[section].__name__}
    return {**found, **{kind.__name__: kind for kind in _subclasses(_BASES[section]) if _is_users(kind)}}


def checked_arguments(
    document: Document, where: tuple[Step, ...], kind: type, given: Mapping[str, Any], skip: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The arguments from the file, as the constructor's annotations want them; those to `skip` come from elsewhere."""
    form = _form(kind, (*GIVEN, *skip))
    try:
        arguments = form.model_validate(dict(given))
    except ValidationError as error:
        lines = explanations(document, where, error, form)
        raise ScheduleError("\n".join(f"{line} (class {kind.__name__})" for line in lines)) from None
    # Pydantic makes a generator of an Iterable, which can be gone through only once.
    return {name: value if _is_plain(value := getattr(arguments, name)) else given[name] for name in given}


def parameters_of(kind: type) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in inspect.signature(kind).parameters.values() if p.kind not in kinds]


def _form(kind: type, given: tuple[str, ...]) -> type[BaseModel]:
    """A pydantic model of what the constructor takes from the file."""
    try:
        hints = get_type_hints(kind.__init__)  # type: ignore[misc]
    except (NameError, TypeError):
        hints = {}
    fields: dict[str, Any] = {}
    for parameter in parameters_of(kind):
        if parameter.name not in given:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (_checkable(hints.get(parameter.name, Any)), default)
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
    return create_model(kind.__name__, __config__=config, **fields)


def _checkable(hint: Any) -> Any:
    """The annotation, where pydantic can check values against it."""
    try:
        TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticSchemaGenerationError, SchemaError):
        return Any
    return hint


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, list, dict, tuple))


def _subclasses(kind: type) -> Iterator[type]:
    subclass: type
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _is_users(kind: type) -> bool:
    return not kind.__module__.startswith(("runtime.", "torch."))
