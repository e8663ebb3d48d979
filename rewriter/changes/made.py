"""What makes the module that a site is to call: a class for each way, which says how it is written and described."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Protocol

from rewriter.torch_api.row import Foreign, Row, Spelling


class Writer(Protocol):
    """How the file that is written spells things."""

    def spell(self, target: str) -> str:
        """The name that the file has, or gets, for a full name of torch's or the runtime's."""

    def text(self, node: ast.expr) -> str:
        """An expression as the file has it, on one line."""


class Made:
    """One way. `own` is what the constructor calls its object."""

    def written(self, writer: Writer, own: str) -> str:
        """The expression that makes it."""
        raise NotImplementedError

    def described(self, what: str, where: str) -> str:
        """What becomes of the site, for the person who reads the finding."""
        raise NotImplementedError

    @property
    def method(self) -> str:
        """The method of the module that the site calls; empty where it calls the module itself."""
        return ""

    @property
    def repeats(self) -> ast.stmt | None:
        """The assignment of the constructor whose module it makes once more."""
        return None

    @property
    def repeated(self) -> ast.expr | None:
        """The expression at the site that is written into the constructor as it stands."""
        return None

    @property
    def behind(self) -> ast.stmt | None:
        """The statement of the constructor that has set what the expression reads."""
        return None

    @property
    def needs_another(self) -> bool:
        """Whether something else that the object has, as another module, has to be made before it."""
        return False

    @property
    def is_handle(self) -> bool:
        """Whether it may stand for another module of the object."""
        return False


@dataclass(frozen=True)
class Fixed:
    """An argument that the constructor takes."""

    name: str
    value: ast.expr | bool
    named: bool
    """Written as a keyword."""

    def written(self, writer: Writer) -> str:
        value = repr(self.value) if isinstance(self.value, bool) else writer.text(self.value)
        return f"{self.name}={value}" if self.named else value


@dataclass(frozen=True)
class Make(Made):
    """`target(fixed)`, a new instance."""

    row: Row
    spelling: Spelling
    """Which operation it stands for, and how that is written at the site."""
    target: str
    fixed: tuple[Fixed, ...] = ()

    def written(self, writer: Writer, own: str) -> str:
        return f"{writer.spell(self.target)}({', '.join(fixed.written(writer) for fixed in self.fixed)})"

    def described(self, what: str, where: str) -> str:
        target = self.target.removeprefix("torch.") if self.target.startswith("torch.nn.") else self.target
        return f"{what} becomes {where}, {target}"


@dataclass(frozen=True)
class MakeElsewhere(Make):
    """A module of another library; what `fixed` says goes to its constructor."""

    foreign: Foreign = field(kw_only=True)
    swapped: bool = field(default=False, kw_only=True)
    """The call gives the second operand first: the library wants the tensor before the number."""

    @property
    def method(self) -> str:
        return self.foreign.method


@dataclass(frozen=True)
class MakeAgain(Made):
    """The expression that made an existing attribute, once more."""

    attribute: str
    expression: ast.expr
    statement: ast.stmt
    """The assignment that it was taken from."""

    def written(self, writer: Writer, own: str) -> str:
        return writer.text(self.expression)

    def described(self, what: str, where: str) -> str:
        return f"{what} becomes {where}, an instance of its own"

    @property
    def repeats(self) -> ast.stmt | None:
        return self.statement

    @property
    def needs_another(self) -> bool:
        return True


@dataclass(frozen=True)
class Tie(Made):
    """`runtime.modules.again(self.attribute)`: a handle that stands for the module."""

    attribute: str
    statement: ast.stmt | None
    """The assignment that made the attribute; None where a base class made it."""
    parts: bool = False
    """Its parts have handles of their own."""
    hidden: bool = False
    """Code picks modules of its class out of all, and is not to meet another one."""
    called: str = ""
    """The method of the module that the site calls."""

    @property
    def method(self) -> str:
        return self.called

    @property
    def is_handle(self) -> bool:
        return True

    def written(self, writer: Writer, own: str) -> str:
        return f"{writer.spell('runtime.modules.again')}({own}.{self.attribute}{self.options})"

    @property
    def options(self) -> str:
        return (", parts=True" if self.parts else "") + (", hidden=True" if self.hidden else "")

    def described(self, what: str, where: str) -> str:
        return f"{what} becomes {where}, an instance of its own"

    @property
    def repeats(self) -> ast.stmt | None:
        return self.statement

    @property
    def needs_another(self) -> bool:
        return True


@dataclass(frozen=True)
class TieMembers(Tie):
    """`runtime.modules.again(self.layers, parts=True)`: a handle for each member of a list."""

    filled: ast.stmt | None = None
    """The last statement of the constructor that touches the list."""

    @property
    def behind(self) -> ast.stmt | None:
        return self.filled


@dataclass(frozen=True)
class Wrap(Made):
    """`runtime.modules.Function(function)`: a module that runs a function whose operations are modules."""

    function: ast.expr
    is_seen: bool = True
    """It is of the project, so that its operations can be modules."""

    def written(self, writer: Writer, own: str) -> str:
        return f"{writer.spell('runtime.modules.Function')}({writer.text(self.function)})"

    def described(self, what: str, where: str) -> str:
        return f"{what} becomes {where}, {'which has modules for its operations' if self.is_seen else 'a module'}"

    @property
    def repeated(self) -> ast.expr:
        return self.function


@dataclass(frozen=True)
class MakeEarlier(Made):
    """The expression by which the forward itself makes a module at each call."""

    expression: ast.Call

    def written(self, writer: Writer, own: str) -> str:
        return writer.text(self.expression)

    def described(self, what: str, where: str) -> str:
        return f"{what} becomes {where}, which __init__ makes"

    @property
    def repeated(self) -> ast.expr:
        return self.expression


@dataclass(frozen=True)
class RunAgain(Made):
    """`runtime.modules.RunAgain(self, "mix")`: runs a method of the object on modules of its own."""

    called: str

    def written(self, writer: Writer, own: str) -> str:
        return f'{writer.spell("runtime.modules.RunAgain")}({own}, "{self.called}")'

    def described(self, what: str, where: str) -> str:
        return f"{what} runs on modules of its own, by {where}"


@dataclass(frozen=True)
class WrapMethod(Made):
    """`runtime.modules.Function(torch.Tensor.kron)`: a module that calls the method of what it is given first."""

    name: str

    def written(self, writer: Writer, own: str) -> str:
        return f"{writer.spell('runtime.modules.Function')}({writer.spell('torch.Tensor')}.{self.name})"

    def described(self, what: str, where: str) -> str:
        return f"{what} becomes {where}, a module"


@dataclass(frozen=True)
class Call(Made):
    """`runtime.modules.Call(functions)`: a module that runs the function that it is given at each call."""

    functions: tuple[ast.expr, ...] = ()
    """Functions that take modules, and tables of such functions, for which it is to hold some."""
    kept: str = ""
    """The attribute that keeps what is called, where that is told by itself."""
    stored: ast.stmt | None = None
    """The statement of the constructor that sets this attribute."""
    again: bool = False
    """What is called is a module: `runtime.modules.CallAgain()`, which runs a handle of it."""

    @property
    def behind(self) -> ast.stmt | None:
        return self.stored

    @property
    def needs_another(self) -> bool:
        return bool(self.kept)

    def written(self, writer: Writer, own: str) -> str:
        told = [f"{own}.{self.kept}"] if self.kept else map(writer.text, self.functions)
        return f"{writer.spell(f'runtime.modules.{self.name}')}({', '.join(told)})"

    @property
    def name(self) -> str:
        return "CallAgain" if self.again else "Call"

    def described(self, what: str, where: str) -> str:
        whichever = "an instance of its own" if self.again else "a module for whichever function it is"
        return f"{what} is called by {where}, {whichever}"
