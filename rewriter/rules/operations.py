"""From an operation's site to a change: which row, which module, what is fixed and what is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.changes.change import Change, Given, as_given
from rewriter.changes.made import Fixed, Make, Wrap
from rewriter.facts.functions.own_methods import (
    may_be_other,
    objects_having,
    stand_ins_having,
    telling_apart,
    tensors_having,
)
from rewriter.python.code import Class
from rewriter.python.patched import replaced
from rewriter.python.ready_names import is_at_hand
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.comments import spoken_of
from rewriter.rules.constants import is_constant
from rewriter.rules.context import Context
from rewriter.rules.refusals import refuse
from rewriter.sites.site import Operation, Site
from rewriter.torch_api import catalogue
from rewriter.torch_api.row import Argument, Row, Spelling, bind
from rewriter.values.tensor import Tensor


def decide(site: Operation, context: Context) -> Change | Refusal:
    """The change that gives the operation a module of its own, or why there is none."""
    if len({row.flexible_target for row, _ in site.candidates}) > 1:
        return refuse("RW906", site, f"{site.written} may mean several operations, which differ by their arguments")
    row, spelling = site.candidates[0]
    if (name := replaced(context.knowledge.project, row)) is not None:
        return refuse(
            "RW906", site, f"{site.written} may mean several operations: code puts another one in the place of {name}"
        )
    if isinstance(site.node, ast.AugAssign) and not _reads_alike(site.node.target):
        return refuse("RW907", site, f"the target of {site.written} would be evaluated twice")
    arguments = arguments_of(site, spelling)
    if arguments is None:
        return _verbatim(site, row, context)
    if (other := _own_function(site, spelling, context)) is not None:
        why = f"for objects of {other.node.name}, which take torch's functions, the method is one of their own"
        return refuse("RW906", site, f"{site.written} may mean several operations: {why}")
    if (other := _own_operator(site, row, spelling, arguments, context)) is not None:
        why = f"for objects of {other.node.name} it is not what the operator is"
        return refuse("RW906", site, f"{site.written} may mean several operations: {why}")
    if _is_lone_tensor(row, arguments, context):
        return refuse("RW901", site, f"{site.written} is given a tensor where a sequence of tensors is expected")
    make, left = _split(site, row, spelling, arguments, context)
    name = make.target.rpartition(".")[2]
    if (text := next((text for text in context.picked_texts if text in name), None)) is not None:
        if (change := _as_function(site, row, context)) is not None:
            return change
        why = f"code looks for {text!r} in the names of modules' classes, and would meet the new {name}"
        return refuse("RW904", site, f"{site.written} is left: {why}")
    if (other := _own_method(site, row, make, context)) is not None:
        why = f"{other.node.name} has a method of that name, which the function does not call"
        return _as_function(site, row, context) or refuse("RW906", site, f"{site.written} is left: {why}")
    given = tuple(_given(row, spelling, make.target == row.flexible_target, left))
    return Change(row.code, site, context.place, context.receiver_at(site), row.attribute, make, given, site.written)


def _as_function(site: Operation, row: Row, context: Context) -> Change | None:
    """`runtime.modules.Function(F.layer_norm)`, for code that would find the name of the operation's own class."""
    node, init = site.node, context.place.init
    if not isinstance(node, ast.Call) or not is_at_hand(site.function, node.func):
        return None
    func = node.func
    name, head = site.function.global_name(func), ast.unparse(func).partition(".")[0]
    if name != site.candidates[0][1].name or name.startswith("torch.Tensor.") or (init and head in init.locals):
        return None
    if any(text in "Function" for text in context.picked_texts):
        return None
    make, receiver = Wrap(func, is_seen=False), context.receiver_at(site)
    return Change(row.code, site, context.place, receiver, row.attribute, make, as_given(node), site.written)


def module_for(name: str, operands: int) -> Make | None:
    """The module for a function that is called with so many operands and nothing else; None where it needs more."""
    found = catalogue.by_spelling(name)
    if len(found) != 1:
        return None
    (row, spelling), spreads = found[0], any(operand.startswith("*") for operand in found[0][0].operands)
    if spreads or len(row.operands) != operands or any(p.required for p in spelling.parameters[operands:]):
        return None
    rigid = not row.follows_training and not any(p.required for p in row.constructor_parameters)
    fixed = (Fixed("inplace", True, True),) if spelling.inplace else ()
    return Make(row, spelling, row.target if rigid and not fixed else row.flexible_target, fixed)


