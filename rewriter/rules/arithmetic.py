"""Arithmetic on tensors becomes a module.

`+`, `-`, `*`, `/`, `//`, `%`, `**`, their torch functions and their Tensor methods compute new
values, and an integer network
needs a scale for each of them. As operators they are invisible to a quantizer that works on modules.

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        out = self.conv(x)
        out += x
        return out
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.add = runtime.modules.EltWiseAdd(inplace=True)

    def forward(self, x):
        out = self.conv(x)
        out = self.add(out, x)
        return out
```

**Safety.** The module runs the same operator on the same operands. `+=` stays in place: whoever
else holds the tensor sees the change,
as before. Numbers, shapes, lists and strings are left alone.
"""

from rewriter.rules.rule import described

KEEPS = (
    """\
class Net(nn.Module):
    def forward(self, x):
        width = x.shape[-1] * 2 + 1
        return x[:, :width], [x] + [x]
""",
)

RULE = described("RW101", "arithmetic-to-module", __doc__, KEEPS)
