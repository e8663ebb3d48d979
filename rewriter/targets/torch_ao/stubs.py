"""QuantStub where tensors come into the model, DeQuantStub where they leave it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.emit.layout import laid_out
from rewriter.emit.lines import indent_of
from rewriter.emit.splice import Splice
from rewriter.emit.style import Style
from rewriter.planning.plan import free_name
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import own_name
from rewriter.python.source import Source
from rewriter.python.trees import walk
from rewriter.results import Finding, Refusal
from rewriter.targets.torch_ao.further import Found, Further, Rewritten
from rewriter.values.base import Value
from rewriter.values.tensor import Tensor

CODE = "RW403"
_QUANT = "torch.ao.quantization.QuantStub"
_DEQUANT = "torch.ao.quantization.DeQuantStub"
_ADVICE = "wrap the model: torch.ao.quantization.QuantWrapper(model)"


def stubs(rewritten: Rewritten, cls: Class) -> Iterator[Found]:
    """What puts stubs into the class, unless it has some."""
    init, forward = cls.constructor, cls.methods.get("forward")
    if init is not None and any(init.global_name(n) == _QUANT for n in _expressions(init.node)):
        return
    head = Finding(CODE, "", rewritten.file.source.span(_head(cls)))
    if init is None or forward is None or not _on_lines(init) or not _on_lines(forward):
        why = "no stubs: the class has no __init__ and forward of its own, on lines of their own"
        yield Refusal(CODE, why, head.span, _ADVICE)
        return
    sites = _Sites(rewritten, cls, forward)
    arguments, leaving = sites.arguments(), list(sites.leaving())
    if not arguments or not leaving or any(isinstance(s, ast.Return) for s in walk(init.node)):
        why = "no stubs: no argument of forward, or nothing that it returns, is known to be a tensor"
        yield Refusal(CODE, why, head.span, _ADVICE)
        return
    yield _written(rewritten, cls, init, forward, arguments, leaving)


def _written(
    rewritten: Rewritten, cls: Class, init: Function, forward: Function, arguments: list[str], leaving: list[ast.expr]
) -> Further:
    source, taken = rewritten.file.source, rewritten.taken(cls)
    names = {}
    for argument in arguments:  # an observer for each: their ranges differ
        names[argument] = free_name("quant", taken)
        taken.add(names[argument])
    dequant = free_name("dequant", taken)
    made = dict.fromkeys(names.values(), _QUANT) | {dequant: _DEQUANT}
    lines = [
        f"{own_name(init)}.{name} = {rewritten.importer.spell(kind, init.locals)}()" for name, kind in made.items()
    ]
    own = own_name(forward)
    splices = [behind(source, init.node.body[-1], lines, rewritten.style)]
    splices.append(_before(source, _first(forward), [f"{arg} = {own}.{name}({arg})" for arg, name in names.items()]))
    for node in leaving:
        splices.append(Splice(source.start(node), source.start(node), f"{own}.{dequant}("))
        splices.append(Splice(source.end(node), source.end(node), ")"))
    message = f"{cls.node.name} gets {', '.join(names.values())} for {', '.join(names)}, and {dequant} at its end"
    return Further(Finding(CODE, message, source.span(_head(cls))), tuple(splices))


class _Sites:
    """Where tensors come into a forward and leave it."""

    def __init__(self, rewritten: Rewritten, cls: Class, forward: Function) -> None:
        run = rewritten.knowledge.run(cls)
        self.values: dict[ast.expr, Value] = run.met.values if run is not None else {}
        self.forward = forward

    def arguments(self) -> list[str]:
        """The arguments that are tensors of real numbers."""
        spec = self.forward.node.args
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)][1:]
        return [name for name in names if name not in self.forward.defaults and self._is_real_tensor(name)]

    def _is_real_tensor(self, name: str) -> bool:
        reads = [n for n in _expressions(self.forward.node) if isinstance(n, ast.Name) and n.id == name]
        first = min((n for n in reads if n in self.values), key=lambda n: (n.lineno, n.col_offset), default=None)
        value = self.values.get(first) if first is not None else None
        return value is not None and value.is_only(Tensor) and not value.is_whole

    def leaving(self) -> Iterator[ast.expr]:
        for node in walk(self.forward.node):
            if isinstance(node, ast.Return) and node.value is not None:
                yield from self._tensors(node.value)

    def _tensors(self, node: ast.expr) -> Iterator[ast.expr]:
        """The tensors of what is returned: itself, members, or what a call makes something else of."""
        value = self.values.get(node)
        if value is not None and value.is_only(Tensor):
            yield node
            return
        parts: list[ast.expr] = []
        if isinstance(node, ast.Tuple | ast.List):
            parts = node.elts
        elif isinstance(node, ast.Dict):
            parts = node.values
        elif isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        elif isinstance(node, ast.Call):
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        for part in parts:
            yield from self._tensors(part)


def _expressions(tree: ast.AST) -> Iterator[ast.expr]:
    return (node for node in walk(tree) if isinstance(node, ast.expr))


def _head(cls: Class) -> ast.stmt | ast.expr:
    """What a finding about the class points at."""
    return next((m.node.body[0] for m in cls.methods.values() if m.node.name == "forward"), cls.node.body[0])


def _on_lines(function: Function) -> bool:
    return function.node.body[0].lineno > function.node.lineno


def _first(function: Function) -> ast.stmt:
    """The first statement behind the docstring."""
    body = function.node.body
    return body[1] if ast.get_docstring(function.node) is not None and len(body) > 1 else body[0]


def behind(source: Source, statement: ast.stmt, lines: list[str], style: Style) -> Splice:
    """Lines behind the last one of a statement, at its indentation."""
    indent = indent_of(source, statement)
    offset = source.line_end(statement.end_lineno or statement.lineno)
    text = "".join(_line(line, indent, source, style) for line in lines)
    ended = source.text[offset - 1] in "\r\n"
    return Splice(offset, offset, text if ended else source.newline + text)


def _line(line: str, indent: str, source: Source, style: Style) -> str:
    """One line, or several where it is too long."""
    if not line:
        return source.newline
    bare = line.lstrip()
    indent += line[: len(line) - len(bare)]
    return indent + (laid_out(bare, indent, style) or bare).replace("\n", source.newline) + source.newline


def _before(source: Source, statement: ast.stmt, lines: list[str]) -> Splice:
    offset = source.line_end(statement.lineno - 1)
    indent = indent_of(source, statement)
    return Splice(offset, offset, "".join(f"{indent}{line}{source.newline}" for line in lines))
