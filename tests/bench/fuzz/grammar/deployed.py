"""Models that change their own parts: for deployment, for an average of weights, for a copy of themselves."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def reparametrized(draw: Draw) -> Piece:
    """Branches that become one layer, as RepVGG has it."""
    cls, part = draw.name("Rep", 0).capitalize(), draw.name("rep")
    one, two, joined = draw.pick(
        ("self.one(x)", "self.two(x)", "self.one(x) + self.two(x)"),
        ("self.one(x)", "x", "F.relu(self.one(x)) + x"),
        ("self.one(x)", "self.two(x)", "torch.cat([self.one(x), self.two(x)], 1)[:, 2:6]"),
    )
    gone = draw.pick(
        ["self.__delattr__('one')", "self.__delattr__('two')"],
        ["del self.one, self.two"],
        ["self.one = self.two = None"],
        ["for name in ('one', 'two'):", "    delattr(self, name)"],
    )
    asks = draw.pick(
        "hasattr(self, 'joined')",
        "self.deployed",
        "getattr(self, 'joined', None) is not None",
        "'joined' in self._modules",
    )
    above = text(f"""
    class {cls}(nn.Module):
        def __init__(self):
            super().__init__()
            self.deployed = False
            self.one = nn.Linear(4, 4)
            self.two = nn.Linear(4, 4, bias=False)

        def forward(self, x):
            if {asks}:
                return {draw.pick("self.joined(x)", "F.relu(self.joined(x))", "self.joined(x) + x")}
            return {draw.pick(joined, one, f"{one} * {two}")}

        def deploy(self):
            self.joined = nn.Linear(4, 4)
            self.joined.weight.data = self.one.weight.data + self.two.weight.data
            self.deployed = True
    """)
    above += [f"        {line}" for line in gone]
    walk = draw.pick(
        [f"$m.{part}.deploy()"],
        ["for c in m.modules():", "    if hasattr(c, 'deploy'): c.deploy()"],
        ["for c in list(m.modules()):", f"    if isinstance(c, {cls}): c.deploy()"],
    )
    return Piece(
        above=["", *above, ""],
        init=[f"self.{part} = {cls}()"],
        body=draw.pick([f"x = self.{part}(x)"], [f"x = self.{part}(x) + self.{part}(-x)"]),
        extra=draw.pick([], [*walk, "seen.append(call(m))", "seen.append(sorted(m.state_dict()))"]),
    )


@construct
def fused(draw: Draw) -> Piece:
    """`fuse()` puts nn.Identity in the place of a normalization."""
    fc, norm, name = draw.name("fc"), draw.name("bn"), draw.name("fuse", 0)
    how = draw.pick(
        [f"self.{norm} = nn.Identity()"],
        [f"setattr(self, '{norm}', nn.Identity())"],
        [f"self._modules['{norm}'] = nn.Sequential()"],
        [f"del self.{norm}", "self.forward = self.forward_fused"],
    )
    methods = text(f"""
    def {name}(self):
        self.{fc}.weight.data *= 2
    """)
    methods += [f"    {line}" for line in how] + ["    return self", ""]
    methods += ["def forward_fused(self, x):", f"    return {draw.pick(f'self.{fc}(x)', f'F.relu(self.{fc}(x))')}", ""]
    return Piece(
        init=[f"self.{fc} = nn.Linear(4, 4)", f"self.{norm} = nn.BatchNorm1d(4)"],
        methods=methods,
        body=[f"x = {draw.pick('F.relu', 'torch.tanh', '')}(self.{norm}(self.{fc}(x)))"],
        extra=draw.pick([], [f"seen.append($m.{name}() is not None)", "seen.append(call(m))"]),
    )


@construct
def averaged(draw: Draw) -> Piece:
    """A second model whose weights are an average of the first's."""
    body = [f"x = {draw.tensor(in_module=True)}"]
    head = draw.chance(0.5)
    made = draw.pick(
        "other = copy.deepcopy(m)",
        "other = torch.optim.swa_utils.AveragedModel(m)",
        "other = copy.copy(m)",
        "other = make()",
    )
    use = draw.pick(
        ["for p, q in zip(other.parameters(), m.parameters()):", "    p.data.lerp_(q.data, 0.5)"],
        [
            "for k, v in other.state_dict().items():",
            "    v.copy_(m.state_dict()[k] * 0.5) if k in m.state_dict() else None",
        ],
        ["if hasattr(other, 'update_parameters'): other.update_parameters(m)"],
        ["other.eval()", "seen.append(m.training)"],
        ["other.load_state_dict(m.state_dict(), strict=False)"],
    )
    if "copy.copy" in made and use[0] == "other.eval()":  # what two models share has one mode
        use = [draw.hazard("What was a function is a module", "other.eval()", "m.eval(), other.eval()"), *use[1:]]
    extra = [made, *use, "seen.append(call(other))", "seen.append(call(m))"]
    extra += ["seen.append(len(list(other.parameters())))"] if head else []
    init = ["self.head = nn.Linear(4, 4)"] if head else []
    return Piece(imports=["import copy"], body=body, init=init, extra=extra)


