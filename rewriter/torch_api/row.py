"""The shape of one catalogue row, and how a call is bound to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from rewriter.torch_api.traits import Trait


@dataclass(frozen=True)
class Parameter:
    name: str
    keyword_only: bool
    required: bool
    variadic: bool
    default: str = ""
    """Source of the default, as in the signature."""


@cache
def parse_signature(text: str) -> tuple[Parameter, ...]:
    """`"input, other, *, alpha=1"` -> the parameters, by Python's own grammar."""
    arguments = ast.parse(f"lambda {text}: 0", mode="eval").body
    assert isinstance(arguments, ast.Lambda)
    spec = arguments.args
    positional = [*spec.posonlyargs, *spec.args]
    defaults = [None] * (len(positional) - len(spec.defaults)) + list(spec.defaults)
    parameters = [
        Parameter(a.arg, False, d is None, False, "" if d is None else ast.unparse(d))
        for a, d in zip(positional, defaults, strict=True)
    ]
    if spec.vararg:
        parameters.append(Parameter(spec.vararg.arg, False, False, True))
    parameters += [
        Parameter(a.arg, True, d is None, False, "" if d is None else ast.unparse(d))
        for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
    ]
    return tuple(parameters)


@dataclass(frozen=True)
class Spelling:
    """One way to write an operation, with the signature that this way has.

    `name` is the full name of a function (`torch.nn.functional.relu`, `torch.relu_`), of a Tensor method
    (`torch.Tensor.relu`; the receiver binds the first parameter), of a builtin (`builtins.abs`), or an operator
    (`+`, `+=`, `unary -`).
    """

    name: str
    signature: str
    inplace: bool = False
    requires: tuple[tuple[str, str], ...] = ()
    """(parameter, kind) pairs that tell this overload from others of the same name."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return parse_signature(self.signature)

    @property
    def is_method(self) -> bool:
        return self.name.startswith("torch.Tensor.")


@dataclass(frozen=True)
class Foreign:
    """What another library has for an operation: a class of modules, or a method of one, with the arguments it takes.

    Its parameters have the names that they have here.
    """

    library: str
    """As `--from` and `--target` name it: `torch-ao`."""
    spelling: Spelling
    """The full name, with what a call takes; a leading `*` spreads a sequence."""
    constructor: str = ""
    """What its constructor takes, by position."""
    method: str = ""
    """The method that a call names; empty where the module itself is called."""

    @property
    def target(self) -> str:
        """The class."""
        return self.spelling.name.removesuffix(f".{self.method}") if self.method else self.spelling.name

    @property
    def takes(self) -> frozenset[str]:
        """All that it can be told."""
        return frozenset(p.name for p in (*self.spelling.parameters, *parse_signature(self.constructor)))


@dataclass(frozen=True)
class TorchModule:
    """A class of torch.nn, and the arguments of the operation that it does not call by the function's names."""

    name: str
    """`torch.nn.ReflectionPad2d`."""
    arguments: tuple[tuple[str, str], ...] = ()
    """(parameter, source) pairs: a constant, or the attribute of the module that has it: `("pad", "padding")`."""


_PARAMETERS_OF_LAYERS = frozenset({"weight", "bias", "running_mean", "running_var"})
"""What torch's functions call the tensors that a layer would hold."""


