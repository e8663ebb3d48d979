"""How a file names torch.nn and the runtime, and the imports that it needs for that."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from rewriter.emit.import_order import Order
from rewriter.emit.splice import Splice
from rewriter.emit.style import Formatter
from rewriter.python.code import File
from rewriter.python.names import bound_names, dotted
from rewriter.python.trees import walk


@dataclass
class Importer:
    """Gives each target a name in one file, and remembers the imports that this takes."""

    file: File
    runtime: str
    """The package that holds `modules`, `runtime` unless the settings say otherwise."""
    formatter: Formatter
    needed: list[str] = field(default_factory=list)

    def spell(self, target: str, locals_: set[str]) -> str:
        """`torch.nn.ReLU` -> `nn.ReLU`, by the imports that the file has, or one that it gets."""
        module, _, name = target.rpartition(".")
        if module == "runtime.modules":
            return f"{self._runtime_prefix(locals_)}.{name}"
        if module == "torch.nn":
            return f"{self._torch_prefix(locals_)}.{name}"
        return f"{self._module_prefix(module, locals_)}.{name}"

    def _module_prefix(self, module: str, locals_: set[str]) -> str:
        """Another library's module by its full name; what torch has is there once torch is."""
        names, top = self.file.names, module.split(".")[0]
        bound = next((b for b in names.bindings if names.meaning(b) == module and b not in locals_), None)
        if bound is not None:
            return bound
        if top == "torch" and names.meaning("torch") == "torch" and "torch" not in locals_ | self._for_types:
            return module
        if (top in self._bound and names.meaning(top) != top) or top in locals_:
            return self._add(module, module.rpartition(".")[2], locals_)
        statement = f"import {module}"
        if statement not in self.needed and not _imports(self.file.source.tree, module):
            self.needed.append(statement)
        return module

    def _torch_prefix(self, locals_: set[str]) -> str:
        names = self.file.names
        for full, suffix in (("torch.nn", ""), ("torch", ".nn")):
            for bound in [*names.bindings, full.rpartition(".")[2]]:  # which a star import may bind
                if names.meaning(bound) == full and bound not in locals_ | self._for_types:
                    return bound + suffix
        return self._add("torch.nn", "nn", locals_)

    def _runtime_prefix(self, locals_: set[str]) -> str:
        names = self.file.names
        wanted = f"{self.runtime}.modules"
        for bound in names.bindings:
            if names.meaning(bound) == wanted and bound not in locals_ | self._for_types:
                return bound
        top = self.runtime.split(".")[0]
        free = top not in self._bound and top not in locals_
        if free or (names.meaning(top) == top and _imports(self.file.source.tree, wanted)):
            statement = f"import {wanted}"
            if statement not in self.needed and not _imports(self.file.source.tree, wanted):
                self.needed.append(statement)
            return wanted
        return self._add(wanted, "runtime_modules", locals_)

    @cached_property
    def _for_types(self) -> set[str]:
        """The names that stand for something while types are checked, and are not bound when the file runs."""
        guarded = [s for s in self.file.source.tree.body if isinstance(s, ast.If) and _asks_for_types(s.test)]
        run = [s for s in self.file.source.tree.body if s not in guarded] + [s for g in guarded for s in g.orelse]
        checked = {name for branch in guarded for s in branch.body for name in bound_names(s)}
        return checked - {name for s in run for name in bound_names(s)}

    @cached_property
    def _bound(self) -> set[str]:
        """The names bound anywhere in the file: a local `runtime` would hide the package.

        Whatever the file reads may be bound by a star import that is out of sight, and keeps that meaning.
        """
        names = self.file.names
        inner, has_all_in_sight = set(names.bindings), all(names.beyond and names.beyond.sees(s) for s in names.stars)
        for node in walk(self.file.source.tree):
            if isinstance(node, ast.arg):
                inner.add(node.arg)
            elif isinstance(node, ast.Name) and not (has_all_in_sight and isinstance(node.ctx, ast.Load)):
                inner.add(node.id)
        return inner

    def _add(self, module: str, alias: str, locals_: set[str]) -> str:
        taken = self._bound | locals_
        name, number = alias, 2
        while name in taken or self.file.names.meaning(name) not in (None, module):
            name, number = f"{alias}{number}", number + 1
        statement = f"import {module} as {name}"
        if statement not in self.needed:
            self.needed.append(statement)
        return name

    def splices(self) -> list[Splice]:
        order = Order(self.file, self.formatter)
        return [order.splice(statement) for statement in sorted(self.needed, key=_by_module)]


def _by_module(statement: str) -> str:
    return statement.split()[1]


def _asks_for_types(test: ast.expr) -> bool:
    return (dotted(test) or [""])[-1] == "TYPE_CHECKING"


def _imports(tree: ast.Module, module: str) -> bool:
    return any(isinstance(s, ast.Import) and any(a.name == module and not a.asname for a in s.names) for s in tree.body)
