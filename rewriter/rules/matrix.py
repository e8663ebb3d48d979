"""Products of matrices become modules.

`@`, `torch.matmul`, `torch.bmm`, `torch.einsum` and their kind are where attention spends its time;
both operands are
activations, and each needs a scale of its own.

```python
class Block(nn.Module):
    def forward(self, q, k):
        return q @ k.transpose(-2, -1)
```

becomes

```python
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.matmul = runtime.modules.Matmul()

    def forward(self, q, k):
        return self.matmul(q, k.transpose(-2, -1))
```

**Safety.** The module calls the same function with the same operands.
"""

from rewriter.rules.rule import described

KEEPS = (
    """\
class Net(nn.Module):
    def forward(self, x):
        return x.transpose(0, 1), x.T
""",
)

RULE = described("RW102", "matrix-product-to-module", __doc__, KEEPS)
