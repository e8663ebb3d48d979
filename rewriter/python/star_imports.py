"""What `from module import *` binds, where the project has the module: `nn` and `F` as well as what it defines."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from rewriter.python.code import File
from rewriter.python.trees import texts_in


@dataclass(eq=False)
class HandedOn:
    """The names that modules of one project hand on. What is written to a file leaves them what they were."""

    module: Callable[[str], File | None]
    said: Callable[[str], Mapping[str, str] | None]
    """What a module hands on, where it has all of that by itself."""
    _meanings: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def sees(self, module: str) -> bool:
        return self.said(module) is not None or self.module(module) is not None

    def through_star(self, module: str, name: str) -> str | None:
        if (said := self.said(module)) is not None:
            return said.get(name)
        if (module, name) not in self._meanings:
            self._meanings[module, name] = None  # imports that go in circles bind nothing by themselves
            file = self.module(module)
            handed_on = file is not None and _hands_on(file, name)
            self._meanings[module, name] = _bound(file, name) if file is not None and handed_on else None
        return self._meanings[module, name]


def handed_on(file: File) -> Mapping[str, str]:
    """What a file without star imports hands on, by the name: the full name, or nothing where that is not known."""
    return {name: file.names.meaning(name) or "" for name in file.names.bindings if _hands_on(file, name)}


def _bound(file: File, name: str) -> str | None:
    names = file.names
    if (meaning := names.meaning(name)) is not None or name in names.bindings:
        return meaning or ""
    is_unseen = any(names.beyond is None or not names.beyond.sees(star) for star in names.stars)
    return "" if is_unseen else None


def _hands_on(file: File, name: str) -> bool:
    """Whether a star import takes the name, if the file has it."""
    if "__all__" not in file.names.bindings:
        return not name.startswith("_")
    listed = _listed(file)
    return listed is None or name in listed


def _listed(file: File) -> Collection[str] | None:
    """What `__all__` lists, where it is one list of texts."""
    values = [s.value for s in file.source.tree.body if isinstance(s, ast.Assign) and _is_list_of_all(s.targets)]
    if len(values) != 1 or "__all__" in file.names.bound_again or not isinstance(values[0], ast.List | ast.Tuple):
        return None
    return texts_in(values[0])


def _is_list_of_all(targets: list[ast.expr]) -> bool:
    return isinstance(targets[0], ast.Name) and targets[0].id == "__all__"
