"""The common form of a site: what it computes from what, whether it is an operation or a call of a module.

The old tree's sites are brought to it by what the operation's parameters are called, the new tree's by what the call
and the line in `__init__` say.
"""

from __future__ import annotations

import ast

from rewriter.changes.change import Change, NamedChange
from rewriter.changes.made import Call, Make, MakeEarlier, MakeElsewhere, Wrap, WrapMethod
from rewriter.python.trees import Transformer
from rewriter.torch_api.row import bind, parse_signature

Key = tuple[str, int, int, int, int]


def key_of(node: ast.expr | ast.stmt) -> Key:
    return (type(node).__name__, node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)


def common_form(named: NamedChange, arguments: dict[str, ast.expr | None]) -> ast.expr:
    """The common form of a site."""
    keywords = [ast.keyword(arg=name, value=value) for name, value in sorted(arguments.items()) if value is not None]
    label = f"{named.name}:{named.change.code}"
    return ast.Call(func=ast.Name("__site__", ast.Load()), args=[ast.Constant(label)], keywords=keywords)


class MarkOld(Transformer):
    def __init__(self, sites: dict[Key, NamedChange]) -> None:
        self.sites = sites
        self.found: set[Key] = set()

    def visit(self, node: ast.AST) -> ast.AST:
        named = self.sites.get(key_of(node)) if isinstance(node, ast.expr | ast.stmt) else None
        if named is None:
            return self.generic_visit(node)
        self.found.add(key_of(node))  # type: ignore[arg-type]
        node = self.generic_visit(node)
        if isinstance(node, ast.AugAssign):
            value = common_form(named, _old_arguments(named.change, node))
            return ast.Assign(targets=[node.target], value=value, type_comment=None)
        return common_form(named, _old_arguments(named.change, node))


def _old_arguments(change: Change, node: ast.AST) -> dict[str, ast.expr | None]:
    if isinstance(node, ast.Attribute):  # `block(x, self.bias)` gives a module away
        return {"_0": node}
    if change.each and isinstance(node, ast.Call):  # `map(f, xs)` calls f
        node = _turn(node)
    if not isinstance(change.make, Make):
        assert isinstance(node, ast.Call)
        if isinstance(change.make, WrapMethod):
            return _of_method(node, change.make)
        function = node.func if isinstance(change.make, Wrap | Call | MakeEarlier) else None
        return {**_as_written(node), "function": function}
    spelling = change.make.spelling
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
        method = spelling.name.startswith("torch.Tensor.") and not _is_named_in_full(change)
        receiver = [node.func.value] if method and isinstance(node.func, ast.Attribute) else []
        positional, keywords = [*receiver, *node.args], [*_of_maker(node.func, change.make), *node.keywords]
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


def _of_maker(maker: ast.expr, make: Make) -> list[ast.keyword]:
    """The arguments with which the call of a class has made what is called: `nn.AvgPool2d(x.shape[2])(x)`."""
    if not isinstance(maker, ast.Call) or not make.spelling.name.startswith("torch.nn.") or _is_function(make):
        return []
    names = [p.name for p in make.spelling.parameters][len(make.row.operands) :]
    return [*(ast.keyword(name, value) for name, value in zip(names, maker.args, strict=False)), *maker.keywords]


def _is_function(make: Make) -> bool:
    return make.spelling.name.startswith("torch.nn.functional.")


def _of_method(call: ast.Call, make: WrapMethod) -> dict[str, ast.expr | None]:
    """`x.kron(y)`, as the call of a function that takes `x` first."""
    func = call.func
    assert isinstance(func, ast.Attribute) and func.attr == make.name
    return {**_as_written(ast.Call(func, [func.value, *call.args], call.keywords)), "function": ast.Constant(func.attr)}


def _turn(call: ast.Call) -> ast.Call:
    """What `map(function, xs)` calls; `map(partial(torch.cat, dim=1), xs)` calls `torch.cat`."""
    function, over = call.args[0], call.args[1:]
    if isinstance(function, ast.Call):
        return ast.Call(function.args[0], over, function.keywords)
    return ast.Call(function, over, call.keywords)


def _is_named_in_full(change: Change) -> bool:
    """`torch.Tensor.add(x, 2)`"""
    node = change.site.node
    return isinstance(node, ast.Call) and change.site.function.global_name(node.func) is not None


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


def new_arguments(change: Change, call: ast.Call, maker: ast.expr) -> dict[str, ast.expr | None]:
    assert isinstance(maker, ast.Call) or not isinstance(change.make, Make | Wrap | WrapMethod)
    if isinstance(change.make, MakeEarlier):
        return {**_as_written(call), "function": maker}
    if isinstance(change.make, Call):
        return {**_as_written(ast.Call(call.func, call.args[1:], call.keywords)), "function": call.args[0]}
    if not isinstance(change.make, Make):
        function = maker.args[0] if isinstance(maker, ast.Call) and isinstance(change.make, Wrap | WrapMethod) else None
        if isinstance(change.make, WrapMethod) and isinstance(function, ast.Attribute):
            function = ast.Constant(function.attr)
        return {**_as_written(call), "function": function}
    assert isinstance(maker, ast.Call)
    if isinstance(change.make, MakeElsewhere):
        return _elsewhere(change.make, call, maker)
    row, spelling = change.make.row, change.make.spelling
    parameters = [p.name for p in row.constructor_parameters]
    fixed: dict[str, ast.expr | None] = dict(zip(parameters, maker.args, strict=False))
    fixed.update({k.arg or "": k.value for k in maker.keywords})
    starred = any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)
    if starred and not any(o.startswith("*") for o in row.operands):
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


def _elsewhere(make: MakeElsewhere, call: ast.Call, maker: ast.Call) -> dict[str, ast.expr | None]:
    """By the signatures that the other library has."""
    names = [p.name for p in parse_signature(make.foreign.constructor)]
    found: dict[str, ast.expr | None] = dict(zip(names, maker.args, strict=False))
    found.update({k.arg or "": k.value for k in maker.keywords})
    operands = [*reversed(call.args[:2]), *call.args[2:]] if make.swapped else call.args
    if any(isinstance(operand, ast.Starred) for operand in operands):
        alone = operands[0].value if len(operands) == 1 and isinstance(operands[0], ast.Starred) else None
        found[make.foreign.spelling.parameters[0].name] = alone or ast.List(elts=operands, ctx=ast.Load())
        operands = []
    for argument in bind(make.foreign.spelling, operands, call.keywords) or ():
        name = argument.parameter.name
        if argument.parameter.variadic:
            held = found.setdefault(name, ast.List(elts=[], ctx=ast.Load()))
            assert isinstance(held, ast.List)
            held.elts.append(argument.value)
        else:
            found[name] = argument.value
    if make.spelling.inplace:
        found["inplace"] = ast.Constant(True)
    return {name: _normal(value) for name, value in found.items()}


def _followed(change: Change, call: ast.Call, maker: ast.Call) -> bool:
    """The target follows the training flag by itself, which is what the original asked for."""
    assert isinstance(change.make, Make)
    row = change.make.row
    named = {k.arg for k in [*call.keywords, *maker.keywords]}
    return row.follows_training and change.make.target == row.target != row.flexible_target and "training" not in named
