"""What the project says of its classes: the values of attributes, what a forward returns, which sites it runs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rewriter.facts.expressions.kept_locals import kept_locals
from rewriter.facts.functions.received import functions_received
from rewriter.facts.functions.running_again import calls_again
from rewriter.interpreter.run import Run, run_constructor, run_expression, run_forward
from rewriter.interpreter.summaries import take_over
from rewriter.python.answers import Question
from rewriter.python.code import Class, File, Function, is_table
from rewriter.python.function_tables import find_variable
from rewriter.python.given_methods import GivenMethods, classes_given
from rewriter.python.grounds import Basis
from rewriter.python.hierarchy import Hierarchy
from rewriter.python.patched import ENTRIES, put_in_place_of_forward
from rewriter.python.project import Project
from rewriter.python.trees import walk
from rewriter.python.type_names import TypeNames
from rewriter.values.annotations import from_annotation, from_default, objects_annotated
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.dictionary import Dictionary
from rewriter.values.functions import ANY_OPERATION, SomeFunction
from rewriter.values.modules import MODULE, Module, ProjectModule, TorchModule
from rewriter.values.one_of import join
from rewriter.values.plain import NUMBER
from rewriter.values.tensor import ASSUMED, without_sources

Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Facts(Generic[Answer]):
    """What is known of classes, with the files that each was read from."""

    find: Callable[[Class], Answer]
    meanwhile: Callable[[Class], Answer]
    """What whoever asks on the way to the answer is told."""
    known: dict[Class, tuple[Answer, frozenset[File], Basis]] = field(default_factory=dict)


_Key = tuple[_Facts[Any], Class]
_ENOUGH_USERS = 4
"""Of the classes that a decorator gives methods: what the first few of them have, these methods find."""
_GUESSED = -1
"""As what was asked back: an answer that is no fact, and that was being found out."""


@dataclass(eq=False)
class Knowledge:
    """Remembers what runs over the project's classes have found."""

    project: Project
    hierarchy: Hierarchy = field(init=False)
    _consulted: list[set[File]] = field(default_factory=list)
    """For each fact that is being found out: the files read so far."""
    _asked: dict[_Key, int] = field(default_factory=dict)
    """The facts that are being found out, each for the one before it, with their positions in the grounds."""
    _asked_back: int = 0
    """The first of these that was asked for again since the last of them was begun."""
    _provisional: dict[_Key, int] = field(default_factory=dict)
    """Facts that hang on one that is still being found out, with its position among those."""

    def __post_init__(self) -> None:
        self.hierarchy = Hierarchy(self.project)
        self._grounds = self.project.answers.grounds
        self._attributes = _Facts[dict[str, Value]](self._find_attributes, lambda _: {})
        self._constructions = _Facts[Run](self._construct, Run)
        self._forwards = _Facts["Run | None"](self._run_forward, lambda _: None)

    @classmethod
    def of(cls, project: Project) -> Knowledge:
        """The knowledge of a project, one for all who ask. Facts that hang on no replaced file stay."""

        def find() -> Knowledge:
            knowledge = cls(project)
            earlier = project.replaced.project.answers.known(_KNOWLEDGE, None) if project.replaced else None
            if project.replaced is not None and earlier is not None:
                knowledge._keep(earlier, project.replaced.file)
            return knowledge

        return project.answers.found(_KNOWLEDGE, None, find)

    def _keep(self, earlier: Knowledge, changed: File) -> None:
        _take_over(self._attributes, earlier._attributes, changed)
        _take_over(self._constructions, earlier._constructions, changed)
        _take_over(self._forwards, earlier._forwards, changed)
        take_over(self.project.answers, earlier.project.answers, changed)

    def consults(self, file: File) -> None:
        """Whatever is being found out hangs on that file."""
        if self._consulted:
            self._consulted[-1].add(file)

    def guessed(self) -> None:
        """Whatever is being found out hangs on an answer that is itself still being found out."""
        self._asked_back = _GUESSED

    def watched(self, run: Callable[[], None]) -> tuple[frozenset[File] | None, Basis]:
        """The files that what is found out hangs on; None where it hangs on what is itself still being found out."""
        around, self._asked_back = self._asked_back, len(self._asked)
        self._consulted.append(set())
        position = self._grounds.begin()
        run()
        basis, files = self._grounds.end(position), self._consulted.pop()
        hangs, self._asked_back = self._asked_back < len(self._asked), min(around, self._asked_back)
        if self._consulted:
            self._consulted[-1] |= files
        return None if hangs else frozenset(files), basis

    def _fact(self, facts: _Facts[Answer], cls: Class) -> Answer:
        """What is to be said of the class, found out once; whoever asks on the way there is told something meanwhile.

        What was found out with such an answer holds until the asked one is known, and is found out again then: else
        it would depend on who was asked first.
        """
        key = (facts, cls)
        if key in self._asked:
            self._asked_back = min(self._asked_back, list(self._asked).index(key))
            self._grounds.wait_for(self._asked[key])
            return facts.meanwhile(cls)
        if cls not in facts.known:
            around, self._asked_back = self._asked_back, len(self._asked)
            self._asked[key] = position = self._grounds.begin()
            self._consulted.append({base.file for base in self.hierarchy.lineage(cls).project})
            value = facts.find(cls)
            facts.known[cls] = value, frozenset(self._consulted.pop()), self._grounds.end(position)
            del self._asked[key]
            self._settle(key)
            self._asked_back = min(around, self._asked_back)
        elif key in self._provisional:
            self._asked_back = min(self._asked_back, self._provisional[key])
        answer, files, basis = facts.known[cls]
        self._grounds.follow(basis)
        if self._consulted:
            self._consulted[-1] |= files
        return answer

    def _settle(self, key: _Key) -> None:
        """Notes whether a fact hangs on one that is still asked for, and forgets those that hung on this one."""
        position = len(self._asked)
        for facts, cls in [other for other, on in self._provisional.items() if on == position]:
            del self._provisional[facts, cls], facts.known[cls]
        if _GUESSED < self._asked_back < position:
            self._provisional[key] = self._asked_back

    def attribute(self, cls: Class, name: str) -> Value:
        """The value of `self.<name>` as `__init__` leaves it."""
        if name == "training":
            return NUMBER
        return self.attributes(cls).get(name, UNKNOWN)

    def attributes(self, cls: Class) -> dict[str, Value]:
        return self._fact(self._attributes, cls)

    def _find_attributes(self, cls: Class) -> dict[str, Value]:
        users = classes_given(self.project, cls)[:_ENOUGH_USERS] if isinstance(cls, GivenMethods) else []
        found: dict[str, Value] = {}
        for name, value in (pair for user in users for pair in self.attributes(user).items()):
            found[name] = join(found[name], value) if name in found else value
        by_name = kept_locals(self, cls, self.hierarchy.lineage(cls).constructor)
        return found | by_name | self._stated(cls) | self.construction(cls).attributes

    def _stated(self, cls: Class) -> dict[str, Value]:
        """What the bodies of the class and of those above it say, the nearest last."""
        order = reversed(self.hierarchy.lineage(cls).project)
        return {name: value for base in order for name, value in self._class_level(base)}

    def _class_level(self, cls: Class) -> Iterator[tuple[str, Value]]:
        names = TypeNames(self.project, cls.file, cls.shadowed)
        full_name = names.full_name
        for statement in cls.node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found = from_annotation(statement.annotation, names) or from_default(statement.value)
                found = found or self._function_stated(cls, statement.value)
                yield statement.target.id, found or objects_annotated(statement.annotation, names)
            elif isinstance(statement, ast.Assign):
                value = from_default(statement.value) or self._module_made(statement.value, full_name)
                value = value or self._function_stated(cls, statement.value) or self._class_stated(cls, statement.value)
                if is_table(statement.value, full_name):
                    value = Dictionary(ANY_OPERATION)
                yield from ((target.id, value) for target in statement.targets if isinstance(target, ast.Name))

    def _function_stated(self, cls: Class, node: ast.expr | None) -> Value | None:
        """A function that a class's body keeps: as it is in objects of the class, who need not be given it."""
        if not isinstance(node, ast.Call | ast.Attribute):
            return None
        if isinstance(node, ast.Call) and cls.file.names.full_name(node.func) == "functools.partialmethod":
            return join(SomeFunction(), UNKNOWN)
        value = run_expression(self, cls.file, node, cls.shadowed)
        return join(value, UNKNOWN) if value.may_be(SomeFunction) else None

    def _class_stated(self, cls: Class, node: ast.expr) -> Value:
        """`processor_class = AttnProcessor` in a class's body."""
        value = run_expression(self, cls.file, node, cls.shadowed) if isinstance(node, ast.Name) else UNKNOWN
        return value if value.is_class else UNKNOWN

    def stated(self, cls: Class, name: str) -> Value:
        """What the body of a class, or of one above it, says of an attribute of its objects."""
        return self._stated(cls).get(name, UNKNOWN)

    def _module_made(self, node: ast.expr, full_name: Callable[[ast.expr], str | None]) -> Module | None:
        """`act = nn.SiLU()` in a class body."""
        name = full_name(node.func) if isinstance(node, ast.Call) else None
        if name is not None and name.startswith("torch.nn.") and name.rpartition(".")[2][:1].isupper():
            return TorchModule(name)
        found = self.project.find(name) if name is not None else None
        is_module = isinstance(found, Class) and self.hierarchy.lineage(found).is_module
        return ProjectModule(found) if isinstance(found, Class) and is_module else None

    def variable(self, name: str) -> Value:
        """The value of a variable at module level, by its full name."""
        nothing: tuple[File | None, Value] = (None, UNKNOWN)

        def find() -> tuple[File | None, Value]:
            found = find_variable(self.project, name)
            return nothing if found is None else (found[0], run_expression(self, *found))

        file, value = self.project.answers.found(_VARIABLES, name, find, nothing, self.guessed)
        if file is not None:
            self.consults(file)
        return value

    def construction(self, cls: Class) -> Run:
        """The run of what sets an object of the class up; an empty one where the project knows none."""
        return self._fact(self._constructions, cls)

    def _construct(self, cls: Class) -> Run:
        init = self.hierarchy.lineage(cls).constructor
        if init is None:
            return Run(cls)
        given = dict(functions_received(self, init.owner or cls, init))
        return run_constructor(self, cls, init, self._stated(cls), given)

    def forward_result(self, cls: Class) -> Value:
        """What calling an object of the class returns."""
        run = self.run(cls)
        if run is None or not (run.result.known or run.result.class_names):
            return ASSUMED
        result = without_sources(run.result)
        return result if result.known else join(result, ASSUMED)  # its class may be one that has items

    def run(self, cls: Class) -> Run | None:
        """The run of the class's forward, or of what is run instead; None where the project knows nothing of either."""
        return self._fact(self._forwards, cls)

    def _run_forward(self, cls: Class) -> Run | None:
        names = (*ENTRIES, *sorted(put_in_place_of_forward(self.project)))
        methods = dict.fromkeys(self.hierarchy.lineage(cls).method(name) for name in names)
        found = [m for m in methods if m is not None and not m.is_static and not m.is_property]
        around = dict(self._around(cls, found[0])) if found and isinstance(cls, GivenMethods) else {}
        if not found:
            return None
        again = more = frozenset[ast.AST]()
        while True:
            run = run_forward(self, cls, found[0], found[1:], around, again := again | more)
            if not (more := calls_again(self, cls, run.met) - again):
                return run

    def _around(self, given: GivenMethods, forward: Function) -> Iterator[tuple[str, Value]]:
        """What is known of the variables that a method sees of the function around it: by their defaults."""
        for name in sorted(forward.words & given.shadowed):
            if name in given.had("forward"):
                yield name, MODULE  # called with the object, it computes what that did before
            elif (default := given.default_around(name)) is not None:
                yield name, run_expression(self, given.file, default)

    def run_method(self, cls: Class, method: Function) -> Run:
        """The run of a method by itself, as if it were the forward."""
        return run_forward(self, cls, method, [])

    def may_be_module(self, cls: Class) -> bool:
        """A class with an unknown base is taken for a module where it has a forward, or makes torch modules."""
        lineage = self.hierarchy.lineage(cls)
        return lineage.is_module or bool(lineage.unseen and ("forward" in cls.methods or _makes_modules(cls)))


_VARIABLES = Question[str, tuple[File | None, Value]]("what is the variable of that full name?")
_KNOWLEDGE = Question[None, Knowledge]("what do runs over the project's classes find?")


def _take_over(facts: _Facts[Answer], earlier: _Facts[Answer], changed: File) -> None:
    facts.known.update({cls: fact for cls, fact in earlier.known.items() if changed not in fact[1]})


def _makes_modules(cls: Class) -> bool:
    init = cls.constructor
    if init is None:
        return False
    names = (init.full_name(n.func, init.locals) for n in walk(init.node) if isinstance(n, ast.Call))
    return any(name and name.startswith("torch.nn.") for name in names)
