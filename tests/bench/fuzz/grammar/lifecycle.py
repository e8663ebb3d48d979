"""What happens to a model around its forward: initial weights by type, conversions, hooks, states, teachers."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def weights_by_type(draw: Draw) -> Piece:
    name, layer = draw.name("init_weights", 0), draw.name("fc")
    inside = draw.pick(
        [
            "if isinstance(m, nn.Linear):",
            "    nn.init.normal_(m.weight, std=0.1)",
            "    if m.bias is not None: nn.init.zeros_(m.bias)",
        ],
        ["if hasattr(m, 'reset_parameters'): m.reset_parameters()"],
        ["match m:", "    case nn.Linear(): nn.init.xavier_uniform_(m.weight)", "    case _: pass"],
        ["if type(m) in (nn.Linear,) and m.out_features == 4: m.weight.data.uniform_(-1, 1)"],
        ["for p in m.parameters(recurse=False): nn.init.uniform_(p)"],
        ["cls = m.__class__.__name__", "if cls.find('Linear') != -1: m.weight.data.normal_(0.0, 0.02)"],
        [
            "if isinstance(m, (nn.Linear, nn.LayerNorm)): nn.init.constant_(m.weight, 0.5)",
            "elif isinstance(m, nn.Module): pass",
        ],
    )
    run = draw.pick(
        [f"self.apply(self.{name})"],
        [f"for m in self.modules(): self.{name}(m)"],
        ["for n, m in self.named_modules():", f"    if n.startswith('{layer[:2]}'): self.{name}(m)"],
        [f"for m in self.{layer}.modules(): self.{name}(m)"],
        [f"self.{layer}.apply(type(self).{name})" if draw.chance(0.3) else f"self.{layer}.apply(self.{name})"],
    )
    static = "type(self)" in run[0] or draw.chance(0.3)
    head = ["@staticmethod", f"def {name}(m):"] if static else [f"def {name}(self, m):"]
    return Piece(
        init=[f"self.{layer} = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))", *run],
        methods=[*head, *(f"    {line}" for line in inside), ""],
        body=[f"x = self.{layer}(x)", f"x = {draw.tensor()}"],
    )


@construct
def parameters_by_name(draw: Draw) -> Piece:
    layer = draw.name("fc")
    run = draw.pick(
        [
            "for name, p in self.named_parameters():",
            "    if 'bias' in name: nn.init.zeros_(p)",
            "    elif p.dim() > 1: nn.init.orthogonal_(p)",
        ],
        ["for p in self.parameters(): p.data.mul_(0.5)"],
        [f"for name, p in self.{layer}.named_parameters(): p.requires_grad_('weight' in name)"],
        [
            "n = sum(p.numel() for p in self.parameters() if p.requires_grad)",
            f"nn.init.normal_(self.{layer}.weight, std=n ** -0.5)",
        ],
        ["self.groups = [{'params': [p]} for p in self.parameters()]"],
    )
    return Piece(
        init=[f"self.{layer} = nn.Linear(4, 4)", *run], body=[f"x = {draw.tensor()}", f"x = self.{layer}(x) + x"]
    )


@construct
def converted(draw: Draw) -> Piece:
    """A recursion over named children that replaces some, run by the constructor or by the user."""
    name, part = draw.name("convert", 0), draw.name("body")
    above = text(f"""

        def {name}(module):
            for name, child in {draw.pick("module.named_children()", "list(module.named_children())", "module._modules.items()")}:
                if isinstance(child, nn.ReLU):
                    setattr(module, name, {draw.pick("nn.Tanh()", "nn.LeakyReLU(0.2)", "nn.Identity()")})
                else:
                    {name}(child)
            return module

    """)
    made = "nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Linear(4, 4)))"
    inside = draw.pick([f"self.{part} = {name}({made})"], [f"self.{part} = {made}", f"{name}(self.{part})"])
    outside = [f"{name}($m.{part})", "seen.append(call(m))"]
    own = draw.chance(0.5)
    return Piece(
        above=above,
        init=inside if own else [f"self.{part} = {made}"],
        body=[f"x = self.{part}(x) {draw.pick('', '+ x')}"] * draw.pick(1, 1, 2),
        extra=[] if own else outside,
    )


@construct
def hooks_on_parts(draw: Draw) -> Piece:
    """Features that hooks on named parts keep, by a method or a partial of one."""
    part, kept, save = draw.name("body"), draw.name("feats"), draw.name("save", 0)
    methods = text(f"""
        def {save}(self, name, module, args, out):
            self.{kept}[name] = {draw.pick("out", "out.detach()", "(out, args[0])[0] * 2")}
    """)
    how = draw.pick(
        [f"for name, m in self.{part}.named_children():", f"    m.register_forward_hook(partial(self.{save}, name))"],
        [
            f"for name, m in self.{part}.named_modules():",
            "    if isinstance(m, nn.Linear):",
            f"        m.register_forward_hook(lambda *a, name=name: self.{save}(name, *a))",
        ],
        [f"self.{part}[0].register_forward_hook(partial(self.{save}, '0'))"],
    )
    use = draw.pick(
        [f"x = x + sum(self.{kept}.values())"],
        [f"x = x + self.{kept}['0']", f"self.{kept}.clear()"],
        [f"x = x * len(self.{kept})"],
    )
    within = [
        f"handle = self.{part}[0].register_forward_hook(lambda m, i, o: o + 1)",
        f"x = self.{part}(x)",
        "handle.remove()",
    ]
    run = draw.pick([f"x = self.{part}(x)"], [f"x = self.{part}(self.{part}(x))"], within)
    return Piece(
        imports=["from functools import partial"],
        init=[f"self.{part} = nn.Sequential(nn.Linear(4, 4), nn.ReLU())", f"self.{kept} = {{}}", *how],
        methods=[*methods, ""],
        body=[*run, *use],
    )


@construct
def state_hooks(draw: Draw) -> Piece:
    name, layer = draw.name("fix_state", 0), draw.name("fc")
    methods, register = draw.pick(
        (
            [
                f"def {name}(self, state, prefix, *rest):",
                "    state.pop(prefix + 'old', None)",
                "    print(len(state))",
            ],
            [f"self._register_load_state_dict_pre_hook(self.{name})"],
        ),
        (
            [
                f"def {name}(self, module, state, prefix, meta):",
                "    for k in list(state): state[k.replace('old', 'new')] = state.pop(k)",
                "    return state",
            ],
            [f"self._register_state_dict_hook(lambda m, s, p, l: m.{name}(m, s, p, l))"],
        ),
        (
            [
                "def _load_from_state_dict(self, state, prefix, *args):",
                "    print(prefix)",
                "    super()._load_from_state_dict(state, prefix, *args)",
            ],
            [],
        ),
        (
            [
                f"def {name}(self, module, keys):",
                "    print(sorted(keys.missing_keys))",
                "    keys.missing_keys.clear()",
            ],
            [f"self.register_load_state_dict_post_hook(self.{name})"],
        ),
        (
            [
                "def load_state_dict(self, state, strict=True):",
                "    state = {k: v for k, v in state.items() if 'extra' not in k}",
                "    return super().load_state_dict(state, strict)",
            ],
            [],
        ),
    )
    return Piece(
        init=[f"self.{layer} = nn.Linear(4, 4)", *register],
        methods=[*methods, ""],
        body=[f"x = self.{layer}(x)", f"x = {draw.tensor()}"],
        extra=[
            "seen.append(sorted(m.state_dict()))",
            "seen.append(str(m.load_state_dict(m.state_dict())))",
            "seen.append(call(m))",
        ],
    )


@construct
def teacher(draw: Draw) -> Piece:
    student, other = draw.name("student"), draw.name("teacher")
    update = [
        f"for p, q in zip(self.{student}.parameters(), self.{other}.parameters()):",
        "    q.data.mul_(0.9).add_(p.data, alpha=0.1)",
    ]
    run = draw.pick(
        [f"with torch.no_grad(): y = self.{other}(x)", f"x = self.{student}(x) - y"],
        [f"y = self.{other}(x).detach()", f"x = F.softmax(self.{student}(x), -1) + y"],
        ["with torch.no_grad():", *(f"    {line}" for line in update), f"x = self.{student}(x) + self.{other}(x)"],
    )
    made = draw.pick(f"copy.deepcopy(self.{student})", f"copy.deepcopy(self.{student}).eval().requires_grad_(False)")
    return Piece(
        imports=["import copy"],
        init=[f"self.{student} = nn.Sequential(nn.Linear(4, 4), {draw.stateless()})", f"self.{other} = {made}"],
        body=run,
    )
