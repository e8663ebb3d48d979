"""A function of torch that is chosen when the code runs is called by a module.

`getattr(F, self.act)(x)`, a table of functions, `act=F.relu` as an argument of a method or function: which operation it
is may differ from object to object and from call to call, so that no module of torch.nn can stand for it.

```python
class Block(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.act = act

    def forward(self, x):
        return getattr(F, self.act)(x)
```

becomes

```python
class Block(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.act = act
        self.call = runtime.modules.Call()

    def forward(self, x):
        return self.call(getattr(F, self.act), x)
```

**Safety.** The function is still chosen where and when it was; `Call` passes the arguments on. Functions that are kept
in an attribute become modules where they are stored (RW203).
"""

from __future__ import annotations

import ast

from rewriter.facts.interpreter.state import Site
from rewriter.rules.change import Call, Change, Given, as_given
from rewriter.rules.operations import Context
from rewriter.rules.rule import described

RULE = described("RW205", "chosen-function", __doc__)


def call_chosen(site: Site, context: Context) -> Change:
    node = site.node
    assert isinstance(node, ast.Call)
    given = (Given(node.func), *as_given(node))
    what = f"`{ast.unparse(node.func)}()`"
    return Change(RULE.code, site, context.place, context.receiver_at(site), "call", Call(), given, what)
