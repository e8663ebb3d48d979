"""Reductions become modules.

`mean`, `sum`, `max`, `norm` and their kind return values with another range than their input has, and so
with another scale.

```python
class Block(nn.Module):
    def forward(self, x):
        return x.mean([2, 3])
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = runtime.modules.Mean(dim=[2, 3])

    def forward(self, x):
        return self.mean(x)
```

**Safety.** The module calls the same torch function.
"""

from rewriter.rules.rule import described

KEEPS = (
    """\
class Net(nn.Module):
    def forward(self, x):
        return x.reshape(max(x.shape), min(x.shape))
""",
)

RULE = described("RW105", "reduction-to-module", __doc__, KEEPS)
