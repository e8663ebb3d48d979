"""From an operation's site to a change: which row, which module, what is fixed and what is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from rewriter.facts.construction import Construction
from rewriter.facts.holders import Holder
from rewriter.facts.interpreter.state import Site
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.picked import picked_classes
from rewriter.facts.project import Class
from rewriter.facts.trees import walk
from rewriter.facts.values import Kind, Value
from rewriter.results import Refusal
from rewriter.rules.change import Change, Fixed, Given, Make, as_given
from rewriter.rules.constants import is_constant
from rewriter.rules.doubts import doubt, follows_training
from rewriter.rules.refusals import refuse
from rewriter.torch_api.row import Argument, Row, Spelling, bind


@dataclass(frozen=True)
class Context:
    """What the decision about one class's sites may draw on."""

    knowledge: Knowledge
    place: Construction | Holder
    receiver: str
    """What a function calls the object that holds its modules; empty in a class, whose methods name it themselves."""
    values: dict[ast.expr, Value]

    @property
    def cls(self) -> Class | None:
        """The class whose methods the sites stand in."""
        return None if self.receiver or not isinstance(self.place, Construction) else self.place.cls

    @cached_property
    def follows_training(self) -> bool:
        """`self.training` reaches children by nn.Module's own train() and nothing else."""
        return self.cls is not None and follows_training(self.knowledge, self.cls)

    @cached_property
    def doubt(self) -> str | None:
        """Why a new attribute may be met by code that does not expect it."""
        return None if self.cls is None else doubt(self.knowledge, self.cls)

    @cached_property
    def picked_classes(self) -> frozenset[str]:
        """Classes of torch that the code around the class looks for among modules."""
        return picked_classes(self.knowledge.hierarchy, self.cls) if self.cls is not None else frozenset()

    def receiver_at(self, site: Site) -> str:
        return self.receiver or site.self_name or ""


def decide(site: Site, context: Context) -> Change | Refusal:
    """The change that gives the operation a module of its own, or why there is none."""
    if len({row.flexible_target for row, _ in site.candidates}) > 1:
        return refuse("RW906", site, f"{describe(site)} may mean several operations, which differ by their arguments")
    row, spelling = site.candidates[0]
    if isinstance(site.node, ast.AugAssign) and not _reads_alike(site.node.target):
        return refuse("RW907", site, f"the target of {describe(site)} would be evaluated twice")
    arguments = _arguments(site, spelling)
    if arguments is None:
        return _verbatim(site, row, context)
    if _is_lone_tensor(row, arguments, context):
        return refuse("RW901", site, f"{describe(site)} is given a tensor where a sequence of tensors is expected")
    make, left = _split(site, row, spelling, arguments, context)
    given = tuple(_given(row, spelling, make.target == row.flexible_target, left))
    return Change(row.code, site, context.place, context.receiver_at(site), row.attribute, make, given, describe(site))


def describe(site: Site) -> str:
    """The site as the author would name it: `+=`, `torch.cat`, `.mean()`."""
    node = site.node
    spelling = site.candidates[0][1].name if site.candidates else ""
    if not isinstance(node, ast.Call):
        return f"`{spelling.removeprefix('unary ')}`"
    if spelling.startswith("torch.Tensor."):
        return f"`.{spelling.removeprefix('torch.Tensor.')}()`"
    return f"`{ast.unparse(node.func)}()`"


def _reads_alike(target: ast.expr) -> bool:
    """Evaluating the target a second time does nothing and gives the same: names, attributes, plain indices."""
    plain = ast.Name | ast.Attribute | ast.Subscript | ast.Slice | ast.Tuple | ast.Constant | ast.UnaryOp | ast.BinOp
    return all(isinstance(node, plain) for node in walk(target))


def _arguments(site: Site, spelling: Spelling) -> tuple[Argument, ...] | None:
    node = site.node
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


def _verbatim(site: Site, row: Row, context: Context) -> Change | Refusal:
    """A call with starred arguments goes as it stands to a module that takes what the function takes."""
    node = site.node
    assert isinstance(node, ast.Call)
    hidden = any(k.arg is None for k in node.keywords)
    if any(name.startswith("*") for name in row.operands) or (hidden and not _passes_all_on(row, site)):
        return refuse("RW906", site, f"{describe(site)} takes arguments that are known only when it runs")
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
        Make(row.flexible_target, fixed),
        tuple(given),
        describe(site),
    )


def _passes_all_on(row: Row, site: Site) -> bool:
    """The module calls the very function, whatever keywords it is given."""
    is_function = site.candidates[0][1].name.startswith("torch.nn.functional.")
    return is_function and row.flexible_target.startswith("runtime.modules.")


def _is_lone_tensor(row: Row, arguments: tuple[Argument, ...], context: Context) -> bool:
    """`torch.cat(x)` of a tensor raises; a module that takes tensors spread would not."""
    first = arguments[0].value
    value = context.values.get(first)
    spread = bool(row.operands) and row.operands[0].startswith("*")
    return spread and value is not None and value.is_only(Kind.TENSOR) and not value.assumed


def _split(
    site: Site, row: Row, spelling: Spelling, arguments: tuple[Argument, ...], context: Context
) -> tuple[Make, list[Argument]]:
    """What the constructor fixes, and what is left to the call."""
    operands = {name.lstrip("*") for name in row.operands}
    fixable = [
        a
        for a in arguments
        if a.parameter.name not in operands | {"out"}
        and not a.parameter.variadic
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
    )
    if rigid or not row.flexible:
        return Make(row.target, (*_ordered(row, fixable), *inplace)), plain
    named = [Fixed(a.parameter.name, a.value, True) for a in fixable]
    return Make(row.flexible_target, (*named, *inplace)), left


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
