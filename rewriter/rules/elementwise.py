"""Elementwise mathematics becomes a module.

`exp`, `sqrt`, `clamp`, `where`, `masked_fill` and their kind change values. In an integer network
each becomes a table or a
float island, and somebody has to know where.

```python
class Block(nn.Module):
    def forward(self, x):
        return torch.clamp(x, 0, 6)
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.clamp = runtime.modules.Clamp(0, 6)

    def forward(self, x):
        return self.clamp(x)
```

**Safety.** Constant arguments move to the constructor; whatever is known only at the call is passed
there. Methods that end in `_`
become modules with `inplace=True`.
"""

from rewriter.rules.rule import described

KEEPS = (
    """\
class Net(nn.Module):
    def forward(self, x):
        return x.view(-1).detach(), abs(x.dim() - 3)
""",
)

RULE = described("RW103", "math-to-module", __doc__, KEEPS)
