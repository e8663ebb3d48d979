"""Which code runs, chosen by a type, a pattern, a variable, or an operator that is handed on."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.grammar.configured import called
from tests.bench.fuzz.piece import Lines, Piece, construct, indented, text


@construct
def dispatch_by_type(draw: Draw) -> Piece:
    name = draw.name("handle", 0)
    methods = text(f"""
        @functools.singledispatchmethod
        def {name}(self, x):
            return {draw.tensor()}

        @{name}.register
        def _(self, x: list):
            return sum(self.{name}(v) for v in x)

        @{name}.register(dict)
        def _(self, x):
            return {draw.tensor("x['x']")}
    """)
    above = text(f"""


        @functools.singledispatch
        def {name}_free(x):
            return {draw.tensor()}


        @{name}_free.register(tuple)
        def _(x):
            return torch.cat(x, 1)[:, :4] * 2

    """)
    free = draw.chance(0.5)
    call = (
        draw.pick(f"{name}_free(T)", f"{name}_free((T, x))")
        if free
        else draw.pick(f"self.{name}(T)", f"self.{name}([T, x])", f"self.{name}({{'x': T}})")
    )
    return Piece(
        imports=["import functools"],
        above=above if free else [],
        methods=[] if free else [*methods, ""],
        body=called(draw, call),
    )


@construct
def matched(draw: Draw) -> Piece:
    """`match` over a tuple, a class, a dict, a list, with guards."""
    subject, cases = draw.pick(
        ("(x.dim(), self.training)", ["(2, True)", "(2, _)"]),
        ("{'scale': 2, 'x': x}", ["{'scale': int(s), 'x': y} if s > 5", "{'scale': s, **rest}"]),
        ("[x, x * 2]", ["[a]", "[a, *others]"]),
        ("list(x.shape)", ["[1, c]", "[n, 4]"]),
        ("nn.ReLU()", ["nn.Linear()", "nn.ReLU(inplace=False)"]),
        ("x", ["int() | float()", "torch.Tensor(shape=s) if len(s) == 2"]),
    )
    return Piece(
        body=[
            f"match {subject}:",
            f"    case {cases[0]}:",
            f"        x = {draw.tensor(in_module=True)}",
            f"    case {cases[1]}:",
            f"        x = {draw.tensor(in_module=True)} + 1",
            "    case _:",
            f"        x = {draw.tensor()}",
        ]
    )


@construct
def walrus_in_loops(draw: Draw) -> Piece:
    return Piece(
        body=draw.pick(
            ["if (y := F.relu(x)).sum() > 0:", "    x = y * 2", "else:", "    x = y - x"],
            ["n = 0", "while (n := n + 1) < 3:", f"    x = {draw.tensor()} + n"],
            ["ys = [z + 1 for s in (1, 2) if (z := x * s).sum() != 0]", "x = sum(ys) if ys else x"],
            [f"x = (y := {draw.tensor()}) + y * (z := 2) - z"],
            ["print((n := x.shape[0])); x = x * n + (x := x + 1)"],
            ["if (k := getattr(self, 'absent', None)) is None: x = x * 2", "else: x = x * k"],
        )
    )


@construct
def nested_functions(draw: Draw) -> Piece:
    act = draw.name("act")
    body = draw.pick(
        [
            "total = 0",
            "def add(v):",
            "    nonlocal total",
            "    total = total + v",
            "    return total",
            "add(x); add(x * 2)",
            "x = total",
        ],
        [
            "def step(v, layer):",
            f"    return layer(v) + {draw.tensor('v')}",
            f"for _ in range(2): x = step(x, self.{act})",
        ],
        [
            "def outer(k):",
            "    def inner(v):",
            "        return v * k + x",
            "    return inner",
            "x = outer(2)(outer(3)(x))",
        ],
        ["fns = [lambda v, k=k: v * k for k in (1, 2)]", "for fn in fns: x = fn(x) + x"],
        ["fns = []", "for k in (1, 2):", "    fns.append(lambda v: v * k)", "x = fns[0](x) + fns[1](x)"],
        ["def run(fn, *args): return fn(*args)", f"x = run(torch.add, x, run(self.{act}, x))"],
        [
            "def split(t): return t.view(-1, 2, 2).transpose(1, 2)",
            f"q, k = map(split, (x, {draw.tensor()}))",
            "x = (q @ k).flatten(1) + x",
        ],
        [
            "def pieces(v):",
            "    for part in v.chunk(2, dim=1):",
            "        yield part * 2",
            "x = torch.cat(list(pieces(x)), dim=1)",
        ],
    )
    return Piece(init=[f"self.{act} = {draw.stateless()}"], body=[line for part in body for line in part.split("; ")])


@construct
def property_of_modules(draw: Draw) -> Piece:
    name, a, b = draw.name("parts", 0), draw.name("one"), draw.name("two")
    returned = draw.pick("[self.A, self.B]", "(self.A,)", "nn.Sequential(self.A, self.B)", "{'a': self.A}.values()")
    returned = returned.replace("A", a).replace("B", b)
    return Piece(
        init=[f"self.{a} = {draw.module()}", f"self.{b} = {draw.stateless()}"],
        methods=["@property", f"def {name}(self):", f"    return {returned}", ""],
        body=draw.pick(
            [f"for part in self.{name}:", "    x = part(x) + x"],
            [f"for part in self.{name}: x = part(x)", f"x = self.{b}(x) * 2"],
            [f"x = sum(part(x) for part in self.{name})"],
        ),
    )


@construct
def free_operators(draw: Draw) -> Piece:
    return Piece(
        imports=["import functools", "import itertools", "import operator"],
        body=[
            draw.pick(
                "x = functools.reduce(operator.add, [x, x * 2, -x])",
                "x = functools.reduce(operator.mul, x.chunk(2, 1)).repeat(1, 2)",
                "x = operator.iadd(x * 1, 1) + operator.itemgetter(0)([x])",
                "x = list(itertools.accumulate([x, x * 2], operator.add))[-1]",
                "x = functools.reduce(lambda a, b: a * 0.5 + b, x.unbind(1), x.new_zeros(x.shape[0]))[:, None] + x",
                "x = torch.Tensor.add(x, torch.Tensor.relu(x))",
                "x = operator.methodcaller('clamp', 0, 1)(x) + x",
                "for a, b in itertools.pairwise([x, x + 1, x * 2]): x = a * b + x",
                "x = sum(map(operator.mul, [x, x], (1, 2)))",
                "for s, k in itertools.product((1, 2), repeat=2): x = x * s - k",
                "x = torch.utils._pytree.tree_map(lambda t: t * 2, {'a': [x]})['a'][0]",
                "x = functools.partial(torch.add, x, alpha=2)(x)",
            )
        ],
    )


def _functions(draw: Draw, own: str, act: str) -> tuple[str, str]:
    """Two things to call, of different kinds."""
    options = [
        "torch.relu",
        "torch.tanh",
        "F.silu",
        own,
        f"self.{act}",
        "(lambda t: t * 2)",
        "partial(torch.add, other=1)",
    ]
    one, two = draw.random.sample(options, 2)
    return one, two


@construct
def variable_function(draw: Draw) -> Piece:
    """A variable, or a parameter of an inner function, that is one function here and another one there."""
    own, act = draw.name("helper", 0), draw.name("act")
    one, two = _functions(draw, own, act)
    body: Lines = draw.pick(
        ["def run(fn, v): return fn(v)", f"x = run({one}, x) + run({two}, x)"],
        ["run = lambda fn, v: fn(v)", f"x = run({one}, run({two}, x))"],
        [f"fn = {one}", "for i in range(2):", "    x = fn(x) + i", f"    fn = {two}"],
        [f"fn, n = {one}, 0", "while n < 3:", "    x, n = fn(x), n + 1", f"    fn = {two} if n % 2 else {one}"],
        ["def make(fn): return lambda v: fn(v) + 1", f"x = make({one})(make({two})(x))"],
        [
            f"fn = {one}",
            "def run(v):",
            "    nonlocal fn",
            "    v = fn(v)",
            f"    fn = {two}",
            "    return v",
            "x = run(run(x))",
        ],
        [f"for fn in ({one}, {two}): x = fn(x) + fn(x * 2)"],
        [f"fns = {{'a': {one}, 'b': {two}}}", "for key in fns: x = fns[key](x) + x"],
        [f"fn = {one} if self.training else {two}", "x = fn(x) + x", f"fn = {two}", "x = fn(x)"],
    )
    return Piece(
        imports=["from functools import partial"],
        above=["", "", f"def {own}(x):", f"    return {draw.tensor()}", ""],
        init=[f"self.{act} = {draw.stateless()}"],
        body=body,
    )


@construct
def handed_on(draw: Draw) -> Piece:
    """A method or a free function that runs what it is given, for several things to run."""
    own, act, run = draw.name("helper", 0), draw.name("act"), draw.name("run", 0)
    one, two = _functions(draw, own, act)
    inside = draw.pick(
        ["return fn(x)"], ["for _ in range(2): x = fn(x)", "return x"], ["y = fn(x)", "return fn(y) + x"]
    )
    free = draw.chance(0.5)
    head = [f"def {run}(fn, x):"] if free else [f"def {run}(self, fn, x):"]
    lines = [*head, *indented(inside), ""]
    name = run if free else f"self.{run}"
    return Piece(
        imports=["from functools import partial"],
        above=["", "", f"def {own}(x):", f"    return {draw.tensor()}", "", *(["", *lines] if free else [])],
        init=[f"self.{act} = {draw.stateless()}"],
        methods=[] if free else lines,
        body=[f"x = {name}({one}, x) + x", f"x = {name}({two}, x)"],
    )
