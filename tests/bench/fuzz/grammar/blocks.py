"""Blocks that are copied, checkpointed, run with other weights, or return objects of their own."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.grammar.configured import called
from tests.bench.fuzz.piece import Piece, construct, text


@construct
def copies_of_a_block(draw: Draw) -> Piece:
    cls, keep = draw.name("Layer", 0).capitalize(), draw.name("layers")
    above = text(f"""


        class {cls}(nn.Module):
            def __init__(self, k=2):
                super().__init__()
                self.fc, self.k, self.seen = nn.Linear(4, 4), k, {draw.pick("0", "[]", "None")}

            def inner(self, x):
                return {draw.tensor(in_module=True)}

            def forward(self, x):
                return self.inner(self.fc(x)) * self.k
    """)
    made = draw.pick(
        "nn.ModuleList([copy.deepcopy(layer) for _ in range(2)])",
        "nn.Sequential(layer, copy.deepcopy(layer), copy.copy(layer))",
        "nn.ModuleList([layer, layer, copy.deepcopy(layer)])",
        "nn.ModuleList([type(layer)(k) for k in (1, 2)])",
        "nn.ModuleList([layer] + [pickle.loads(pickle.dumps(layer.fc))])",
    )
    body = draw.pick(
        [f"for layer in self.{keep}:", "    x = layer(x)"],
        [f"for layer in reversed(self.{keep}): x = x + layer(x)"],
        [f"for layer in self.{keep}[:-1]: x = layer(x)", f"x = self.{keep}[-1](x) + x"],
        [f"for _, layer in zip(range(2), itertools.cycle(self.{keep})): x = layer(x)"],
    )
    return Piece(
        imports=["import copy", "import itertools", "import pickle"],
        above=above,
        init=[f"layer = {cls}()", f"self.{keep} = {made}"],
        body=body,
    )


@construct
def checkpointed(draw: Draw) -> Piece:
    """Gradient checkpointing as libraries write it."""
    layers, flag, inner = draw.name("layers"), draw.name("checkpointing"), draw.name("one_layer", 0)
    methods = text(f"""
        def {inner}(self, layer, x, k=1):
            return {draw.pick("layer(x) * k + x", "F.relu(layer(x)) * k", "layer(F.dropout(x, 0.2, self.training)) * k")}
    """)
    body = draw.pick(
        [
            f"for layer in self.{layers}:",
            f"    if self.{flag} and self.training:",
            f"        x = checkpoint(self.{inner}, layer, x, use_reentrant=False)",
            "    else:",
            f"        x = self.{inner}(layer, x)",
        ],
        [
            "def custom(module):",
            "    def custom_forward(*inputs):",
            f"        return self.{inner}(module, *inputs)",
            "    return custom_forward",
            f"for layer in self.{layers}: x = checkpoint(custom(layer), x, use_reentrant=False)",
        ],
        [f"for layer in self.{layers}: x = checkpoint(partial(self.{inner}, layer, k=2), x, use_reentrant=False)"],
        [f"x = checkpoint_sequential(self.{layers}, 2, x, use_reentrant=False) + x"],
        [
            f"run = partial(checkpoint, use_reentrant=False) if self.{flag} else (lambda f, *a: f(*a))",
            f"for layer in self.{layers}: x = run(layer, x) + x",
        ],
    )
    return Piece(
        imports=[
            "from functools import partial",
            "from torch.utils.checkpoint import checkpoint, checkpoint_sequential",
        ],
        init=[
            f"self.{layers} = nn.Sequential(nn.Linear(4, 4), {draw.module()})",
            f"self.{flag} = {draw.pick('True', 'False')}",
        ],
        methods=[*methods, ""],
        body=body,
    )


@construct
def functional_state(draw: Draw) -> Piece:
    part = draw.name("block")
    body = draw.pick(
        [
            f"state = dict(self.{part}.named_parameters())",
            f"x = torch.func.functional_call(self.{part}, state, (x,)) + self.{part}(x)",
        ],
        [
            f"params = {{k: v * 0.5 for k, v in self.{part}.state_dict(keep_vars=True).items()}}",
            f"x = torch.func.functional_call(self.{part}, params, x)",
        ],
        [
            f"fast = [p - 0.1 for p in self.{part}.parameters()]",
            "x = F.linear(x, fast[0], fast[1])",
            f"x = F.relu(x) + self.{part}(x)",
        ],
        [f"with torch.no_grad(): x = x + sum(p.norm() for p in self.{part}.parameters())", f"x = self.{part}(x)"],
    )
    return Piece(init=[f"self.{part} = nn.Sequential(nn.Linear(4, 4), nn.ReLU())"], body=body)


@construct
def own_output(draw: Draw) -> Piece:
    """A part that returns a dataclass, an ordered dict that is one as well, or a named tuple."""
    cls, part, keep = draw.name("Output", 0).capitalize(), draw.name("Part_", 0).capitalize(), draw.name("part")
    kind = draw.pick(
        ["@dataclasses.dataclass", f"class {cls}:", "    last: torch.Tensor", "    hidden: object = None"],
        [f"class {cls}(collections.OrderedDict):", "    def __getattr__(self, name):", "        return self[name]"],
        [f"{cls} = collections.namedtuple('{cls}', 'last hidden', defaults=(None,))"],
        [f"class {cls}(dict):", "    __getattr__ = dict.get"],
    )
    above = [
        "",
        "",
        *kind,
        "",
        "",
        f"class {part}(nn.Module):",
        "    def forward(self, x, full=True):",
        f"        y = {draw.tensor(in_module=True)}",
    ]
    above += [f"        return {cls}(last=y, hidden=[x, y]) if full else y", ""]
    body = draw.pick(
        [f"out = self.{keep}(x)", "x = out.last + out.hidden[0]"],
        [f"out = self.{keep}(self.{keep}(x).last)", f"x = {draw.tensor('out.last')}"],
        [f"x = self.{keep}(x, full=False) + self.{keep}(x).last"],
        [f"out = self.{keep}(x)", "for h in out.hidden: x = x + h"],
    )
    return Piece(
        imports=["import collections", "import dataclasses"], above=above, init=[f"self.{keep} = {part}()"], body=body
    )


@construct
def sequential_with_more(draw: Draw) -> Piece:
    """A container whose forward hands some members more than the rest."""
    cls, block, keep = draw.name("Steps", 0).capitalize(), draw.name("Timed", 0).capitalize(), draw.name("steps")
    base, items = draw.pick(
        ("nn.Sequential", "self"), ("nn.ModuleList", "self"), ("nn.Sequential", "self._modules.values()")
    )
    above = text(f"""


        class {block}(nn.Module):
            def forward(self, x, t=1):
                return {draw.tensor()} * t


        class {cls}({base}):
            def forward(self, x, t):
                for layer in {items}:
                    x = layer(x, t) if isinstance(layer, {block}) else layer(x)
                return x {draw.pick("", "+ 1", "* t")}
    """)
    inside = f"{block}(), nn.Linear(4, 4), {draw.stateless()}"
    made = f"{cls}([{inside}])" if base == "nn.ModuleList" else f"{cls}({inside})"
    return Piece(above=above, init=[f"self.{keep} = {made}"], body=called(draw, f"self.{keep}(T, 2)"))