@construct
def trained(draw: Draw) -> Piece:
    """A few steps of an optimizer over groups of parameters."""
    name = draw.name("fc")
    groups = draw.pick(
        "m.parameters()",
        "[p for n, p in m.named_parameters() if 'bias' not in n]",
        "[{'params': [p]} for p in m.parameters()]",
        "[{'params': c.parameters()} for c in m.children() if list(c.parameters())]",
    )
    made = draw.pick("SGD(groups, lr=0.1)", "Adam(groups)", "SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.1)")
    return Piece(
        init=[f"self.{name} = nn.Linear(4, 4)"],
        body=[f"x = self.{name}(x)", f"x = {draw.tensor(in_module=True)}"],
        extra=[
            f"groups = {groups}",
            f"optimizer = torch.optim.{made}",
            "for _ in range(2):",
            "    out = call(m)",
            "    out = out[0] if isinstance(out, (tuple, list)) else out",
            "    if isinstance(out, torch.Tensor) and out.requires_grad: out.double().sum().backward()",
            draw.pick("    nn.utils.clip_grad_norm_(m.parameters(), 1.0)", "    pass"),
            "    optimizer.step()",
            "    optimizer.zero_grad()",
            "seen.append(dict(m.named_parameters()))",
        ],
    )


@construct
def normalized_weights(draw: Draw) -> Piece:
    """Parametrizations on a layer that is called, walked over and freed of them."""
    fc = draw.name("fc")
    kind = draw.pick("weight_norm", "spectral_norm", "orthogonal")
    free = f"nn.utils.parametrize.remove_parametrizations($m.{fc}, 'weight')"
    return Piece(
        init=[f"self.{fc} = nn.utils.parametrizations.{kind}(nn.Linear(4, 4))"],
        body=draw.pick([f"x = self.{fc}(x)"], [f"x = self.{fc}(x) + self.{fc}(x * 2)"], [f"x = x @ self.{fc}.weight"]),
        extra=draw.pick([], [free, "seen.append(call(m))"], [f"seen.append(type($m.{fc}).__name__)"]),
    )


@construct
def bare_copies(draw: Draw) -> Piece:
    """Objects that are made of another one's attributes."""
    name = draw.name("fc")
    return Piece(
        imports=["import copy"],
        init=[f"self.{name} = nn.Linear(4, 4)"],
        body=[f"x = self.{name}(x) + x", f"x = {draw.tensor()}"],
        extra=[
            *draw.pick(
                ["other = copy.copy(m)"],
                ["other = type(m).__new__(type(m))", "other.__dict__.update(m.__dict__)"],
                [
                    "other = type(m).__new__(type(m))",
                    "other.__setstate__(m.__getstate__() if hasattr(m, '__getstate__') else m.__dict__)",
                ],
                ["other = copy.copy(m)", "other._modules = dict(m._modules)"],
            ),
            "seen.append(call(other))",
            "seen.append(sorted(other.state_dict()) == sorted(m.state_dict()))",
        ],
    )
