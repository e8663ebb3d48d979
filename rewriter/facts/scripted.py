"""Classes that the project has TorchScript compile, which takes no list of modules by a variable."""

from __future__ import annotations

import ast

from rewriter.facts.answers import Question
from rewriter.facts.code import Class, File
from rewriter.facts.hierarchy import Hierarchy
from rewriter.facts.trees import walk

_COMPILES = frozenset({"torch.jit.script"})
_COMPILED = frozenset({"torch.jit.export", "torch.jit.script_method"})


_SCRIPTED = Question[Class, bool]("does TorchScript compile an object of the family?")


def is_scripted(hierarchy: Hierarchy, cls: Class) -> bool:
    """Whether a method of the family is marked for TorchScript, or code beside it compiles an object of the class."""
    answers = hierarchy.project.answers.to(_SCRIPTED)
    if cls not in answers:
        family = hierarchy.sharing(cls)
        marked = any(method.decorators & _COMPILED for relative in family for method in relative.methods.values())
        answers[cls] = marked or any(_compiles_one(file, family, hierarchy) for file in {c.file for c in family})
    return answers[cls]


def _compiles_one(file: File, family: tuple[Class, ...], hierarchy: Hierarchy) -> bool:
    """`torch.jit.script(Block())`, or of what is not known."""
    if "jit" not in file.words and "script" not in file.words:
        return False
    for node in walk(file.source.tree):
        if isinstance(node, ast.Call) and node.args and file.names.full_name(node.func) in _COMPILES:
            given = node.args[0]
            name = file.names.full_name(given.func) if isinstance(given, ast.Call) else None
            found = hierarchy.project.find(name) if name else None
            if found in family or (found is None and not isinstance(given, ast.Name | ast.Attribute)):
                return True
    return False
