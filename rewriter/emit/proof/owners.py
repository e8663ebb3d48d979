"""Undoes the changes of one class or function: the lines that make modules, and the calls of these."""

from __future__ import annotations

import ast
import re
from collections import Counter

from rewriter.changes.change import Change, NamedChange
from rewriter.changes.made import Call, Make, MakeAgain, MakeEarlier, RunAgain, Tie, Wrap, WrapMethod
from rewriter.changes.turns import NumberedMap, Numbering, Turn
from rewriter.facts.making.construction import Construction
from rewriter.facts.making.function_owners import Holder
from rewriter.python.trees import walk_anew


class Undone(Exception):
    """Why a change cannot be undone: the new text is not what was declared."""


Makers = dict[str, ast.expr]
"""Attribute name -> the expression that makes one of its modules."""


def undo_given(giver: ast.FunctionDef, place: Construction, changes: list[NamedChange]) -> Makers:
    """Takes `self.x = ...` of each change out of the `__init__` that a function gives a class."""
    return _taken_out(_init_in(giver, place), place.self_name, changes, giver.name)


def _init_in(node: ast.ClassDef | ast.FunctionDef, place: Construction) -> ast.FunctionDef:
    wanted = place.init.node.name if place.init is not None else "__init__"
    init = next((s for s in node.body if isinstance(s, ast.FunctionDef) and s.name == wanted), None)
    if init is None:
        raise Undone(f"{node.name} has no {wanted}")
    return init


def undo_lines(node: ast.ClassDef, place: Construction, changes: list[NamedChange]) -> Makers:
    """Takes `self.x = ...` of each change out of a class's `__init__`."""
    init = _init_in(node, place)
    makers = _taken_out(init, place.self_name, changes, node.name)
    if place.apart and place.mixed_in is not None:
        mixed_in = [base for base in node.bases if ast.unparse(base).endswith("modules.WithOperations")]
        if len(mixed_in) != 1:
            raise Undone(f"{node.name} would run its operations as steps")
        node.bases.remove(mixed_in[0])
    _undo_walks(node, place)
    if place.missed_by is not None:
        _undo_missing(node, makers)
    if place.becomes_module:
        _undo_module(node, init, called_before=place.begin is not None)
    if place.init is None:
        if len(_undocumented(init.body)) != 1:
            raise Undone("the new __init__ does more than make modules")
        node.body.remove(init)
    return makers


def _undo_missing(node: ast.ClassDef, makers: Makers) -> None:
    """Takes the decorator out by which objects that run another `__init__` get the same modules."""
    wanted = {name: ast.dump(maker) for name, maker in makers.items()}
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call) or not ast.unparse(decorator.func).endswith("makes_missing"):
            continue
        given = [(k.arg, k.value) for k in decorator.keywords]
        made = {name: v.body if isinstance(v, ast.Lambda) else ast.Call(v, [], []) for name, v in given}
        if {name: ast.dump(maker) for name, maker in made.items()} == wanted:
            node.decorator_list.remove(decorator)
            return
    raise Undone(f"{node.name} does not make its modules for objects that run another __init__")


_STEPS = {"steps": "children", "named_steps": "named_children", "step_modules": "_modules"}


def _undo_walks(node: ast.ClassDef, place: Construction) -> None:
    """Lets code go through all children again, where it was told to leave out the new ones."""
    walked = {walk.attr for walk in place.walks}  # the class may have something else by the name of another walk
    turned = [n for n in walk_anew(node) if isinstance(n, ast.Attribute) and _STEPS.get(n.attr) in walked]
    for attribute in turned:
        attribute.attr = _STEPS[attribute.attr]
    if len(turned) != len(place.walks):
        raise Undone(f"{node.name} does not leave its new modules out wherever it goes through its children")


def _undo_module(node: ast.ClassDef, init: ast.FunctionDef, called_before: bool) -> None:
    """Takes the base and the call of its `__init__` from a class that was none of nn.Module's."""
    calls = [s for s in init.body[:2] if ast.unparse(s) == "super().__init__()"]
    if [ast.unparse(base).rpartition(".")[2] for base in node.bases] != ["Module"] or len(calls) != 1:
        raise Undone(f"{node.name} was to become a module")
    node.bases.clear()
    if not called_before:
        init.body.remove(calls[0])


