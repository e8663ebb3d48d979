"""Joining and splitting tensors becomes a module.

`torch.cat` and `torch.stack` bring tensors with different scales together: the quantizer has to
align them, so it has to see
the place.

```python
class Block(nn.Module):
    def forward(self, x, y):
        return torch.cat([x, y], dim=1)
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.concat = runtime.modules.Concat(dim=1)

    def forward(self, x, y):
        return self.concat(x, y)
```

**Safety.** A literal list is passed one by one; a variable that holds a list is passed as it is.
"""

from rewriter.rules.rule import described

KEEPS = (
    """\
class Net(nn.Module):
    def forward(self, x):
        return [x] + [x], (x, x)[1:], torch.zeros(2)
""",
)

RULE = described("RW104", "grouping-to-module", __doc__, KEEPS)
