"""Who runs what: wrappers, decorators, generators, managers, dispatch by type, nested functions."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.grammar.configured import called
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def wrapper(draw: Draw) -> Piece:
    """Residual(PreNorm(f)): modules around a module or a function."""
    cls, keep = draw.name("Around", 0).capitalize(), draw.name("around")
    inside = draw.pick(
        "self.fn(x, *args, **kwargs) + x",
        "self.fn(self.norm(x), **kwargs)",
        "x + self.scale * self.fn(self.norm(x), *args)",
        "self.norm(self.fn(x) + self.fn(-x))",
    )
    above = text(f"""


        class {cls}(nn.Module):
            def __init__(self, fn, scale=2.0):
                super().__init__()
                self.fn = fn
                self.scale = scale
                self.norm = nn.LayerNorm(4)

            def forward(self, x, *args, **kwargs):
                return {inside}
    """)
    act = draw.stateless()
    made = draw.pick(
        f"{cls}(nn.Linear(4, 4))",
        f"{cls}({cls}({act}))",
        f"{cls}({draw.function()})",
        f"{cls}(lambda x, *args, **kwargs: {draw.tensor()})",
        f"nn.Sequential({cls}(nn.Sequential(nn.Linear(4, 4), {act})), {cls}({act}, scale=0.5))",
    )
    return Piece(above=above, init=[f"self.{keep} = {made}"], body=called(draw, f"self.{keep}(T)"))


@construct
def attributes_of_the_wrapped(draw: Draw) -> Piece:
    cls, inner, keep = draw.name("Proxy", 0).capitalize(), draw.name("Core", 0).capitalize(), draw.name("proxy")
    above = text(f"""


        class {inner}(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(4, 4)
                self.factor = 2.0

            def helper(self, x):
                return {draw.tensor()} * self.factor

            def forward(self, x):
                return self.helper(self.fc(x))


        class {cls}(nn.Module):
            def __init__(self, core):
                super().__init__()
                self.core = core

            def __getattr__(self, name):
                try:
                    return super().__getattr__(name)
                except AttributeError:
                    return getattr({draw.pick("self.core", "super().__getattr__('core')", "self._modules['core']")}, name)

            def forward(self, x):
                return {draw.pick("self.core(x) + self.factor", "self.helper(x) + x", "self.helper(self.fc(x))")}
    """)
    call = draw.pick(f"self.{keep}(T)", f"self.{keep}.helper(T)", f"self.{keep}.fc(T) * self.{keep}.factor")
    return Piece(above=above, init=[f"self.{keep} = {cls}({inner}())"], body=called(draw, call))


@construct
def template(draw: Draw) -> Piece:
    """A base that calls what its subclasses define."""
    base, one, two = (draw.name(n, 0).capitalize() for n in ("Template", "First", "Second"))
    keep = draw.name("filled")
    above = text(f"""


        class {base}(nn.Module{draw.pick("", ", abc.ABC")}):
            def __init__(self):
                super().__init__()
                self.build()

            def build(self):
                self.act = nn.ReLU()

            @abc.abstractmethod
            def compute(self, x):
                {draw.pick("raise NotImplementedError", "...", "return x")}

            def forward(self, x):
                x = self.before(x)
                return self.compute(x) {draw.pick("+ x", "* 2", "")}

            def before(self, x):
                return {draw.tensor(in_module=True)}


        class {one}({base}):
            def compute(self, x):
                return self.act({draw.tensor()})


        class {two}({one}):
            def build(self):
                super().build()
                self.extra = {draw.module()}

            def compute(self, x):
                return super().compute(x) + self.extra(x)
    """)
    made, call = draw.pick(
        (f"{one}()", f"self.{keep}(T)"),
        (f"{two}()", f"self.{keep}(T)"),
        (f"nn.ModuleList([{one}(), {two}()])", f"self.{keep}[1](self.{keep}[0](T))"),
    )
    return Piece(imports=["import abc"], above=above, init=[f"self.{keep} = {made}"], body=called(draw, call))


@construct
def exists_and_default(draw: Draw) -> Piece:
    name = draw.name("attend", 0)
    above = text("""

        def exists(val):
            return val is not None


        def default(val, d):
            return val if exists(val) else (d() if callable(d) else d)

    """)
    methods = text(f"""
        def {name}(self, x, context=None, scale=None):
            context = default(context, {draw.pick("x", "lambda: x * 2")})
            x = x @ context.t() * default(scale, 4 ** -0.5)
            x = x.softmax(dim=-1) @ context
            if exists(scale):
                x = {draw.tensor()}
            return x
    """)
    call = draw.pick(
        f"self.{name}(T)", f"self.{name}(T, x + 1)", f"self.{name}(T, scale=2)", f"self.{name}(T, context=x)"
    )
    return Piece(above=above, methods=[*methods, ""], body=called(draw, call))


@construct
def marked_methods(draw: Draw) -> Piece:
    """Decorators of torch's and of the standard library on helper methods."""
    name = draw.name("helper")
    mark, imports = draw.pick(
        ("@torch.jit.ignore", []),
        ("@torch.jit.unused", []),
        ("@torch.no_grad()", []),
        ("@torch.enable_grad()", []),
        ("@torch.inference_mode(False)", []),
        ("@torch.compiler.disable", []),
        ("@torch.jit.export", []),
        ("@typing.no_type_check", ["import typing"]),
        ("@torch.autocast('cpu', enabled=False)", []),
        ("@functools.wraps(torch.relu)", ["import functools"]),
    )
    methods = [mark, f"def {name}(self, x):", f"    return {draw.tensor(in_module=True)}", ""]
    return Piece(imports=imports, methods=methods, body=called(draw, f"self.{name}(T)"))


@construct
def yields_features(draw: Draw) -> Piece:
    layers, name = draw.name("layers"), draw.name("features", 0)
    methods = text(f"""
        def {name}(self, x):
            for {draw.pick("layer", "i, layer")} in LOOP:
                x = layer(x) {draw.pick("+ x", "* 2", "")}
                {draw.pick("yield x", "yield F.relu(x)", "yield x, x * 2")}
    """)
    loop = f"enumerate(self.{layers})" if "i, layer" in methods[1] else f"self.{layers}"
    pairs = any("yield x," in line for line in methods)
    take = "[0]" if pairs else ""
    body = draw.pick(
        [f"*_, last = self.{name}(x)", f"x = last{take}"],
        [f"for f in self.{name}(x):", f"    x = x + f{take}"],
        [f"x = sum(f{take} for f in self.{name}(x))"],
        [f"feats = list(self.{name}(x))", f"x = feats[-1]{take} + feats[0]{take}"],
        [f"steps = self.{name}(x)", f"x = x * 2 + next(steps){take}", f"x = next(steps){take} - x"],
    )
    return Piece(
        init=[f"self.{layers} = nn.ModuleList([nn.Linear(4, 4), {draw.module()}])"],
        methods=[line.replace("LOOP", loop) for line in methods] + [""],
        body=body,
    )


@construct
def managed(draw: Draw) -> Piece:
    """A context manager of the model's own, as a method, with a yield among operations."""
    name, level = draw.name("scaled", 0), draw.name("level")
    methods = text(f"""
        @contextlib.contextmanager
        def {name}(self, by):
            before = self.{level}
            self.{level} = by
            try:
                yield {draw.pick("", "self", "by * 2")}
            finally:
                self.{level} = before
    """)
    body = draw.pick(
        [f"with self.{name}(2) as k:", f"    x = {draw.tensor()} * self.{level}"],
        [f"with self.{name}(3), torch.no_grad():", f"    y = {draw.tensor()}", f"x = x + y * self.{level}"],
        [
            "with contextlib.ExitStack() as stack:",
            f"    stack.enter_context(self.{name}(2))",
            f"    x = x * self.{level}",
        ],
        [
            f"with self.{name}(2) if self.training else contextlib.nullcontext():",
            f"    x = {draw.tensor()} + self.{level}",
        ],
    )
    return Piece(imports=["import contextlib"], init=[f"self.{level} = 1.0"], methods=[*methods, ""], body=body)
