"""What decorators do to a function's parameters, as far as their source tells."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass

from rewriter.python.code import Function, FunctionNode
from rewriter.python.project import Project
from rewriter.python.trees import assigned_once, returns_in, walk

# They give back the function itself, or one that passes everything on and says what it wraps.
_TRANSPARENT = frozenset(
    {
        "torch.fx.wrap", "torch.fx._symbolic_trace.wrap", "torch.jit.unused", "torch.jit.ignore",
        "torch.no_grad", "torch.enable_grad", "torch.inference_mode", "torch.autocast", "torch.amp.autocast",
        "staticmethod", "classmethod", "beartype.beartype", "typeguard.typechecked",
    }
)  # fmt: skip
# Of other libraries: they look at what a function is given, or set something for a while, and run it.
_RUNNING = frozenset(
    {
        "beartype.beartype", "jaxtyping.jaxtyped", "typeguard.typechecked", "pydantic.validate_call",
        "pydantic.validate_arguments", "torch.no_grad", "torch.enable_grad", "typing.override",
        "typing_extensions.override", "typing.no_type_check",
    }
)  # fmt: skip
_LOOK_AT_PARAMETERS = frozenset(
    {
        "getfullargspec", "getargspec", "get_type_hints", "__code__", "__defaults__", "__kwdefaults__",
        "__annotations__", "__signature__", "script", "custom_op", "library",
    }
)  # fmt: skip
_SCRIPTING = frozenset({"torch.jit.script_if_tracing", "torch.jit._script_if_tracing"})
_TELLING_SCRIPTING = frozenset({"__original_fn", "__script_if_tracing_wrapper"})
"""What torch's own decorator sets on its wrapper, and by which a copy of it is told."""
_READING_CODE = frozenset({"getsource", "getsourcelines", "__code__", "script", "compile", "exec", "trace"})
_COLLECTING = frozenset({"builtins.tuple", "builtins.list", "builtins.set", "builtins.frozenset"})


def keeps_parameters(project: Project, function: Function, decorator: ast.expr) -> bool:
    """Whether the decorated function can be given one more keyword, which callers may leave out.

    A decorator of the project may do with the function what it likes, as long as it gives it back as it is in some
    case, or in a wrapper that passes everything on, and does not look at its parameters but to leave out keywords that
    the function does not take. It may hand it on to another such decorator.
    """
    return _Decorators(project).keep(function, decorator)


def scripts_in_traces(project: Project, function: Function) -> bool:
    """Whether a decorator has TorchScript compile the function while it is traced: torch's own, or a copy of it."""
    if function.decorators & _SCRIPTING:
        return True
    names = (function.full_name(d) for d in function.node.decorator_list)
    found = (one for name in names if name is not None for one in project.alternatives(name))
    return any(map(_tells_scripting, found))


def _tells_scripting(decorator: Function) -> bool:
    return decorator.words >= _TELLING_SCRIPTING


def runs_as_constructor(project: Project, init: Function) -> bool:
    """Whether each of its decorators has an `__init__` run that sets nn.Module up: also those that stand out of sight.

    Without what it decorates, there would be no module.
    """
    decorators = init.node.decorator_list
    return all(_has_it_run(project, init, d) or _is_out_of_sight(project, init, d) for d in decorators)


