"""The surgery after which a rewritten model gives something else, and the section of docs/what-changes.md about it."""

from __future__ import annotations

PAGE = "docs/what-changes.md"

_TWO = "A module that was made again is one of two"
_FUNCTION = "What was a function is a module"
_CHAIN = "The children of a model are not a chain"

_NOT_A_CHAIN = (
    "encoder called twice",
    "layers called twice",
    "activations called twice",
    "a chosen activation called twice",
    "counted steps",
    "a stored function",
    "a helper called twice",
    "a subclass of Sequential",
    "a mixin",
    "a tied embedding",
)

DOCUMENTED = {
    ("replace an activation", "convolutions called twice"): _TWO,
    ("replace an activation by one with parameters", "convolutions called twice"): _TWO,
    ("layers that are skipped", "convolutions called twice"): _TWO,
    ("hook an activation", "convolutions called twice"): _TWO,
    ("round activations by name", "convolutions called twice"): _TWO,
    ("replace every activation", "a subclass of Sequential"): _FUNCTION,
    ("store a function for an activation", "a stored function"): "A function in the place of a module",
    **{("a sequential of its children", model): _CHAIN for model in _NOT_A_CHAIN},
}
