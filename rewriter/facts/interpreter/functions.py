"""Follows calls into methods of the class and functions of the project, as part of the same run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from rewriter.facts import values as v
from rewriter.facts.hierarchy import own_name
from rewriter.facts.interpreter.expressions import Expressions
from rewriter.facts.interpreter.state import Bound, Frame, Local, State
from rewriter.facts.objects import Method, is_plain, methods_below, methods_meant, properties_meant
from rewriter.facts.project import Class, Function, FunctionNode, Project
from rewriter.facts.trees import walk
from rewriter.facts.values import Kind, Value
from rewriter.torch_api import catalogue

MAX_DEPTH = 12
# Most forwards come to fewer than fifty calls; functions that call each other many times over would never end.
MAX_CALLS = 1000


def shared_class(project: Project, default: ast.expr, function: Function) -> Class | None:
    """The class in `runtime.modules.shared(BlockOps)`, a parameter's default."""
    if not isinstance(default, ast.Call) or len(default.args) != 1:
        return None
    called, given = function.full_name(default.func) or "", function.full_name(default.args[0])
    found = project.find(given) if given and called.endswith(".modules.shared") else None
    return found if isinstance(found, Class) else None


class Functions(Expressions):
    """The part of the interpreter that runs one function inside another."""

    def run_body(self, body: list[ast.stmt]) -> None:
        raise NotImplementedError

    def alternatives(self, *runs: Callable[[], object]) -> None:
        raise NotImplementedError

    def _super_method(self, node: ast.expr) -> Function | None:
        """The method that `super().name` means in the class of this run."""
        func = node.func if isinstance(node, ast.Call) else node
        if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Call)):
            return None
        inner = func.value
        if not (isinstance(inner.func, ast.Name) and inner.func.id == "super") or self.frame.cls is None:
            return None
        order = self.knowledge.hierarchy.lineage(self.frame.cls).project
        here = next((i for i, c in enumerate(order) if self.frame.function in c.methods.values()), len(order))
        return next((c.methods[func.attr] for c in order[here + 1 :] if func.attr in c.methods), None)

    def _upper(self, method: Function) -> list[Method]:
        """`super().method`, in the class of an object that is no module."""
        assert method.owner is not None and self.frame.cls is not None
        return [Method(method, self.frame.cls, method.owner, own=True)]

    def _base_method(self, node: ast.Call) -> Function | None:
        """The method that `Base.name(self, ...)` means."""
        func, own = node.func, node.args[0] if node.args else None
        if not isinstance(func, ast.Attribute) or not isinstance(own, ast.Name) or own.id != self._own_object():
            return None
        name = self.global_name(func.value)
        own_class = ast.unparse(func.value) in (f"type({own.id})", f"{own.id}.__class__")
        found = self.frame.cls if own_class else self.knowledge.project.find(name) if name else None
        if not isinstance(found, Class) or self.frame.cls is None:
            return None
        order = self.knowledge.hierarchy.lineage(self.frame.cls).project
        method = self.knowledge.hierarchy.lineage(found).method(func.attr)
        return method if found in order and method is not None and own_name(method) is not None else None

    def _torch_base(self, node: ast.Call) -> str | None:
        """The class of torch whose forward `super().forward(...)` runs, where no class of the project is before it."""
        func, cls = node.func, self.frame.cls
        if not isinstance(func, ast.Attribute) or func.attr != "forward" or cls is None:
            return None
        is_super = isinstance(func.value, ast.Call) and isinstance(func.value.func, ast.Name)
        if not is_super or ast.unparse(func.value).partition("(")[0] != "super" or self._super_method(node):
            return None
        bases = sorted(self.knowledge.hierarchy.lineage(cls).torch)
        return bases[0] if len(bases) == 1 else None

    def inline(
        self,
        function: Function,
        node: ast.Call | ast.Attribute,
        arguments: dict[ast.expr, Value] | None,
        cls: Class | None = None,
        same_object: bool = True,
        given_object: bool = False,
        of_plain: bool = False,
    ) -> Value:
        """Runs the function's body with these arguments, or what somebody else gives it, as part of this run.

        `given_object` says that the object is among the arguments, as in `Base.name(self, x)`; `of_plain` that it is
        no module.
        """
        self.followed += 1
        if (again := next((i for i, f in enumerate(self.frames) if f.function is function), None)) is not None:
            self.recursive.update(frame.function for frame in self.frames[again:])
        if again is not None:
            return v.UNKNOWN
        if len(self.frames) > MAX_DEPTH or self.followed > MAX_CALLS:
            is_forward = function.node.name == "forward" and function.owner is not None
            return self.knowledge.forward_result(function.owner) if is_forward and function.owner else v.UNKNOWN
        cls = cls or (self.frame.cls if self._super_method(node) else None)
        name = own_name(function) if cls is not None else None
        (self.entered_plain if of_plain else self.entered).add(function)
        if isinstance(node, ast.Call):
            func, outer = node.func, self.frame
            by_name = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)
            by_name = by_name and isinstance(func, ast.Attribute) and func.attr == function.node.name
            once = not (outer.loops or outer.deferred or self.running) and len(self.frames) == 1
            plain = same_object and by_name and once and not given_object
            known = self.calls.setdefault(function, {})
            known[node] = known.get(node, True) and plain
        for around in self.frames:
            if around.statement is not None:
                self.entered_at.setdefault((around.function, function), around.statement)
        self.knowledge.consults(function.file)
        frame = Frame(function, name, cls, len(self.frames), outer_loops=self.frame.loops + self.frame.outer_loops)
        frame.deferred, frame.of_plain = self.frame.deferred, of_plain
        frame.holder = self.frame.holder
        func = node.func if isinstance(node, ast.Call) else node
        if not same_object and isinstance(func, ast.Attribute):
            frame.holder += f">{ast.unparse(func.value)}"
        of_class = "classmethod" in function.decorators
        skip_first = (name is not None and not given_object) or of_class
        bound: dict[str, Value] = {}
        if isinstance(node, ast.Call) and arguments is not None:
            bound = dict(_bound(function, node, arguments, skip_first))
        caller = self.state
        variables = dict(self.parameters(function, bound, name))
        if name is not None:
            variables[name] = v.of(Kind.MODULE, ref=cls)
            stored = caller.variables.items() if same_object else ()
            variables.update({k: value for k, value in stored if k.startswith("self.")})
        elif of_class and function.node.args.args:
            variables[function.node.args.args[0].arg] = v.of(Kind.CLASS, ref=cls)
        self.state = State(variables, caller.runs)
        self.frames.append(frame)
        self.run_body(function.node.body)
        self.frames.pop()
        caller.runs = self.state.runs
        stored = self.state.variables.items() if name and same_object else ()
        caller.variables.update({k: value for k, value in stored if k.startswith("self.")})
        self.state = caller
        if frame.yields:
            return v.sequence(v.join_all(frame.yields))
        found = v.join_all(frame.returns) if frame.returns else v.NONE
        promised = v.from_annotation(function.node.returns, function.full_name)
        if promised is None and found == v.UNKNOWN:
            return v.objects_annotated(function.node.returns, function.full_name)
        return promised if promised is not None and _is_in_doubt(found) else found

    def attribute_of(self, receiver: Value, node: ast.Attribute) -> Value:
        """Reading a property runs it; reading another method gives the method."""
        upper = self._super_method(node)
        if upper is not None and upper.is_property:
            return self.inline(upper, node, {}, self.frame.cls)
        if upper is not None and self.frame.of_plain:
            return _one_of(self._upper(upper))
        if isinstance(receiver.ref, v.Objects):
            read = list(properties_meant(self.knowledge, receiver.ref.of, node.attr))
            if len(read) == 1:
                return self.inline(read[0].function, node, {}, read[0].cls, same_object=False, of_plain=True)
            methods = _one_of(methods_meant(self.knowledge, receiver.ref.of, node.attr))
            return methods if methods.known else self._stated(receiver.ref.of, node.attr)
        is_object = isinstance(receiver.ref, Class) and receiver.may_be(Kind.MODULE)
        method = self.knowledge.hierarchy.lineage(receiver.ref).method(node.attr) if is_object else None  # type: ignore[arg-type]
        key = self._stored_key(node)
        if method is None or (key in self.state.variables and not method.is_property):
            return super().attribute_of(receiver, node)
        assert isinstance(receiver.ref, Class)
        if method.is_property:
            return self.inline(method, node, {}, receiver.ref, same_object=bool(key))
        if key and self.frame.of_plain:
            return _one_of(methods_below(self.knowledge, receiver.ref, node.attr, own=True))
        return v.of(Kind.FUNCTION, ref=Bound(method, receiver.ref, bool(key)))

    def _stated(self, names: frozenset[str], attribute: str) -> Value:
        """What the classes' bodies say of an attribute of such objects."""
        found = [cls for name in sorted(names) if isinstance(cls := self.knowledge.project.find(name), Class)]
        return v.join_all([self.knowledge.stated(cls, attribute) for cls in found if is_plain(self.knowledge, cls)])

    def run_local(self, function: Local, node: ast.Call, arguments: dict[ast.expr, Value]) -> Value:
        """Runs a lambda or nested function where it is called, among the variables that it sees."""
        if function.frame is not self.frame or function.node in self.running:
            return v.UNKNOWN
        spec, outer = function.node.args, self.state
        names = [a.arg for a in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]]
        self.state = outer.copy()
        self.state.variables.update(dict.fromkeys(names, v.UNKNOWN))
        self.state.variables.update(bind_parameters(function.node, node, arguments, skip_first=False))
        returns, self.frame.returns = self.frame.returns, []
        recursive = isinstance(function.node, ast.FunctionDef) and _names_itself(function.node)
        self.running.append(function.node)
        self.frame.loops += recursive
        if isinstance(function.node, ast.Lambda):
            self.frame.returns.append(self.evaluate(function.node.body))
        else:
            self.run_body(function.node.body)
        self.frame.loops -= recursive
        self.running.pop()
        found, self.frame.returns = self.frame.returns, returns
        rebound = {n for s in walk(function.node) if isinstance(s, ast.Nonlocal) for n in s.names}
        outer.variables.update({name: self.state.variables.get(name, v.UNKNOWN) for name in rebound})
        outer.runs = self.state.runs
        self.state = outer
        return v.join_all(found) if found else v.NONE

    def run_later(self, method: Bound) -> None:
        """Runs a method that is handed out: whoever gets it may call it at any time, or never."""
        if method.method in self.entered:
            return
        call = ast.copy_location(ast.Call(ast.Name(method.method.node.name), [], []), method.method.node)
        self.frame.deferred += 1
        self.inline(method.method, call, {}, method.cls, same_object=method.own)
        self.frame.deferred -= 1

    def parameters(self, function: Function, given: dict[str, Value], skip: str | None) -> Iterator[tuple[str, Value]]:
        """Each parameter's value: what was given, else what its annotation or default says."""
        spec = function.node.args
        for argument in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]:
            if argument.arg == skip:
                continue
            annotated = v.from_annotation(argument.annotation, function.full_name)
            default = function.defaults.get(argument.arg)
            found = given.get(argument.arg)
            if found is None:
                found = annotated or v.from_default(default) or self._default_made(default, function)
            if found == v.UNKNOWN:
                found = v.objects_annotated(argument.annotation, function.full_name)
            if catalogue.is_function(found.ref):
                found = v.ANY_OPERATION  # another caller may give another one
            is_object = isinstance(found.ref, v.Objects)
            yield argument.arg, found if found.known or is_object or annotated is None else annotated
        if spec.vararg:
            yield spec.vararg.arg, given.get(spec.vararg.arg, v.sequence())
        if spec.kwarg:
            yield spec.kwarg.arg, v.DICT

    def _default_made(self, default: ast.expr | None, function: Function) -> Value:
        """`act=F.relu`, or `ops=runtime.modules.shared(BlockOps)`: an object of a class of the project."""
        if default is not None and catalogue.is_function(function.full_name(default)):
            return v.ANY_OPERATION
        found = shared_class(self.knowledge.project, default, function) if default is not None else None
        return v.UNKNOWN if found is None else v.of(Kind.MODULE, ref=found)


