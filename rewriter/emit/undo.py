"""Proves a rewrite: undoing the declared changes in the new text gives the old text's syntax tree.

Both trees are brought to a common form. In the old one each declared site becomes `__site__(name, arguments by
parameter)`; in the new one each call of a declared attribute becomes the same, from what the call and the `__init__`
line say; then declared lines are taken out. Nothing of how the new text was made is used here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from rewriter.facts.project import Class
from rewriter.rules.change import Change, Make, MakeAgain, Tie
from rewriter.rules.plan import ClassPlan, Named
from rewriter.torch_api.row import bind

Key = tuple[str, int, int, int, int]


def undoes(old_text: str, new_text: str, plans: Iterable[tuple[Class, ClassPlan]], imports: list[str]) -> str | None:
    """None where the proof holds, else what does not."""
    old, new = ast.parse(old_text), ast.parse(new_text)
    plans = list(plans)
    by_class = {cls.node.lineno: (cls, plan.changes) for cls, plan in plans if plan.changes}
    if found := [s for _, plan in plans for s in plan.substitutions]:
        _name_twins(old, {_key(s.node): s.target for s in found})
        _name_twins(new, {})
    sites = {_key(n.change.site.node): n for _, changes in by_class.values() for n in changes}
    marked = _MarkOld(sites)
    marked.visit(old)
    if len(marked.found) != len(sites):
        return "a declared site is missing from the original"
    ordered = [c for c in ast.walk(ast.parse(old_text)) if isinstance(c, ast.ClassDef)]
    new_classes = [c for c in ast.walk(new) if isinstance(c, ast.ClassDef)]
    if len(ordered) != len(new_classes):
        return "the number of classes changed"
    for before, after in zip(ordered, new_classes, strict=True):
        if before.lineno in by_class:
            cls, changes = by_class[before.lineno]
            problem = _undo_class(after, cls, changes)
            if problem:
                return problem
    _remove_imports(new, imports)
    if ast.dump(old) != ast.dump(new):
        return "undoing the declared edits does not give the original's syntax tree"
    return None


def _name_twins(tree: ast.Module, substituted: dict[Key, str]) -> None:
    """Gives each substituted class, and each twin that is called, one common name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            target = substituted.get(_key(node.func), "")
            written = ast.unparse(node.func)
            if target or "modules." in written:
                name = ast.Name((target or written).rpartition(".")[2], ast.Load())
                node.func = ast.copy_location(name, node.func)


def _key(node: ast.expr | ast.stmt) -> Key:
    return (type(node).__name__, node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)


def _site(named: Named, arguments: dict[str, ast.expr | None]) -> ast.expr:
    """The common form of a site."""
    keywords = [ast.keyword(arg=name, value=value) for name, value in sorted(arguments.items()) if value is not None]
    label = f"{named.name}:{named.change.code}"
    return ast.Call(func=ast.Name("__site__", ast.Load()), args=[ast.Constant(label)], keywords=keywords)


class _MarkOld(ast.NodeTransformer):
    def __init__(self, sites: dict[Key, Named]) -> None:
        self.sites = sites
        self.found: set[Key] = set()

    def visit(self, node: ast.AST) -> ast.AST:
        named = self.sites.get(_key(node)) if isinstance(node, ast.expr | ast.stmt) else None
        if named is None:
            return self.generic_visit(node)
        self.found.add(_key(node))  # type: ignore[arg-type]
        node = self.generic_visit(node)
        if isinstance(node, ast.AugAssign):
            value = _site(named, _old_arguments(named.change, node))
            return ast.Assign(targets=[node.target], value=value, type_comment=None)
        return _site(named, _old_arguments(named.change, node))


def _old_arguments(change: Change, node: ast.AST) -> dict[str, ast.expr | None]:
    if not isinstance(change.make, Make):
        assert isinstance(node, ast.Call)
        return _as_written(node)
    spelling = change.site.candidates[0][1]
    positional: list[ast.expr]
    keywords: list[ast.keyword] = []
    if isinstance(node, ast.BinOp):
        positional = [node.left, node.right]
    elif isinstance(node, ast.AugAssign):
        positional = [_load(node.target), node.value]
    elif isinstance(node, ast.UnaryOp):
        positional = [node.operand]
    else:
        assert isinstance(node, ast.Call)
        method = spelling.name.startswith("torch.Tensor.") and isinstance(node.func, ast.Attribute)
        receiver = [node.func.value] if method and isinstance(node.func, ast.Attribute) else []
        positional, keywords = [*receiver, *node.args], node.keywords
    bound = bind(spelling, positional, keywords)
    if bound is None:
        return _as_written(ast.Call(func=ast.Name("f", ast.Load()), args=positional, keywords=keywords))
    found: dict[str, ast.expr | None] = {}
    for argument in bound:
        name = argument.parameter.name
        if argument.parameter.variadic:
            held = found.setdefault(name, ast.List(elts=[], ctx=ast.Load()))
            assert isinstance(held, ast.List)
            held.elts.append(argument.value)
        else:
            found[name] = argument.value
    if spelling.inplace:
        found["inplace"] = ast.Constant(True)
    return {name: _normal(value) for name, value in found.items()}


def _load(target: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(target), mode="eval").body


def _normal(value: ast.expr | None) -> ast.expr | None:
    """Spread sequences compare as lists, whatever brackets they had."""
    return ast.List(elts=value.elts, ctx=ast.Load()) if isinstance(value, ast.Tuple) else value


