"""The form of a schedule's file: sections of named instances, and the policies that use them in their epochs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from runtime.schedule.config.document import Document, ScheduleError, Step

SECTIONS = {
    "pruner": "pruners",
    "regularizer": "regularizers",
    "quantizer": "quantizers",
    "lr_scheduler": "lr_schedulers",
    "extension": "extensions",
}
"""What a policy uses, and the section in which it is defined."""


class Instance(BaseModel):
    """`class:` and the arguments of its constructor."""

    model_config = ConfigDict(extra="allow")

    class_: str = Field(alias="class")


class Use(BaseModel):
    """Which instance a policy uses, and the policy's own arguments."""

    model_config = ConfigDict(extra="forbid")

    instance_name: str
    args: dict[str, Any] | None = None


class PolicyEntry(BaseModel):
    """One policy and its epochs."""

    model_config = ConfigDict(extra="forbid")

    pruner: Use | None = None
    regularizer: Use | None = None
    quantizer: Use | None = None
    lr_scheduler: Use | None = None
    extension: Use | None = None
    epochs: list[NonNegativeInt] | None = None
    starting_epoch: NonNegativeInt | None = None
    ending_epoch: NonNegativeInt | None = None
    frequency: PositiveInt | None = None

    @model_validator(mode="after")
    def _has_one_use(self) -> PolicyEntry:
        used = [kind for kind in SECTIONS if getattr(self, kind) is not None]
        if len(used) != 1:
            found = " and ".join(used) if used else "none"
            raise ValueError(f"a policy needs one of {', '.join(SECTIONS)}; found {found}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in SECTIONS if getattr(self, kind) is not None)

    @property
    def use(self) -> Use:
        use = getattr(self, self.kind)
        assert isinstance(use, Use)
        return use


class ScheduleFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    pruners: dict[str, Instance] | None = None
    regularizers: dict[str, Instance] | None = None
    quantizers: dict[str, Instance] | None = None
    lr_schedulers: dict[str, Instance] | None = None
    extensions: dict[str, Instance] | None = None
    policies: list[PolicyEntry] | None = None


def validated(document: Document) -> ScheduleFile:
    """The file's values in their form, or an error for each place that has another one."""
    try:
        return ScheduleFile.model_validate(document.values)
    except ValidationError as error:
        raise ScheduleError("\n".join(explanations(document, (), error, ScheduleFile))) from None


def explanations(
    document: Document, above: tuple[Step, ...], error: ValidationError, form: type[BaseModel]
) -> Iterator[str]:
    """A line for each place, with what was expected, what was found and what is near."""
    yield from sorted(_explanations(document, above, error, form), key=_place)


def _place(line: str) -> list[int]:
    """Line and column, from the beginning of a message."""
    return [int(number) for number in re.findall(r":(\d+)(?=:)", line)[:2]]


def _explanations(
    document: Document, above: tuple[Step, ...], error: ValidationError, form: type[BaseModel]
) -> Iterator[str]:
    unknown = {(*above, *one["loc"]) for one in error.errors() if one["type"] == "extra_forbidden"}
    other: dict[tuple[Step, ...], list[Any]] = {}
    for one in error.errors():
        where = (*above, *(step for step in one["loc"] if not _is_a_types_name(step)))
        if one["type"] == "extra_forbidden":
            known = _names(form, one["loc"][:-1])
            message = f"{str(where[-1])!r} is not expected here{_near(str(where[-1]), known)}"
            yield document.error(where, message, at_key=True)
        elif one["type"] == "missing":
            if not any(_is_near(where, path) for path in unknown):
                yield document.error(where[:-1], f"{where[-1]!r} is missing")
        else:
            other.setdefault(where, []).append(one)
    for where, errors in other.items():
        messages = dict.fromkeys(_message(one) for one in errors)
        text = " or ".join(messages).replace(" or expected", " or")
        found = "" if errors[0]["type"] == "value_error" else f"; found {_short(errors[0]['input'])}"
        yield document.error(where, f"{'.'.join(map(str, where)) or 'the file'}: {text}{found}")


def _message(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")
    return message.partition(", unable to parse")[0]


def _is_a_types_name(step: Step) -> bool:
    """Pydantic names the members of a union in the path, as 'list[str]'."""
    return isinstance(step, str) and ("[" in step or step in _SIMPLE_TYPES)


_SIMPLE_TYPES = {"str", "int", "float", "bool", "none"}


def _names(form: type[BaseModel], path: tuple[Step, ...]) -> list[str]:
    """The keys that the mapping at this path takes."""
    inner: dict[int, type[BaseModel]] = {2: PolicyEntry, 3: Use} if path[:1] == ("policies",) else {}
    form = inner.get(len(path), form)
    return [one.alias or name for name, one in form.model_fields.items()]


def _is_near(missing: tuple[Step, ...], unknown: tuple[Step, ...]) -> bool:
    """Whether the key that is not known was meant to be the one that is missing."""
    same_mapping = missing[:-1] == unknown[:-1]
    return same_mapping and bool(difflib.get_close_matches(str(unknown[-1]), [str(missing[-1])], n=1))


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; near is {near[0]!r}" if near else f"; expected {', '.join(known)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
