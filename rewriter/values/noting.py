"""What a run is told to note: the sites that values know of."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Protocol, TypeVar

from rewriter.python.code import Class, Function

Thing = TypeVar("Thing", contravariant=True)


class Noting(Protocol[Thing]):
    def note_any_operation(self, node: ast.Call) -> None:
        """A call of a function of torch that is known only when it runs."""

    def note_module_call(self, node: ast.Call, attribute: str, value: Thing) -> None: ...
    def note_part_call(self, node: ast.Call, value: Thing) -> None:
        """A module may be called that a part of the object holds."""

    def note_part_method(
        self, node: ast.Call, attribute: str, cls: Class, callee: Function, choice: Thing | None
    ) -> None:
        """A method of a part of the object is called: of a module, or of an object that may become one."""

    def note_kept_function(self, node: ast.Call, attribute: str, value: Thing, function: Thing) -> None:
        """A call of a function that an attribute keeps; `value` is what it is once a module keeps it."""

    def note_function_call(self, node: ast.Call, function: Function) -> None: ...
    def note_outside_call(self, node: ast.Call, name: str) -> None:
        """A function of another library computes."""

    def note_unknown_call(self, node: ast.Call, given: Iterable[Thing]) -> None:
        """What is called is not known; that matters where tensors are among what it is given."""

    def note_choice(self, node: ast.Call, choice: Thing) -> None: ...
    def note_handed(self, node: ast.Call, function: Function | str) -> None:
        """A function is given to another one, which runs it."""

    def note_mapped(self, node: ast.Call, attribute: str, value: Thing) -> None:
        """`map` runs a module for each of several."""

    def note_differentiated(self, node: ast.Call, name: str) -> None:
        """The forward of a torch.autograd.Function runs."""

    def note_at_file_level(self, node: ast.Call) -> None:
        """A module is called that no object has for a child."""

    def note_module_otherwise(self, node: ast.Call, value: Thing, given: Iterable[Thing]) -> None:
        """A module is called, and not as an attribute: by a variable, or as soon as it is made."""

    def note_nothing(self, node: ast.Call) -> None:
        """A call that stands for one turn of another is no site itself."""