def _one_of(methods: Iterable[Method]) -> Value:
    found = frozenset(methods)
    return v.of(Kind.FUNCTION, ref=v.Choice(found)) if found else v.UNKNOWN


def _is_in_doubt(value: Value) -> bool:
    members = value.items or ([value.element] if value.element is not None else [])
    return not value.known or value.assumed or any(_is_in_doubt(member) for member in members)


def _names_itself(function: ast.FunctionDef) -> bool:
    return any(isinstance(n, ast.Name) and n.id == function.name for s in function.body for n in walk(s))


def _bound(
    function: Function, call: ast.Call, arguments: dict[ast.expr, Value], skip_first: bool
) -> Iterator[tuple[str, Value]]:
    def promised(parameter: ast.arg) -> bool:
        return v.from_annotation(parameter.annotation, function.full_name) is not None

    return bind_parameters(function.node, call, arguments, skip_first, promised)


def bind_parameters(
    function: FunctionNode | ast.Lambda,
    call: ast.Call,
    arguments: dict[ast.expr, Value],
    skip_first: bool,
    promised: Callable[[ast.arg], bool] = lambda _: False,
) -> Iterator[tuple[str, Value]]:
    """What a call gives. Which parameter gets what of a starred argument nobody knows: a promise says it better."""
    spec = function.args
    parameters = [*spec.posonlyargs, *spec.args][1 if skip_first else 0 :]
    extra: list[Value] = []
    for index, argument in enumerate(call.args):
        if isinstance(argument, ast.Starred):
            member = arguments[argument]
            yield from ((parameter.arg, member) for parameter in parameters[index:] if not promised(parameter))
            extra.append(member)
            break
        if index < len(parameters):
            yield parameters[index].arg, arguments[argument]
        else:
            extra.append(arguments[argument])
    if spec.vararg:
        yield spec.vararg.arg, v.sequence(v.join_all(extra)) if extra else v.sequence()
    for keyword in call.keywords:
        if keyword.arg is not None:
            yield keyword.arg, arguments[keyword.value]
