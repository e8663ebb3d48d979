"""Models that are built from settings: dataclasses, registries, tables, partials, names of layers and of methods."""

from __future__ import annotations

import re

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Lines, Piece, construct, text


def called(draw: Draw, call: str) -> Lines:
    """The call, which reads T, in the ways in which a forward may have it."""
    one, again = (re.sub(r"\bT\b", value, call) for value in ("x", "-x"))
    return draw.pick(
        [f"x = {one}"], [f"x = {one}"] * 2, [f"x = {one} + {again}"], ["for _ in range(2):", f"    x = {one}"]
    )


@construct
def dataclass_settings(draw: Draw) -> Piece:
    cls, name = draw.name("Settings", 0).capitalize(), draw.name("cfg")
    above = text(f"""


        @dataclass{draw.pick("", "(frozen=True)", "(kw_only=True)")}
        class {cls}:
            dim: int = 4
            act: str = '{draw.pick("relu", "tanh", "sigmoid")}'
            depth: int = 2
            scale: float = {draw.number()}
            sizes: list[int] = field(default_factory=lambda: [4, 4])

            @property
            def function(self):
                return getattr(torch, self.act)

            def scaled(self, x):
                return {draw.tensor()} * self.scale
    """)
    made = draw.pick(f"{cls}()", f"{cls}(scale=2.0)", f"replace({cls}(), depth=1)", f"{cls}(**{{'act': 'relu'}})")
    body = draw.pick(
        [f"x = self.{name}.function(x) + self.{name}.scale"],
        [f"for _ in range(self.{name}.depth):", f"    x = self.{name}.scaled(x)"],
        called(draw, f"self.{name}.scaled(T)"),
        [f"for i, size in enumerate(self.{name}.sizes):", f"    x = {draw.tensor()} * size + i"],
        [f"x = x * asdict(self.{name})['scale']", f"x = getattr(F, self.{name}.act)(x)"],
    )
    imports = ["from dataclasses import asdict, dataclass, field, replace"]
    return Piece(imports=imports, above=above, init=[f"self.{name} = {made}"], body=body)


@construct
def registry(draw: Draw) -> Piece:
    """Blocks and functions that a decorator lists, made by name."""
    table, register = draw.name("BLOCKS", 0).upper(), draw.name("register", 0)
    block, function, keep = draw.name("Wide", 0).capitalize(), draw.name("narrow", 0), draw.name("block")
    above = text(f"""

        {table} = {{}}


        def {register}(name=None):
            def inner(thing):
                {table}[name or thing.__name__.lower()] = thing
                return thing
            return inner


        @{register}('wide')
        class {block}(nn.Module):
            def __init__(self, k=1):
                super().__init__()
                self.k = k

            def forward(self, x):
                return {draw.tensor()} * self.k


        @{register}()
        def {function}(x, k=2):
            return {draw.tensor()} * k


        def build_{register}(cfg):
            cfg = dict(cfg)
            return {table}[cfg.pop('type')](**cfg)
    """)
    made, call = draw.pick(
        (f"build_{register}({{'type': 'wide', 'k': 2}})", f"self.{keep}(T)"),
        (
            f"nn.ModuleList(build_{register}({{'type': 'wide'}}) for _ in range(2))",
            f"self.{keep}[0](self.{keep}[1](T))",
        ),
        (f"{table}['{function}']", f"self.{keep}(T)"),
        (f"partial({table}.get('{function}'), k=3)", f"self.{keep}(T)"),
        ("None", f"{table}['{function}'](T)"),
    )
    return Piece(
        imports=["from functools import partial"], above=above, init=[f"self.{keep} = {made}"], body=called(draw, call)
    )


