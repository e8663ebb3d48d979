"""What a call returns in the two runs, and whether it does anything that only one of them does."""

from __future__ import annotations

import ast
from collections.abc import Callable

from rewriter.facts.walks.one_more.compared import is_in_new_class
from rewriter.facts.walks.one_more.expressions import OF_ANY_MODULE
from rewriter.facts.walks.one_more.frame import Frame, Runner
from rewriter.facts.walks.one_more.functions import Given, applied, given_by, run_function
from rewriter.facts.walks.one_more.new_ones import HAD_BY_NEW_ONES
from rewriter.facts.walks.one_more.of_python import copied, of_python
from rewriter.facts.walks.one_more.texts import joined_parts, method_of_name
from rewriter.facts.walks.one_more.things import (
    ANY,
    CLASS_NAME,
    EMPTY,
    FRESH,
    MODULE,
    NAME,
    NEW,
    NONE,
    OBJECT,
    SAME,
    Const,
    Fails,
    Grown,
    Pair,
    Tells,
    Value,
    is_settled,
)
from rewriter.python.trees import assigned_once
from rewriter.torch_api.reserved import MODULE_ATTRIBUTES

WALKS = {
    "children": Grown(MODULE),
    "named_children": Grown(Pair((NAME, MODULE))),
    "modules": Grown(MODULE, first_is_object=True),
    "named_modules": Grown(Pair((NAME, MODULE)), first_is_object=True),
}
_STATE = frozenset({"parameters", "named_parameters", "buffers", "named_buffers", "state_dict"})
_HARMLESS = frozenset(
    "super len str int float bool min max abs repr type id tuple list set frozenset dict range zip iter".split()
)
_CONTEXTS = frozenset({"torch.no_grad", "torch.enable_grad", "torch.inference_mode", "contextlib.nullcontext"})
# They take something off a module, and raise a ValueError where it has no such thing, as no new module has.
_TAKING_OFF = frozenset(
    {
        "torch.nn.utils.remove_weight_norm", "torch.nn.utils.remove_spectral_norm", "torch.nn.utils.prune.remove",
        "torch.nn.utils.parametrize.remove_parametrizations",
    }
)  # fmt: skip
_OF_TEXTS = frozenset("startswith endswith find lower upper replace split rsplit get join keys items values".split())
_ADDING = frozenset({"append", "add", "insert", "extend", "update", "appendleft"})


def call(run: Runner, node: ast.Call, frame: Frame) -> Value:
    of_method = _of_method if isinstance(node.func, ast.Attribute) else of_python
    found = of_method(run, node, frame)
    return found if found is not None else _of_anything(run, node, frame)


def _of_method(run: Runner, node: ast.Call, frame: Frame) -> Value | None:
    func = node.func
    assert isinstance(func, ast.Attribute)
    of = run.looked_through(func.value, frame)
    if func.attr == "apply" and len(node.args) == 1 and (of is MODULE or (of is OBJECT and frame.meets(func))):
        return _applied_to_all(run, node.args[0], of, frame)
    if of is FRESH and isinstance(func.value, ast.Name) and func.attr in _ADDING:
        return _added_to(func.value.id, func.attr, given_by(run, node, frame), frame)
    kind = Grown if isinstance(of, Grown) else of
    if kind in _METHODS:
        return _METHODS[kind](of, func, given_by(run, node, frame), frame)
    if is_settled(of) and func.attr == "get" and node.args:
        return _looked_up(given_by(run, node, frame))
    if isinstance(of, Const) and func.attr == "join" and len(node.args) == 1:
        return joined_parts(of, run.value(run, node.args[0], frame))
    return copied(run, node, frame)


def _of_object(of: Value, func: ast.Attribute, given: Given, frame: Frame) -> Value | None:
    if func.attr not in WALKS:
        return None
    if not given.is_settled:
        raise Tells
    return WALKS[func.attr] if frame.meets(func) else SAME


def _of_module(of: Value, func: ast.Attribute, given: Given, frame: Frame) -> Value:
    """A method of the new module, which concerns nothing but itself."""
    name = func.attr
    if name in _STATE:
        return EMPTY
    if name in WALKS:
        found = WALKS[name]
        return Grown(found.extra, rest=found.extra)
    if name not in OF_ANY_MODULE or "hook" in name or not given.is_settled:
        raise (Tells if name in MODULE_ATTRIBUTES | HAD_BY_NEW_ONES else Fails)
    if name in ("train", "eval") and (frame.asked or not frame.met_object):
        raise Tells  # a new dropout would no longer do as the object itself does
    return SAME


def _of_name(of: Value, func: ast.Attribute, given: Given, frame: Frame) -> Value:
    known = frame.knows_names and not frame.met_object  # not a path, which begins as its owner is called
    return method_of_name(func.attr, given.positional, known) if given.is_settled else ANY


