"""Arguments of operations: by name, from attributes that change, from globals, properties, locals, stars."""

from __future__ import annotations

from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Piece, construct

# Each takes the value of A, and another one later: its first and its second value.
WITH_VALUE = (
    ("torch.cat([x, x], A)[:3, :4]", "1", "0"),
    ("F.softmax(x, dim=A)", "1", "0"),
    ("F.leaky_relu(x, A)", "0.2", "0.9"),
    ("x.clamp(-A, A)", "1", "0.2"),
    ("F.dropout(x, A, self.training)", "0.5", "0.1"),
    ("F.dropout(x, p=0.5, training=A)", "True", "False"),
    ("x.mean(A, keepdim=True) + x", "1", "0"),
    ("torch.stack([x, x], dim=A).sum(A)", "0", "1"),
    ("F.hardtanh(x, -A, A)", "1", "2"),
    ("F.relu(x * 1, A)", "False", "True"),
    ("F.elu(x, alpha=A)", "1.0", "0.3"),
    ("F.layer_norm(x, (4,), eps=A)", "1e-5", "0.5"),
    ("F.interpolate(x[None], scale_factor=A)[0, :, :4]", "1.0", "2.0"),
    ("F.pad(x, A)[:, :4]", "(0, 1)", "(1, 0)"),
    ("F.avg_pool1d(x[None], A)[0] + x[:, :1]", "1", "4"),
    ("torch.add(x, x, alpha=A)", "2", "3"),
    ("x * A", "2", "torch.ones(4)"),
    ("x.view(A)", "(-1, 4)", "(3, 4)"),
    ("torch.chunk(x, A, 1)[0].repeat(1, A)", "2", "1"),
    ("x.split(A, 1)[0].repeat(1, 4)[:, :4]", "2", "1"),
    ("F.normalize(x, p=A)", "2.0", "1.0"),
    ("x ** A", "2", "3"),
    ("x.cumsum(A)", "1", "0"),
    ("F.gelu(x, approximate=A)", "'none'", "'tanh'"),
)
BY_NAME = (
    "torch.cat(tensors=[x, x], dim=1)[:, :4]",
    "F.softmax(input=x, dim=1)",
    "torch.add(input=x, other=1)",
    "F.dropout(input=x, p=0.5, training=self.training, inplace=False)",
    "x.mean(dim=-1, keepdim=True) * x",
    "F.linear(weight=torch.eye(4), input=x)",
    "torch.matmul(x, other=torch.eye(4))",
    "torch.clamp(x, max=1, min=-1)",
    "F.relu(inplace=False, input=x)",
    "x.sum(1, True) + x",
    "x.sum((0, 1)) + x",
    "torch.mean(x, (0,), keepdim=True) + x",
    "torch.where(condition=x > 0, input=x, other=-x)",
    "x.softmax(-1, dtype=torch.float32)",
    "F.log_softmax(x, -1, _stacklevel=3)",
    "torch.max(x, dim=1, keepdim=True)[0] + x",
    "x.max(1).values[:, None] + x",
    "torch.sum(input=x, dim=[1], keepdim=True) * x",
    "torch.einsum('ij,kj->ik', [x, torch.eye(4)])",
    "F.batch_norm(x, torch.zeros(4), torch.ones(4), training=False)",
    "torch.cat((x, x), axis=1)[:, :4]",
    "torch.div(x, 2, rounding_mode='floor')",
    "F.prelu(x, torch.tensor([0.1]))",
    "torch.nn.functional.threshold(x, 0.1, 20)",
    "F.max_pool1d(x[None], 2, stride=1, padding=1)[0, :, :4]",
)


@construct
def by_name(draw: Draw) -> Piece:
    return Piece(body=[f"x = {draw.pick(*BY_NAME)}"])


@construct
def from_attribute(draw: Draw) -> Piece:
    """An attribute that a user, the forward itself, or the constructor's end changes."""
    use, first, later = draw.pick(*WITH_VALUE)
    name = draw.name("value")
    piece = Piece(init=[f"self.{name} = {first}"], body=[f"x = {use.replace('A', f'self.{name}')}"])
    how = draw.pick("extra", "made", "forward", "init", "none")
    if how == "extra":
        piece.extra += [f"$m.{name} = {later}", "seen.append(call(m))"]
    elif how == "made":
        piece.made += [f"$m.{name} = {later}"]
    elif how == "forward":
        piece.body += [f"self.{name} = {later}"]
    elif how == "init":
        piece.init += [f"self.{name} = {later}"]
    return piece


@construct
def from_elsewhere(draw: Draw) -> Piece:
    """A global, a class attribute, a property, a local, a parameter's default, an item."""
    use, first, later = draw.pick(*WITH_VALUE)
    name = draw.name("value")
    kind = draw.pick("global", "class", "property", "local", "item", "loop", "global set")
    if kind == "global":
        return Piece(above=["", f"{name} = {first}"], body=[f"x = {use.replace('A', name)}"])
    if kind == "global set":
        return Piece(
            above=["", f"{name} = {first}", "", "", f"def set_{name}(v):", f"    global {name}", f"    {name} = v"],
            body=[f"x = {use.replace('A', name)}"],
            extra=[f"set_{name}({later})", "seen.append(call(m))"],
        )
    if kind == "class":
        return Piece(
            methods=[f"{name} = {first}", ""],
            body=[f"x = {use.replace('A', f'self.{name}')}"],
            extra=[f"type($m).{name} = {later}", "seen.append(call(m))", f"type($m).{name} = {first}"],
        )
    if kind == "property":
        value = f"{first} if self.training else {later}"
        return Piece(
            methods=["@property", f"def {name}(self):", f"    return {value}", ""],
            body=[f"x = {use.replace('A', f'self.{name}')}"],
        )
    if kind == "item":
        return Piece(
            init=[f"self.{name} = [{first}]"],
            body=[f"x = {use.replace('A', f'self.{name}[0]')}"],
            extra=[f"$m.{name}[0] = {later}", "seen.append(call(m))"],
        )
    if kind == "loop":
        return Piece(body=[f"for v in ({first}, {later}):", f"    x = {use.replace('A', 'v')}"])
    return Piece(body=[f"v = {first} if self.training else {later}", f"x = {use.replace('A', 'v')}"])


@construct
def of_helper(draw: Draw) -> Piece:
    """A parameter of a method decides, given differently from call to call."""
    use, first, later = draw.pick(*WITH_VALUE)
    name = draw.name("given")
    calls = draw.pick(
        [f"x = self.{name}(x)", f"x = self.{name}(x, {later})"],
        [f"x = self.{name}(self.{name}(x), v={later})"],
        [f"for v in ({first}, {later}):", f"    x = self.{name}(x, v)"],
    )
    return Piece(methods=[f"def {name}(self, x, v={first}):", f"    return {use.replace('A', 'v')}", ""], body=calls)