def undo_holder(new: ast.Module, function: ast.FunctionDef, holder: Holder, changes: list[NamedChange]) -> Makers:
    """Takes out the class that was written for a function, and the parameter that brings its object."""
    node = next((s for s in new.body if isinstance(s, ast.ClassDef) and s.name == holder.name), None)
    body = _undocumented(node.body) if node is not None else []
    init = body[0] if len(body) == 1 else None
    if node is None or not isinstance(init, ast.FunctionDef):
        raise Undone(f"{holder.name} is not a class with an __init__ alone")
    makers = _taken_out(init, "self", changes, holder.name)
    if [ast.unparse(s) for s in _undocumented(init.body)] != ["super().__init__()"]:
        raise Undone(f"{holder.name} does more than make modules")
    new.body.remove(node)
    spec = function.args
    default = spec.kw_defaults[-1] if spec.kw_defaults else None
    brings = default is not None and ast.unparse(default).endswith(f"modules.shared[{holder.name}]")
    if not brings or spec.kwonlyargs[-1].arg != holder.parameter:
        raise Undone(f"{function.name} does not take {holder.parameter}")
    spec.kwonlyargs.pop()
    spec.kw_defaults.pop()
    _undo_document(function, holder.parameter, holder.document)
    return makers


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and type(first.value.value) is str
    return body[1:] if is_text else body


def _undo_document(function: ast.FunctionDef, parameter: str, says: str) -> None:
    """Takes what was written of a new parameter out of the docstring, if there is any such line."""
    first = function.body[0]
    value = first.value if isinstance(first, ast.Expr) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        line = rf"\n[ \t]*{parameter}(?: \(\w+\):| : \w+\n|:|\n)[ \t]*{re.escape(says)}(?=\n)"
        value.value = re.sub(line, "", value.value, count=1)


def undo_numbers(scope: ast.AST, numberings: list[Numbering]) -> None:
    """Takes the parameter, and the number of each call, from methods that count their calls."""
    for numbering in numberings:
        name = numbering.method.node.name
        found = [n for n in walk_anew(scope) if isinstance(n, ast.FunctionDef) and n.name == name]
        counting = [n for n in found if any(a.arg == numbering.parameter for a in n.args.kwonlyargs[-1:])]
        default = counting[-1].args.kw_defaults.pop() if counting else None
        if default is None or ast.unparse(default) != "0":
            raise Undone(f"{name} does not count its calls in {numbering.parameter}")
        counting[-1].args.kwonlyargs.pop()
        _undo_document(counting[-1], numbering.parameter, numbering.document)
        calls = [node for node in walk_anew(scope) if isinstance(node, ast.Call)]
        numbers = Counter(number for call in calls if (number := _taken_number(call, numbering)) is not None)
        if numbers - Counter(call.number for call in numbering.calls):
            raise Undone(f"the calls of {name} are not numbered as declared")


def undo_maps(scope: ast.AST, maps: list[NumberedMap]) -> None:
    """Takes the turn from lambdas that `map` tells of it."""
    wanted = Counter((numbered.parameter, f"range({numbered.number})") for numbered in maps)
    for call in [node for node in ast.walk(scope) if isinstance(node, ast.Call)] if maps else ():
        function = call.args[0] if call.args and ast.unparse(call.func) == "map" else None
        if isinstance(function, ast.Lambda) and function.args.args:
            found = function.args.args[-1].arg, ast.unparse(call.args[-1])
            if wanted[found] > 0:
                wanted[found] -= 1
                function.args.args.pop()
                call.args.pop()
    if wanted.total():
        raise Undone("a lambda is not told of its turn as declared")


def _taken_number(call: ast.Call, numbering: Numbering) -> str | None:
    """The number in `self.half(x, call=1)` or `runtime.modules.nth(self.half, 1)(x)`, which is taken out."""
    func, name = call.func, numbering.method.node.name
    if isinstance(func, ast.Call) and ast.unparse(func.func).endswith("modules.nth") and len(func.args) == 2:
        method, number = func.args
        if not (isinstance(method, ast.Attribute) and method.attr == name):
            return None
        call.func = method
        return ast.unparse(number)
    named = (isinstance(func, ast.Attribute) and func.attr == name) or (isinstance(func, ast.Name) and func.id == name)
    last = call.keywords[-1] if call.keywords and named else None
    if last is None or last.arg != numbering.parameter:
        return None
    call.keywords.pop()
    return ast.unparse(last.value)