@construct
def layers_by_argument(draw: Draw) -> Piece:
    """`norm_layer=partial(nn.LayerNorm, eps=1e-6)`, `act_layer=nn.GELU`, handed down."""
    cls, keep = draw.name("Stage", 0).capitalize(), draw.name("stage")
    act = draw.pick(
        "nn.GELU", "nn.ReLU", "partial(nn.LeakyReLU, 0.2)", "partial(nn.Softmax, dim=-1)", "lambda: nn.Tanh()"
    )
    norm = draw.pick(
        "None", "partial(nn.LayerNorm, eps=1e-6)", "nn.LayerNorm", "nn.BatchNorm1d", "lambda c: nn.Identity()"
    )
    above = text(f"""


        class {cls}(nn.Module):
            def __init__(self, dim, act_layer={act}, norm_layer=None, drop=0.0):
                super().__init__()
                norm_layer = norm_layer or {draw.pick("nn.LayerNorm", "nn.Identity")}
                self.norm = norm_layer(dim)
                self.act = act_layer()
                self.fc = nn.Linear(dim, dim)
                self.drop = nn.Dropout(drop) if drop > 0. else nn.Identity()

            def forward(self, x):
                shortcut = x
                x = self.drop(self.act(self.fc(self.norm(x))))
                return {draw.pick("shortcut + x", "self.act(x + shortcut)", "self.drop(x) + shortcut", "x.add_(shortcut)")}
    """)
    one = f"{cls}(4, norm_layer={norm}, drop={draw.pick('0.', '0.3')})"
    made, call = draw.pick(
        (one, f"self.{keep}(T)"),
        (f"nn.Sequential(*[{cls}(4, norm_layer={norm}) for _ in range(2)])", f"self.{keep}(T)"),
        (f"nn.Sequential(OrderedDict([('first', {one}), ('act', nn.ReLU())]))", f"self.{keep}(T)"),
        (f"nn.Sequential(OrderedDict(a={one}, b=nn.Tanh()))", f"self.{keep}.b(self.{keep}.a(T))"),
    )
    return Piece(
        imports=["from collections import OrderedDict", "from functools import partial"],
        above=above,
        init=[f"self.{keep} = {made}"],
        body=called(draw, call),
    )


@construct
def table_in_class(draw: Draw) -> Piece:
    """A class-level table of functions, classes or names of methods."""
    table, keep = draw.name("TABLE", 0).upper(), draw.name("chosen")
    lines, made, call = draw.pick(
        ([f"{table} = {{'a': F.relu, 'b': torch.tanh}}"], "", f"self.{table}['b'](T)"),
        ([f"{table} = {{'a': nn.ReLU, 'b': nn.GELU}}"], f"self.{table}['a']()", f"self.{keep}(T)"),
        ([f"{table} = dict(a=lambda x: x * 2, b=lambda x: {draw.tensor()})"], "", f"self.{table}['b'](T)"),
        ([f"{table} = (torch.sigmoid, torch.relu, torch.neg)"], "", f"self.{table}[1](self.{table}[0](T))"),
        ([f"{table} = {{'a': 'soft_{keep}'}}"], "", f"getattr(self, self.{table}['a'])(T)"),
        ([f"{table}: 'dict[str, float]' = {{'k': 2.0}}"], "", f"(T) * self.{table}['k'] + type(self).{table}['k']"),
    )
    methods = [*lines, "", f"def soft_{keep}(self, x):", f"    return {draw.tensor(in_module=True)}", ""]
    return Piece(methods=methods, init=[f"self.{keep} = {made}"] if made else [], body=called(draw, call))


@construct
def method_by_mode(draw: Draw) -> Piece:
    mode, way = draw.name("mode"), draw.name("forward_way", 0)
    methods = text(f"""
        def {way}_plain(self, x):
            return {draw.tensor(in_module=True)}

        def {way}_deep(self, x):
            return {draw.tensor(in_module=True)} + x
    """)
    call = draw.pick(
        f"getattr(self, f'{way}_{{self.{mode}}}')(T)",
        f"{{'plain': self.{way}_plain, 'deep': self.{way}_deep}}[self.{mode}](T)",
        f"(self.{way}_plain if self.{mode} == 'plain' else self.{way}_deep)(T)",
        f"getattr(self, '{way}_' + self.{mode})(T)",
    )
    changed = [f"$m.{mode} = '{draw.pick('plain', 'deep')}'", "seen.append(call(m))"]
    return Piece(
        init=[f"self.{mode} = '{draw.pick('plain', 'deep')}'"],
        methods=[*methods, ""],
        body=called(draw, call),
        extra=draw.pick([], changed),
    )


