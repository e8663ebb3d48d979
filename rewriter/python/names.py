"""What a name means in a module: `F`, `nn.functional.relu`, `cat`, through every form of import.

A name has a meaning only where all its bindings agree; a name bound to different things in different branches, or
rebound as a plain variable, has none.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from rewriter.python.trees import children, named_parameters, walk
from rewriter.torch_api.catalogue import by_spelling
from rewriter.torch_api.elsewhere import at_home

# Names under which torch offers the same object again.
_SAME = (
    ("torch.nn.modules.activation.", "torch.nn."),
    ("torch.nn.functional.F.", "torch.nn.functional."),
    ("torch.functional.", "torch."),
    ("torch._tensor.Tensor", "torch.Tensor"),
    ("torch.ao.nn.quantized.modules.functional_modules.", "torch.ao.nn.quantized."),
    ("torch.ao.nn.quantized.modules.", "torch.ao.nn.quantized."),
    ("torch.nn.quantized.modules.functional_modules.", "torch.ao.nn.quantized."),
    ("torch.nn.quantized.modules.", "torch.ao.nn.quantized."),
    ("torch.nn.quantized.", "torch.ao.nn.quantized."),
    ("torch.nn.quantizable.", "torch.ao.nn.quantizable."),
    ("torch.nn.qat.", "torch.ao.nn.qat."),
    ("torch.nn.intrinsic.", "torch.ao.nn.intrinsic."),
    ("torch.ao.quantization.stubs.", "torch.ao.quantization."),
    ("torch.quantization.stubs.", "torch.ao.quantization."),
    ("torch.quantization.", "torch.ao.quantization."),
)

# Modules that are star-imported together, and which names they surely lack: capitalized ones, or the others.
_STARRED = {"torch": True, "torch.nn.functional": True, "torch.nn": False, "torch.nn.modules": False}
_ALSO_IN_TORCH = frozenset({"ModuleDict", "ParameterDict"})  # other things than torch.nn's


@lru_cache(maxsize=2**14)
def canonical(name: str) -> str:
    """One spelling for objects that torch offers under several names."""
    if not name.startswith("torch."):
        return at_home(name)
    for alias, proper in _SAME:
        if name.startswith(alias):
            return proper + name[len(alias) :]
    parts = name.split(".")
    if name.startswith("torch.nn.modules.") and len(parts) == 5:  # torch.nn.modules.conv.Conv2d
        return f"torch.nn.{parts[4]}"
    return name


class StarImports(Protocol):
    """What the project's own modules hand on to those that import all names of them."""

    def sees(self, module: str) -> bool: ...

    def through_star(self, module: str, name: str) -> str | None:
        """The full name of what the import binds; `''` where that is not known, None where it binds no such name."""


@dataclass
class Names:
    """The module-level bindings of one file."""

    module: str
    """The file's own dotted name, `''` where it has none."""
    bindings: dict[str, set[str]] = field(default_factory=dict)
    """name -> full names it may stand for; `''` among them is something that no full name says."""
    stars: list[str] = field(default_factory=list)
    """Modules that are star-imported, in order."""
    beyond: StarImports | None = field(default=None, repr=False, compare=False)
    bound_again: set[str] = field(default_factory=set)
    """Names that several statements bind, or a function that declares them global."""

    @classmethod
    def of(cls, tree: ast.Module, module: str, is_package: bool = False, beyond: StarImports | None = None) -> Names:
        names = cls(module, beyond=beyond)
        for statement in module_level(tree.body):
            if not _is_overload(statement):
                names._bind(statement, is_package)
        for name in {name for n in walk(tree) if isinstance(n, ast.Global) for name in n.names}:
            names._bind_from_function(name)
        return names

    def _bind_from_function(self, name: str) -> None:
        """`global act` lets a function put anything else in the place of what the file has under that name."""
        self.bound_again.add(name)
        if self.bindings.get(name, set()) - {self.own(name)}:
            self.bindings[name].add("")

    def _bind(self, statement: ast.stmt, is_package: bool) -> None:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                top = alias.name.split(".")[0]
                self._add(alias.asname or top, alias.name if alias.asname else top)
        elif isinstance(statement, ast.ImportFrom):
            base = absolute_module(statement, self.module, is_package)
            for alias in statement.names:
                if alias.name == "*":
                    self.stars.append(base)
                else:
                    self._add(alias.asname or alias.name, f"{base}.{alias.name}" if base else "")
        elif isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            self._add(statement.name, self.own(statement.name))
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            self._bind_assignment(statement.targets[0], statement.value)
        else:
            for name in bound_names(statement):
                self._add(name, self.own(name))

    def _bind_assignment(self, target: ast.expr, value: ast.expr) -> None:
        """`relu = F.relu` passes the meaning on; any other value is a variable of this module."""
        chain = dotted(value)
        meaning = self.full_name(value) if chain and isinstance(target, ast.Name) else None
        for name in _target_names(target):
            self._add(name, meaning or self.own(name))

    def _add(self, name: str, meaning: str) -> None:
        if name in self.bindings:
            self.bound_again.add(name)
        self.bindings.setdefault(name, set()).add(meaning)

    def own(self, name: str) -> str:
        return f"{self.module or '__main__'}.{name}"

    def meaning(self, name: str) -> str | None:
        """The one full name that `name` stands for at module level; None when unbound, unknown or in dispute."""
        found = self.bindings.get(name)
        if found is None:
            return self._starred(name)
        meanings = {canonical(full) for full in found}
        return next(iter(meanings)) or None if len(meanings) == 1 else None

    def _starred(self, name: str) -> str | None:
        """The meaning that the last star import with the name gives it; None where it may be something else there.

        What torch has under a name and torch.nn.functional does not have as an operation, it does not have at all.
        """
        for star in reversed(self.stars):
            if self.beyond is not None and self.beyond.sees(star):
                found = self.beyond.through_star(star, name)
                if found is None or found == self.own(name):
                    continue  # it has none, or has it from this file, which has it by an import further up
                return found or None
            full = f"{star}.{name}"
            is_class = full.startswith("torch.nn.") and name[:1].isupper() and not hasattr(builtins, name)
            if star.startswith("torch") and (is_class or by_spelling(full)):
                return full
            lacks = star in _STARRED and (name[:1].isupper() == _STARRED[star] or by_spelling(f"torch.{name}"))
            if not lacks or name in _ALSO_IN_TORCH:
                return None
        return None

    def full_name(self, expression: ast.expr, shadowed: frozenset[str] | set[str] = frozenset()) -> str | None:
        """`nn.functional.relu` -> `torch.nn.functional.relu`; None where a local name stands in the way."""
        chain = dotted(expression)
        if chain is None or chain[0] in shadowed:
            return None
        head = self.meaning(chain[0])
        return canonical(".".join([head, *chain[1:]])) if head else None

    def searched_name(self, expression: ast.expr) -> str | None:
        """The full name by which a project finds what an expression of the file means, star imports included."""
        chain = dotted(expression)
        if chain is None or chain[0] in self.bindings or not self.stars:
            return self.full_name(expression)
        return self.full_name(expression) or self.own(".".join(chain))