def _taken_out(init: ast.FunctionDef, own: str, changes: list[NamedChange], where: str) -> Makers:
    makers: Makers = {}
    names = {named.name: named.change for named in changes}
    _take_out(init, own, set(names), makers)
    if makers.keys() != names.keys():
        raise Undone(f"{where} makes {sorted(makers)}, not {sorted(names)}")
    for name, change in names.items():
        for turn in change.turns:
            makers[name] = _one_of_list(makers[name], turn)
        if problem := _wrong_maker(change, makers[name], own):
            raise Undone(problem)
    return makers


def _take_out(block: ast.AST, own: str, names: set[str], makers: Makers) -> None:
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(block, field, None)
        if not isinstance(statements, list):
            continue
        for statement in list(statements):
            name, made = _making(statement, own)
            if made is not None and name in names:
                makers[name] = made
                statements.remove(statement)
            elif not isinstance(statement, ast.ClassDef):  # whose objects are others
                _take_out(statement, own, names, makers)


def _making(statement: ast.stmt, own: str) -> tuple[str, ast.expr | None]:
    """The attribute and the value in `self.add = ...` or `self.add_operation("add", ...)`."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
        target = statement.targets[0]
        return target.attr, statement.value if ast.unparse(target.value) == own else None
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and ast.unparse(call.func) == f"{own}.add_operation" and len(call.args) == 2:
        name = call.args[0]
        return str(name.value) if isinstance(name, ast.Constant) else "", call.args[1]
    return "", None


def _one_of_list(maker: ast.expr, turn: Turn) -> ast.expr:
    """What `nn.ModuleList(... for _ in xs)` makes at each turn; `ModuleList([...])` for turns that nobody can count."""
    made = maker.args[0] if isinstance(maker, ast.Call) and len(maker.args) == 1 else None
    is_list = isinstance(maker, ast.Call) and ast.unparse(maker.func).endswith("ModuleList")
    if turn.is_open and is_list and isinstance(made, ast.List) and len(made.elts) == 1:
        return made.elts[0]
    if not is_list or not isinstance(made, ast.GeneratorExp) or len(made.generators) != 1 or made.generators[0].ifs:
        raise Undone(f"`{ast.unparse(maker)}` does not make a module for each turn of a loop")
    wanted = turn.over if turn.each is None else turn.each
    if ast.unparse(made.generators[0].iter) != ast.unparse(wanted):
        raise Undone(f"`{ast.unparse(maker)}` does not run over `{ast.unparse(wanted)}`")
    return made.elt


def _wrong_maker(change: Change, maker: ast.expr, own: str) -> str | None:
    make, written = change.make, ast.unparse(maker)
    if isinstance(make, Tie):
        wanted = f"again({own}.{make.attribute}{make.options})"
        return None if written.endswith(wanted) else f"`{written}` is not {wanted}"
    if isinstance(make, MakeAgain):
        same = ast.dump(maker) == ast.dump(make.expression)
        return None if same else f"`{written}` is not what made self.{make.attribute}"
    if isinstance(make, Call):
        told = [f"{own}.{make.kept}"] if make.kept else map(ast.unparse, make.functions)
        wanted = f"{make.name}({', '.join(told)})"
        name = ast.unparse(maker.func) if isinstance(maker, ast.Call) else ""
        made = written.removeprefix(f"{name.rpartition('.')[0]}.")
        return None if made == wanted else f"`{written}` does not make {wanted}"
    if isinstance(make, RunAgain):
        wanted = f"RunAgain({own}, {make.called!r})"
        return None if written.endswith(f".{wanted}") or written == wanted else f"`{written}` is not {wanted}"
    if isinstance(make, MakeEarlier):
        return None if ast.dump(maker) == ast.dump(make.expression) else f"`{written}` is not what the call made"
    assert isinstance(make, Make | Wrap | WrapMethod)
    target = "Function" if isinstance(make, Wrap | WrapMethod) else make.target.rpartition(".")[2]
    if not isinstance(maker, ast.Call) or ast.unparse(maker.func).rpartition(".")[2] != target:
        return f"`{written}` does not make a {target}"
    if isinstance(make, Wrap | WrapMethod) and (len(maker.args) != 1 or maker.keywords):
        return f"`{written}` does not hold one function"
    if isinstance(make, WrapMethod) and not ast.unparse(maker.args[0]).endswith(f"Tensor.{make.name}"):
        return f"`{written}` does not hold torch.Tensor.{make.name}"
    return None
