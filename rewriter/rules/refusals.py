"""The reasons for leaving a site as it is; each has a code, an explanation and something that a person can do."""

from __future__ import annotations

from rewriter.results import Refusal
from rewriter.rules.rule import Rule
from rewriter.sites.site import Site

_TEXTS = {
    ("RW901", "unknown-operand"): (
        "It is not known whether the operand is a tensor.",
        "The value comes from code that the rewriter cannot see, or from a call that may return anything.",
        "annotate the argument or variable (`x: Tensor`), or make the module by hand",
        "def forward(self, x):\n    y = third_party(x)\n    return y + 1  # what third_party returns is not known",
    ),
    ("RW902", "runs-again"): (
        "One module serves several executions.",
        "How often the site runs in a forward is known only when it runs, or the class has no list of that length. A "
        "quantizer keeps one set of statistics for all these runs. An operation still becomes a module.",
        "if each run needs statistics of its own, keep a ModuleList with one module a run",
        "while x.abs().max() > 1:\n    x = self.div(x, 2)  # one division, as often as it takes",
    ),
    ("RW903", "outside-module"): (
        "The operation stands where no object can be given modules.",
        "A decorator may change what a function takes; generators, coroutines, recursive functions, properties and "
        "what TorchScript compiles cannot be given modules either. Nor can a function that is handed to `map`, "
        "`reduce` or `checkpoint` to run, or that torch runs as a hook. A module that stands at file level is nobody's "
        "child.",
        "move the operation into the forward that calls the function",
        "@cache\ndef gelu_new(x):\n    return 0.5 * x * (1 + torch.tanh(x))",
    ),
    ("RW904", "no-constructor"): (
        "There is no place where the class could make the module.",
        "New modules are made in `__init__`, behind `super().__init__()`; this class has no such place.",
        "make the module by hand where the object is set up, and call it here",
        "class Block(Base):\n    def __init__(self):  # never calls super().__init__()\n        self.depth = 1",
    ),
    ("RW905", "shared-instance-with-state"): (
        "One module is placed several times, and may hold what these places share.",
        "It has parameters, buffers or a memory, or is not known well enough. Under each of its names the state_dict "
        "has its parameters, so that no other module can take its place without a change of keys.",
        "if the places need not share parameters, make a module for each",
        "conv = nn.Conv2d(8, 8, 1)\nself.twice = nn.Sequential(conv, nn.ReLU(), conv)",
    ),
    ("RW906", "arguments-unknown"): (
        "Which operation it is, or with which arguments, is known only when it runs.",
        "`**kwargs` of what is not a function of torch.nn.functional, and starred arguments where they decide what "
        "the call means, hide the parameters.",
        "write the arguments out",
        "x = torch.sum(x, **self.options)",
    ),
    ("RW907", "would-reorder"): (
        "The operation cannot be moved into a call without changing what runs when, or losing a comment.",
        "The target of the assignment would be evaluated twice, or a comment stands where the call has no room for it.",
        "assign the target, or the operand, to a variable first",
        "self.cache[next(self.counter)] += x",
    ),
    ("RW908", "deferred"): (
        "One module serves a lambda or nested function.",
        "When and how often it runs is decided by whoever is given the function. An operation still becomes a module.",
        "if it runs more than once in a forward, move it into a method and keep a ModuleList",
        "def forward(self, x):\n    return checkpoint(lambda y: self.add(y, 1), x)",
    ),
    ("RW909", "compound-out-of-reach"): (
        "A compound module cannot be replaced by its twin in the source.",
        "A subclass of nn.LSTM inherits C++ code; a class that is chosen by name is known only when it runs.",
        "call `runtime.modules.convert(model)` on the finished model, or name the class",
        "self.rnn = getattr(nn, kind)(32, 64)",
    ),
    ("RW914", "made-at-each-call"): (
        "The forward makes a module anew at each call.",
        "No object has it for a child, so that nothing can find it or quantize it. One with weights has others each "
        "time, and a dropout is always in training; with arguments that are known only when it runs it cannot be made "
        "earlier.",
        "make it in `__init__` and call it here, or call the function: `F.interpolate(x, size)`",
        "def forward(self, x):\n    return nn.Linear(8, 8)(x)  # new weights at each call",
    ),
    ("RW915", "no-child"): (
        "Modules stand in a plain list, tuple or dict.",
        "They are no children of the object that runs them: no quantizer finds them, and neither do `parameters()`, "
        "`state_dict()`, `to()` and `eval()`. As children, layers with weights would have new names in the state_dict.",
        "make it an `nn.ModuleList` or `nn.ModuleDict`, if saved weights may have the new names",
        "self.layers = [nn.Linear(8, 8), nn.Linear(8, 8)]",
    ),
    ("RW911", "unknown-callable"): (
        "What is called with tensors is not known.",
        "It comes from an argument or a table, or makes an object that the rewriter cannot see. What it computes is "
        "neither rewritten nor counted; a module of the project is rewritten where its class stands.",
        "annotate what it is (`act: nn.Module`), or keep it as a module: `self.f = runtime.modules.Function(f)`",
        "def forward(self, x, fn):\n    return fn(x)  # it may compute on x",
    ),
    ("RW912", "unbound-name"): (
        "A name is bound to nothing that is in sight.",
        "The file neither imports nor defines it, and Python has no such name; or it can only come from another "
        "library by `from module import *`. What it means cannot be known.",
        "import it, as in `import torch`",
        "import torch.nn as nn  # and no `import torch`\n\n\ndef forward(self, x):\n    return torch.relu(x)",
    ),
    ("RW913", "other-quantizer"): (
        "A module of another quantizer computes here.",
        "One FloatFunctional of torch.ao has a method for each operation. torch.ao swaps it, and so it stays; "
        "`runtime.quantize` makes modules of it on its copy.",
        "`rewriter fix --from torch-ao` puts a module in the place of each call",
        "self.skip_add = torch.ao.nn.quantized.FloatFunctional()\n...\nout = self.skip_add.add(out, identity)",
    ),
}

REASONS: tuple[Rule, ...] = tuple(
    Rule(
        code,
        name,
        f"{summary}\n\n{why}\n\n```python\n{example}\n```\n\n**What to do.** {advice[0].upper()}{advice[1:]}.",
    )
    for (code, name), (summary, why, advice, example) in _TEXTS.items()
)
_ADVICE = {code: text[2] for (code, _), text in _TEXTS.items()}


def advice_for(code: str) -> str:
    return _ADVICE[code]


def refuse(code: str, site: Site, message: str, advice: str = "") -> Refusal:
    return Refusal(code, message, site.function.file.source.span(site.node), advice or _ADVICE[code])
