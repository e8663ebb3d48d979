"""Modules and programs that remember: lists, dicts, iterators, globals, names made at run time."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct, indented, text


@construct
def remembers(draw: Draw) -> Piece:
    name = draw.name("seen")
    body = draw.pick(
        [f"self.{name}.append(x.detach())", f"x = x * len(self.{name})"],
        [f"s = self.{name}", "s.append(1)", f"x = x + len(self.{name})"],
        [f"x = x + len(self.{name})", f"self.{name} += [1]"],
        [f"self.{name} = [*self.{name}, 1]", f"x = x * len(self.{name}) + x"],
        [f"if self.{name}: x = x + self.{name}[-1]", f"self.{name}[:] = [x.detach().mean()]"],
    )
    return Piece(init=[f"self.{name} = []"], body=body, extra=[f"seen.append($m.{name})"])


@construct
def remembers_in_dict(draw: Draw) -> Piece:
    name = draw.name("cache")
    body = draw.pick(
        [f"self.{name}['n'] = self.{name}.get('n', 0) + 1", f"x = x * self.{name}['n']"],
        [f"w = self.{name}.setdefault('w', torch.rand(1))", "x = x * w"],
        [
            "key = tuple(x.shape)",
            f"if key not in self.{name}: self.{name}[key] = torch.arange(4.) * 2",
            f"x = x + self.{name}[key]",
        ],
        [f"self.{name}.update(last=x.detach() + 1)", f"x = x + self.{name}['last']"],
    )
    return Piece(init=[f"self.{name} = {{}}"], body=body, extra=[f"seen.append($m.{name})"])


@construct
def block_with_memory(draw: Draw) -> Piece:
    """A part that remembers, called several times."""
    name, keep = draw.name("Memo", 0).capitalize(), draw.name("memo")
    init, body = draw.pick(
        ("self.n = 0", ["self.n += 1", "return x * self.n"]),
        ("self.seen = []", ["seen = self.seen", "seen.append(x.mean())", "return x * len(seen)"]),
        ("self.it = iter(range(1, 1000))", ["return x * next(self.it)"]),
        ("self.seen = {}", ["return x * self.seen.setdefault('w', torch.rand(1))"]),
        ("pass", ["d = self.__dict__", "d['n'] = d.get('n', 0) + 1", "return x * d['n']"]),
        ("self.last = None", ["if self.last is None: self.last = x.detach()", "return F.relu(x) + self.last"]),
        ("self.register_buffer('n', torch.zeros(1))", ["self.n += 1", "return x * self.n"]),
        ("self.n = [0]", ["self.n[0] += 1", "return x + self.n[0]"]),
        ("self.inner = nn.Identity()", ["self.inner.n = getattr(self.inner, 'n', 0) + 1", "return x * self.inner.n"]),
        ("self.gen = (i for i in range(1000))", ["for i in self.gen:", "    return x * i"]),
    )
    lines = [
        f"class {name}(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        f"        {init}",
        "",
        "    def forward(self, x):",
        *indented(body, 2),
    ]
    extra = draw.pick(
        [], [f"$m.{keep} = nn.Tanh()", "seen.append(call(m))"], [f"seen.append(dict(vars($m.{keep})).get('n'))"]
    )
    return Piece(
        above=["", "", *lines],
        init=[f"self.{keep} = {name}()"],
        body=draw.pick(
            [f"x = self.{keep}(self.{keep}(x))"],
            ["for _ in range(3):", f"    x = self.{keep}(x)"],
            [f"x = self.{keep}(x)"],
            [f"x = self.{keep}(x) + x", f"x = self.{keep}(x)"],
        ),
        extra=extra,
    )


@construct
def cached(draw: Draw) -> Piece:
    name = draw.name("mask")
    return Piece(
        imports=["from functools import cached_property"],
        methods=[
            "@cached_property",
            f"def {name}(self):",
            f"    return {draw.pick('torch.rand(4)', 'torch.arange(4.0) * 2', 'torch.ones(4).softmax(0)')}",
            "",
        ],
        body=[f"x = x * self.{name}"] * draw.count(),
        extra=draw.pick([], [f"del $m.{name}", "seen.append(call(m))"], [f"seen.append('{name}' in vars($m))"]),
    )


@construct
def lazily_made(draw: Draw) -> Piece:
    name = draw.name("late")
    test = draw.pick(
        f"not hasattr(self, '{name}')", f"getattr(self, '{name}', None) is None", f"'{name}' not in self._modules"
    )
    return Piece(
        body=[f"if {test}:", f"    self.{name} = {draw.module()}", f"x = self.{name}(x){draw.pick('', ' + x')}"]
    )


@construct
def computed_names(draw: Draw) -> Piece:
    name = draw.name("scale")
    init = draw.pick(
        [f"setattr(self, '{name}', 2.0)"],
        [f"self.__dict__['{name}'] = 2.0"],
        [f"vars(self).update({name}=2.0)"],
        [f"for k, v in {{'{name}': 2.0}}.items(): setattr(self, k, v)"],
        [f"object.__setattr__(self, '{name}', 2.0)"],
    )
    use = draw.pick(
        f"getattr(self, '{name}')",
        f"self.__dict__['{name}']",
        f"vars(self)['{name}']",
        f"self.{name}",
        f"getattr(self, '{name[0]}' + '{name[1:]}')",
    )
    return Piece(init=init, body=[f"x = {draw.tensor()} * {use}"])


@construct
def outside_attributes(draw: Draw) -> Piece:
    """Attributes that only the maker of the model sets."""
    name = draw.name("scale")
    value, use = draw.pick(
        ("2.0", f"x * self.{name}"),
        ("torch.tanh", f"self.{name}(x)"),
        ("nn.ReLU()", f"self.{name}(x) + 1"),
        ("torch.ones(4)", f"x + self.{name}"),
    )
    return Piece(body=[f"x = {use}"], made=[f"$m.{name} = {value}"])


@construct
def global_state(draw: Draw) -> Piece:
    name = draw.name("STATE")
    body = draw.pick(
        [f"{name}['n'] += 1", f"x = x * {name}['n']"],
        [f"{name}['last'] = x.detach() * 2", f"x = x + {name}['last']"],
        [f"if {name}['on']: x = {draw.tensor()}"],
    )
    return Piece(
        above=["", f"{name} = {{'n': 0, 'on': True}}"],
        body=body,
        extra=draw.pick([], [f"{name}['on'] = False", "seen.append(call(m))"]),
    )


@construct
def global_counter(draw: Draw) -> Piece:
    name, function = draw.name("COUNT"), draw.name("counted")
    return Piece(
        above=text(f"""

        {name} = 0


        def {function}(x):
            global {name}
            {name} += 1
            return {draw.tensor()} * {name}
    """),
        body=[f"x = {function}(x)"] * draw.count(),
    )


@construct
def flag_on_self(draw: Draw) -> Piece:
    """A method that leaves its result on the model for another one."""
    a, b, keep = draw.name("prepare"), draw.name("finish"), draw.name("stash")
    return Piece(
        methods=[
            *text(
                f"""\n        def {a}(self, x):\n            self.{keep} = {draw.tensor()}\n\n        def {b}(self, x):\n            return x + self.{keep}\n    """
            ),
            "",
        ],
        body=[f"self.{a}(x)", f"x = self.{b}(x)", *draw.pick([], [f"self.{keep} = None"])],
    )


@construct
def changes_itself(draw: Draw) -> Piece:
    """A forward that replaces its own parts."""
    name = draw.name("act")
    change = draw.pick(
        f"self.{name} = nn.Tanh()",
        f"self.{name}.inplace = False",
        f"self.{name}, self.{name}_old = nn.Sigmoid(), self.{name}",
        "self.__dict__['forwarded'] = True",
        f"self._modules['{name}'] = nn.GELU()",
    )
    return Piece(init=[f"self.{name} = nn.ReLU()"], body=[f"x = self.{name}(x)", change, f"x = self.{name}(x - 0.5)"])


@construct
def writes_to_part(draw: Draw) -> Piece:
    name = draw.name("drop")
    change = draw.pick(
        f"self.{name}.p = 0.2",
        f"self.{name}.train()",
        f"self.{name}.eval()",
        f"self.{name}.training = True",
        f"self.{name}.extra = x.shape",
    )
    return Piece(
        init=[f"self.{name} = nn.Dropout(0.5)"], body=[change, f"x = self.{name}(x)", f"x = self.{name}(x * 2)"]
    )


@construct
def prints(draw: Draw) -> Piece:
    return Piece(
        body=[
            draw.pick(
                "print(x.shape, (x + 1).dim())",
                "print(f'{x.mean() * 0:.1f}')",
                "print(self.training, type(self).__name__)",
                "print(sorted(k for k in self.__dict__ if k.startswith('zz')))",
                "print(len(x) + 1)",
            )
        ]
    )
