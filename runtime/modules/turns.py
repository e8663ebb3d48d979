"""Modules for the turns of a loop, and for the calls of a method."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count, islice
from typing import Any

from torch import nn

from runtime.modules.handles import Handle, another, is_second_name
from runtime.modules.run_again import RunAgain
from runtime.modules.tracing import is_watched

MOST = 256
"""Modules for one loop; all turns behind these share the last one."""


class ModuleList(nn.ModuleList):
    """A module for each turn of a loop that may turn more often one day.

    A loop over `self.blocks` has more turns once somebody appends a block, and one over the features that a forward is
    given has as many as there are features. The list makes a further module when a turn asks for it; those that no
    turn asks for any more stay unused. A loop of more than 256 turns shares the last module. So do the turns that are
    met first while a compiler looks on: a graph is made of the modules that were there.
    """

    def __init__(self, modules: Iterable[nn.Module] | None = None) -> None:
        super().__init__(None if modules is None else islice(modules, MOST))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and index >= len(self) > 0:
            if is_watched():
                return super().__getitem__(-1)
            index = min(index, MOST - 1)
            while index >= len(self):
                self.append(_one_more(super().__getitem__(-1)))
        return super().__getitem__(index)

    def each(self, *over: Iterable[Any]) -> Iterator[Any]:
        """What `map(module, *over)` is, where each turn has a module of its own."""
        return map(lambda turn, *given: self[turn](*given), count(), *over)

    def named_children(self) -> Iterator[tuple[str, nn.Module]]:
        """Without handles of a module that the owner of the list has as a child itself."""
        return (named for named in super().named_children() if not is_second_name(named[1]))


def _one_more(last: nn.Module) -> nn.Module:
    """A module like the last one; handles, in lists for loops further in as well, stand for the same as theirs."""
    if isinstance(last, Handle):
        return another(last)
    if isinstance(last, RunAgain):
        return last.one_more()
    if not isinstance(last, nn.ModuleList):
        return copy.deepcopy(last)
    made = type(last)(map(_one_more, last))
    made.training = last.training
    return made


_PARAMETERS = ("call", "nth", "call_index", "call_number")
"""What a method may call the number of its call: the first name that it does not use otherwise."""


def nth(method: Callable[..., Any], number: int) -> Callable[..., Any]:
    """The method, told that this is its call of that number, from 0 on.

    A subclass that has another method of the name, or code that has put another one in its place, need not know of the
    number: one that has no such parameter is returned as it is.
    """
    defaults = getattr(method, "__kwdefaults__", None) or {}
    parameter = next((name for name in _PARAMETERS if name in defaults), None)
    return method if parameter is None or defaults[parameter] != 0 else partial(method, **{parameter: number})