def _reads_alike(target: ast.expr) -> bool:
    """Evaluating the target a second time does nothing and returns the same: names, attributes, indices, masks."""
    plain = ast.Name | ast.Attribute | ast.Subscript | ast.Slice | ast.Tuple | ast.Constant
    computed = ast.UnaryOp | ast.BinOp | ast.Compare | ast.cmpop
    return all(isinstance(node, plain | computed) for node in walk(target))


def arguments_of(site: Site, spelling: Spelling) -> tuple[Argument, ...] | None:
    """Operands and arguments by the parameters that they bind; None where that is known only when it runs."""
    node = site.node
    assert not isinstance(node, ast.Attribute)
    if isinstance(node, ast.BinOp):
        operands = [node.left, node.right]
    elif isinstance(node, ast.AugAssign):
        operands = [node.target, node.value]
    elif isinstance(node, ast.UnaryOp):
        operands = [node.operand]
    else:
        return bind(spelling, [*_receiver(site, node, spelling), *node.args], node.keywords)
    return bind(spelling, operands, [])


def _receiver(site: Site, node: ast.Call, spelling: Spelling) -> list[ast.expr]:
    """The tensor whose method is called; `torch.Tensor.add(x, 2)` has it among the arguments."""
    if not spelling.name.startswith("torch.Tensor.") or not isinstance(node.func, ast.Attribute):
        return []
    return [] if site.function.global_name(node.func) == spelling.name else [node.func.value]


def _verbatim(site: Operation, row: Row, context: Context) -> Change | Refusal:
    """A call with starred arguments goes as it stands to a module that takes what the function takes."""
    node = site.node
    assert isinstance(node, ast.Call)
    hidden = any(k.arg is None for k in node.keywords)
    if any(name.startswith("*") for name in row.operands) or (hidden and not _passes_all_on(row, site)):
        return refuse("RW906", site, f"{site.written} takes arguments that are known only when it runs")
    spelling = site.candidates[0][1]
    fixed = (Fixed("inplace", True, True),) if spelling.inplace else ()
    given = [Given(r) for r in _receiver(site, node, spelling)]
    given += as_given(node)
    return Change(
        row.code,
        site,
        context.place,
        context.receiver_at(site),
        row.attribute,
        Make(row, spelling, row.flexible_target, fixed),
        tuple(given),
        site.written,
    )


def _passes_all_on(row: Row, site: Operation) -> bool:
    """The module calls the very function, whatever keywords it is given."""
    is_function = site.candidates[0][1].name.startswith("torch.nn.functional.")
    return is_function and row.flexible_target.startswith("runtime.modules.")


def _is_lone_tensor(row: Row, arguments: tuple[Argument, ...], context: Context) -> bool:
    """`torch.cat(x)` of a tensor raises; a module that takes tensors spread would not."""
    first = arguments[0].value
    value = context.values.get(first)
    spread = bool(row.operands) and row.operands[0].startswith("*")
    return spread and value is not None and isinstance(value, Tensor) and not value.assumed


def _split(
    site: Operation, row: Row, spelling: Spelling, arguments: tuple[Argument, ...], context: Context
) -> tuple[Make, list[Argument]]:
    """What the constructor fixes, and what is left to the call."""
    operands = {name.lstrip("*") for name in row.operands}
    kept = spoken_of(site.function.file.source, site.node)
    fixable = [
        a
        for a in arguments
        if a.parameter.name not in operands | {"out"}
        and not a.parameter.variadic
        and a.value not in kept
        and is_constant(a.value, site.function)
    ]
    left = [a for a in arguments if a not in fixable]
    follows = [a for a in left if _follows_training(a, row, site, context)]
    plain = [a for a in left if a not in follows]
    inplace = [Fixed("inplace", True, True)] if spelling.inplace else []
    names = {p.name for p in row.constructor_parameters}
    rigid = (
        not [a for a in plain if a.parameter.name not in operands and not a.parameter.variadic]
        and {a.parameter.name for a in fixable} <= names
        and {p.name for p in row.constructor_parameters if p.required} <= {a.parameter.name for a in fixable}
        and (not spelling.inplace or "inplace" in names)
        and bool(follows) == row.follows_training
        and row.target not in context.picked_classes
        and not context.asked_attributes & row.arguments
        and not _may_be_no_tensor(site, spelling, arguments, context)
    )
    if rigid or not row.flexible:
        return Make(row, spelling, row.target, (*_ordered(row, fixable), *inplace)), plain
    named = [Fixed(a.parameter.name, a.value, True) for a in fixable]
    return Make(row, spelling, row.flexible_target, (*named, *inplace)), left


