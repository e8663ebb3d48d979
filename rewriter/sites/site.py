"""The places in the source where a run met an operation, or a call of something that may have some."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, fields, replace

from rewriter.python.attributes import keeps_locals
from rewriter.python.code import Class, Function
from rewriter.python.members import ListMember
from rewriter.torch_api.row import Row, Spelling
from rewriter.values.base import Value
from rewriter.values.functions import Choice, SomeFunction
from rewriter.values.modules import Made, Module
from rewriter.values.one_operation import is_handed_in

SiteNode = ast.Call | ast.BinOp | ast.UnaryOp | ast.AugAssign | ast.Attribute


@dataclass(eq=False)
class Site:
    """What all kinds have in common: where it is, and how often it runs."""

    node: SiteNode
    function: Function
    self_name: str | None
    """What the function calls its own object there."""
    order: int
    runs: int = field(default=1, kw_only=True)
    """How often it runs in one forward, loops left out: the most over all paths."""
    in_loop: bool = field(default=False, kw_only=True)
    """A loop of the same function is around it."""
    called_in_loop: bool = field(default=False, kw_only=True)
    """A loop is around a call that led to its function."""
    deferred: bool = field(default=False, kw_only=True)
    """It stands in a lambda, nested function or generator, which may run at any time or never."""
    observed: str = field(default="", kw_only=True)
    """What an observed execution has shown of it that the source does not say; a change that rests on it is unsafe."""

    def met_again(self, other: Site) -> None:
        """The same run has come to it once more."""

    def merged(self, other: Site) -> Site:
        """What two runs together say of it."""
        return replace(
            self,
            runs=max(self.runs, other.runs),
            in_loop=self.in_loop or other.in_loop,
            called_in_loop=self.called_in_loop or other.called_in_loop,
            deferred=self.deferred or other.deferred,
        )

    @property
    def written(self) -> str:
        """The site as its author would name it."""
        assert isinstance(self.node, ast.Call)
        return f"`{ast.unparse(self.node.func)}()`"


@dataclass(eq=False)
class Operation(Site):
    """An operation of torch."""

    candidates: tuple[tuple[Row, Spelling], ...]
    """What it may be: several where torch has overloads."""
    tensor: bool
    """Some operand is a tensor; False where no operand is known well enough to say."""
    idle: bool = field(default=False, kw_only=True)
    """It computes from sizes, indices, masks and constants alone: a quantizer has no business with it."""

    def met_again(self, other: Site) -> None:
        self.tensor |= isinstance(other, Operation) and other.tensor
        self.idle &= isinstance(other, Operation) and other.idle

    def merged(self, other: Site) -> Site:
        if isinstance(other, OperationOfAnyKind):
            return other.merged(self)
        both = Site.merged(self, other)
        assert isinstance(both, Operation)
        if isinstance(other, Operation):
            both.candidates = tuple(dict.fromkeys([*self.candidates, *other.candidates]))
            both.tensor = self.tensor or other.tensor
            both.idle = self.idle and other.idle
        return both

    @property
    def written(self) -> str:
        """`+=`, `torch.cat()`, `.mean()`"""
        spelling = self.candidates[0][1].name
        if not isinstance(self.node, ast.Call):
            return f"`{spelling.removeprefix('unary ')}`"
        if spelling.startswith("torch.Tensor."):
            return f"`.{spelling.removeprefix('torch.Tensor.')}()`"
        return f"`{ast.unparse(self.node.func)}()`"


@dataclass(eq=False)
class ForeignOperation(Operation):
    """A call of a method of another library's module, as in `self.skip_add.add(x, y)`."""

    attribute: str
    """What the function's own object calls the module; empty where it is another's."""

    @property
    def written(self) -> str:
        return Site.written.fget(self)  # type: ignore[attr-defined, no-any-return]


@dataclass(eq=False)
class OperationOfAnyKind(Site):
    """A call of a function of torch that is known only when it runs."""


@dataclass(eq=False)
class ModuleCall(Site):
    """A call of a module that an attribute of the function's own object holds."""

    attribute: str
    module: Value
    instances: frozenset[int]
    """How many calls of the same attribute came before, over all visits."""

    def met_again(self, other: Site) -> None:
        if isinstance(other, ModuleCall):
            self.instances |= other.instances

    def merged(self, other: Site) -> Site:
        keeps = isinstance(other, KeptFunctionCall) and not isinstance(self, KeptFunctionCall)
        return other.merged(self) if keeps else Site.merged(self, other)

    @property
    def made(self) -> Made:
        """What made the module, as far as it is known."""
        return self.module.made if isinstance(self.module, Module) else None


