"""A compound module of torch, such as nn.LSTM, becomes its modular twin.

nn.LSTM hides its inner operations in C++: a quantizer sees one module with one output, and none of the gates. The twin
in `runtime.modules` has torch's own constructor, forward, parameter names and state_dict, and is made of parts that a
quantizer can see. So have GRU, RNN, their cells, MultiheadAttention and the Transformer classes.

```python
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(32, 64, num_layers=2)
```

becomes

```python
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = runtime.modules.LSTM(32, 64, num_layers=2)
```

**Safety.** Unsafe, so applied with `--unsafe-fixes` only: the parts add numbers up in another order than torch's fused
code, so results agree to float rounding, not bit for bit. Checkpoints load both ways.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rewriter.changes.change import Substitution
from rewriter.facts.knowledge import Knowledge
from rewriter.python.code import Class, Function
from rewriter.python.trees import walk
from rewriter.results import Refusal, Safety
from rewriter.rules.refusals import advice_for
from rewriter.rules.rule import TakesModules, described
from rewriter.torch_api.catalogue import ALONE
from rewriter.torch_api.traits import Trait

CODE = "RW301"
KEEPS = (
    """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(x)
""",
)

COMPOUND = frozenset(f"torch.nn.{row.op}" for row in ALONE if Trait.COMPOUND in row.traits)

WHY = "the twin's results agree with torch's to float rounding, not bit for bit"


def find_compounds(knowledge: Knowledge, cls: Class, _: TakesModules) -> Iterator[Substitution | Refusal]:
    """The compound modules that the class makes, in source order."""
    lineage = knowledge.hierarchy.lineage(cls)
    if not lineage.is_module:
        return
    if inherited := sorted(lineage.torch & COMPOUND):
        yield _refusal(cls, cls.node, f"{cls.node.name} inherits from {inherited[0].removeprefix('torch.')}")
    for method in cls.methods.values():
        for node in walk(method.node):
            if not isinstance(node, ast.Call):
                continue
            name = method.full_name(node.func, method.locals)
            if name in COMPOUND:
                twin = name.replace("torch.nn.", "runtime.modules.")
                message = f"`{ast.unparse(node.func)}` becomes its twin, {twin}"
                yield Substitution(CODE, method, node.func, twin, message, safety=Safety.UNSAFE, why_unsafe=WHY)
            elif _chooses_class(node, method):
                yield _refusal(cls, node, f"`{ast.unparse(node.func)}` chooses a class of torch.nn when it runs")


def _chooses_class(node: ast.Call, method: Function) -> bool:
    """`getattr(nn, kind)(...)`."""
    inner = node.func
    if not (isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "getattr"):
        return False
    return bool(inner.args) and method.full_name(inner.args[0], method.locals) == "torch.nn"


def _refusal(cls: Class, node: ast.expr | ast.stmt, message: str) -> Refusal:
    return Refusal("RW909", message, cls.file.source.span(node), advice_for("RW909"))


RULE = described(CODE, "compound-to-twin", __doc__, KEEPS, finds_in_class=find_compounds)
