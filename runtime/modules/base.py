"""The one mechanism of the wrapper modules: a torch function, some of its arguments fixed, the rest given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MethodDescriptorType
from typing import Any, ClassVar

import torch
import torch.fx
from torch import Tensor
from torch.nn import Parameter

from runtime.modules.scripting import Scriptable
from runtime.modules.scripting.methods import overloads
from runtime.modules.scripting.signatures import Signature, signatures

PLAIN = (Tensor, Parameter)
_NUMPY_NAMES = {"dim": "axis", "keepdim": "keepdims"}


def has_own_method(operand: Any, name: str) -> bool:
    """Whether the operand's class has its own idea of the operation, which a call of its method would have run."""
    kind = type(operand)
    if isinstance(operand, Tensor):
        return getattr(kind, name, None) is not getattr(Tensor, name, None)
    return callable(getattr(kind, name, None)) and not hasattr(kind, "__torch_function__")


def _as_taken(method: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments as a method takes them that is no tensor's: by torch's names, by NumPy's, or in their order."""
    try:
        taken = inspect.signature(method).parameters
    except (TypeError, ValueError):  # one that is written in C, as NumPy's
        return args, {_NUMPY_NAMES.get(name, name): value for name, value in given.items()}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return args, given
    known = {name: next((n for n in (name, _NUMPY_NAMES.get(name, "")) if n in taken), "") for name in given}
    in_order = tuple(value for name, value in given.items() if not known[name])
    return (*args, *in_order), {known[name]: value for name, value in given.items() if known[name]}


class Operation(Scriptable):
    """A function as a module, so that a quantizer can see it, observe it and replace it.

    The constructor fixes arguments, by keyword or in the order of `takes`; a call passes the others just as the
    function takes them: `Operation(**fixed)(*args, **given)` is `function(*args, **fixed, **given)`. There are no
    parameters and no buffers, so nothing is added to a state_dict.
    """

    function: ClassVar[Callable[..., Any]]
    takes: ClassVar[tuple[str, ...]] = ()
    """The parameters that the constructor may fix."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """A function that is looked up on an instance must not be bound to it."""
        super().__init_subclass__(**kwargs)
        for name in ("function", "function_"):
            if name in vars(cls):
                setattr(cls, name, staticmethod(getattr(cls, name)))

    def __init__(self, *positional: Any, **fixed: Any) -> None:
        super().__init__()
        if len(positional) > len(self.takes):
            raise TypeError(
                f"{type(self).__name__} takes {self._accepted()}, but {len(positional)} arguments were given"
            )
        self.fixed = dict(zip(self.takes, positional, strict=False))
        for name, value in fixed.items():
            if name not in self.takes:
                raise TypeError(f"{type(self).__name__} takes {self._accepted()}, not {name!r}")
            if name in self.fixed:
                raise TypeError(f"{type(self).__name__} was given {name!r} twice")
            self.fixed[name] = value

    def _accepted(self) -> str:
        return f"({', '.join(self.takes)})" if self.takes else "no arguments"

    def chosen(self) -> Callable[..., Any]:
        """The function that this instance calls."""
        return self.function

    def forward(self, *args: Any, **given: Any) -> Any:
        if args and type(args[0]) not in PLAIN and self._is_method_of(args[0]):
            return self._own_method(*args, **{**self.fixed, **given})
        return self.chosen()(*args, **{**self.fixed, **given})

    def _is_method_of(self, operand: Any) -> bool:
        """Whether the operand's method is to be called: a method of tensors cannot be handed a stand-in of torch.fx."""
        function = self.chosen()
        is_stand_in = isinstance(operand, torch.fx.Proxy) and isinstance(function, MethodDescriptorType)
        return is_stand_in or has_own_method(operand, function.__name__)

    def _own_method(self, operand: Any, *args: Any, **given: Any) -> Any:
        """`x.mean(dim)` of an array of NumPy, or of any object that a helper is given in place of a tensor."""
        method = getattr(operand, self.chosen().__name__)
        if not isinstance(operand, Tensor | torch.fx.Proxy):
            args, given = _as_taken(method, args, given)
        return method(*args, **given)

    def signatures(self) -> Iterable[Signature]:
        """How TorchScript may call `forward`, arguments that are fixed included."""
        return signatures(self.chosen(), self.fixed)

    def scripted(self) -> Mapping[str, Iterable[Callable[..., Any]]]:
        return {"forward": self.methods()}

    def methods(self, defaults: bool = True) -> Iterable[Callable[..., Any]]:
        return overloads(self.signatures(), self.fixed, defaults)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.fixed.items())


class InplaceOperation(Operation):
    """An operation whose in-place form is another function: `inplace=True` in the constructor chooses it."""

    function_: ClassVar[Callable[..., Any]]

    def __init__(self, *positional: Any, **fixed: Any) -> None:
        super().__init__(*positional, **fixed)
        # Not `inplace`: code that switches that off in all modules means those that the author wrote.
        self.in_place = bool(self.fixed.pop("inplace", False))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pickles of earlier versions say `inplace`."""
        if "inplace" in state:
            state["in_place"] = state.pop("inplace")
        super().__setstate__(state)  # type: ignore[no-untyped-call]

    def chosen(self) -> Callable[..., Any]:
        return self.function_ if self.in_place else self.function

    def extra_repr(self) -> str:
        shown = super().extra_repr()
        return ", ".join(filter(None, [shown, "inplace=True" if self.in_place else ""]))


def works_in_place(module: Any) -> bool:
    """Whether a module, torch's or one of these, changes what it is given."""
    return bool(getattr(module, "inplace", False) or getattr(module, "in_place", False))
