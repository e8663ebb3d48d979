"""Overrides by Distiller's names for the parts of an LSTM: `rnn.cells.0.act_f` is `rnn.gates_l0.forget_gate`."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from runtime.modules.recurrent import LSTM, LSTMCell

_GATES = {
    "eltwiseadd_gate": "add_gates",
    "act_f": "forget_gate",
    "act_i": "input_gate",
    "act_o": "output_gate",
    "act_g": "cell_gate",
    "eltwisemult_cell_forget": "mult_forget",
    "eltwisemult_cell_input": "mult_input",
    "eltwiseadd_cell": "add_cell",
    "act_h": "cell_tanh",
    "eltwisemult_hidden": "mult_output",
}
_PROJECTIONS = {"fc_gate_x": "ih", "fc_gate_h": "hh"}


def with_own_names(
    model: nn.Module, overrides: Mapping[str, Mapping[str, Any]] | None
) -> OrderedDict[str, dict[str, Any]] | None:
    """The same; a pattern that matches parts by Distiller's names is followed by one for our names of them."""
    if overrides is None:
        return None
    names = dict(distillers_names(model))
    found: OrderedDict[str, dict[str, Any]] = OrderedDict()
    for pattern, settings in overrides.items():
        found[pattern] = dict(settings)
        for theirs, ours in names.items():
            if re.fullmatch(pattern, theirs) and not re.fullmatch(pattern, ours):
                found.setdefault(re.escape(ours), dict(settings))
    unused = [pattern for pattern in found if not any(re.fullmatch(pattern, name) for name, _ in model.named_modules())]
    for pattern in unused:
        if any(re.fullmatch(pattern, theirs) for theirs in names):
            del found[pattern]  # it has become patterns for our names
    return found


def distillers_names(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Distiller's name of each part of each LSTM, and ours."""
    for name, module in model.named_modules():
        prefix = f"{name}." if name else ""
        if isinstance(module, LSTMCell):
            yield from _cell(prefix, prefix, "")
        elif isinstance(module, LSTM):
            for layer in range(module.num_layers):
                yield from _cell(f"{prefix}cells.{layer}.", prefix, f"_l{layer}")
                if module.bidirectional:
                    yield from _cell(f"{prefix}cells_reverse.{layer}.", prefix, f"_l{layer}_reverse")


def _cell(theirs: str, ours: str, suffix: str) -> Iterator[tuple[str, str]]:
    for part, own in _PROJECTIONS.items():
        yield f"{theirs}{part}", f"{ours}{own}{suffix}"
    for part, own in _GATES.items():
        yield f"{theirs}{part}", f"{ours}gates{suffix}.{own}"
