"""What editors and type checkers see of the wrapper modules is what there is."""

from __future__ import annotations

import inspect

import runtime.modules
from runtime.modules import stub
from runtime.modules.operations import OPERATIONS


def test_the_stub_is_current() -> None:
    assert stub.PATH.read_text() == stub.text(), "write it anew with: python -m runtime.modules.stub"


def test_classes_have_names_signatures_and_documentation() -> None:
    for name, kind in OPERATIONS.items():
        assert getattr(runtime.modules, name) is kind and kind.__name__ == name and kind.__doc__
        assert tuple(inspect.signature(kind).parameters) == kind.takes
    assert str(inspect.signature(runtime.modules.EltWiseAdd)) == "(inplace=Ellipsis, alpha=Ellipsis)"
    assert runtime.modules.FunctionalReLU.__doc__ == (
        "`torch.nn.functional.relu(input)`: takes at each call what `nn.ReLU` fixes or owns."
    )
