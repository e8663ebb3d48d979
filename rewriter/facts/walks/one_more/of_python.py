"""The functions of Python that ask something of the new module, or go through collections that hold it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from rewriter.facts.walks.classes_asked_for import names_asked
from rewriter.facts.walks.one_more.compared import are_never_made
from rewriter.facts.walks.one_more.expressions import stated
from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.functions import applied, given_by
from rewriter.facts.walks.one_more.new_ones import HAD_BY_NEW_ONES
from rewriter.facts.walks.one_more.texts import only_numbers
from rewriter.facts.walks.one_more.things import (
    ANY,
    CLASS,
    CLASS_NAME,
    EMPTY,
    FRESH,
    MODULE,
    NAME,
    NONE,
    OBJECT,
    POSITIVE,
    SAME,
    Const,
    Fails,
    Grown,
    Pair,
    Value,
    is_settled,
    truth,
)
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

_TABLES = frozenset({"dict", "collections.OrderedDict"})
_COPIES = _TABLES | {"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "itertools.chain"}


def of_python(run: Runner, node: ast.Call, frame: Frame) -> Value | None:
    """What a function of Python returns; None where the call is of another."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in frame.variables or name in frame.function.file.functions:
        return None
    if name in _ASKING and len(node.args) > 1:
        return _ASKING[name](run, node, frame)
    if name in ("any", "all", "sum", "next") and len(node.args) == 1:
        return _reduced(name, run.looked_through(node.args[0], frame))
    if name in ("map", "filter") and len(node.args) == 2:
        return _mapped(run, name, node, frame)
    return _measured(run, name, node, frame) or copied(run, node, frame)


def _measured(run: Runner, name: str, node: ast.Call, frame: Frame) -> Value | None:
    if name not in ("len", "type", "enumerate") or len(node.args) != 1:
        return None
    of = run.looked_through(node.args[0], frame)
    if name == "enumerate":
        pairs = Grown(Pair((ANY, of.extra)), rest=Pair((ANY, of.rest))) if isinstance(of, Grown) else None
        return pairs or (SAME if is_settled(of) else ANY)
    if name == "len" and of in (NAME, CLASS_NAME):
        return POSITIVE
    if name == "type" and of is MODULE:
        return CLASS
    return SAME if is_settled(of) else ANY


def copied(run: Runner, node: ast.Call, frame: Frame) -> Value | None:
    """`list(...)`, `itertools.chain(...)` and others that hand on what they are given."""
    full = frame.function.full_name(node.func) or ast.unparse(node.func)
    if full in _COPIES and not node.keywords:
        return _copy(full, [run.looked_through(part, frame) for part in node.args]) if node.args else FRESH
    if full == "re.sub" and len(node.args) == 3:
        pattern, by, text = given_by(run, node, frame).positional
        if text is NAME and isinstance(pattern, Const) and isinstance(pattern.value, str):
            return NAME if only_numbers(pattern.value) and is_settled(by) else ANY
    return None


def _copy(full: str, over: Sequence[Value]) -> Value:
    grown = [value for value in over if isinstance(value, Grown)]
    others = [value for value in over if value is not EMPTY and value not in grown]
    if not grown:
        same = EMPTY if len(over) == 1 and EMPTY in over else FRESH
        return same if all(map(is_settled, others)) else ANY
    first, extras = grown[0], {value.extra for value in grown}
    if len(extras) > 1 or not all(is_settled(value.rest) for value in grown) or not all(map(is_settled, others)):
        return Grown(ANY, ANY, ANY)
    if full in _TABLES:
        pair = first.extra.items if isinstance(first.extra, Pair) else ()
        return Grown(*pair, is_table=True) if len(pair) == 2 else Grown(first.extra, first.value, is_table=True)
    return Grown(first.extra, first_is_object=first.first_is_object and over[0] is first and full != "reversed")


def _reduced(name: str, over: Value) -> Value | None:
    if not isinstance(over, Grown):
        return None
    if name == "next":
        return OBJECT if over.first_is_object and over.rest is SAME else ANY
    known = truth(over.extra)
    adds_nothing = known is (name == "all") if name != "sum" else over.extra in (Const(False), Const(0))
    return SAME if adds_nothing and known is not None and is_settled(over.rest) else ANY


def _mapped(run: Runner, name: str, node: ast.Call, frame: Frame) -> Value | None:
    over = run.value(run, node.args[1], frame)
    if not isinstance(over, Grown):
        return None
    found = list[Value]()

    def turn() -> bool:
        found.append(applied(run, node.args[0], over.extra, frame))
        return True

    frame.one_alone([turn], asked=False)
    if name == "map":
        return Grown(found[0])
    return SAME if truth(found[0]) is False else Grown(over.extra)


def _kind_asked(run: Runner, node: ast.Call, frame: Frame) -> Value:
    """`isinstance(child, nn.Linear)`, `issubclass(type(child), nn.Linear)`"""
    of, wanted = run.value(run, node.args[0], frame), node.args[1]
    if isinstance(of, Pair):  # `for child in self.named_modules()`
        names = names_asked(frame.hierarchy.project, frame.function, wanted)
        return Const(False) if all((name or "").startswith("torch.") for name in names) else ANY
    if of not in (MODULE, CLASS):
        return SAME if is_settled(of) and is_settled(run.value(run, wanted, frame)) else ANY
    return Const(False) if are_never_made(frame, wanted) else ANY


def _attribute_asked(run: Runner, node: ast.Call, frame: Frame) -> Value:
    """`hasattr(child, "mark")`, `getattr(child, "mark", None)`"""
    of, *rest = (run.value(run, part, frame) for part in node.args)
    attribute = rest[0].value if isinstance(rest[0], Const) else None
    if of is OBJECT and isinstance(attribute, str) and rest[1:] == [NONE] and ast.unparse(node.func) == "getattr":
        return stated(frame, attribute)
    if of is not MODULE:
        return SAME if is_settled(of) and all(map(is_settled, rest)) else ANY
    if not isinstance(attribute, str) or attribute in MODULE_ATTRIBUTES:
        return ANY
    if attribute in HAD_BY_NEW_ONES:
        frame.attributes.add(attribute)  # modules that have it are not made where it is asked for
    if ast.unparse(node.func) == "hasattr":
        return Const(False)
    if len(rest) == 1:
        raise Fails
    return rest[1]


_ASKING: dict[str, Callable[[Runner, ast.Call, Frame], Value]] = {
    "isinstance": _kind_asked,
    "issubclass": _kind_asked,
    "hasattr": _attribute_asked,
    "getattr": _attribute_asked,
}
