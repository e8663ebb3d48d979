"""Overrides: ordered patterns, full matches, and loud about whatever would have no effect."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from runtime.quantization.overrides import Overrides, QBits, accepted_keywords

DEFAULT = QBits(8, 8, 32)


def compiled(**patterns: Any) -> Overrides:
    return Overrides(OrderedDict(patterns), DEFAULT)


def test_no_overrides_mean_the_default_everywhere() -> None:
    assert Overrides(None, DEFAULT).find("any.name") == (DEFAULT, {})


def test_the_first_pattern_that_matches_wins() -> None:
    overrides = Overrides(OrderedDict([("a.*", {"bits_weights": 4}), ("ab", {"bits_weights": 2})]), DEFAULT)
    assert overrides.find("ab").qbits == QBits(8, 4, 32)


def test_a_pattern_matches_the_whole_name() -> None:
    overrides = compiled(conv={"bits_weights": 4})
    assert overrides.find("conv").qbits.wts == 4
    assert overrides.find("conv1").qbits.wts == 8
    assert overrides.find("layer.conv").qbits.wts == 8


def test_alternatives_match_the_whole_name_too() -> None:
    overrides = Overrides(OrderedDict([("a|bc", {"bits_weights": 4})]), DEFAULT)
    assert [overrides.find(name).qbits.wts for name in ("a", "bc", "ac", "b")] == [4, 4, 8, 8]


def test_none_leaves_a_kind_of_tensor_in_floating_point() -> None:
    assert compiled(conv={"bits_activations": None}).find("conv").qbits == QBits(None, 8, 32)


def test_other_keys_are_arguments_and_every_module_gets_its_own() -> None:
    given = OrderedDict(a={"bits_weights": 4, "clip": True})
    overrides = Overrides(given, DEFAULT)
    overrides.find("a").arguments["clip"] = False
    assert overrides.find("a").arguments == {"clip": True}
    assert given == OrderedDict(a={"bits_weights": 4, "clip": True})


def test_unused_patterns_are_known() -> None:
    overrides = compiled(a={}, b={})
    overrides.find("a")
    assert overrides.unused() == ["b"]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ([("a", {})], TypeError, "must be a dict of patterns"),
        (OrderedDict({"a": 4}), TypeError, "dict of settings"),
        (OrderedDict({"a(": {}}), ValueError, "not a regular expression"),
        (OrderedDict({"a": {"wts": 4}}), ValueError, "'bits_weights'"),
        (OrderedDict({"a": {"bits_weights": 0}}), ValueError, "bits_weights must be a positive number"),
        (OrderedDict({"a": {"bits_bias": True}}), ValueError, "not True"),
        (OrderedDict({"a": {"bits_activations": 4.0}}), ValueError, r"not 4\.0"),
    ],
)
def test_what_makes_no_sense_is_an_error(given: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Overrides(given, DEFAULT)


def test_keys_that_no_replacement_takes_are_an_error() -> None:
    def replacement(module: Any, name: Any, qbits_map: Any, clip: bool = False) -> Any: ...

    compiled(a={"clip": True}).check_keys([replacement])
    with pytest.raises(TypeError, match=r"\['klip'\].*'clip'"):
        compiled(a={"klip": True}).check_keys([replacement])


def test_a_replacement_that_takes_anything_accepts_any_key() -> None:
    def replacement(module: Any, name: Any, qbits_map: Any, **anything: Any) -> Any: ...

    assert accepted_keywords(replacement) is None
    compiled(a={"clip": True}).check_keys([replacement])
