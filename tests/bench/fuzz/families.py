"""Layouts of several classes that are written for each other: families, encoders and decoders, trainers."""

from __future__ import annotations

from tests.bench.fuzz.draft import Draft
from tests.bench.fuzz.draw import Draw
from tests.bench.fuzz.piece import Lines, indented
from tests.bench.fuzz.program import HEADER


def three_levels(draw: Draw) -> Draft:
    """Each class adds to or replaces a helper of the one above; the forward stands in one of them."""
    draft, helper = Draft(), draw.name("mix", 0.3)
    top = draw.steps(draw.count())
    top.methods += [f"def {helper}(self, x):", f"    return {draw.tensor(in_module=True)}", ""]
    top.body += draw.pick(
        [f"x = self.{helper}(x)"],
        [f"x = self.{helper}(x) + self.{helper}(-x)"],
        ["for _ in range(2):", f"    x = self.{helper}(x)"],
        [f"x = sum(self.{helper}(y) for y in (x, -x))"],
    )
    draft.add("Top", top)
    middle = draw.step()
    middle.methods += [f"def {helper}(self, x):", f"    return {_above(draw, helper, 'Top')}", ""]
    middle.body = draw.pick([], ["x = super().forward(x)", *middle.body])
    draft.add("Middle", middle, base="Top")
    if draw.chance(0.4):
        side = draw.step()
        side.methods += [f"def {helper}(self, x):", f"    return {_above(draw, helper, 'Top')}", ""]
        side.body = []
        draft.add("Side", side, base="Top")
        own = draw.step()
        own.body = draw.pick([], ["x = super().forward(x)", *own.body])
        own.bases = [*own.bases, "Side"]
        draft.add("Net", own, base="Middle")
        return draft
    own = draw.step()
    own.methods += draw.pick([], [f"def {helper}(self, x):", f"    return {_above(draw, helper, 'Middle')}", ""])
    own.body = draw.pick(["x = super().forward(x)", *own.body], [f"x = self.{helper}(x)", *own.body])
    draft.add("Net", own, base="Middle")
    draft.extra += draw.pick([], [f"seen.append($m.{helper}(torch.ones(2, 4)))".replace("$m", "m")])
    return draft


def _above(draw: Draw, helper: str, base: str) -> str:
    return draw.pick(
        f"super().{helper}(x) + x",
        f"super().{helper}(super().{helper}(x))",
        f"{base}.{helper}(self, x) * 2",
        draw.tensor(in_module=True),
        f"F.relu(super().{helper}({draw.tensor()}))",
    )


def entry_points(draw: Draw) -> Draft:
    """Methods that a user calls beside the forward, some of which it calls as well."""
    draft = Draft()
    piece = draw.steps(draw.count())
    names = [draw.name(base, 0.1) for base in ("encode", "decode", "predict")]
    encode, decode, predict = names
    piece.methods += [f"def {encode}(self, x):", f"    return {draw.tensor(in_module=True)}", ""]
    piece.methods += [f"def {decode}(self, z, scale=1):", f"    return {draw.tensor('z', in_module=True)} * scale", ""]
    piece.methods += draw.pick([], ["@torch.no_grad()"], ["@torch.inference_mode()"])
    piece.methods += [f"def {predict}(self, x):"]
    piece.methods += indented(
        draw.pick(
            [f"return self.{decode}(self.{encode}(x)).argmax(1)"],
            ["was = self.training", "self.eval()", "y = self(x)", "self.train(was)", "return y"],
            [f"return torch.stack([self.{decode}(self.{encode}(y[None])) for y in x])"],
            [f"z = self.{encode}(x)", f"return [self.{decode}(z, s) for s in (1, 2)]"],
        )
    )
    piece.methods += [""]
    piece.body += draw.pick(
        [f"x = self.{decode}(self.{encode}(x))"],
        [f"z = self.{encode}(x)", f"x = self.{decode}(z) + self.{decode}(z, scale=2)"],
        [f"x = self.{encode}(x)", "if self.training:", f"    x = self.{decode}(x)"],
        [],
    )
    draft.add("Net", piece)
    used = draw.pick(*names)
    draft.extra += [
        f"seen.append(m.{used}(inputs()[0][0]))",
        f"seen.append(m.{draw.pick(*names)}(torch.ones(2, 4)))",
        "seen.append(call(m))",
    ]
    return draft