@construct
def made_by_class_method(draw: Draw) -> Piece:
    cls, keep = draw.name("Head", 0).capitalize(), draw.name("head")
    above = text(f"""


        class {cls}(nn.Module):
            def __init__(self, k=1, act=None):
                super().__init__()
                self.k, self.act = k, act or nn.ReLU()

            @classmethod
            def from_cfg(cls, cfg):
                return cls(**{{k: v for k, v in cfg.items() if k in ('k', 'act')}})

            @classmethod
            def small(cls, *args):
                made = cls(*args)
                made.act = {draw.stateless()}
                return made

            def forward(self, x):
                return self.act({draw.tensor()}) * self.k
    """)
    made = draw.pick(f"{cls}.from_cfg({{'k': 2, 'z': 1}})", f"{cls}.small(3)", f"{cls}.from_cfg(dict(act=nn.Tanh()))")
    return Piece(above=above, init=[f"self.{keep} = {made}"], body=called(draw, f"self.{keep}(T)"))


@construct
def stages_by_method(draw: Draw) -> Piece:
    """`_make_layer`, as residual networks have it."""
    make, keep = draw.name("_make_layer", 0), draw.name("stage")
    methods = text(f"""
        def {make}(self, n, act=True):
            layers = [nn.Linear(4, 4)]
            for i in range(1, n):
                layers.append(nn.Linear(4, 4))
                if act:
                    layers.append({draw.stateless()})
            self.depth = n
            return {draw.pick("nn.Sequential(*layers)", "nn.ModuleList(layers)", "nn.Sequential(*layers, nn.ReLU())")}
    """)
    body = draw.pick(
        [f"for layer in self.{keep}1:", "    x = F.relu(layer(x)) + x"],
        ["for i in (1, 2):", f"    for layer in getattr(self, f'{keep}{{i}}'):", "        x = layer(x) + 1"],
        [f"for layer in (*self.{keep}1, *self.{keep}2):", "    x = layer(x) * 2"],
        [f"for a, b in zip(self.{keep}1, self.{keep}2):", "    x = a(x) + b(x)", "x = x * self.depth"],
        [f"x = self.{keep}1[-1](self.{keep}1[0](x)) + x"],
    )
    return Piece(
        init=[f"self.{keep}1 = self.{make}(2)", f"self.{keep}2 = self.{make}({draw.pick('3', '2, act=False')})"],
        methods=[*methods, ""],
        body=body,
    )


@construct
def dict_of_blocks(draw: Draw) -> Piece:
    name = draw.name("blocks")
    body = draw.pick(
        [f"for key, block in self.{name}.items():", f"    x = block(x) {draw.pick('+ x', '* len(key)', '- 1')}"],
        ["for i in range(2):", f"    x = self.{name}[f'b{{i}}'](x) + x"],
        [f"for key in self.{name}:", f"    x = F.relu(self.{name}[key](x))"],
        [f"for i, block in enumerate(self.{name}.values()):", "    x = block(x) * (i + 1)"],
        [f"for key in sorted(self.{name}, reverse=True):", f"    x = x + self.{name}[key](x)"],
        [f"outs = {{k: b(x) + 1 for k, b in self.{name}.items()}}", "x = sum(outs.values())"],
        [f"x = torch.stack([b(x) for b in self.{name}.values() if b is not None]).mean(0)"],
        [f"if 'b1' in self.{name}: x = self.{name}['b1'](x) + self.{name}['b1'](-x)"],
    )
    made = draw.pick(
        f"nn.ModuleDict({{f'b{{i}}': {draw.module()} for i in range(2)}})",
        f"nn.ModuleDict([['b0', {draw.module()}], ['b1', {draw.module()}]])",
        f"nn.ModuleDict(dict(b0={draw.module()}, b1={draw.module()}))",
    )
    later = [f"$m.{name}['b2'] = nn.Linear(4, 4)", "seen.append(call(m))"]
    return Piece(init=[f"self.{name} = {made}"], body=body, extra=draw.pick([], [], later))
