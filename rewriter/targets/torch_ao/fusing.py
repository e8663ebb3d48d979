"""`fuse_model()`: a method that fuses what data flow allows, in each class that has such layers and in the entry.

What stands in an nn.Sequential, whose members are often chosen when it is made, is found when the method runs.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

from rewriter.python.code import Class, FunctionNode
from rewriter.python.trees import walk
from rewriter.results import Finding, Refusal
from rewriter.targets.torch_ao.chains import chains
from rewriter.targets.torch_ao.further import Found, Further, Rewritten
from rewriter.targets.torch_ao.stubs import behind

CODE = "RW405"
NAME = "fuse_model"


def fusing(rewritten: Rewritten, cls: Class) -> Iterator[Found]:
    """The method for one class, unless it has one or needs none."""
    entry = rewritten.is_entry(cls)
    found = chains(rewritten.knowledge, cls)
    if NAME in cls.methods or not (found or entry):
        return
    head = rewritten.file.source.span(cls.node.body[0])
    if any(_sets(relative) for relative in rewritten.knowledge.hierarchy.sharing(cls)):
        yield Refusal(CODE, f"no {NAME}: the name is taken", head, "rename what has it")
        return
    lines = _method(rewritten, found, entry)
    what = ", ".join(" + ".join(chain) for chain in found) or "what stands in its nn.Sequential"
    finding = Finding(CODE, f"{cls.node.name} gets {NAME}(), which fuses {what}", head)
    yield Further(finding, (behind(rewritten.file.source, _last_method(cls), lines, rewritten.style),))


def _sets(cls: Class) -> bool:
    """Whether objects of the class have something of that name that is not a method."""
    stores = (n for n in walk(cls.node) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store))
    return any(node.attr == NAME for node in stores)


def _last_method(cls: Class) -> FunctionNode:
    return max((method.node for method in cls.methods.values()), key=lambda node: node.lineno)


def _method(rewritten: Rewritten, found: list[list[str]], entry: bool) -> list[str]:
    step, spell = rewritten.style.step, rewritten.importer.spell
    fuse = spell("torch.ao.quantization.fuse_modules", set())
    train = spell("torch.ao.quantization.fuse_modules_qat", set())
    body = [f"fuse = {train} if self.training else {fuse}"]
    if entry:
        nn = spell("torch.nn.Sequential", set()).removesuffix(".Sequential")
        text = _OVER_ALL.format(nn=nn, finditer=spell("re.finditer", set()), name=NAME)
        body += text.replace(" " * 4, step).splitlines()
    if found:  # last, since what is fused is an nn.Sequential
        body.append(f"fuse(self, {json.dumps(found)}, inplace=True)")
    return ["", f"def {NAME}(self):", *(f"{step}{line}" for line in body)]


_OVER_ALL = """\
letters = {{{nn}.Linear: "l", {nn}.ReLU: "r"}}
letters.update(dict.fromkeys([{nn}.Conv1d, {nn}.Conv2d, {nn}.Conv3d], "c"))
letters.update(dict.fromkeys([{nn}.BatchNorm1d, {nn}.BatchNorm2d, {nn}.BatchNorm3d], "b"))
for module in list(self.modules()):
    if module is not self and hasattr(module, "{name}"):
        module.{name}()
    elif type(module).forward is {nn}.Sequential.forward:
        names, steps = list(module._modules), "".join(letters.get(type(step), "-") for step in module)
        runs = [names[run.start() : run.end()] for run in {finditer}("cbr?|cr|lr|br", steps)]
        if runs:
            fuse(module, runs, inplace=True)
"""
