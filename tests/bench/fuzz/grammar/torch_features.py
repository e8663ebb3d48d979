"""Parts of torch that run code in their own way: hooks, checkpoint, functional calls, autograd, autocast."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def checkpoint(draw: Draw) -> Piece:
    name = draw.name("inside")
    how = draw.pick(
        f"checkpoint(self.{name}, x, use_reentrant=False)",
        f"checkpoint(self.{name}, x, use_reentrant=True)",
        f"checkpoint(lambda t: self.{name}(t) + 1, x, use_reentrant=False)",
    )
    return Piece(
        imports=["from torch.utils.checkpoint import checkpoint"],
        methods=[f"def {name}(self, x):", f"    return {draw.tensor(in_module=True)}", ""],
        body=[f"x = {how}"] * draw.pick(1, 1, 2),
    )


@construct
def checkpoint_module(draw: Draw) -> Piece:
    name = draw.name("fc")
    return Piece(
        imports=["from torch.utils.checkpoint import checkpoint"],
        init=[f"self.{name} = {draw.module()}"],
        body=[f"x = checkpoint(self.{name}, x, use_reentrant=False) + x"] * draw.count(),
    )


@construct
def functional_call(draw: Draw) -> Piece:
    name = draw.name("fc")
    return Piece(
        imports=["from torch.func import functional_call"],
        init=[f"self.{name} = nn.Sequential(nn.Linear(4, 4), nn.ReLU())"],
        body=[f"x = functional_call(self.{name}, {{'0.weight': torch.eye(4)}}, (x,))", f"x = self.{name}(x)"],
    )


@construct
def functional_call_outside(draw: Draw) -> Piece:
    layer = draw.name("fc")
    return Piece(
        init=[f"self.{layer} = nn.Linear(4, 4)"],
        body=[f"x = self.{layer}(x)", f"x = F.relu(self.{layer}(x)) + x"],
        extra=[
            "state = {k: v * 2 for k, v in m.state_dict().items()}",
            "seen.append(torch.func.functional_call(m, state, inputs()[0]))",
        ],
    )


@construct
def vmap(draw: Draw) -> Piece:
    function = draw.pick(
        "lambda r: r * 2 + 1",
        "lambda r: F.softmax(r, 0)",
        "torch.relu",
        "lambda r: r * r.sum()",
        "lambda r: torch.cat([r, r])[:4]",
    )
    return Piece(body=[f"x = torch.vmap({function})(x)"])


@construct
def func_grad(draw: Draw) -> Piece:
    return Piece(
        body=[
            draw.pick(
                "x = x + torch.func.grad(lambda t: (t * t).sum())(x)",
                "x = x * torch.func.vjp(torch.tanh, x)[0]",
                "x, _ = torch.func.jvp(lambda t: t * t + 1, (x,), (torch.ones_like(x),))",
            )
        ]
    )


@construct
def inner_gradient(draw: Draw) -> Piece:
    return Piece(
        body=[
            "with torch.enable_grad():",
            "    y = x.detach().requires_grad_()",
            "    z = (y * y + F.relu(y)).sum()",
            "    g, = torch.autograd.grad(z, y)",
            "x = x - g * 0.1",
        ]
    )


@construct
def autocast(draw: Draw) -> Piece:
    name = draw.name("fc")
    return Piece(
        init=[f"self.{name} = nn.Linear(4, 4)"],
        body=[
            "with torch.autocast('cpu', dtype=torch.bfloat16):",
            f"    y = self.{name}(x)",
            f"    y = {draw.pick('y + x', 'y @ torch.eye(4)', 'F.softmax(y, 1)', 'torch.cat([y, y], 1)[:, :4]', 'F.relu(y) * x')}",
            "x = y.float()",
        ],
    )


@construct
def own_autograd(draw: Draw) -> Piece:
    name = draw.name("Ste", 0).capitalize()
    above = text(f"""


        class {name}(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return {draw.pick("x.round() + 0", "x * 2", "torch.sign(x) + x", "F.relu(x)")}

            @staticmethod
            def backward(ctx, g):
                x, = ctx.saved_tensors
                return g * {draw.pick("x", "2", "(x > 0)", "x.sigmoid()")}
    """)
    return Piece(above=above, body=[f"x = {name}.apply({draw.tensor()})"] * draw.count())


@construct
def tensor_subclass(draw: Draw) -> Piece:
    name = draw.name("Tagged", 0).capitalize()
    above = text(f"""


        class {name}(torch.Tensor):
            def {draw.pick("sum", "mean", "relu", "__add__")}(self, *a, **k):
                return super().sum(*a, **k) * 100 if len(a) == 0 or not isinstance(a[0], torch.Tensor) else self * 2
    """)
    return Piece(
        above=above,
        body=[
            f"y = x.as_subclass({name})",
            f"y = {draw.pick('y + y', 'y.relu()', 'y * y.sum()', 'F.relu(y)', 'torch.cat([y, y], 1)[:, :4]')}",
            "x = y.as_subclass(torch.Tensor) + x"
            if draw.chance(0.7)
            else "x = torch.Tensor.as_subclass(y, torch.Tensor)",
        ],
    )


@construct
def forward_hook_in_init(draw: Draw) -> Piece:
    name = draw.name("act")
    hook = draw.pick(
        "lambda mod, i, o: o + 1", "lambda mod, i, o: None", "lambda mod, i, o: print('hook', tuple(o.shape))"
    )
    target = draw.pick(f"self.{name}", "self")
    return Piece(
        init=[f"self.{name} = {draw.module()}", f"{target}.register_forward_hook({hook})"],
        body=[f"x = self.{name}(x)"] * draw.count(),
    )


@construct
def pre_hook_in_init(draw: Draw) -> Piece:
    name = draw.name("fc")
    return Piece(
        init=[f"self.{name} = nn.Linear(4, 4)", f"self.{name}.register_forward_pre_hook(lambda mod, i: (i[0] * 2,))"],
        body=[f"x = self.{name}(x) + 1", *draw.pick([], [f"x = self.{name}(x)"])],
    )


@construct
def hook_method(draw: Draw) -> Piece:
    name, hook, keep = draw.name("fc"), draw.name("on_output"), draw.name("kept")
    return Piece(
        init=[f"self.{name} = nn.Linear(4, 4)", f"self.{keep} = []", f"self.{name}.register_forward_hook(self.{hook})"],
        methods=[
            f"def {hook}(self, module, args, out):",
            f"    self.{keep}.append(out.detach().mean())",
            f"    return out {draw.pick('+ 1', '* 2', '+ args[0]')}",
            "",
        ],
        body=[f"x = self.{name}(x) + len(self.{keep})"],
    )


@construct
def tensor_hook(draw: Draw) -> Piece:
    return Piece(
        body=[f"y = {draw.tensor()}", "if y.requires_grad:", "    y.register_hook(lambda g: g * 2)", "x = y + x"]
    )


@construct
def parametrized(draw: Draw) -> Piece:
    name = draw.name("fc")
    how = draw.pick(
        f"torch.nn.utils.parametrizations.weight_norm(self.{name})",
        f"torch.nn.utils.parametrize.register_parametrization(self.{name}, 'weight', nn.Tanh())",
        f"torch.nn.utils.spectral_norm(self.{name})",
        f"torch.nn.utils.prune.l1_unstructured(self.{name}, 'weight', 0.5)",
    )
    return Piece(
        imports=["import torch.nn.utils.parametrize", "import torch.nn.utils.prune"],
        init=[f"self.{name} = nn.Linear(4, 4)", how],
        body=[f"x = self.{name}(x)"] * draw.count(),
    )


@construct
def recurrent(draw: Draw) -> Piece:
    name = draw.name("rnn")
    kind = draw.pick("LSTM", "GRU", "RNN")
    return Piece(
        init=[f"self.{name} = nn.{kind}(4, 4, batch_first=True)"],
        body=[
            f"y, _ = self.{name}(x[None])",
            "x = y[0] + x",
            *draw.pick([], [f"y, h = self.{name}(x[None])", "x = y.squeeze(0)"]),
        ],
    )


@construct
def recurrent_cell(draw: Draw) -> Piece:
    name = draw.name("cell")
    return Piece(
        init=[f"self.{name} = nn.GRUCell(4, 4)"],
        body=["h = x * 0", "for _ in range(2):", f"    h = self.{name}(x, h)", "x = h + x"],
    )


@construct
def attention(draw: Draw) -> Piece:
    name = draw.name("attn")
    return Piece(
        init=[f"self.{name} = nn.MultiheadAttention(4, 2, batch_first=True)"],
        body=[f"y, w = self.{name}(x[None], x[None], x[None])", "x = y[0] + x", *draw.pick([], ["x = x * w.mean()"])],
    )


@construct
def dtypes(draw: Draw) -> Piece:
    return Piece(
        body=[
            draw.pick(
                "x = x + (x > 0).float()",
                "x = (x * 10).int() * 0.5 + x",
                "x = x + torch.tensor([1, 2, 3, 4])",
                "x = (x.double() + 1).float()",
                "x = x * (x.sum() > 0)",
                "x = (x + 0j).abs()",
                "x = (x.half() * 2).float()",
                "x = x + x.argmax(1, keepdim=True)",
            )
        ]
    )


@construct
def shapes(draw: Draw) -> Piece:
    """Arithmetic of sizes, which is no operation of the model."""
    return Piece(
        body=[
            draw.pick("n, c = x.shape", "n, c = x.size()", "n, c = x.size(0), x.size(-1)"),
            "half = c // 2 + c % 2",
            draw.pick(
                "x = torch.cat([x[:, half:], x[:, :half]], dim=1) * n",
                "x = x.view(n, 2, c // 2).transpose(1, 2).reshape(n, c) + 1",
                "x = x.reshape(n * c // 4, 4) / (n + 1)",
                "x = x + x.new_zeros(n, c)",
                "x = F.pad(x, (0, c - half))[:, :c]",
            ),
        ]
    )
