"""What is known at one point of a run, and what a run has noted."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from rewriter.facts.project import Class, Function, FunctionNode
from rewriter.facts.values import Choice, Value, join
from rewriter.torch_api.row import Row, Spelling

SiteNode = ast.Call | ast.BinOp | ast.UnaryOp | ast.AugAssign

Runs = dict[ast.AST | str, int]
"""How often each site, or module, has run."""


@dataclass
class State:
    """Variables, and how often each site has run on the way here: the most over all paths."""

    variables: dict[str, Value] = field(default_factory=dict)
    runs: Runs = field(default_factory=dict)

    def copy(self) -> State:
        return State(dict(self.variables), dict(self.runs))


def most(a: Runs, b: Runs) -> Runs:
    """For each site the more of the two."""
    if len(a) > len(b):
        a, b = b, a
    larger = dict(b)
    for site, count in a.items():
        if count > larger.get(site, 0):
            larger[site] = count
    return larger


def merge(a: State | None, b: State | None) -> State | None:
    """The state after two alternatives; None is a path that does not come through."""
    if a is None or b is None:
        return b if a is None else a
    variables = dict(a.variables)
    for name, value in b.variables.items():
        variables[name] = join(variables[name], value) if name in variables else value
    return State(variables, most(a.runs, b.runs))


@dataclass(eq=False)
class Frame:
    """One activation of a function."""

    function: Function
    self_name: str | None
    cls: Class | None
    """The class that the run is about: where `self.x` is looked up."""
    depth: int
    loops: int = 0
    deferred: int = 0
    """Inside a lambda, nested function or generator, which may run at any time or never."""
    outer_loops: int = 0
    """Loops around the calls that led here."""
    of_plain: bool = False
    """It is a method of an object that is no module."""
    holder: str = "self"
    """Which object `self` is, as seen from the one whose forward is run: the path of attributes to it."""
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    statement: ast.stmt | None = None
    """The one that is being run."""


@dataclass(frozen=True)
class Local:
    """A lambda or nested function, as a value."""

    node: ast.Lambda | FunctionNode
    frame: Frame
    """The activation whose variables it sees."""


@dataclass(frozen=True)
class Bound:
    """A method of an object, as a value."""

    method: Function
    cls: Class
    own: bool
    """The object is the one whose method reads it."""


@dataclass(eq=False)
class Site:
    """A place in the source where a run met an operation or called a module."""

    node: SiteNode
    function: Function
    self_name: str | None
    order: int
    candidates: tuple[tuple[Row, Spelling], ...] = ()
    """For an operation: what it may be; empty for a call of a module."""
    tensor: bool = True
    """Some operand is a tensor; False where no operand is known well enough to say."""
    attribute: str = ""
    """For a module call: the attribute of self that holds the module."""
    module: Value | None = None
    chosen: bool = False
    """A call of a function of torch that is known only when it runs."""
    callee: Function | None = None
    """For a call of a function at module level: that function."""
    choice: Choice | None = None
    """For a call of a function that the code chooses: those that it may be."""
    handed: object = None
    """For a call that is handed a function to run: the name of torch's, or one of the project's."""
    runs: int = 1
    in_loop: bool = False
    """A loop of the same function is around it."""
    called_in_loop: bool = False
    """A loop is around a call that led to its function."""
    deferred: bool = False
    instances: set[int] = field(default_factory=set)
    """For a module call: how many calls of the same attribute came before, over all visits."""
