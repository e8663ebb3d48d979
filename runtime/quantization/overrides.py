"""Settings for some modules instead of all: regular expressions over module names, the first that matches wins."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from runtime.quantization.inputs import InputError

BITS_KEYS = ("bits_activations", "bits_weights", "bits_bias")
_NAMED = 8
_SHORT_KEYS = {"acts": "bits_activations", "wts": "bits_weights", "bias": "bits_bias"}


class QBits(NamedTuple):
    """Bits for each kind of tensor of a module; None leaves that kind in floating point."""

    acts: int | None = None
    wts: int | None = None
    bias: int | None = None


class Override(NamedTuple):
    """What holds for one module: its bits, and what its replacement function is given besides."""

    qbits: QBits
    arguments: dict[str, Any]


class Overrides:
    """The compiled form of an `overrides` argument."""

    def __init__(self, given: Mapping[str, Mapping[str, Any]] | None, default: QBits) -> None:
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(
                f"overrides must be a dict of patterns, of which the first that matches wins, or None, "
                f"not {type(given).__name__}"
            )
        self.default = Override(check_bits(default), {})
        self._entries = [
            (_compiled(pattern), _entry(pattern, keys, default)) for pattern, keys in (given or {}).items()
        ]
        self._unused = {pattern.pattern for pattern, _ in self._entries}

    def find(self, name: str) -> Override:
        """What holds for the module of this name."""
        for pattern, override in self._entries:
            if pattern.fullmatch(name):
                self._unused.discard(pattern.pattern)
                return Override(override.qbits, dict(override.arguments))
        return Override(self.default.qbits, {})

    def names(self, name: str) -> bool:
        """Whether a pattern holds for the module of this name."""
        return any(pattern.fullmatch(name) for pattern, _ in self._entries)

    def unused(self) -> list[str]:
        """The patterns that no name asked for so far has chosen."""
        return [pattern.pattern for pattern, _ in self._entries if pattern.pattern in self._unused]

    def holds_for(self, pattern: str, names: Iterable[str]) -> bool:
        """Whether a pattern, chosen or not, matches one of these names."""
        return any(re.fullmatch(pattern, name) for name in names)

    def check_names(self, names: Mapping[str, bool]) -> None:
        """Raises for a pattern that holds for none of these modules; True are those that hold no others."""
        for pattern in (pattern for pattern, _ in self._entries):
            held = [name for name in names if pattern.fullmatch(name)]
            said = f"overrides[{pattern.pattern!r}] holds for"
            if not held:
                raise InputError(f"{said} no module of the model: {near(pattern.pattern, names)}")
            if not any(names[name] for name in held):
                inside = re.escape(held[0]) + r"\..*"
                raise InputError(f"{said} what only holds others, and decides nothing: for these write {inside!r}")

    def check_keys(self, functions: Iterable[Callable[..., Any]]) -> None:
        """Raises for a key that is neither a number of bits nor an argument of any of these replacement functions."""
        accepted = [accepted_keywords(function) for function in functions]
        if None in accepted:
            return
        known = {*BITS_KEYS, *(key for keys in accepted for key in keys or ())}
        for pattern, override in self._entries:
            unknown = sorted(set(override.arguments) - known)
            if unknown:
                raise TypeError(
                    f"overrides[{pattern.pattern!r}] has unknown keys {unknown}; this quantizer takes {sorted(known)}: "
                    f"{near(unknown[0], known)}"
                )


def near(name: str, known: Iterable[str]) -> str:
    """What may have been meant, or what there is."""
    known = sorted(filter(None, known))
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = [f"and {len(known) - _NAMED} more"] if len(known) > _NAMED else []
    return " ".join([f"there are {', '.join(map(repr, known[:_NAMED]))}", *more])


def accepted_keywords(replacement: Callable[..., Any]) -> set[str] | None:
    """What a replacement function takes after (module, name, qbits_map); None if it takes anything."""
    parameters = list(inspect.signature(replacement).parameters.values())[3:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def check_bits(bits: QBits) -> QBits:
    for key, number in zip(BITS_KEYS, bits, strict=True):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise ValueError(f"{key} must be a positive number of bits or None, not {number!r}")
    return bits


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"overrides has the key {pattern!r}, which is not a regular expression: {error}") from error


def _entry(pattern: str, given: Mapping[str, Any], default: QBits) -> Override:
    if not isinstance(given, Mapping):
        raise TypeError(f"overrides[{pattern!r}] must be a dict of settings, not {given!r}")
    for short, long in _SHORT_KEYS.items():
        if short in given:
            raise ValueError(f"overrides[{pattern!r}] has the key {short!r}; write {long!r}")
    bits = QBits(*(given.get(key, value) for key, value in zip(BITS_KEYS, default, strict=True)))
    return Override(check_bits(bits), {key: value for key, value in given.items() if key not in BITS_KEYS})
