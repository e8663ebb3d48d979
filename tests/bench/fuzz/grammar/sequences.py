"""Modules that behave as sequences, and the ways of going through a list of layers."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, text

_LAYERS = "nn.ModuleList([nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)])"


@construct
def indexed_module(draw: Draw) -> Piece:
    """`__getitem__`, `__len__`, `__iter__`, `__contains__`, `__call__` of a module's own."""
    cls, name = draw.name("Stack", 0).capitalize(), draw.name("stack")
    above = text(f"""
    class {cls}(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = {_LAYERS}

        def __len__(self): return len(self.layers)
        def __getitem__(self, i): return self.layers[i]
        def __iter__(self): return {draw.pick("iter(self.layers)", "(l for l in self.layers)", "reversed(self.layers)")}

        def forward(self, x):
            for layer in {draw.pick("self", "self.layers", "self[1:]", "list(self)")}:
                x = layer(x) {draw.pick("+ x", "", "* 2")}
            return x
    """)
    use = draw.pick(
        [f"for layer in self.{name}:", "    x = layer(x) + 1"],
        [f"for i in range(len(self.{name})):", f"    x = x + self.{name}[i](x)"],
        [f"x = self.{name}[0](self.{name}(x))"],
        [f"x = self.{name}(x) + self.{name}(x * 2)"],
        [f"for layer in self.{name}[:2]:", "    x = layer(x) * x"],
        [f"a, *rest = self.{name}", "x = a(x) + len(rest)"],
        [f"x = sum(layer(x) for layer in self.{name})"],
    )
    return Piece(above=["", *above, ""], init=[f"self.{name} = {cls}()"], body=use)


@construct
def walked_over(draw: Draw) -> Piece:
    name, other = draw.name("layers"), draw.name("norms")
    step = draw.pick("layer(x) + x", "F.relu(layer(x))", "layer(x) * 2 - x", "torch.cat([layer(x), x], 1)[:, 1:5]")
    loop = draw.pick(
        [f"for layer in self.{name}[1:]:", f"    x = {step}"],
        [f"for layer in self.{name}[:-1]:", f"    x = {step}", f"x = self.{name}[-1](x)"],
        [f"for layer in self.{name}[::-1]:", f"    x = {step}"],
        [f"for layer in list(self.{name}):", f"    x = {step}"],
        [f"for i, layer in enumerate(self.{name}, 1):", f"    x = {step}", "    if i == 2: break"],
        [f"for i, layer in enumerate(self.{name}):", "    if i % 2: continue", f"    x = {step}"],
        [f"it = iter(self.{name})", "layer = next(it)", f"x = {step}", "for layer in it:", f"    x = {step}"],
        [f"for layer, norm in zip(self.{name}, self.{other}):", f"    x = norm({step})"],
        [f"for i in range(len(self.{name})):", f"    layer = self.{name}[i]", f"    x = self.{other}[i % 2]({step})"],
        [f"for n, layer in self.{name}.named_children():", f"    x = {step} * (1 + int(n))"],
        [f"for layer in [self.{name}[0], self.{other}[0], self.{name}[1]]:", f"    x = {step}"],
        [f"for layer in (*self.{name}, *self.{other}):", f"    x = {step}"],
        [f"for layer in self.{name} + self.{other}:", f"    x = {step}"],
        [f"layers = [l for l in self.{name} if isinstance(l, nn.Linear)]", "for layer in layers:", f"    x = {step}"],
        ["i = 0", f"while i < len(self.{name}):", f"    layer = self.{name}[i]; i += 1", f"    x = {step}"],
        [f"xs = [layer(x) * 2 for layer in self.{name}]", "x = sum(xs)"],
        [f"for group in (self.{name}, self.{other}):", "    for layer in group:", f"        x = {step}"],
    )
    return Piece(
        init=[f"self.{name} = {_LAYERS}", f"self.{other} = nn.ModuleList([nn.LayerNorm(4), nn.Identity()])"],
        body=loop,
        extra=draw.pick(
            [],
            [],
            [f"$m.{name}.append(nn.Tanh())", "seen.append(call(m))"],
            [f"$m.{name}.insert(0, nn.Linear(4, 4))", "seen.append(call(m))"],
            [f"$m.{name} = $m.{name}[:2]", "seen.append(call(m))"],
        ),
    )


@construct
def steps_called_so(draw: Draw) -> Piece:
    """Attributes and methods with names that containers of modules have."""
    name = draw.pick(
        "steps", "named_steps", "step_modules", "each", "again", "append", "items", "values", "keys", "pop"
    )
    if draw.chance(0.5):
        made = draw.pick(
            "nn.Sequential(nn.Linear(4, 4), nn.ReLU())", "nn.Linear(4, 4)", "nn.Tanh()", "nn.ModuleList([nn.ReLU()])"
        )
        run = f"self.{name}[0](x)" if "ModuleList" in made else f"self.{name}(x)"
        return Piece(init=[f"self.{name} = {made}"], body=[f"x = {run} + {run} * 2", f"x = {draw.tensor()}"])
    return Piece(
        methods=[f"def {name}(self, x):", f"    return {draw.tensor(in_module=True)}", ""],
        body=[draw.pick(f"x = self.{name}(x) + 1", f"x = self.{name}(x) * self.{name}(-x)")],
    )


@construct
def optional_kernel(draw: Draw) -> Piece:
    """A faster function from a library that may not be there."""
    name = draw.name("fast_op", 0)
    above = draw.pick(
        ["try:", f"    from no_such_library import {name}", "except ImportError:", f"    {name} = None"],
        [
            "try:",
            "    import no_such_library",
            f"    {name} = no_such_library.run",
            "except ImportError:",
            f"    {name} = F.relu",
        ],
        [
            "try:",
            f"    from torch.nn.functional import {name}",
            "except ImportError:",
            f"    def {name}(x):",
            f"        return {draw.tensor()}",
        ],
        [f"{name} = getattr(F, 'no_such_function', None) or F.gelu"],
    )
    use = draw.pick(
        [f"x = {name}(x) if {name} is not None else {draw.tensor()}"],
        [f"if {name} is None:", f"    x = {draw.tensor()}", "else:", f"    x = {name}(x) + 1"],
        [f"f = {name} or torch.tanh", "x = f(x) + f(x)"],
        [
            "if hasattr(F, 'scaled_dot_product_attention'):",
            "    x = F.scaled_dot_product_attention(x[None], x[None], x[None])[0]",
            "else:",
            f"    x = {draw.tensor()}",
        ],
    )
    return Piece(above=["", *above, ""], body=use)


@construct
def threads(draw: Draw) -> Piece:
    """Branches that run side by side."""
    a, b = draw.name("left"), draw.name("right")
    return Piece(
        imports=["from concurrent.futures import ThreadPoolExecutor"],
        init=[f"self.{a} = nn.Linear(4, 4)", f"self.{b} = nn.Sequential(nn.Linear(4, 4), nn.Tanh())"],
        body=[
            "with ThreadPoolExecutor(2) as workers:",
            *draw.pick(
                [f"    ys = list(workers.map(lambda f: f(x) * 2, [self.{a}, self.{b}]))"],
                [f"    ys = [t.result() for t in [workers.submit(self.{a}, x), workers.submit(self.{b}, x)]]"],
                [f"    ys = [workers.submit(lambda: F.relu(self.{a}(x))).result(), x]"],
            ),
            "x = ys[0] + ys[1]",
        ],
    )