def coder_and_decoder(draw: Draw) -> Draft:
    """Two parts that a third class is given, made by a function with settings, in one file or in three."""
    draft = Draft(model=draw.pick("build()", "build(2)", "build(n=1, kind='twice')"))
    loop = draw.pick(
        ["z = self.coder(x)", "x = self.decoder(z) + x"],
        ["z, skip = self.coder(x), x", "x = self.decoder(z + skip)"],
        ["x = self.decoder(self.coder(x)) + self.decoder(x)"],
        ["for _ in range(self.n):", "    x = self.decoder(self.coder(x))"],
        ["zs = [self.coder(y) for y in (x, -x)]", "x = self.decoder(sum(zs))"],
    )
    first, second = draw.steps(draw.count()), draw.steps(draw.count())
    lines = ["class Pair(nn.Module):", "    def __init__(self, coder, decoder, n=2):", "        super().__init__()"]
    lines += ["        self.coder, self.decoder, self.n = coder, decoder, n", "", "    def forward(self, x):"]
    lines += [*indented(loop, 2), "        return x", "", "", "def build(n=2, kind='once'):"]
    lines += [
        "    if kind == 'twice':",
        "        return Pair(Decoder(), Decoder(), n)",
        "    return Pair(Coder(), Decoder(), n)",
    ]
    if draw.chance(0.5):
        draft.add("Coder", first, path="m.coder" if "kind" not in draft.model else "m.decoder")
        draft.add("Decoder", second, path="m.decoder")
        draft.classes += ["", "", *lines]
        draft.extra = []
        return draft
    for file, name, piece in (("coder", "Coder", first), ("decoder", "Decoder", second)):
        other = Draft()
        other.add(name, piece)
        draft.files[f"{file}.py"] = _file(other)
        draft.files |= other.files
        draft.imports.append(draw.pick(f"from {file} import *", f"from {file} import {name}"))
    draft.classes += ["", "", *lines]
    return draft


def _file(draft: Draft) -> Lines:
    return [*dict.fromkeys(draft.imports), *HEADER, "", "", *draft.above, *draft.classes, "", "", *draft.below]


def trainer(draw: Draw) -> Draft:
    """A plain class that runs a model and computes a loss, and the model."""
    draft = Draft()
    draft.add("Net", draw.steps(draw.count()))
    loss = draw.pick(
        "F.mse_loss(out, x) + 0.1 * out.abs().mean()",
        "(out - x).pow(2).mean()",
        "self.loss(out, x) * 2",
        "F.cross_entropy(out, x.argmax(1)) + sum(p.pow(2).sum() for p in self.model.parameters())",
        "torch.stack([self.loss(out, x), out.mean()]).sum()",
    )
    base, begins = draw.pick(("", ""), ("(nn.Module)", "super().__init__()"))
    lines = [f"class Trainer{base}:", "    def __init__(self, model):"]
    lines += [f"        {begins}"] if begins else []
    lines += ["        self.model = model", "        self.loss = nn.MSELoss()", "        self.seen = []", ""]
    lines += [
        "    def step(self, x):",
        "        out = self.model(x)",
        "        if not isinstance(out, torch.Tensor): return 0",
    ]
    lines += [f"        loss = {loss}", "        self.seen.append(loss.item())", "        return loss", ""]
    lines += [
        "    def fit(self, batches):",
        "        total = 0.0",
        "        for x in batches:",
        "            total = total + self.step(x)",
    ]
    lines += ["        return total / len(batches)"]
    draft.classes += ["", "", *lines]
    draft.extra += [
        "trainer = Trainer(m)",
        "seen.append(trainer.fit([torch.ones(2, 4), torch.zeros(3, 4)]))",
        "seen.append(trainer.seen)",
    ]
    return draft


FAMILIES = (three_levels, entry_points, coder_and_decoder, trainer)
