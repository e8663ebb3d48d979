"""The wrapper modules, one class for each operation of the catalogue that needs one.

What a class is called, calls and fixes stands in its row; those whose forward does more are in `special`.
`operations.pyi` shows the classes to editors and type checkers; `python -m runtime.modules.stub` writes it.
"""

from __future__ import annotations

import builtins
import inspect
import operator
import types
from functools import reduce
from typing import Any

import torch

from rewriter.torch_api.wrappers import WRAPPERS, Wrapper
from runtime.modules import special
from runtime.modules.base import InplaceOperation, Operation


def class_of(wrapper: Wrapper) -> type[Operation]:
    """The class, complete: with what it calls and what its constructor takes."""
    kind: type[Operation] = getattr(special, wrapper.name, None) or _made(wrapper)
    kind.__doc__, kind.takes = wrapper.description, wrapper.takes
    kind.function = staticmethod(_found(wrapper.function))
    if issubclass(kind, InplaceOperation):
        kind.function_ = staticmethod(_found(wrapper.inplace_function))
    kind.__init__ = _constructor(kind, wrapper.takes)  # type: ignore[method-assign]
    return kind


def _made(wrapper: Wrapper) -> type[Operation]:
    attributes: dict[str, Any] = {"__module__": "runtime.modules"}
    base: type[Operation] = InplaceOperation if wrapper.has_inplace_form else Operation
    if wrapper.operator:
        base = special.Eltwise
        plain, inplace = (
            next(s.name for s in wrapper.spellings if s.name.startswith("operator.") and s.inplace is wanted)
            for wanted in (False, True)
        )
        attributes |= {"sign": wrapper.operator, "symbol": _found(plain), "symbol_": _found(inplace)}
    elif wrapper.rows[0].operands[0].startswith("*"):
        base = special.Join
    return type(wrapper.name, (base,), attributes)


def _constructor(kind: type[Operation], takes: tuple[str, ...]) -> Any:
    """The constructor that the class inherits, with a signature that names what it takes."""
    inherited: Any = kind.__init__
    own = types.FunctionType(
        inherited.__code__, inherited.__globals__, "__init__", inherited.__defaults__, inherited.__closure__
    )
    names = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=...) for name in takes]
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own.__signature__ = inspect.Signature([first, *names])  # type: ignore[attr-defined]
    return own


def _found(full_name: str) -> Any:
    """The function of this full name."""
    home, *path = full_name.split(".")
    homes: dict[str, Any] = {"torch": torch, "builtins": builtins, "operator": operator}
    return reduce(getattr, path, homes[home])


OPERATIONS = {wrapper.name: class_of(wrapper) for wrapper in WRAPPERS}
globals().update(OPERATIONS)
__all__ = list(OPERATIONS)