def _of_class_name(of: Value, func: ast.Attribute, given: Given, frame: Frame) -> Value:
    asked = given.positional[0].value if given.positional and isinstance(given.positional[0], Const) else None
    if isinstance(asked, str) and asked and not is_in_new_class(asked):
        return {"find": Const(-1), "count": Const(0), "startswith": Const(False), "endswith": Const(False)}.get(
            func.attr, ANY
        )
    return ANY


def _of_nothing(of: Value, func: ast.Attribute, given: Given, frame: Frame) -> Value | None:
    return EMPTY if func.attr in ("items", "keys", "values") else None


def _of_any(of: Value, func: ast.Attribute, given: Given, frame: Frame) -> Value:
    if func.attr not in _OF_TEXTS:
        raise Tells
    return ANY


def _of_grown(of: Value, func: ast.Attribute, given: Given, frame: Frame) -> Value:
    assert isinstance(of, Grown)
    name = func.attr
    if name in ("keys", "values", "items") and not given.all:
        extra = {"keys": of.extra, "values": of.value, "items": Pair((of.extra, of.value))}[name]
        return Grown(extra, rest=of.rest)
    if name in ("get", "__getitem__") and of.is_table and given.is_settled:
        return SAME if is_settled(of.rest) and of.extra in NEW else ANY
    if name in ("union", "difference", "copy") and given.is_settled and of.extra in NEW:
        return of
    if name == "pop" and of.is_table and given.is_settled and given.all and not frame.alone:
        return SAME  # what both runs know by that name
    is_own = isinstance(func.value, ast.Name) and name in _ADDING
    if is_own and (given.positional == (of.extra,) if frame.alone else given.is_settled):
        return NONE
    raise Tells


_METHODS: dict[Value | type[Grown], Callable[[Value, ast.Attribute, Given, Frame], Value | None]] = {
    OBJECT: _of_object,
    MODULE: _of_module,
    NAME: _of_name,
    CLASS_NAME: _of_class_name,
    EMPTY: _of_nothing,
    ANY: _of_any,
    Grown: _of_grown,
}


def _looked_up(given: Given) -> Value | None:
    """`table.get(name)` in a table that both runs have, which has nothing for what is new."""
    if given.positional[0] in NEW and len(given.all) < 3:
        return given.positional[1] if len(given.positional) > 1 else NONE
    return SAME if given.is_settled else None


def _added_to(variable: str, how: str, given: Given, frame: Frame) -> Value:
    """Something is put into a collection that nobody else has."""
    last = given.positional[-1] if given.positional else SAME
    if frame.alone:
        frame.set(variable, Grown(last) if how in ("append", "add") else ANY)
    elif not given.is_settled:
        frame.set(variable, last if isinstance(last, Grown) and how in ("extend", "update") else ANY)
    return NONE


def _applied_to_all(run: Runner, given: ast.expr, of: Value, frame: Frame) -> Value:
    def turn() -> bool:
        applied(run, given, MODULE, frame)
        return True

    asked, frame.asked = frame.asked, frame.asked and frame.alone
    frame.one_alone([turn], asked=False, met_object=of is OBJECT)
    frame.asked = asked
    return of


def _of_anything(run: Runner, node: ast.Call, frame: Frame) -> Value:
    if not isinstance(node.func, ast.Name | ast.Attribute) and not is_settled(run.value(run, node.func, frame)):
        raise Tells
    given = given_by(run, node, frame)
    if given.is_settled and not frame.alone:
        return SAME
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    path = frame.function.full_name(node.func) or ast.unparse(node.func)
    if path in _TAKING_OFF and given.positional[:1] == (MODULE,):
        raise Fails("ValueError")
    if name in _HARMLESS or _is_harmless(path) or _only_logs(node.func, frame):
        return SAME if given.is_settled else ANY
    return run_function(run, node.func, given, frame)


def _only_logs(func: ast.expr, frame: Frame) -> bool:
    """`logging.debug(...)`, `logger.info(...)`: a message for each module is one more message for a new one."""
    if (
        not isinstance(func, ast.Attribute)
        or func.attr not in ("debug", "info")
        or not isinstance(func.value, ast.Name)
    ):
        return False
    if func.value.id in frame.variables:
        return False
    made = assigned_once(frame.function.file.source.tree, func.value.id)
    called = frame.function.full_name(made.func) if isinstance(made, ast.Call) else None
    return frame.function.full_name(func.value) == "logging" or called == "logging.getLogger"


def _is_harmless(path: str) -> bool:
    """A call that does nothing but return something, the same each time."""
    return path.startswith("math.") or path in _CONTEXTS or path.rpartition(".")[2] in _OF_TEXTS