def _is_out_of_sight(project: Project, function: Function, decorator: ast.expr) -> bool:
    """Of a library that is none of Python's own, nor torch."""
    name = function.full_name(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
    library, _, inside = name.partition(".")
    known = library in sys.stdlib_module_names or library == "torch"
    return bool(inside) and not known and project.module(library) is None


def _has_it_run(project: Project, function: Function, decorator: ast.expr) -> bool:
    made = isinstance(decorator, ast.Call)
    name = function.full_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
    found = project.alternatives(name) if name is not None else []
    if not found:
        return name in _RUNNING
    return all(_calls_it(one, made) and not one.words & _READING_CODE for one in found)


def _calls_it(decorator: Function, made: bool) -> bool:
    """Whether the decorator, or one that it makes, calls what it decorates."""
    candidates = [n for n in walk(decorator.node) if isinstance(n, FunctionNode)] if made else [decorator.node]
    return any(_calls_given(node) for node in candidates)


def _calls_given(node: FunctionNode) -> bool:
    given = _given_first(node)
    calls = (n.func for n in walk(node) if isinstance(n, ast.Call))
    return given is not None and any(isinstance(func, ast.Name) and func.id == given for func in calls)


@dataclass(frozen=True)
class _Decorators:
    project: Project
    asked: tuple[Function, ...] = ()
    """Those whose decorators are being asked about, each by way of the one before it."""

    def keep(self, function: Function, decorator: ast.expr) -> bool:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = function.full_name(target, function.locals if self.asked else frozenset()) or ast.unparse(target)
        found = self.project.alternatives(name)
        further = _Decorators(self.project, (*self.asked, function))
        made = isinstance(decorator, ast.Call)
        return all(further._keeps(one, made) for one in found) if found else name in _TRANSPARENT | _SCRIPTING

    def _keeps(self, decorator: Function, made: bool) -> bool:
        looks = decorator.words & _LOOK_AT_PARAMETERS - ({"script"} if _tells_scripting(decorator) else set())
        if decorator in self.asked or looks or not _only_filters(decorator):
            return False
        candidates = [n for n in walk(decorator.node) if isinstance(n, FunctionNode | ast.Lambda)]
        candidates = candidates if made else [decorator.node]
        return any(self._gives_back(candidate, decorator) for candidate in candidates)

    def _gives_back(self, node: FunctionNode | ast.Lambda, around: Function) -> bool:
        """Whether the function gives back what it is given first, or what `functools.wraps` puts around it."""
        given = _given_first(node)
        if given is None:
            return False
        if isinstance(node, ast.Lambda):
            return isinstance(node.body, ast.Name) and node.body.id == given
        wrappers = {s.name for s in walk(node) if isinstance(s, FunctionNode) and _wraps(s, given, around)}
        kept = {given, *wrappers}
        return any(self._is_kept(returned.value, kept, around) for returned in returns_in(node.body))

    def _is_kept(self, node: ast.expr | None, kept: set[str], around: Function) -> bool:
        """`wrapped`, or `decorate(wrapped)` with another decorator."""
        if isinstance(node, ast.Name):
            return node.id in kept
        if not isinstance(node, ast.Call) or len(node.args) != 1 or node.keywords:
            return False
        decorator = _made_before(node.func, around)
        return decorator is not None and self._is_kept(node.args[0], kept, around) and self.keep(around, decorator)


def _made_before(func: ast.expr, around: Function) -> ast.expr | None:
    """The decorator that a call names: itself, or what the one assignment to a variable of it has made."""
    if not isinstance(func, ast.Name) or func.id not in around.locals:
        return func
    return assigned_once(around.node, func.id)


def _only_filters(decorator: Function) -> bool:
    """Whether parameters are asked for only to pass on the keywords that are among them.

    `names = tuple(inspect.signature(f).parameters)`, and then `{k: v for k, v in kwargs.items() if k in names}`.
    """
    nodes = list(walk(decorator.node))
    asked = sum(isinstance(n, ast.Attribute | ast.Name) and ast.unparse(n).endswith("signature") for n in nodes)
    stores = (s for s in nodes if isinstance(s, ast.Assign) and len(s.targets) == 1)
    names = [s.targets[0] for s in stores if _names_parameters(s.value, decorator)]
    told = {name.id for name in names if isinstance(name, ast.Name)}
    filters = sum(len(_filtering(node, told)) for node in nodes if isinstance(node, ast.DictComp))
    read = sum(isinstance(n, ast.Name) and n.id in told and isinstance(n.ctx, ast.Load) for n in nodes)
    return asked == len(told) == len(names) and filters == read


def _names_parameters(node: ast.expr, around: Function) -> bool:
    """`tuple(inspect.signature(f).parameters)`"""
    collects = isinstance(node, ast.Call) and around.global_name(node.func) in _COLLECTING and len(node.args) == 1
    inner = node.args[0] if isinstance(node, ast.Call) and collects else node
    asked = inner.value if isinstance(inner, ast.Attribute) and inner.attr == "parameters" else None
    return isinstance(asked, ast.Call) and around.full_name(asked.func) == "inspect.signature"


def _filtering(node: ast.DictComp, names: set[str]) -> list[ast.expr]:
    """The conditions `k in names` of `{k: v for k, v in kwargs.items() if k in names}`."""
    (generator, *others), key = node.generators, node.key
    target = generator.target.elts[0] if isinstance(generator.target, ast.Tuple) else generator.target
    passes_on = not others and ast.unparse(key) == ast.unparse(target)
    return [test for test in generator.ifs if passes_on and _is_in(test, ast.unparse(key), names)]


def _is_in(test: ast.expr, key: str, names: set[str]) -> bool:
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.In) or len(test.ops) > 1:
        return False
    where = test.comparators[0]
    return isinstance(where, ast.Name) and where.id in names and ast.unparse(test.left) == key


def _given_first(node: FunctionNode | ast.Lambda) -> str | None:
    """The parameter for the function that is decorated, where it stays what it is."""
    parameters = [*node.args.posonlyargs, *node.args.args]
    if not parameters:
        return None
    if isinstance(node, ast.Lambda):
        return parameters[0].arg
    stored = {n.id for n in walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return None if node.decorator_list or parameters[0].arg in stored else parameters[0].arg


def _wraps(node: FunctionNode, given: str, around: Function) -> bool:
    """`@functools.wraps(given)` over a function that takes anything."""
    takes_anything = node.args.vararg is not None and node.args.kwarg is not None
    return takes_anything and any(
        isinstance(d, ast.Call)
        and around.full_name(d.func) == "functools.wraps"
        and [ast.unparse(a) for a in d.args] == [given]
        for d in node.decorator_list
    )
