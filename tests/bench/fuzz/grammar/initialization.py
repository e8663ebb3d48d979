"""What happens while a model is made: random draws, walks over modules, runs of the model, factories."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def applies(draw: Draw) -> Piece:
    name, layer = draw.name("init_weights"), draw.name("fc")
    inside = draw.pick(
        "torch.rand(1)",
        "random.random()",
        "print(type(m).__name__)",
        "if isinstance(m, nn.Linear): nn.init.normal_(m.weight)",
        "for p in m.parameters(recurse=False): p.data.normal_()",
    )
    return Piece(
        imports=["import random"],
        init=[
            f"self.{layer} = nn.Linear(4, 4)",
            f"self.apply(self.{name})",
            *draw.pick([], [f"self.{layer}_2 = nn.Linear(4, 4)"]),
        ],
        methods=[f"def {name}(self, m):", f"    {inside}", ""],
        body=[f"x = self.{layer}(x)", f"x = {draw.tensor(in_module=True)}"],
    )


@construct
def walks(draw: Draw) -> Piece:
    layer = draw.name("fc")
    walk = draw.pick(
        ["for m in self.modules():", "    torch.rand(1)"],
        ["for m in self.modules():", "    if isinstance(m, nn.Linear): nn.init.normal_(m.weight, 0, 0.1)"],
        ["for i, m in enumerate(self.modules()):", f"    if m is self.{layer}: nn.init.constant_(m.weight, i)"],
        ["for p in self.parameters(): p.data.mul_(2)"],
        ["for name, m in self.named_modules():", "    m.label = name"],
        ["for name, m in self.named_children():", "    print(name)"],
        ["for m in self.children():", "    torch.rand(1)"],
        ["self.depth_of = len(list(self.modules()))", "print(self.depth_of)"],
    )
    return Piece(
        init=[f"self.{layer} = nn.Linear(4, 4)", *walk, *draw.pick([], [f"self.{layer}_2 = nn.Linear(4, 4)"])],
        body=[f"x = F.relu(self.{layer}(x))", f"x = {draw.tensor(in_module=True)}"],
    )


@construct
def runs_itself(draw: Draw) -> Piece:
    name = draw.name("width")
    run = draw.pick(
        "self(torch.ones(1, 4))", "self.forward(torch.ones(2, 4))", "type(self).forward(self, torch.ones(1, 4))"
    )
    piece = draw.step()
    piece.init += (
        ["with torch.no_grad():", f"    self.{name} = {run}.shape[1]"]
        if draw.chance(0.5)
        else [f"self.{name} = {run}.shape[1]"]
    )
    piece.body += [f"x = x * self.{name}"] if draw.chance(0) else []
    return piece


@construct
def runs_a_part(draw: Draw) -> Piece:
    part, name = draw.name("stem"), draw.name("width")
    return Piece(
        init=[f"self.{part} = {draw.module()}", f"self.{name} = self.{part}(torch.ones(2, 4)).shape[1]"],
        body=[f"x = F.relu(self.{part}(x)) / self.{name}"],
    )


@construct
def random_numbers(draw: Draw) -> Piece:
    name = draw.name("noise")
    made = draw.pick("torch.rand(4)", "random.random()", "np.random.rand()", "float(torch.randn(1))")
    layer = draw.name("fc")
    return Piece(
        imports=["import random", "import numpy as np"],
        init=[f"self.{name} = {made}", f"self.{layer} = nn.Linear(4, 4)"],
        body=[f"x = self.{layer}(x) * self.{name}", f"x = {draw.tensor()}"],
    )


@construct
def factory(draw: Draw) -> Piece:
    name, keep = draw.name("make_act"), draw.name("act")
    inside = draw.pick(
        ["return nn.ReLU()"],
        ["return nn.LeakyReLU(k)"],
        ["if k > 1:", "    return nn.Tanh()", "return nn.GELU()"],
        ["return nn.Sequential(nn.Linear(4, 4), nn.ReLU())"],
        ["return {1: nn.ReLU, 2: nn.Tanh}[k]()"],
        ["return getattr(nn, 'ReLU')()"],
    )
    return Piece(
        above=["", "", f"def {name}(k=1):", *(f"    {line}" for line in inside)],
        init=[f"self.{keep} = {name}({draw.pick('', '2')})"],
        body=[f"x = self.{keep}(x) + 1"] * draw.count(),
    )


@construct
def factory_with_memory(draw: Draw) -> Piece:
    name, keep, made = draw.name("make_act"), draw.name("act"), draw.name("MADE")
    return Piece(
        above=[
            "",
            f"{made} = []",
            "",
            "",
            f"def {name}():",
            f"    {made}.append(1)",
            f"    return nn.Hardtanh(0, len({made}) * 0.3)",
        ],
        init=[f"self.{keep} = {name}()"],
        body=[f"x = self.{keep}(x) + 1"] * draw.count(),
    )


@construct
def class_argument(draw: Draw) -> Piece:
    """A block whose activation is chosen by an argument."""
    name, keep = draw.name("Unit", 0).capitalize(), draw.name("unit")
    default = draw.pick("nn.ReLU", "nn.Tanh", "None")
    chosen = "act()" if default != "None" else "(act or nn.ReLU)()"
    above = text(f"""


        class {name}(nn.Module):
            def __init__(self, act={default}, **kw):
                super().__init__()
                self.act = {chosen}
                self.fc = nn.Linear(4, 4)
                for key, value in kw.items():
                    setattr(self, key, value)

            def forward(self, x):
                return self.act(self.fc(self.act(x)))
    """)
    return Piece(
        above=above,
        init=[
            f"self.{keep} = {name}({draw.pick('', 'nn.GELU', 'act=nn.Sigmoid', 'lambda: nn.Hardtanh(0, 1)', 'scale=2')})"
        ],
        body=[f"x = self.{keep}(x)"] * draw.count(),
    )


@construct
def function_argument(draw: Draw) -> Piece:
    name, keep = draw.name("Unit", 0).capitalize(), draw.name("unit")
    above = text(f"""


        class {name}(nn.Module):
            def __init__(self, act={draw.function()}):
                super().__init__()
                self.act = act

            def forward(self, x):
                return self.act(x) {draw.pick("+ 1", "* x", "")}
    """)
    given = draw.pick("", "torch.tanh", "act=F.gelu", "lambda t: t * 2", "nn.Sigmoid()", "nn.Linear(4, 4)")
    extra = draw.pick(
        [],
        draw.hazard(
            "A function in the place of a module", [f"$m.{keep}.act = torch.sigmoid", "seen.append(call(m))"], []
        ),
        draw.hazard(
            "What was a function is a module",
            [f"seen.append(getattr($m.{keep}.act, '__name__', '?'))"],
            ["seen.append(1)"],
        ),
    )
    return Piece(
        above=above, init=[f"self.{keep} = {name}({given})"], body=[f"x = self.{keep}(x)"] * draw.count(), extra=extra
    )


@construct
def built_elsewhere(draw: Draw) -> Piece:
    """Attributes that a method makes, called in __init__."""
    name, keep = draw.name("build"), draw.name("fc")
    return Piece(
        init=[f"self.{name}({draw.count()})"],
        methods=[
            *text(
                f"""\n        def {name}(self, n):\n            self.{keep} = {draw.module()}\n            self.{keep}_count = n\n    """
            ),
            "",
        ],
        body=[f"for _ in range(self.{keep}_count):", f"    x = self.{keep}(x) + x"],
    )


@construct
def early_end(draw: Draw) -> Piece:
    """An __init__ that returns in a branch, or makes its parts there."""
    a, flag = draw.name("fc"), draw.name("deep")
    return Piece(
        init=[
            f"self.{flag} = {draw.pick('True', 'False')}",
            f"if self.{flag}:",
            f"    self.{a} = {draw.module()}",
            "else:",
            f"    self.{a} = None",
        ],
        body=[f"if self.{a} is not None:", f"    x = self.{a}(x) + x", f"x = {draw.tensor()}"],
    )


@construct
def double_precision(draw: Draw) -> Piece:
    layer = draw.name("fc")
    return Piece(
        init=[
            f"self.{layer} = nn.Linear(4, 4)",
            draw.pick(
                "self.double()",
                "self.float()",
                "self.eval()",
                "self.train(False)",
                "self.requires_grad_(False)",
                "self.to(torch.float32)",
            ),
        ],
        body=[f"x = self.{layer}(x.to(self.{layer}.weight.dtype)).float()", f"x = {draw.tensor(in_module=True)}"],
    )


@construct
def bare_object(draw: Draw) -> Piece:
    """Objects of a class that never ran its __init__."""
    name, keep = draw.name("Bare", 0).capitalize(), draw.name("bare")
    above = text(f"""


        class {name}(nn.Module):
            def __init__(self, k):
                super().__init__()
                self.k = k

            @classmethod
            def empty(cls):
                new = cls.__new__(cls)
                nn.Module.__init__(new)
                new.k = 2
                return new

            def forward(self, x):
                return {draw.tensor()} * self.k
    """)
    return Piece(
        above=above, init=[f"self.{keep} = {draw.pick(f'{name}(2)', f'{name}.empty()')}"], body=[f"x = self.{keep}(x)"]
    )


@construct
def own_state(draw: Draw) -> Piece:
    name, keep = draw.name("Saved", 0).capitalize(), draw.name("saved")
    restore = draw.pick(
        ["nn.Module.__init__(self)", "self.s = state['s']"],
        ["self.__init__(state['s'])"],
        ["super().__setstate__(self.__dict__)", "nn.Module.__init__(self)", "self.s = state['s']"],
    )
    lines = [
        f"class {name}(nn.Module):",
        "    def __init__(self, s=2):",
        "        super().__init__()",
        "        self.s = s",
        "",
        "    def __getstate__(self):",
        "        return {'s': self.s}",
        "",
        "    def __setstate__(self, state):",
    ]
    lines += [f"        {line}" for line in restore] + [
        "",
        "    def forward(self, x):",
        f"        return {draw.tensor()} + self.s",
    ]
    return Piece(above=["", "", *lines], init=[f"self.{keep} = {name}()"], body=[f"x = self.{keep}(x)"])
