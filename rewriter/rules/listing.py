"""Every rule and every reason, for those who list, explain or ask them. A file here that has a RULE is one."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from rewriter import rules
from rewriter.rules.refusals import REASONS
from rewriter.rules.rule import Rule


def _rules() -> tuple[Rule, ...]:
    modules = (import_module(f"{rules.__name__}.{found.name}") for found in pkgutil.iter_modules(rules.__path__))
    return tuple(sorted((m.RULE for m in modules if hasattr(m, "RULE")), key=lambda rule: rule.code))


RULES = _rules()

UNUSED = Rule(
    "RW990",
    "unused-suppression",
    "A suppression comment silences nothing.\n\n"
    "The code that it spoke of is gone, was never there, or does not exist. Take it out.",
)

NOT_IN_TARGET = Rule(
    "RW910",
    "not-in-target",
    "The library that `--target` names has no module for it.\n\n"
    "The catalogue says what torch.ao, Distiller, AIMET and Brevitas call an operation. What they lack stays as it is; "
    "`--fallback runtime` takes it from `runtime.modules`.",
)

TAKEN_BACK = Rule(
    "RW402",
    "taken-back",
    "What `fix` has written becomes what stood there before.\n\n"
    "`rewriter fix --target plain` does it, for each finding as a whole: the call, the line that makes its module, and "
    "the import, byte for byte. `fix` keeps a record of what it writes in the user's cache, under `rewriter/written`. "
    "What somebody has edited since stays with all that belongs to it, and so does what no record knows: the message "
    "says where. Version control holds the original, too.",
)

NOTEBOOK = Rule(
    "RW991",
    "in-notebook",
    "A notebook holds what would be rewritten in a file.\n\n"
    "Cells run in any order, and are edited while they run: nothing is written to them. Move the model into a module "
    "and import it from the notebook; `rewriter fix` rewrites the module.",
)

STUBS = Rule(
    "RW403",
    "stubs",
    "torch.ao's stubs stand where tensors come into a model and where they leave it.\n\n"
    "`--target torch-ao --entry CLASS` writes them: a `QuantStub` for each argument of `forward` that is a tensor of "
    "real numbers, and a `DeQuantStub` around what it returns, inside of tuples as well. Until torch.ao converts the "
    "model they pass on what they are given, so that nothing changes. A class that has a `QuantStub` is left "
    "alone; where nothing is known to be a tensor, `torch.ao.quantization.QuantWrapper(model)` does it from outside.",
)

RELU6 = Rule(
    "RW404",
    "relu-in-place-of-relu-six",
    "ReLU6 becomes ReLU, which torch.ao fuses with the layer before it.\n\n"
    "With `--target torch-ao`. **Safety.** Unsafe: what lies above 6 is no longer held there. A quantized ReLU has its "
    "range from calibration, so that little is lost where the model is trained on for a while, or proves to be as "
    "accurate.",
)

FUSING = Rule(
    "RW405",
    "fuse-model",
    "A class gets a method that fuses its layers for torch.ao.\n\n"
    "`--target torch-ao --entry CLASS` writes `fuse_model()` into each class whose own code shows that what a "
    "convolution, linear layer or normalization returns goes into the normalization or ReLU behind it, and nowhere "
    "else. That of CLASS calls the others and fuses what stands behind each other in each `nn.Sequential`, whose "
    "members are known when it runs. A model in training is fused for training. Nothing changes until somebody calls "
    "it; a class that has a `fuse_model` keeps it.",
)

LEFT: tuple[Rule, ...] = (*REASONS, NOT_IN_TARGET)
"""Why something stays as it is."""

OTHERS = (TAKEN_BACK, STUBS, RELU6, FUSING, UNUSED, NOTEBOOK)
ALL: tuple[Rule, ...] = tuple(sorted((*RULES, *LEFT, *OTHERS), key=lambda rule: rule.code))
