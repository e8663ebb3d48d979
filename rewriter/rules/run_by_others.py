"""Functions that change what a forward computes though no code of the project calls them: torch or a decorator does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.knowledge import Knowledge
from rewriter.python.attributes import operations_among, operations_in
from rewriter.python.code import Class, File, Function
from rewriter.python.given_methods import functions_given
from rewriter.python.names import dotted
from rewriter.python.trees import returns_in, walk
from rewriter.results import Refusal
from rewriter.rules.refusals import advice_for

CODE = "RW903"
_DISPATCHING = frozenset({"singledispatch", "singledispatchmethod"})
_DISPATCHED = frozenset(f"functools.{name}" for name in _DISPATCHING)
_HOOKS = frozenset({"register_forward_hook", "register_forward_pre_hook"})


def run_by_others(knowledge: Knowledge, file: File) -> Iterator[Refusal]:
    """Hooks that return something that they compute, and decorators that compute around methods of modules."""
    if file.words & _HOOKS:
        yield from _hooks(file)
    if "MethodType" in file.words:
        yield from _bound(file)
    if file.words & _DISPATCHING:
        yield from _dispatched(file)
    yield from _forwards_in_bodies(file)
    yield from _put_into_classes(knowledge, file)
    for cls in file.classes:
        for method in cls.methods.values() if knowledge.may_be_module(cls) else ():
            for decorator in method.node.decorator_list:
                if _computes_around(knowledge, file, decorator):
                    written = ast.unparse(decorator)
                    message = f"what @{written} computes around {method.node.name} can be given no modules"
                    yield Refusal(CODE, message, file.source.span(decorator), advice_for(CODE))


def _dispatched(file: File) -> Iterator[Refusal]:
    """`@fuse.register`: what functools calls in place of another function, for arguments of some class."""
    full_name = file.names.full_name
    defined = [n for n in walk(file.source.tree) if isinstance(n, ast.FunctionDef)]
    generic = {f.name for f in defined if any(full_name(d) in _DISPATCHED for d in f.decorator_list)}
    for function in defined:
        for decorator in function.decorator_list:
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            held = named.value if isinstance(named, ast.Attribute) and named.attr == "register" else None
            path = dotted(held) if held is not None else None
            if path and path[-1] in generic and operations_among(function.body, full_name):
                message = f"functools calls it in place of {path[-1]}, and gives it no modules"
                yield Refusal(CODE, message, file.source.span(function), advice_for(CODE))


def _bound(file: File) -> Iterator[Refusal]:
    """`self.forward = types.MethodType(fast_forward, self)`, of a function of the file."""
    for node in walk(file.source.tree):
        binds = isinstance(node, ast.Call) and file.names.full_name(node.func) == "types.MethodType"
        given = node.args[0] if isinstance(node, ast.Call) and binds and node.args else None
        function = file.functions.get(given.id) if isinstance(given, ast.Name) else None
        if function is not None and operations_in(function.node, function):
            message = f"{function.node.name} is made a method of single objects, whose class makes no modules for it"
            yield Refusal(CODE, message, file.source.span(function.node), advice_for(CODE))


def _put_into_classes(knowledge: Knowledge, file: File) -> Iterator[Refusal]:
    """`Block.mix = mix`, behind the class: a function of the file, or a lambda, that is no method to read."""
    for node in file.source.tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        name = file.names.full_name(target.value) if isinstance(target, ast.Attribute) else None
        cls = knowledge.project.find(name) if name is not None else None
        if not isinstance(cls, Class) or not knowledge.may_be_module(cls) or not isinstance(target, ast.Attribute):
            continue
        put = node.value if isinstance(node, ast.Assign) else None
        free = file.functions.get(put.id) if isinstance(put, ast.Name) else None
        code = free.node if free is not None else put
        is_given = target.attr in functions_given(knowledge.project, cls)
        if isinstance(code, ast.Lambda | ast.FunctionDef) and not is_given:
            called = {n.func.id for n in walk(code) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            codes = [code, *(file.functions[called_by].node for called_by in sorted(called & file.functions.keys()))]
            bodies = [part for c in codes for part in ([c.body] if isinstance(c, ast.Lambda) else c.body)]
            if operations_among(bodies, file.names.full_name):
                message = f"it is put into {cls.node.name}, whose constructor makes no modules for it"
                yield Refusal(CODE, message, file.source.span(code), advice_for(CODE))


def _forwards_in_bodies(file: File) -> Iterator[Refusal]:
    """`forward = lambda self, x: x * 2`, which is no method to read, also of `type("Net", (nn.Module,), {...})`."""
    stated = [
        (cls.node.name, statement)
        for cls in file.classes
        for statement in cls.node.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "forward"
    ]
    for name, code in [*stated, *(_forwards_of_types(file) if "type" in file.words else ())]:
        for node in walk(code):
            if isinstance(node, ast.Lambda) and operations_among([node.body], file.names.full_name):
                message = f"the forward of {name} is a lambda, which can be given no modules"
                yield Refusal(CODE, message, file.source.span(node), advice_for(CODE))


def _forwards_of_types(file: File) -> Iterator[tuple[str, ast.expr]]:
    """What calls of `type` say of the forward, with the names of the classes."""
    for node in walk(file.source.tree):
        is_made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type"
        body = node.args[2] if isinstance(node, ast.Call) and is_made and len(node.args) == 3 else None
        for key, value in zip(body.keys, body.values, strict=True) if isinstance(body, ast.Dict) else ():
            if isinstance(node, ast.Call) and isinstance(key, ast.Constant) and key.value == "forward":
                yield ast.unparse(node.args[0]), value


def _hooks(file: File) -> Iterator[Refusal]:
    for function in [*file.functions.values(), *(m for cls in file.classes for m in cls.methods.values())]:
        for node in walk(function.node):
            is_hooked = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _HOOKS
            hook = _meant(function, node.args[0]) if isinstance(node, ast.Call) and is_hooked and node.args else None
            if hook is not None and _returns_computed(hook, function):
                message = "torch runs it as a hook of a module, where it can be given no modules"
                yield Refusal(CODE, message, file.source.span(hook), advice_for(CODE))


def _meant(function: Function, given: ast.expr) -> ast.Lambda | ast.FunctionDef | None:
    """`hook`, a function of the file or one nested in the same function; `self.hook`; a lambda."""
    if isinstance(given, ast.Lambda):
        return given
    if isinstance(given, ast.Attribute) and function.owner is not None:
        method = function.owner.methods.get(given.attr)
        return method.node if method is not None and isinstance(method.node, ast.FunctionDef) else None
    name = given.id if isinstance(given, ast.Name) else ""
    nested = (n for n in walk(function.node) if isinstance(n, ast.FunctionDef) and n.name == name)
    free = function.file.functions.get(name)
    found = next(nested, free.node if free is not None else None)
    return found if isinstance(found, ast.FunctionDef) else None


def _returns_computed(hook: ast.Lambda | ast.FunctionDef, function: Function) -> bool:
    returned = hook.body if isinstance(hook, ast.Lambda) else None
    values = [returned] if returned is not None else [r.value for r in returns_in(getattr(hook, "body", []))]
    changes = any(v is not None and not (isinstance(v, ast.Constant) and v.value is None) for v in values)
    return changes and operations_in(hook, function) > 0


def _computes_around(knowledge: Knowledge, file: File, decorator: ast.expr) -> bool:
    """Whether a function inside the decorator returns what it computes of what the method returns or is given."""
    name = file.names.full_name(decorator.func if isinstance(decorator, ast.Call) else decorator)
    found = knowledge.project.find(name) if name is not None else None
    if not isinstance(found, Function):
        return False
    inner = (n for n in walk(found.node) if isinstance(n, ast.FunctionDef) and n is not found.node)
    flowing = (code for function in inner for code in _flowing_out(function))
    return operations_among(flowing, found.file.names.full_name) > 0


def _flowing_out(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """What it returns, and what it assigns to the variables that this comes from."""
    assigned = [n for n in walk(function) if isinstance(n, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr)]
    pending: list[ast.AST] = [r.value for r in returns_in(function.body) if r.value is not None]
    done = set[str]()
    while pending:
        code = pending.pop()
        yield code
        places = {id(n) for s in walk(code) if isinstance(s, ast.Subscript) for n in walk(s.slice)}
        read = {n.id for n in walk(code) if isinstance(n, ast.Name) and id(n) not in places} - done
        done |= read
        pending += [node for node in assigned if read & set(_targets(node))]


def _targets(node: ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from (n.id for n in walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
