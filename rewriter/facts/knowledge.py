"""What the project says of its classes: the values of attributes, what a forward returns, which sites it runs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rewriter.facts import values as v
from rewriter.facts.hierarchy import Hierarchy, own_name
from rewriter.facts.interpreter.state import Frame, State
from rewriter.facts.interpreter.statements import Interpreter
from rewriter.facts.project import Class, File, Function, Project, is_table
from rewriter.facts.trees import walk
from rewriter.facts.values import Kind, Value
from rewriter.torch_api import catalogue

# An argument found to be no tensor changes what others may be; more rounds have not been seen to add anything.
MAX_ROUNDS = 4


@dataclass(frozen=True)
class _Fact:
    value: Any
    files: frozenset[File]
    """The files that it was read from."""


@dataclass(eq=False)
class Knowledge:
    """Remembers what runs over the project's classes have found."""

    project: Project
    _facts: dict[tuple[str, Class], _Fact] = field(default_factory=dict)
    hierarchy: Hierarchy = field(init=False)
    through: dict[Function, list[Run]] = field(default_factory=dict)
    """The runs that come through a function, for those that were asked about."""
    _consulted: list[set[File]] = field(default_factory=list)
    """For each fact that is being found out: the files read so far."""
    _asked: list[tuple[str, Class]] = field(default_factory=list)
    """The facts that are being found out, each for the one before it."""
    _asked_back: int = 0
    """The first of these that was asked for again since the last of them was begun."""
    _provisional: dict[tuple[str, Class], int] = field(default_factory=dict)
    """Facts that hang on one that is still being found out, with its position among those."""

    def __post_init__(self) -> None:
        self.hierarchy = Hierarchy(self.project)

    @classmethod
    def of(cls, project: Project) -> Knowledge:
        """The knowledge of a project, one for all who ask. Facts that hang on no replaced file stay."""
        if cls not in project.learnt:
            known: dict[tuple[str, Class], _Fact] = {}
            if project.replaced is not None and (earlier := project.replaced.project.learnt.get(cls)):
                changed = project.replaced.file
                known = {key: fact for key, fact in earlier._facts.items() if changed not in fact.files}
            project.learnt[cls] = cls(project, known)
        found: Knowledge = project.learnt[cls]
        return found

    def consults(self, file: File) -> None:
        """Whatever is being found out hangs on that file."""
        if self._consulted:
            self._consulted[-1].add(file)

    def _fact(self, kind: str, cls: Class, find: Callable[[Class], Any], meanwhile: Any) -> Any:
        """What `find` says of the class, found out once; whoever asks on the way there gets `meanwhile`.

        What was found out with such an answer holds until the asked one is known, and is found out again then: else
        it would depend on who was asked first.
        """
        key = (kind, cls)
        if key in self._asked:
            self._asked_back = min(self._asked_back, self._asked.index(key))
            return meanwhile
        if key not in self._facts:
            around, self._asked_back = self._asked_back, len(self._asked)
            self._asked.append(key)
            self._consulted.append({base.file for base in self.hierarchy.lineage(cls).project})
            value = find(cls)
            self._facts[key] = _Fact(value, frozenset(self._consulted.pop()))
            self._asked.pop()
            self._settle(key)
            self._asked_back = min(around, self._asked_back)
        elif key in self._provisional:
            self._asked_back = min(self._asked_back, self._provisional[key])
        if self._consulted:
            self._consulted[-1] |= self._facts[key].files
        return self._facts[key].value

    def _settle(self, key: tuple[str, Class]) -> None:
        """Notes whether a fact hangs on one that is still asked for, and forgets those that hung on this one."""
        position = len(self._asked)
        for other in [other for other, on in self._provisional.items() if on == position]:
            del self._provisional[other], self._facts[other]
        if self._asked_back < position:
            self._provisional[key] = self._asked_back

    def attribute(self, cls: Class, name: str) -> Value:
        """The value of `self.<name>` as `__init__` leaves it."""
        if name == "training":
            return v.NUMBER
        return self.attributes(cls).get(name, v.UNKNOWN)

    def attributes(self, cls: Class) -> dict[str, Value]:
        found: dict[str, Value] = self._fact("attributes", cls, self._find_attributes, {})
        return found

    def _find_attributes(self, cls: Class) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for ancestor in reversed(self.hierarchy.lineage(cls).project):
            found.update(self._class_level(ancestor))
        return found | self.set_up(cls).attributes

    def _class_level(self, cls: Class) -> Iterator[tuple[str, Value]]:
        full_name = partial(cls.file.names.full_name, shadowed=cls.shadowed)
        for statement in cls.node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found = v.from_annotation(statement.annotation, full_name) or v.from_default(statement.value)
                yield statement.target.id, found or v.objects_annotated(statement.annotation, full_name)
            elif isinstance(statement, ast.Assign):
                value = v.from_default(statement.value) or self._module_made(statement.value, full_name) or v.UNKNOWN
                if is_table(statement.value, full_name):
                    value = v.dictionary(v.ANY_OPERATION)
                yield from ((target.id, value) for target in statement.targets if isinstance(target, ast.Name))

    def stated(self, cls: Class, name: str) -> Value:
        """What the body of a class, or of one above it, says of an attribute of its objects."""
        for base in self.hierarchy.lineage(cls).project:
            if name in (found := dict(self._class_level(base))):
                return found[name]
        return v.UNKNOWN

    def _module_made(self, node: ast.expr, full_name: Callable[[ast.expr], str | None]) -> Value | None:
        """`act = nn.SiLU()` in a class body."""
        name = full_name(node.func) if isinstance(node, ast.Call) else None
        if name is not None and name.startswith("torch.nn.") and name.rpartition(".")[2][:1].isupper():
            return v.of(Kind.MODULE, ref=name)
        found = self.project.find(name) if name is not None else None
        is_module = isinstance(found, Class) and self.hierarchy.lineage(found).is_module
        return v.of(Kind.MODULE, ref=found) if is_module else None

    def set_up(self, cls: Class) -> SetUp:
        found: SetUp = self._fact("set_up", cls, self._find_set_up, SetUp())
        return found

    def _find_set_up(self, cls: Class) -> SetUp:
        init = self.hierarchy.lineage(cls).constructor
        if init is None:
            return SetUp()
        stated = {n: value for c in reversed(self.hierarchy.lineage(cls).project) for n, value in self._class_level(c)}
        run = Run(self, cls, init, assume=False, attributes=stated)
        run.once()
        stored = run.interpreter.state.variables.items()
        attributes = {name.removeprefix("self."): value for name, value in stored if name.startswith("self.")}
        return SetUp(attributes, run.interpreter.entered_at)

    def forward_result(self, cls: Class) -> Value:
        """What calling an object of the class gives."""
        run = self.run(cls)
        return run.result if run is not None and run.result.known else v.ASSUMED

    def run(self, cls: Class) -> Run | None:
        """The run of the class's forward; None where it has none that the project knows."""
        run: Run | None = self._fact("run", cls, self._find_run, None)
        return run

    def _find_run(self, cls: Class) -> Run | None:
        forward = self.hierarchy.lineage(cls).method("forward")
        if forward is None:
            return None
        run = Run(self, cls, forward)
        run.until_settled()
        return run

    def may_be_module(self, cls: Class) -> bool:
        """A class with an unknown base is taken for a module where it makes torch modules in `__init__`."""
        lineage = self.hierarchy.lineage(cls)
        return lineage.is_module or bool(lineage.unseen and _makes_modules(cls))


