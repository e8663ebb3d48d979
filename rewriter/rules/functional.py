"""Functions of torch.nn.functional become modules.

`F.relu` does what `nn.ReLU` does, but only the module can be found, fused and replaced. The
torch.nn module is used where it
means the same; else a class of `runtime.modules` calls the function.

```python
class Block(nn.Module):
    def forward(self, x):
        x = F.relu(x)
        return F.dropout(x, 0.1, self.training)
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        x = self.relu(x)
        return self.dropout(x)
```

**Safety.** `F.dropout` draws numbers in eval as well unless it is told `training=self.training`;
only then nn.Dropout takes its place.
Weights that are passed to a function (`F.linear(x, self.weight)`) stay where they are and are
passed to the module.
Losses are left alone.
"""

from rewriter.rules.rule import described

KEEPS = (
    """\
class Net(nn.Module):
    def forward(self, x):
        return F.mse_loss(x, x)
""",
)

RULE = described("RW106", "functional-to-module", __doc__, KEEPS)