@dataclass(frozen=True)
class Row:
    """One torch operation: how people write it and which module takes its place.

    A site becomes `target(<constants>)` in `__init__` and `self.name(<operands>)` in `forward`. Where an argument is
    not a constant, or `target` has no such constructor parameter, `flexible` serves instead: its constructor takes
    any of the function's parameters by keyword, and its forward takes whatever the function takes, in the
    function's own order and names, plus what the constructor fixed. So there is always a form that keeps the meaning.
    """

    op: str
    code: str
    """The rule that handles it: RW101 ..."""
    target: str
    """`torch.nn.ReLU` or `runtime.modules.EltWiseAdd`."""
    attribute: str
    """The attribute's name before numbering: `add`, `relu`."""
    operands: tuple[str, ...]
    """The parameters that forward always takes, in order. A leading `*` marks a sequence that forward takes spread."""
    spellings: tuple[Spelling, ...]
    flexible: str = ""
    """A class of runtime.modules; empty means that `target` itself is flexible."""
    constructor: str = ""
    """The target constructor's signature (without self); names are those of the function's parameters."""
    follows_training: bool = False
    """Its `training` parameter, given as `self.training`, is what the target does by itself."""
    returns: str = "tensor"
    """`tensor`, or `tensors` for a tuple of them."""
    traits: Trait = Trait.NONE
    modules: tuple[TorchModule, ...] = ()
    """Other classes of torch.nn that compute it: with parameters of their own, or with some arguments fixed."""
    elsewhere: tuple[Foreign, ...] = ()
    """What other libraries have for it, the preferred way of each first."""
    as_function: tuple[str, ...] = ()
    """Other libraries that take it as it is written: no module has to stand for it."""
    clamps: tuple[str, ...] = ()
    """Where it holds its input between two numbers and does nothing else: them, or the parameters that say them."""

    @cached_property
    def constructor_parameters(self) -> tuple[Parameter, ...]:
        return parse_signature(self.constructor)

    @cached_property
    def arguments(self) -> frozenset[str]:
        """What a module for it may be told, by whatever way it is written."""
        return frozenset(self.parameters) | {p.name for p in self.constructor_parameters}

    @property
    def flexible_target(self) -> str:
        return self.flexible or self.target

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters that any of the spellings has, in order."""
        return tuple(dict.fromkeys(p.name for spelling in self.spellings for p in spelling.parameters))

    @property
    def spatial(self) -> int:
        """How many dimensions of an image it works on, if its name says that: 2 of `max_pool2d`."""
        number = re.search(r"(\d)d", self.op)
        return int(number[1]) if number else 0

    @cached_property
    def function(self) -> Spelling:
        """The plain function, which the flexible target calls."""
        functions = [s for s in self.spellings if not s.inplace and s.name.startswith(("torch.", "builtins."))]
        return min(functions, key=lambda s: s.name.startswith("builtins."))

    @cached_property
    def settings(self) -> Mapping[str, object]:
        """What the plain function takes besides its operands: the parameters that have a default, with its value."""
        operands = {operand.lstrip("*") for operand in self.operands} | {"out"}
        parameters = [p for p in self.function.parameters if p.name not in operands] if self.spellings else []
        return {p.name: ast.literal_eval(p.default) if p.default else None for p in parameters}

    @cached_property
    def takes_tensors_for(self) -> frozenset[str]:
        """The parameters that are operands, or what a layer would hold; the others take numbers."""
        return _PARAMETERS_OF_LAYERS | {name.lstrip("*") for name in self.operands}

    @property
    def takes_tensors(self) -> bool:
        """Its operands are tensors, not a list of them."""
        of_python = bool(self.spellings) and self.function.name.startswith("builtins.")
        return not of_python and not any(name.startswith("*") for name in self.operands)

    @property
    def targets(self) -> tuple[str, ...]:
        """The full names of all classes that compute it."""
        return tuple(dict.fromkeys([self.target, self.flexible_target, *(module.name for module in self.modules)]))


# torch takes NumPy's names for these as well, except in torch.nn.functional.
_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


@dataclass(frozen=True)
class Argument:
    """One argument of a call: the parameter it binds, its expression, and whether the author named it."""

    parameter: Parameter
    value: ast.expr
    named: bool


def bind(spelling: Spelling, positional: list[ast.expr], keywords: list[ast.keyword]) -> tuple[Argument, ...] | None:
    """The call's arguments in written order, each with its parameter; None where they do not fit the signature.

    Starred arguments and `**kwargs` never fit: what they hold is known only at run time.
    """
    if any(isinstance(a, ast.Starred) for a in positional) or any(k.arg is None for k in keywords):
        return None
    parameters = spelling.parameters
    slots = [p for p in parameters if not p.keyword_only and not p.variadic]
    rest = next((p for p in parameters if p.variadic), None)
    bound: list[Argument] = []
    for index, value in enumerate(positional):
        if index < len(slots):
            bound.append(Argument(slots[index], value, False))
        elif rest is not None:
            bound.append(Argument(rest, value, False))
        else:
            return None
    by_name = {p.name: p for p in parameters if not p.variadic}
    if not spelling.name.startswith("torch.nn.functional."):
        by_name |= {alias: by_name[name] for alias, name in _NUMPY_NAMES.items() if name in by_name}
    taken = {a.parameter.name for a in bound}
    for keyword in keywords:
        assert keyword.arg is not None
        parameter = by_name.get(keyword.arg)
        if parameter is None or parameter.name in taken:
            return None
        taken.add(parameter.name)
        bound.append(Argument(parameter, keyword.value, True))
    if any(p.required and p.name not in taken for p in parameters):
        return None
    return tuple(bound)


def written_order(call: ast.Call) -> list[ast.expr | ast.keyword]:
    """The arguments of a call as they stand in the source."""
    arguments: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    return sorted(arguments, key=lambda a: (a.lineno, a.col_offset))