def absolute_module(statement: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The full name of the module that a from-import reads; `''` where it leaves the known tree."""
    if not statement.level:
        return statement.module or ""
    parts = module.split(".") if module else []
    keep = len(parts) - statement.level + (1 if is_package else 0)
    if keep < 0 or (keep == 0 and not statement.module):
        return ""
    return ".".join([*parts[:keep], *([statement.module] if statement.module else [])])


def dotted(expression: ast.expr) -> list[str] | None:
    """`a.b.c` -> ['a', 'b', 'c']; None for anything else."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    return [expression.id, *reversed(parts)]


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c` and of `c`; nothing for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def bound_names(node: ast.AST) -> set[str]:
    """Every name that running `node` may bind, not looking into the scopes of functions and classes."""
    found: set[str] = set()
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, ast.Name) and isinstance(current.ctx, ast.Store | ast.Del):
            found.add(current.id)
        elif isinstance(current, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(current.name)
            continue
        elif isinstance(current, ast.Import | ast.ImportFrom):
            found.update(alias.asname or alias.name.split(".")[0] for alias in current.names)
        elif isinstance(current, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and current.name:
            found.add(current.name)
        elif isinstance(current, ast.MatchMapping) and current.rest:
            found.add(current.rest)
        if not isinstance(current, ast.Lambda):
            stack.extend(children(current))
    return found


def local_names(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """The names local to a function: its parameters and whatever its body binds and does not declare global."""
    spec = function.args
    names = {a.arg for a in named_parameters(spec)}
    names.update(a.arg for a in (spec.vararg, spec.kwarg) if a)
    body = function.body if isinstance(function.body, list) else [function.body]
    declared: set[str] = set()
    for statement in body:
        names |= bound_names(statement)
        declared |= {n for node in walk(statement) if isinstance(node, ast.Global) for n in node.names}
    return names - declared


def module_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run at import, through if, try, with and loops."""
    for statement in body:
        blocks = [getattr(statement, name, None) for name in ("body", "orelse", "finalbody")]
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for block in blocks:
                yield from module_level(block or [])
            for handler in getattr(statement, "handlers", []):
                yield from module_level(handler.body)
            for header in _headers(statement):
                yield from header
        else:
            yield statement


def _is_overload(statement: ast.stmt) -> bool:
    """`@typing.overload def f(x: int) -> int: ...`, which the next definition replaces."""
    decorators = statement.decorator_list if isinstance(statement, ast.FunctionDef) else []
    return any(ast.unparse(decorator).rpartition(".")[2] in ("overload", "_overload") for decorator in decorators)


def _headers(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Bindings in the header of a compound statement, as assignments without a known value."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.For):
        targets.append(statement.target)
    elif isinstance(statement, ast.With):
        targets += [item.optional_vars for item in statement.items if item.optional_vars]
    for target in targets:
        yield [ast.Assign(targets=[target], value=ast.Constant(None), lineno=statement.lineno)]


def _target_names(target: ast.expr) -> set[str]:
    return {n.id for n in walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def in_small_letters(name: str) -> str:
    """`LayerNorm2d` -> `layer_norm_2_d`: the words of a class's name, for an attribute."""
    return "_".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)).lower()


def part_of(node: ast.expr, is_own: Callable[[ast.expr], bool]) -> str | None:
    """The path in `self.acts["a"]` and `self.inner.act`: what a part of the object holds under a name.

    `getattr(self, "act", other)` is a part as well: who reads it so has no other way to say which module it calls.
    """
    steps: list[str] = []
    if isinstance(node, ast.Call):
        given = node.args if ast.unparse(node.func) == "getattr" else []
        if len(given) < 2 or not is_own(given[0]):
            return None
        return f".{given[1].value!s}" if isinstance(given[1], ast.Constant) else f".[{ast.unparse(given[1])}]"
    while not is_own(node):
        if isinstance(node, ast.Attribute):
            steps.append(f".{node.attr}")
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.UnaryOp):
            steps.append(f"[{ast.unparse(node.slice)}]")
        else:
            return None
        node = node.value
    return "".join(reversed(steps)) if len(steps) > 1 else None
