"""Methods that can be told which of their calls is running."""

from __future__ import annotations

import ast

from rewriter.python.answers import Question
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.trees import walk
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES
from rewriter.values.base import Known

PARAMETERS = ("call", "nth", "call_index", "call_number")


def may_take_number(knowledge: Known, cls: Class, method: Function) -> bool:
    """Whether a new parameter is in nobody's way: no override has one of that name, and no decorator sees it."""
    hierarchy, name = knowledge.hierarchy, method.node.name
    above, below = hierarchy.lineage(cls).project[1:], hierarchy.subclasses(cls)
    others = [*above, *below]
    overrides = [other.methods[name] for other in others if name in other.methods]
    numbered = {base.methods[name] for base in above if name in base.methods and _is_told(base.methods[name])}
    taken = any(a.arg in PARAMETERS for o in overrides if o not in numbered for a in o.node.args.kwonlyargs)
    plain = isinstance(method.node, ast.FunctionDef) and not method.node.decorator_list and own_name(method) is not None
    yields = any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in walk(method.node))
    hidden = not is_private(method) and method.node.args.kwarg is not None  # there it would hide what others pass
    kept = [name for relative in [cls, *others] for name in _handed_on(relative)]
    return plain and name not in {*MODULE_ATTRIBUTES, *kept} and not yields and not taken and not hidden


def _is_told(method: Function) -> bool:
    """Whether the method is told a number already: `call=0`, which it takes modules by and passes on."""
    spec = method.node.args
    told = [a.arg for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d and ast.unparse(d) == "0"]
    names = {name for name in told if name in PARAMETERS}
    nodes = list(walk(method.node))
    places = [n.slice for n in nodes if isinstance(n, ast.Subscript)]
    places += [a for n in nodes if isinstance(n, ast.Call) for a in (*n.args, *(k.value for k in n.keywords))]
    inside = {id(name) for place in places for name in walk(place)}
    return bool(names) and all(id(n) in inside for n in nodes if isinstance(n, ast.Name) and n.id in names)


_HANDED_ON = Question[Class, frozenset[str]]("which attributes does the class do more with than call?")


def _handed_on(cls: Class) -> frozenset[str]:
    """The attributes that a class does more with than call: who is given a method may ask what it takes."""

    def find() -> frozenset[str]:
        nodes = list(walk(cls.node))
        calls = [n for n in nodes if isinstance(n, ast.Call)]
        running = _running_again(nodes)
        called = {id(n.func) for n in calls} | {id(n.args[0]) for n in calls if n.args and _only_calls(n.func, running)}
        return frozenset(n.attr for n in nodes if isinstance(n, ast.Attribute) and id(n) not in called)

    return cls.file.answers.found(_HANDED_ON, cls, find)


def _running_again(nodes: list[ast.AST]) -> set[str]:
    """The attributes that hold what runs a method again: `self.again = runtime.modules.RunAgain(self, "mix")`."""
    stores = [n for n in nodes if isinstance(n, ast.Assign) and "modules.RunAgain(" in ast.unparse(n.value)]
    return {target.attr for store in stores for target in store.targets if isinstance(target, ast.Attribute)}


def _only_calls(func: ast.expr, running: set[str]) -> bool:
    """`runtime.modules.nth(self.mix, 1)` or `self.again[i](self.mix)`"""
    held = func.value if isinstance(func, ast.Subscript) else func
    is_again = isinstance(held, ast.Attribute) and held.attr in running
    return is_again or (isinstance(func, ast.Attribute) and ast.unparse(func).endswith("modules.nth"))


def is_overridden(knowledge: Known, cls: Class, method: Function) -> bool:
    return any(method.node.name in other.methods for other in knowledge.hierarchy.subclasses(cls))


def is_private(method: Function) -> bool:
    """Code elsewhere may override or replace a method with a public name, by one that does not take the number."""
    name = method.node.name
    return name.startswith("_") and not name.endswith("__")


def number_parameter(method: Function, *others: str) -> str:
    nodes = list(walk(method.node))
    taken = {*method.locals, *others, *(n.id for n in nodes if isinstance(n, ast.Name))}
    taken |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    return next(name for name in PARAMETERS if name not in taken)