@dataclass(eq=False)
class PartMethodCall(ModuleCall):
    """A call of another method than its forward of what such an attribute holds: `self.coder.decode(x)`."""

    cls: Class
    callee: Function
    choice: Choice | None
    """Where what it holds is no module: what the method may be, once the classes of such objects are known."""

    @property
    def made(self) -> Made:
        return self.cls

    def otherwise(self) -> Site:
        """The same call where the object cannot become a module: its method is given modules."""
        assert self.choice is not None
        return ChosenCall(**{f.name: getattr(self, f.name) for f in fields(Site)}, choice=self.choice)


@dataclass(eq=False)
class MethodAgain(ModuleCall):
    """What names a method where the forward calls it again, and it cannot be told which call that is: `self.mix`."""

    @property
    def written(self) -> str:
        return f"`{ast.unparse(self.node)}()`"


@dataclass(eq=False)
class MemberCall(ModuleCall):
    """A call of a member of a list that such an attribute holds, by an index: `self.blocks[i // 2](x)`."""

    index: ast.expr


@dataclass(eq=False)
class HandedModule(ModuleCall):
    """What such an attribute holds is given to a module, which may call it: `block(x, bias=self.bias)`."""

    @property
    def written(self) -> str:
        return f"`{ast.unparse(self.node)}`"


@dataclass(eq=False)
class PartCall(Site):
    """A call of a module that a part of the function's own object holds: `self.acts["a"](x)`, `self.inner.act(x)`."""

    instances: frozenset[int]
    """How many calls of the same part came before, over all visits."""
    member: ListMember | None = field(default=None, kw_only=True)
    """A loop takes another one at each turn: `for layer in self.layers`, `self.layers[i]`."""
    whole: str = field(default="", kw_only=True)
    """The attribute that it is a part of, where the whole has been called before."""

    def met_again(self, other: Site) -> None:
        if isinstance(other, PartCall):
            self.instances |= other.instances
            self.whole = self.whole or other.whole


@dataclass(eq=False)
class CallByAnotherName(Site):
    """A call of what an attribute holds, by a variable or an argument: `f = self.act` and `f(x)`."""

    instances: frozenset[int]
    """How many calls of the same attribute came before, over all visits."""
    attributes: tuple[str, ...] = field(kw_only=True)
    """The attributes that it may be."""

    def met_again(self, other: Site) -> None:
        if isinstance(other, CallByAnotherName):
            self.instances |= other.instances
            self.attributes = tuple(sorted({*self.attributes, *other.attributes}))


@dataclass(eq=False)
class KeptFunctionCall(ModuleCall):
    """A call of a function that such an attribute keeps, which becomes a module where it is stored."""

    function_kept: SomeFunction

    def otherwise(self) -> Site:
        """The same call where the function cannot become a module there: it is chosen when the code runs.

        Where it is not known to be a function and nothing nearby names one, the call is taken for that of a module.
        """
        common = {f.name: getattr(self, f.name) for f in fields(Site)}
        choice = Choice(self.function_kept.members)
        if all(map(is_handed_in, choice.of)):
            return OperationOfAnyKind(**common)  # one of torch's, or a lambda that somebody gave the constructor
        return ChosenCall(**common, choice=choice) if self.module.known or self._is_named(choice) else self

    def _is_named(self, choice: Choice) -> bool:
        owner = self.function.owner
        init = owner.constructor if owner is not None else None
        said = self.function.words.union(init.words if init is not None else (), owner.stated if owner else ())
        return (init is not None and keeps_locals(init)) or any(f.node.name in said for f in choice.functions)


@dataclass(eq=False)
class FunctionCall(Site):
    """A call of a function at module level, or of a method that is given no object."""

    callee: Function


METHOD = "torch.Tensor."
"""What the full name of a tensor's method begins with."""


@dataclass(eq=False)
class OutsideCall(Site):
    """A call of a function that computes on tensors: another library's, or one of torch's without a row."""

    name: str
    """In full."""

    @property
    def written(self) -> str:
        return f"`.{self.name.removeprefix(METHOD)}()`" if self.name.startswith(METHOD) else super().written


@dataclass(eq=False)
class DifferentiatedCall(OutsideCall):
    """A call of a torch.autograd.Function, whose forward runs apart from the gradient that it has."""


@dataclass(eq=False)
class NewModuleCall(Site):
    """A call of a module that the forward itself has made: `nn.Softmax(dim=1)(x)`."""

    made: ast.Call
    """What makes it."""


@dataclass(eq=False)
class UnknownCall(Site):
    """A call with tensors of something that nobody can see."""


@dataclass(eq=False)
class ChosenCall(Site):
    """A call of one of several functions, or of a method that the class of its object chooses."""

    choice: Choice


@dataclass(eq=False)
class HandedFunction(Site):
    """A call of a function that is given another one to run."""

    handed: Function | str
    """A function of the project, or the name of torch's."""


@dataclass(eq=False)
class MappedModule(ModuleCall):
    """A call of `map` that runs such a module for each of several."""


@dataclass(eq=False)
class FileLevelModuleCall(Site):
    """A call of a module that stands at file level, so that no object has it for a child."""