def _may_be_no_tensor(site: Operation, spelling: Spelling, arguments: tuple[Argument, ...], context: Context) -> bool:
    """`v.relu()` in a function that is called with whatever has such a method; a wrapper leaves it to the object."""
    if not isinstance(site.node, ast.Call) or not _receiver(site, site.node, spelling):
        return False
    value, name = context.values.get(arguments[0].value), spelling.name.rpartition(".")[2]
    if context.receiver and may_be_other(value):
        return True
    return any(True for _ in objects_having(context.knowledge, value, name))


def _own_function(site: Operation, spelling: Spelling, context: Context) -> Class | None:
    """A class for whose objects `x.relu()` is not `torch.relu(x)`, which it says by `__torch_function__`."""
    if not isinstance(site.node, ast.Call) or not _receiver(site, site.node, spelling):
        return None
    return next(stand_ins_having(context.knowledge, spelling.name.rpartition(".")[2]), None)


def _own_operator(
    site: Operation, row: Row, spelling: Spelling, arguments: tuple[Argument, ...], context: Context
) -> Class | None:
    """A class for whose objects `x.mul(y)` may not be `x * y`: what stands for an operator computes that one."""
    is_operator = spelling.name.startswith("operator.") or spelling.name.endswith("__")
    operators = [s.name.rpartition(".")[2] for s in row.spellings if s.name.startswith("operator.")]
    if not operators or is_operator or not isinstance(site.node, ast.Call):
        return None
    value, as_method = context.values.get(arguments[0].value), bool(_receiver(site, site.node, spelling))
    written, operator = spelling.name.rpartition(".")[2], operators[-1 if spelling.inplace else 0]
    return telling_apart(context.knowledge, value, written, f"__{operator}__", as_method)


def _own_method(site: Operation, row: Row, make: Make, context: Context) -> Class | None:
    """A class of tensors whose own `relu` the wrapper would run for `F.relu(x)`, as it does for `x.relu()`."""
    is_wrapper = make.target == row.flexible_target and make.target.startswith("runtime.modules.")
    if not is_wrapper or not isinstance(site.node, ast.Call) or _receiver(site, site.node, make.spelling):
        return None
    return next(tensors_having(context.knowledge, make.spelling.name.rpartition(".")[2]), None)


def _follows_training(argument: Argument, row: Row, site: Site, context: Context) -> bool:
    value = argument.value
    return (
        row.follows_training
        and argument.parameter.name == "training"
        and context.follows_training
        and isinstance(value, ast.Attribute)
        and value.attr == "training"
        and isinstance(value.value, ast.Name)
        and value.value.id == site.self_name
    )


def _ordered(row: Row, fixable: list[Argument]) -> list[Fixed]:
    """Constructor arguments in the constructor's order: positional where the author wrote so and the order allows.

    `dim` is always named: `Concat(1)` says too little.
    """
    by_name = {a.parameter.name: a for a in fixable}
    found: list[Fixed] = []
    positional = True
    for parameter in row.constructor_parameters:
        argument = by_name.pop(parameter.name, None)
        if argument is None:
            positional = False
            continue
        named = argument.named or not positional or parameter.keyword_only or parameter.name in ("dim", "inplace")
        positional = positional and not named
        found.append(Fixed(parameter.name, argument.value, named))
    return found + [Fixed(name, a.value, True) for name, a in by_name.items()]


def _given(row: Row, spelling: Spelling, flexible: bool, left: list[Argument]) -> Iterator[Given]:
    """The call's arguments in written order, so that what they do happens in the order it did.

    Operands are positional. So is what the author wrote so, as long as everything before it is given as well.
    """
    slots = [p.name for p in spelling.parameters if not p.keyword_only and not p.variadic]
    operands = {name.lstrip("*") for name in row.operands}
    spreads = bool(row.operands) and row.operands[0].startswith("*")
    position, keywords = 0, False
    for argument in left:
        name = argument.parameter.name
        fits = not keywords and position < len(slots) and slots[position] == name
        if fits and spreads and position == 0 and (members := _spread(argument.value)):
            yield from (Given(member) for member in members)
            position += 1
        elif fits and (name in operands or (flexible and not argument.named and not spreads)):
            yield Given(argument.value)
            position += 1
        elif argument.parameter.variadic and not keywords:
            yield Given(argument.value)
        else:
            yield Given(argument.value, name)
            keywords = True


def _spread(value: ast.expr) -> list[ast.expr]:
    """The members of a literal sequence that can be passed one by one; none where one might be a sequence of one."""
    if not isinstance(value, ast.List | ast.Tuple) or len(value.elts) < 2:
        return []
    plain = [e for e in value.elts if not isinstance(e, ast.Starred)]
    return value.elts if plain else []