@dataclass(frozen=True)
class SetUp:
    """What running a class's `__init__` leaves behind, and which functions it comes through."""

    attributes: dict[str, Value] = field(default_factory=dict)
    entered_at: dict[tuple[Function, Function], ast.stmt] = field(default_factory=dict)
    """For one function that ran another: its statement that first did so."""


@dataclass(eq=False)
class Run:
    """One method of a class, run with arguments that its signature alone describes."""

    knowledge: Knowledge
    cls: Class
    function: Function
    assume: bool = True
    """Take untyped arguments for tensors, as forward's are."""
    attributes: dict[str, Value] = field(default_factory=dict)
    """What the object has already, where the project does not know it yet."""
    result: Value = v.UNKNOWN

    def once(self, settled: dict[str, Value] | None = None) -> None:
        self.interpreter = Interpreter(self.knowledge)
        name = own_name(self.function)
        variables = dict(self._parameters(name))
        self.interpreter.settled = settled or {}
        variables.update((key, value) for key, value in self.interpreter.settled.items() if key in variables)
        if name is not None:
            variables[name] = v.of(Kind.MODULE, ref=self.cls)
            variables.update((f"self.{attribute}", value) for attribute, value in self.attributes.items())
        frame = Frame(self.function, name, self.cls, 0)
        self.interpreter.frames.append(frame)
        self.interpreter.state = State(variables)
        self.interpreter.run_body(self.function.node.body)
        self.result = v.join_all(frame.returns) if frame.returns else v.NONE

    def until_settled(self) -> None:
        """Runs again while a run shows that some argument is no tensor after all."""
        settled: dict[str, Value] = {}
        for _ in range(MAX_ROUNDS):
            self.once(settled)
            if not self.interpreter.demands.keys() - settled.keys():
                return
            settled |= self.interpreter.demands

    def _parameters(self, own: str | None) -> Iterator[tuple[str, Value]]:
        spec = self.function.node.args
        positional = [*spec.posonlyargs, *spec.args]
        for argument in [*positional, *spec.kwonlyargs]:
            if argument.arg != own:
                yield argument.arg, self._parameter(argument, self.function.defaults.get(argument.arg))
        if spec.vararg:
            yield spec.vararg.arg, v.sequence(v.ASSUMED if self.assume else v.UNKNOWN)
        if spec.kwarg:
            yield spec.kwarg.arg, v.DICT

    def _parameter(self, argument: ast.arg, default: ast.expr | None) -> Value:
        annotated = v.from_annotation(argument.annotation, self.function.full_name)
        if annotated is not None:
            return annotated
        if default is not None and catalogue.is_function(self.function.full_name(default)):
            return v.ANY_OPERATION
        said = v.from_default(default)
        if said is not None and said != v.NONE:
            return said
        untyped = argument.annotation is None or ast.unparse(argument.annotation).endswith("Any")
        if not self.assume or not untyped:
            return v.objects_annotated(argument.annotation, self.function.full_name)
        assumed = Value(frozenset({Kind.TENSOR}), assumed=True, sources=frozenset({argument.arg}))
        return v.join(assumed, v.NONE) if said == v.NONE else assumed


def _makes_modules(cls: Class) -> bool:
    init = cls.constructor
    if init is None:
        return False
    names = (init.full_name(n.func, init.locals) for n in walk(init.node) if isinstance(n, ast.Call))
    return any(name and name.startswith("torch.nn.") for name in names)
