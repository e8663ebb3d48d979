"""What an observed execution says of the sites that the source leaves open.

It answers one question, of which kind a value is, and only where the source does not. So a change that the source
proves is the same with and without evidence, and what rests on evidence alone is marked: an execution that nobody has
observed may compute on something else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace

from rewriter.evidence import Evidence, Kinds, in_words
from rewriter.interpreter.operations import agrees
from rewriter.planning.plan import Plan
from rewriter.python.trees import walk
from rewriter.results import Refusal
from rewriter.rules.operations import arguments_of
from rewriter.rules.refusals import refuse
from rewriter.sites.site import Operation, OperationOfAnyKind, Site, UnknownCall
from rewriter.torch_api.row import Row, Spelling
from rewriter.values.base import UNKNOWN, Value
from rewriter.values.one_of import join_all
from rewriter.values.plain import NONE, NUMBER, STRING, WHOLE
from rewriter.values.sequence import sequence
from rewriter.values.tensor import Tensor

_PLAIN = {"int": WHOLE, "bool": WHOLE, "float": NUMBER, "complex": NUMBER, "str": STRING, "bytes": STRING, "None": NONE}
_WHOLE = ("int", "uint", "bool")


def known(plan: Plan, sites: Iterable[Site], evidence: Evidence | None) -> list[Site]:
    """The sites about which something can be decided; of the others it is said, once, that they are not known."""
    described = _described(plan, sites, evidence)
    of_unknown = [site.node for site in described if isinstance(site, Operation) and not site.tensor]
    said = {inner for node in of_unknown for inner in walk(node)}
    for site in described:
        if isinstance(site, UnknownCall) and site.node not in said:
            plan.refusals.append(left_open(site))
    return [site for site in described if not isinstance(site, UnknownCall)]


def _described(plan: Plan, sites: Iterable[Site], evidence: Evidence | None) -> list[Site]:
    """The sites, as the evidence describes those that the source leaves open; the plan is told which these are."""
    found = []
    for site in sites:
        asked = _openings(site)
        plan.open += asked
        file = site.function.file
        seen = {node: evidence.at(file.path, file.source, node) for node in asked} if evidence is not None else {}
        found_out = _informed(site, {node: kinds for node, kinds in seen.items() if kinds})
        if _matters(found_out, seen):
            found.append(found_out)
        else:
            plan.answered.append(left_open(found_out))
    return found


def _openings(site: Site) -> list[ast.expr]:
    """The expressions whose values would decide what the source leaves open at the site."""
    if isinstance(site, UnknownCall):
        assert isinstance(site.node, ast.Call)
        return [site.node.func]
    if not isinstance(site, Operation) or site.tensor:
        return []
    return [node for node in _operands(site) if _can_be_read(node)]


def _operands(site: Operation) -> list[ast.expr]:
    node = site.node
    assert not isinstance(node, ast.Attribute)
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.AugAssign):
        return [node.target, node.value]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
    return [*receiver, *node.args, *(keyword.value for keyword in node.keywords)]


def _can_be_read(node: ast.expr) -> bool:
    """Whether the value can be seen without running anything twice: a target is read before it is assigned."""
    return not isinstance(node, ast.Constant | ast.Starred) and (
        isinstance(node, ast.Name) or not isinstance(getattr(node, "ctx", None), ast.Store)
    )


def _informed(site: Site, seen: Mapping[ast.expr, Kinds]) -> Site:
    """The site with what was seen of its openings."""
    if not seen:
        return site
    said = "; ".join(f"`{ast.unparse(node)}` was {in_words(kinds)}" for node, kinds in seen.items())
    observed = replace(site, observed=f"observed, not proven: {said}")
    if isinstance(observed, UnknownCall):
        return _of_call(observed, [kind for kinds in seen.values() for kind in kinds])
    assert isinstance(observed, Operation)
    values = {node: join_all(map(_value_of, kinds)) for node, kinds in seen.items()}
    return _of_operation(observed, values)


def _of_call(site: UnknownCall, kinds: Iterable[str]) -> Site:
    """Functions are called by a module; a module that is called is one already."""
    if all(kind.startswith("function ") for kind in kinds):
        return OperationOfAnyKind(**{f.name: getattr(site, f.name) for f in fields(Site)})
    return site


def _of_operation(site: Operation, values: Mapping[ast.expr, Value]) -> Operation:
    operands = [value for node in _tensors_of(site) if (value := values.get(node)) is not None]
    tensors = [value for value in operands if value.is_only(Tensor)]
    fitting = tuple(pair for pair in site.candidates if _fits(site, pair, values))
    if not tensors or not fitting:
        return site
    idle = all(value.is_whole for value in operands)
    return replace(site, tensor=True, candidates=fitting, idle=idle)


def _tensors_of(site: Operation) -> Iterator[ast.expr]:
    """The operands; of a call, its receiver."""
    if isinstance(site.node, ast.Call):
        yield from _operands(site)[:1]
    else:
        yield from _operands(site)


def _fits(site: Operation, candidate: tuple[Row, Spelling], values: Mapping[ast.expr, Value]) -> bool:
    """Whether the arguments bind to what the overload takes, and are of the kinds that it needs."""
    _, spelling = candidate
    if not (arguments := arguments_of(site, spelling)):
        return False
    required = dict(spelling.requires)
    return all(
        agrees(values.get(a.value, UNKNOWN), a.value, required[a.parameter.name])
        for a in arguments
        if a.parameter.name in required
    )


def _value_of(kind: str) -> Value:
    """The value that a recorded kind stands for."""
    name, _, rest = kind.partition(" ")
    if name == "tensor":
        return Tensor(is_whole=rest.startswith(_WHOLE))
    name, bracket, members = kind.partition("[")
    if name in ("list", "tuple"):
        return sequence(join_all(map(_value_of, members[:-1].split(" | ")))) if bracket else sequence()
    return _PLAIN.get(kind, UNKNOWN)


def _matters(site: Site, seen: Mapping[ast.expr, Kinds]) -> bool:
    """Whether there is anything to do, or to say, about the site."""
    kinds = [kind for found in seen.values() for kind in found]
    if isinstance(site, UnknownCall):
        return not kinds or not all(kind.startswith("module ") for kind in kinds)
    if not isinstance(site, Operation) or not site.observed:
        return True
    if site.tensor:
        return not site.idle
    decisive = [seen.get(node, {}) for node in _tensors_of(site) if _can_be_read(node)]
    return not all(decisive) or any(_may_be_tensor(kind) for found in decisive for kind in found)


def _may_be_tensor(kind: str) -> bool:
    return kind.partition("[")[0] not in (*_PLAIN, "list", "tuple", "dict", "set")


def left_open(site: Site) -> Refusal:
    """Why the source alone decides nothing, and what was seen if that decides nothing either."""
    said = f" ({site.observed})" if site.observed else ""
    if isinstance(site, UnknownCall):
        return refuse("RW911", site, f"it is not known what {site.written} computes{said}")
    return refuse("RW901", site, f"it is not known whether {site.written} works on tensors{said}")