def _as_written(call: ast.Call) -> dict[str, ast.expr | None]:
    found: dict[str, ast.expr | None] = {f"_{i}": a for i, a in enumerate(call.args)}
    for index, keyword in enumerate(call.keywords):
        found[keyword.arg or f"__{index}"] = keyword.value
    return found


def _undo_class(node: ast.ClassDef, cls: Class, changes: list[Named]) -> str | None:
    """Takes the declared lines out of the class and turns calls of declared attributes back."""
    place = changes[0].change.place
    names = {named.name: named for named in changes}
    init = next((s for s in node.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"), None)
    if init is None:
        return f"{cls.node.name} has no __init__"
    makers: dict[str, ast.expr] = {}
    _take_out(init, place.self_name, set(names), makers)
    if makers.keys() != names.keys():
        return f"{cls.node.name} makes {sorted(makers)}, not {sorted(names)}"
    for name, named in names.items():
        problem = _wrong_maker(named.change, makers[name])
        if problem:
            return problem
    if place.init is None:
        if len(init.body) != 1:
            return "the new __init__ does more than make modules"
        node.body.remove(init)
    back = _TurnBack(names, makers)
    for index, statement in enumerate(node.body):
        node.body[index] = back.visit(statement)
    missing = names.keys() - back.used
    return f"self.{min(missing)} is never called" if missing else None


def _take_out(block: ast.AST, self_name: str, names: set[str], makers: dict[str, ast.expr]) -> None:
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(block, field, None)
        if not isinstance(statements, list):
            continue
        for statement in list(statements):
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
                target = statement.targets[0]
                if isinstance(target.value, ast.Name) and target.value.id == self_name and target.attr in names:
                    makers[target.attr] = statement.value
                    statements.remove(statement)
                    continue
            _take_out(statement, self_name, names, makers)


def _wrong_maker(change: Change, maker: ast.expr) -> str | None:
    if isinstance(change.make, Tie):
        parts = ", parts=True" if change.make.parts else ""
        wanted = f"again({change.place.self_name}.{change.make.attribute}{parts})"
        return None if ast.unparse(maker).endswith(wanted) else f"`{ast.unparse(maker)}` is not {wanted}"
    if isinstance(change.make, MakeAgain):
        same = ast.dump(maker) == ast.dump(change.make.expression)
        return None if same else f"`{ast.unparse(maker)}` is not what made self.{change.make.attribute}"
    wanted = change.make.target.rpartition(".")[2]
    if not isinstance(maker, ast.Call) or ast.unparse(maker.func).rpartition(".")[2] != wanted:
        return f"`{ast.unparse(maker)}` does not make a {wanted}"
    return None


class _TurnBack(ast.NodeTransformer):
    def __init__(self, names: dict[str, Named], makers: dict[str, ast.expr]) -> None:
        self.names = names
        self.makers = makers
        self.used: set[str] = set()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        func = node.func
        if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.attr in self.names):
            return node
        named = self.names[func.attr]
        if func.value.id != named.change.site.self_name or func.attr in self.used:
            return node
        self.used.add(func.attr)
        return _site(named, _new_arguments(named.change, node, self.makers[func.attr]))


def _new_arguments(change: Change, call: ast.Call, maker: ast.expr) -> dict[str, ast.expr | None]:
    if not isinstance(change.make, Make):
        return _as_written(call)
    assert isinstance(maker, ast.Call)
    row, spelling = change.site.candidates[0]
    parameters = [p.name for p in row.constructor_parameters]
    fixed: dict[str, ast.expr | None] = dict(zip(parameters, maker.args, strict=False))
    fixed.update({k.arg or "": k.value for k in maker.keywords})
    if any(isinstance(a, ast.Starred) for a in call.args) and not any(o.startswith("*") for o in row.operands):
        return {**_as_written(call), **fixed}
    found: dict[str, ast.expr | None] = {}
    operands = [o.lstrip("*") for o in row.operands]
    spread = bool(row.operands) and row.operands[0].startswith("*")
    if spread and (len(call.args) > 1 or (call.args and isinstance(call.args[0], ast.Starred))):
        found[operands[0]] = ast.List(elts=call.args, ctx=ast.Load())
    else:
        variadic = next((p.name for p in spelling.parameters if p.variadic), "")
        slots = [p.name for p in spelling.parameters if not p.keyword_only and not p.variadic and p.name not in fixed]
        for index, value in enumerate(call.args):
            name = slots[index] if index < len(slots) else variadic
            if name == variadic:
                held = found.setdefault(name, ast.List(elts=[], ctx=ast.Load()))
                assert isinstance(held, ast.List)
                held.elts.append(value)
            else:
                found[name] = value
    found.update({k.arg or "": k.value for k in call.keywords})
    found.update(fixed)
    if _followed(change, call, maker):
        found["training"] = ast.Attribute(ast.Name(change.site.self_name or "", ast.Load()), "training", ast.Load())
    return {name: _normal(value) for name, value in found.items()}


def _followed(change: Change, call: ast.Call, maker: ast.Call) -> bool:
    """The target follows the training flag by itself, which is what the original asked for."""
    assert isinstance(change.make, Make)
    row = change.site.candidates[0][0]
    named = {k.arg for k in [*call.keywords, *maker.keywords]}
    return row.follows_training and change.make.target == row.target != row.flexible_target and "training" not in named


def _remove_imports(tree: ast.Module, imports: list[str]) -> None:
    for text in imports:
        wanted = ast.dump(ast.parse(text).body[0])
        for statement in list(tree.body):
            if ast.dump(statement) == wanted:
                tree.body.remove(statement)
                break
