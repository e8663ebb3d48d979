"""What people do to a model after it is built."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text

CALL = "seen.append(call(m))"


@construct
def replaced(draw: Draw) -> Piece:
    """A layer that is called once or twice, and replaced, wrapped, or changed."""
    name = draw.name("fc")
    made = draw.module()
    change = draw.pick(
        f"$m.{name} = nn.Tanh()",
        f"$m.{name} = nn.Sequential($m.{name}, nn.ReLU())",
        f"$m.{name}.extra = 3",
        f"$m.{name} = nn.Identity()",
        f"setattr($m, '{name}', nn.Linear(4, 4))",
        f"$m._modules['{name}'] = nn.Sigmoid()",
        f"$m.{name}.register_forward_hook(lambda mod, i, o: o * 2)",
        f"$m.{name}.register_forward_pre_hook(lambda mod, i: (i[0] + 1,))",
        f"$m.{name}.forward = lambda t: t * 3",
        f"$m.{name}.requires_grad_(False)",
        f"$m.{name} = torch.nn.ReLU6()",
        f"$m.{name}.train()",
        f"$m.{name}.to(torch.float32)",
    )
    return Piece(
        init=[f"self.{name} = {made}"],
        body=draw.pick(
            [f"x = self.{name}(x)"],
            [f"x = self.{name}(self.{name}(x) - 1)"],
            ["for _ in range(2):", f"    x = self.{name}(x) + x"],
            [f"x = F.relu(self.{name}(x)) + x"],
        ),
        made=[change] if draw.chance(0.3) else [],
        extra=[change, CALL],
    )


@construct
def pruned(draw: Draw) -> Piece:
    name = draw.name("fc")
    change = draw.pick(
        f"prune.l1_unstructured($m.{name}, 'weight', amount=0.5)",
        f"prune.random_unstructured($m.{name}, name='bias', amount=1)",
        f"torch.nn.utils.weight_norm($m.{name})",
        f"torch.nn.utils.parametrizations.spectral_norm($m.{name})",
        f"$m.{name}.weight = nn.Parameter(torch.eye(4))",
        f"$m.{name}.weight.data.fill_(0.5)",
        f"nn.init.zeros_($m.{name}.bias)",
        f"del $m.{name}.bias; $m.{name}.register_parameter('bias', None)",
    )
    return Piece(
        imports=["from torch.nn.utils import prune"],
        init=[f"self.{name} = nn.Linear(4, 4)"],
        body=draw.pick([f"x = self.{name}(x) + x"], [f"x = self.{name}(F.relu(self.{name}(x)))"]),
        extra=[change, CALL],
    )


@construct
def lora(draw: Draw) -> Piece:
    name, lora_name = draw.name("fc"), draw.name("Lora", 0).capitalize()
    below = text(f"""

        class {lora_name}(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner
                self.a = nn.Linear(4, 2, bias=False)
                self.b = nn.Linear(2, 4, bias=False)

            def forward(self, x):
                return self.inner(x) + self.b(self.a(x)) * 0.5

    """)
    return Piece(
        init=[f"self.{name} = nn.Linear(4, 4)"],
        body=draw.pick([f"x = F.relu(self.{name}(x))"], [f"x = self.{name}(x)", f"x = self.{name}(x) + x"]),
        below=below,
        extra=[f"$m.{name} = {lora_name}($m.{name})", CALL],
    )


@construct
def walks_outside(draw: Draw) -> Piece:
    """Loops over the whole model, as quantizers, initializers and loggers run them."""
    one = "What was a function is a module"
    change = draw.pick(
        draw.hazard(one, ["for c in m.modules():", "    if isinstance(c, nn.Dropout): c.p = 0.0"], ["m.train()"]),
        ["for c in m.modules():", "    if isinstance(c, nn.Linear): nn.init.constant_(c.weight, 0.1)"],
        ["m.apply(lambda c: c.reset_parameters() if hasattr(c, 'reset_parameters') else None)"],
        ["for n, p in m.named_parameters(): seen.append(n)"],
        [
            "for n, c in list(m.named_children()):",
            "    if isinstance(c, nn.Linear): setattr(m, n, nn.Sequential(c, nn.Tanh()))",
        ],
        ["for c in m.modules():", "    if isinstance(c, nn.Linear): c.register_forward_hook(lambda mod, i, o: o + 1)"],
        ["m.half().float()"],
        ["m.double().float()"],
        ["for p in m.parameters(): p.requires_grad_(False)"],
        draw.hazard(
            one, ["m.eval()", "for c in m.modules():", "    if isinstance(c, nn.Dropout): c.train()"], ["m.eval()"]
        ),
        ["seen.append([type(c).__name__ for c in m.modules() if isinstance(c, nn.Linear)])"],
        ["m = m.share_memory()"],
        [
            "m = m.to_empty(device='cpu')",
            "with torch.no_grad():",
            "    for p in [*m.parameters(), *m.buffers()]: p.fill_(0.1)",
        ],
    )
    return Piece(body=[f"x = {draw.tensor(in_module=True)}"], extra=[*change, CALL])


@construct
def wrapped(draw: Draw) -> Piece:
    tensor, chained = "if torch.is_tensor(call(m))", "m = nn.Sequential(m, m)"
    mapped = "seen.append(torch.vmap(m)(torch.ones(2, 3, 4)))"  # its error for another result prints the model
    use = draw.pick(
        ["m = nn.Sequential(m, nn.Tanh())", CALL],
        [draw.hazard("Errors about what is not a tensor", chained, f"{tensor}: {chained}"), CALL],
        ["m = nn.DataParallel(m)", CALL],
        ["import copy", "a, b = copy.deepcopy(m), copy.copy(m)", "seen += [call(a), call(b)]"],
        ["with torch.inference_mode():", f"    {CALL}"],
        [
            "from concurrent.futures import ThreadPoolExecutor",
            "m.eval()",
            "xs = [torch.ones(3, 4) * i for i in range(4)]",
            "seen.append(list(ThreadPoolExecutor(2).map(m, xs)))",
        ],
        ["seen.append(m.forward(*inputs()[0]))"],
        ["seen.append(type(m).forward(m, *inputs()[0]))"],
        ["seen.append(type(m).__call__(m, *inputs()[0]))"],
        ["new = type(m)()", "new.load_state_dict(m.state_dict())", "seen.append(call(new))"],
        ["swa = torch.optim.swa_utils.AveragedModel(m)", "swa.update_parameters(m)", "seen.append(call(swa))"],
        [
            "opt = torch.optim.SGD(m.parameters() if list(m.parameters()) else [torch.zeros(1)], lr=0.1)",
            "for _ in range(2):",
            "    opt.zero_grad()",
            "    out = call(m)",
            "    if isinstance(out, torch.Tensor) and out.requires_grad: out.float().mean().backward()",
            "    opt.step()",
            CALL,
        ],
        ["m.requires_grad_(False)", draw.hazard("What was a function is a module", mapped, f"{tensor}: {mapped}")],
        ["seen.append(torch.func.functional_call(m, dict(m.state_dict()), inputs()[0]))"],
        ["m.__class__ = type('Other', (type(m),), {})", CALL],
        ["m.train()", CALL, "m.eval()", CALL],
    )
    return Piece(body=[f"x = {draw.tensor()}"], extra=use)


@construct
def patched(draw: Draw) -> Piece:
    name = draw.name("step")
    new = draw.pick("lambda self, x: x * 5", "lambda self, x: F.gelu(x)")
    patch = draw.pick(
        [
            f"cls = next(c for c in type($m).__mro__ if '{name}' in vars(c))",
            f"with mock.patch.object(cls, '{name}', {new}): {CALL}",
        ],
        [f"$m.{name} = lambda x: x * 4", CALL],
        [f"$m.{name} = types.MethodType({new}, $m)", CALL],
        [f"seen.append($m.{name}(torch.ones(2, 4)))"],
        [f"seen.append(list(map($m.{name}, [torch.ones(2, 4)] * 2)))"],
        [f"seen.append($m.{name}(x=torch.ones(2, 4)))"],
        [
            f"with mock.patch.object($m, '{name}', wraps=$m.{name}) as spy:",
            f"    {CALL}",
            "    seen.append(spy.call_count)",
            "    seen.append([len(c.args) + len(c.kwargs) for c in spy.call_args_list])",
        ],
    )
    return Piece(
        imports=["from unittest import mock", "import types"],
        methods=[f"def {name}(self, x):", f"    return {draw.tensor()}", ""],
        body=draw.pick([f"x = self.{name}(x)"], [f"x = self.{name}(self.{name}(x))"]),
        extra=patch,
    )


@construct
def subclassed_outside(draw: Draw) -> Piece:
    """A user's subclass, made at run time."""
    name = draw.name("step")
    body = draw.pick(
        [f"def {name}(self, x):", "    return x * 3"],
        [f"def {name}(self, x):", f"    return super().{name}(x) + 1"],
        ["def forward(self, x):", "    return super().forward(x) * 2"],
        ["def __init__(self):", "    super().__init__()", "    self.later = nn.Linear(4, 4)"],
        [
            "def __init__(self):",
            "    "
            + draw.hazard("Names that a subclass elsewhere has", "nn.Module.__init__(self)", "super().__init__()"),
        ],
    )
    return Piece(
        methods=[f"def {name}(self, x):", f"    return {draw.tensor()}", ""],
        body=draw.pick([f"x = self.{name}(x)"], [f"x = self.{name}(self.{name}(x))"]),
        extra=["class User(type(m)):", *(f"    {line}" for line in body), "seen.append(call(User()))"],
    )


@construct
def children_taken(draw: Draw) -> Piece:
    a, b = draw.name("first"), draw.name("second")
    take = draw.pick(
        "nn.Sequential(*$m.children())",
        "nn.Sequential(*list($m.children())[:-1])",
        "nn.Sequential(*[c for c in $m.children() if isinstance(c, nn.Linear)])",
    )
    chosen = f"nn.Sequential($m.{a}, $m.{b})"
    take = draw.hazard("The children of a model are not a chain", take, chosen)
    return Piece(
        init=[f"self.{a} = nn.Linear(4, 4)", f"self.{b} = nn.Linear(4, 4)"],
        body=[f"x = self.{b}(F.relu(self.{a}(x))) + x"],
        extra=[f"seen.append({take if draw.chance(0.3) else chosen}(torch.ones(2, 4)))"],
    )


@construct
def attribute_changed(draw: Draw) -> Piece:
    name = draw.name("act")
    made, change = draw.pick(
        ("nn.Hardtanh(-1, 1)", "max_val = 0.5"),
        ("nn.Dropout(0.5)", "p = 0.1"),
        ("nn.LeakyReLU(0.2)", "negative_slope = 0.9"),
        ("nn.Softmax(dim=1)", "dim = 0"),
        ("nn.ELU()", "alpha = 2.0"),
        ("nn.LayerNorm(4)", "eps = 0.1"),
        ("nn.BatchNorm1d(4)", "momentum = 0.9"),
    )
    piece = Piece(
        init=[f"self.{name} = {made}"],
        body=draw.pick([f"x = self.{name}(x)"], [f"x = self.{name}(self.{name}(x) * 2)"]),
        extra=[f"$m.{name}.{change}", CALL],
    )
    if draw.chance(0.4):
        piece.made = [f"$m.{name}.{change}"]
    return piece


@construct
def training_of_parts(draw: Draw) -> Piece:
    name = draw.name("body")
    own = draw.hazard("What was a function is a module", "m.training = False", "m.train(False)")
    return Piece(
        init=[f"self.{name} = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))"],
        body=[
            f"x = self.{name}(x)",
            f"x = F.dropout(x, 0.5, {draw.pick('self.training', f'self.{name}.training', 'training=self.training')})",
        ],
        extra=draw.pick(
            [f"$m.{name}.eval()", CALL],
            [own, CALL],
            [own.replace("False", "True"), CALL],
            ["m.eval()", f"$m.{name}[1].train()", CALL],
            ["m.train(True)", f"$m.{name}.train(False)", CALL],
        ),
    )
