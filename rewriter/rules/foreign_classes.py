"""Classes of other quantizers' modules, made ours where they are called: the calls of the modules stay as they are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from rewriter.changes.change import Substitution
from rewriter.facts.knowledge import Knowledge
from rewriter.facts.making.dealings import only_calls
from rewriter.python.code import Class, Function
from rewriter.python.trees import walk
from rewriter.results import Refusal, Safety
from rewriter.rules.refusals import advice_for
from rewriter.torch_api import catalogue
from rewriter.torch_api.elsewhere import HOMES, QUANTIZED_LAYERS
from rewriter.torch_api.row import Foreign, Row, parse_signature

CODE = "RW401"
_QUANTIZES = "{} quantizes what it computes and may have parameters for that; {} does not"


Finder = Callable[[Knowledge, Function, Class | None], Iterator[Substitution | Refusal]]


def of_library(library: str) -> Finder:
    """What finds the classes of one library."""
    home = HOMES[library]

    def find(knowledge: Knowledge, function: Function, cls: Class | None) -> Iterator[Substitution | Refusal]:
        for call in (n for n in walk(function.node) if isinstance(n, ast.Call)):
            name = function.name_inside(call.func)
            if name is not None and name.startswith(home) and (made := _made_ours(function, call, name)) is not None:
                yield made

    return find


def _made_ours(function: Function, call: ast.Call, name: str) -> Substitution | Refusal | None:
    layer, known = QUANTIZED_LAYERS.get(name), catalogue.foreign_class(name)
    if layer is None and known is None:
        is_class = name.rpartition(".")[2][:1].isupper()
        return _refused(function, call, "nothing is known here that takes its place") if is_class else None
    if not only_calls(function.file, {name}):
        return _refused(function, call, "the file compares with the class, derives from it or hands it on")
    if layer is not None:
        return _layer(function, call, name, *layer)
    assert known is not None
    row, foreign = known
    target = row.target if row.target.startswith("runtime.") else row.flexible_target
    if not _takes(row, foreign, call):
        return _refused(function, call, f"{target} does not take these arguments of its constructor")
    message = f"`{ast.unparse(call.func)}` becomes {target}"
    quantizes = foreign.library == "brevitas"
    safety, why = (Safety.UNSAFE, _QUANTIZES.format(foreign.target, target)) if quantizes else (Safety.SAFE, "")
    return Substitution(CODE, function, call.func, target, message, safety=safety, why_unsafe=why)


def _takes(row: Row, foreign: Foreign, call: ast.Call) -> bool:
    """Whether ours takes what the constructor is given, by the same names and at the same places."""
    theirs = [p.name for p in parse_signature(foreign.constructor)]
    ours = [p.name for p in row.constructor_parameters]
    if any(isinstance(a, ast.Starred) for a in call.args) or len(call.args) > len(theirs):
        return False
    return theirs[: len(call.args)] == ours[: len(call.args)] and all(k.arg in theirs for k in call.keywords)


def _layer(function: Function, call: ast.Call, name: str, layer: str, shared: str) -> Substitution | Refusal:
    """Torch's own layer with the arguments that both take; the quantizers' settings go."""
    places, _, others = (part.split() for part in shared.partition("|"))
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return _refused(function, call, "its arguments are known only when it runs")
    if len(call.args) > len(places):
        return _refused(function, call, f"{layer} takes its arguments in another order: name them")
    if (prefix := _prefix(function)) is None:
        return _refused(function, call, "the file does not import torch.nn")
    kept: list[ast.expr | ast.keyword] = [*call.args, *(k for k in call.keywords if k.arg in {*places, *others})]
    text = f"{prefix}.{layer.rpartition('.')[2]}({', '.join(map(ast.unparse, kept))})"
    message = f"`{ast.unparse(call)}` becomes `{text}`"
    why = _QUANTIZES.format(name, layer)
    return Substitution(CODE, function, call, text, message, is_code=True, safety=Safety.UNSAFE, why_unsafe=why)


def _prefix(function: Function) -> str | None:
    """How the file names torch.nn."""
    names = function.file.names
    for full, suffix in (("torch.nn", ""), ("torch", ".nn")):
        for bound in names.bindings:
            if names.meaning(bound) == full and bound not in function.locals:
                return bound + suffix
    return None


def _refused(function: Function, call: ast.Call, why: str) -> Refusal:
    message = f"`{ast.unparse(call.func)}` stays a class of another library: {why}"
    return Refusal("RW904", message, function.file.source.span(call), advice_for("RW904"))
