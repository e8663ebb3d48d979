"""Classes of the project whose objects have an idea of their own of what an operation of tensors computes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.facts.knowledge import Knowledge
from rewriter.python.answers import Question
from rewriter.python.code import Class, Function
from rewriter.values.base import Value
from rewriter.values.tensor import Tensor

_HAVING = Question[str, list[Class]]("which classes that are not modules have a method of that name?")


def objects_having(knowledge: Knowledge, value: Value | None, method: str) -> Iterator[Class]:
    """The classes with such a method of their own that the value may be an object of."""

    def find() -> list[Class]:
        return list(_having(knowledge, method)) if knowledge.project.may_define(method) else []

    for cls in knowledge.project.answers.found(_HAVING, method, find):
        if may_be_other(value) or _is_tensor(knowledge, cls):
            yield cls


def tensors_having(knowledge: Knowledge, method: str) -> Iterator[Class]:
    """The classes of tensors with such a method of their own."""
    return (cls for cls in objects_having(knowledge, None, method) if _is_tensor(knowledge, cls))


def stand_ins_having(knowledge: Knowledge, method: str) -> Iterator[Class]:
    """The classes with such a method whose objects, which are no tensors, torch's functions take as if they were.

    What those return may be such an object again, whatever it is taken for.
    """
    for cls in objects_having(knowledge, None, method):
        if not _is_tensor(knowledge, cls) and knowledge.hierarchy.lineage(cls).method("__torch_function__") is not None:
            yield cls


def may_be_other(value: Value | None) -> bool:
    """Whether the value is not known for a tensor."""
    return value is None or value.assumed or not value.is_only(Tensor)


def telling_apart(
    knowledge: Knowledge, value: Value | None, method: str, operator: str, as_method: bool
) -> Class | None:
    """A class for whose objects `x.mul(y)`, or `torch.mul(x, y)` unless `as_method`, may not be `x * y`."""
    names = (operator, method) if as_method else (operator,)
    having = dict.fromkeys(cls for name in names for cls in objects_having(knowledge, value, name))
    return next((cls for cls in having if _tells_apart(knowledge, cls, method, operator, as_method)), None)


def _tells_apart(knowledge: Knowledge, cls: Class, method: str, operator: str, as_method: bool) -> bool:
    lineage = knowledge.hierarchy.lineage(cls)
    own, other = lineage.method(method), lineage.method(operator)
    if as_method and own is not None and other is not None:
        return not (_passes_on(own, operator) or _passes_on(other, method))
    if _is_tensor(knowledge, cls):
        return True  # one of the two is torch's
    return not as_method and lineage.method("__torch_function__") is not None


def _having(knowledge: Knowledge, method: str) -> Iterator[Class]:
    for file in knowledge.project.files_defining(method):
        for cls in file.classes:
            if method in cls.methods and not knowledge.may_be_module(cls):
                yield cls


def _is_tensor(knowledge: Knowledge, cls: Class) -> bool:
    return "torch.Tensor" in knowledge.hierarchy.lineage(cls).torch


def _passes_on(method: Function, to: str) -> bool:
    """`def mul(self, other): return self * other`, `def __mul__(self, other): return self.mul(other)`"""
    last, names = method.node.body[-1], [a.arg for a in method.node.args.args]
    if not isinstance(last, ast.Return) or last.value is None:
        return False
    value = last.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == to:
        return [ast.unparse(node) for node in (value.func.value, *value.args)] == names
    operator = {"Mult": "mul", "Sub": "sub", "Add": "add", "Div": "truediv", "MatMult": "matmul"}
    if isinstance(value, ast.BinOp) and to == f"__{operator.get(type(value.op).__name__)}__":
        return [ast.unparse(node) for node in (value.left, value.right)] == names
    return False
