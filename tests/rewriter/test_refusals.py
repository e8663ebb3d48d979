"""What is left alone, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.settings import Settings
from tests.rewriter.executed import HEADER, load, rewritten

NUMBERS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.width = 4

    def forward(self, x: Tensor, n: int = 2, names=("a",), scale: float = 1.0):
        b, c, h, w = x.shape
        area = h * w // n + 1
        size = x.shape[2:] + (area,)
        text = "a" + "b" * n
        items = [x] + [x] * 2
        items += [x]
        total = len(items) - x.size(0) ** 2 + x.dim() % 2
        self.width -= 1
        return x.view(b, c, -1)[:, : c // 2], size, text, total, -n, scale * 2
"""


def test_numbers_shapes_lists_and_strings_are_never_touched() -> None:
    result = rewritten(HEADER + NUMBERS)
    assert not result.findings and not result.refusals and not result.changed


def test_arguments_that_are_no_tensors_are_found_out_by_their_use() -> None:
    source = f"""{HEADER}
class Net(nn.Module):
    def forward(self, x, config, height, width, kind, count, batch):
        n = height * width + 1
        half = config.width // 2
        for _ in range(count + 1):
            pass
        if kind == "a":
            return x.view(-1, n), half
        return kind + "b", batch["size"], x[: count * 2]
"""
    result = rewritten(source)
    assert not result.findings and not [r for r in result.refusals if "+" in r.message and "kind" in r.message]


def test_what_a_function_promises_to_return_is_believed_where_nothing_else_is_known() -> None:
    source = f"""{HEADER}
from elsewhere import sizes


def dimensions(image) -> list[int]:
    return list(image.size) + sizes(image)


def scaled(image) -> Tensor:
    return sizes(image)


class Net(nn.Module):
    def forward(self, image, scale: float):
        height, width = dimensions(image)
        return scaled(image) * 2, height * scale, (height - width) // 2
"""
    result = rewritten(source)
    assert "return self.mul(self.scaled(image), 2), height * scale, (height - width) // 2" in result.after.decode()
    assert {r.code for r in result.refusals} == {"RW911"}


@pytest.mark.parametrize(
    "statement",
    [
        "return x.view(-1)",
        "return x.permute(0, 2, 1).contiguous()",
        "return x[:, 0].unsqueeze(1).expand(-1, 2)",
        "return x.reshape(2, -1).transpose(0, 1).flatten(1)",
        "return torch.flatten(x, 1)",
        "return x.detach().clone()",
        "return F.cross_entropy(x, x)",
        "return F.mse_loss(x, x)",
        "return torch.where(x)[0]",
        "return x.to(torch.float32)",
        "return super().forward(x)",
    ],
)
def test_value_preserving_work_and_losses_are_left_without_a_word(statement: str) -> None:
    result = rewritten(f"{HEADER}\nclass Net(nn.Module):\n    def forward(self, x):\n        {statement}\n")
    assert not result.changed and not result.findings and not result.refusals


def in_forward(*lines: str, before: str = "") -> str:
    body = "".join(f"        {line}\n" for line in lines)
    return f"{HEADER}{before}\nclass Net(nn.Module):\n    def forward(self, x):\n{body}"


def function(body: str, decorator: str = "") -> str:
    return f"\n\n{decorator}def double(x):\n    {body}\n\n\n"


REFUSED = {
    "RW901 unknown value": ("RW901", in_forward("return __import__('elsewhere').third_party(x) + 1")),
    "RW903 decorator": ("RW903", in_forward("return double(x)", before=function("return x * 2", decorator="@cache\n"))),
    "RW903 generator": ("RW903", in_forward("return list(double(x))", before=function("yield x * 2"))),
    "RW903 recursion": ("RW903", in_forward("return double(x)", before=function("return x * 2 if x else double(x)"))),
    "RW903 file level": ("RW903", in_forward("return ACT(x)", before="\nACT = nn.ReLU()\n")),
    "RW903 scripted": (
        "RW903",
        in_forward("return double(x)", before=function("return x * 2") + "fast = torch.jit.script(double)\n"),
    ),
    "RW903 static and decorated": (
        "RW903",
        in_forward("return self.double(x)") + "\n    @staticmethod\n    @cache\n    def double(x):\n        return x * 2\n",
    ),
    "RW903 static and recursive": (
        "RW903",
        in_forward("return self.double(x)")
        + "\n    @staticmethod\n    def double(x):\n        return x * 2 if x else Net.double(x)\n",
    ),
    "RW903 static and bound again": (
        "RW903",
        in_forward("return self.double(x)")
        + "\n    def double(x):\n        return x\n\n    @staticmethod\n    def double(x):\n        return x * 2\n",
    ),
    "RW904 no super": (
        "RW904",
        f"{HEADER}\nclass Net(nn.Module):\n    def __init__(self):\n        nn.Module.setup(self)\n\n"
        "    def forward(self, x):\n        return x + 1\n",
    ),
    "RW904 subclass": (
        "RW904",
        in_forward("return x + 1") + "\n\nclass Sub(Net):\n    def __init__(self):\n        self.a = 1\n",
    ),
    "RW904 children": ("RW904", in_forward("for c in self.children():", "    x = c.eval()(x)", "return x + 1")),
    "RW906 kwargs": ("RW906", in_forward("options = {}", "return torch.sum(x, **options)")),
    "RW907 target": ("RW907", in_forward("xs = [x]", "xs[xs.index(x)] += x", "return xs")),
    "RW904 made by a subclass": (
        "RW904",
        in_forward("return self.act(self.act(x))")
        + "\n\nclass Sub(Net):\n    def __init__(self):\n        super().__init__()\n        self.act = nn.ReLU()\n",
    ),
    "RW904 made in some cases": (
        "RW904",
        f"{HEADER}\nclass Net(nn.Module):\n    def __init__(self, kind):\n        super().__init__()\n"
        "        if kind == 1:\n            self.act = nn.ReLU()\n        elif kind == 2:\n            self.act = nn.GELU()\n\n"
        "    def forward(self, x):\n        return self.act(self.act(x))\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    code, source = REFUSED[name]
    result = rewritten(source)
    assert not result.changed
    assert {r.code for r in result.refusals} == {code}, result.refusals
    refusal = result.refusals[0]
    assert refusal.advice and refusal.span.line > HEADER.count("\n")


def test_a_base_out_of_sight_makes_a_change_unsafe() -> None:
    source = (
        f"{HEADER}from elsewhere import Base\n\nclass Net(Base):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(4, 4, 1)\n\n    def forward(self, x):\n        return self.conv(x) + x\n"
    )
    result = rewritten(source)
    assert not result.changed and "Base is out of sight" in result.findings[0].why_unsafe
    assert "self.op_add(self.conv(x), x)" in rewritten(source, unsafe_fixes=True).after.decode()


def test_a_forward_below_a_base_out_of_sight_is_read() -> None:
    source = f"{HEADER}from elsewhere import Attention\n\n\nclass Masked(Attention):\n    def forward(self, x, mask):\n"
    result = rewritten(f"{source}        return self.proj(x.masked_fill(mask, 0.0).softmax(-1))\n")
    assert not result.changed and {f.code for f in result.findings} == {"RW103", "RW106"}
    assert all("Attention is out of sight" in found.why_unsafe for found in result.findings)


def test_children_picked_by_position_make_a_change_unsafe() -> None:
    source = in_forward("return x + 1") + "\n\nhead = nn.Sequential(*list(Net().children())[:-1])\n"
    result = rewritten(source)
    assert not result.changed and "picks children by position" in result.findings[0].why_unsafe


_PICKS = "\n\ndef last(model):\n    name, module = list(model.named_children())[-1]\n    return name\n\n"


@pytest.mark.parametrize(
    "rest, is_safe",
    [
        ("KINDS = {Net, nn.Linear}\n", True),
        ("def is_net(module):\n    return isinstance(module, (Net, nn.Linear))\n", True),
        ("def is_head(model):\n    return last(Net())\n", False),
        ("def is_head(model: Net):\n    return last(model)\n", False),
        ("def is_head(model):\n    return isinstance(model, Net) and last(model)\n", False),
    ],
)
def test_children_are_picked_of_what_the_file_deals_with(tmp_path: Path, rest: str, is_safe: bool) -> None:
    (tmp_path / "net.py").write_text(in_forward("return x + 1"))
    (tmp_path / "tools.py").write_text(f"from net import Net\nfrom torch import nn\n{_PICKS}{rest}")
    path = tmp_path / "net.py"
    result = rewrite(path.read_bytes(), path, Settings(), Project.for_paths([tmp_path]))
    assert result.changed is is_safe


@pytest.mark.parametrize(
    "rest, is_safe",
    [
        ("def head():\n    model = Other()\n    return model", True),
        ("def head():\n    model = Net()\n    return model", False),
        ("def head(model):\n    model = Other()\n    return model", False),
        ("def head():\n    model = Other()\n    return lambda model: model", False),
        ("def head(flag):\n    model = Other()\n    if flag:\n        model = Net()\n    return model", False),
    ],
)
def test_children_are_picked_of_what_a_variable_was_made(tmp_path: Path, rest: str, is_safe: bool) -> None:
    (tmp_path / "net.py").write_text(in_forward("return x + 1"))
    other = "class Other(nn.Module):\n    pass\n\n\n"
    picks = rest.rpartition("model")[0] + "isinstance(model, Net) and list(model.children())[:-1]"
    (tmp_path / "tools.py").write_text(f"from net import Net\nfrom torch import nn\n\n\n{other}{picks}\n")
    path = tmp_path / "net.py"
    assert rewrite(path.read_bytes(), path, Settings(), Project.for_paths([tmp_path])).changed is is_safe


def test_a_lost_comment_is_a_reason_not_to_write() -> None:
    result = rewritten(in_forward("return (  # why", "    x", "    + 1)"))
    assert not result.changed and [r.code for r in result.refusals] == ["RW907"]


def test_names_in_dispute_have_no_meaning() -> None:
    before = "try:\n    from fast import relu\nexcept ImportError:\n    from torch import relu\n"
    result = rewritten(in_forward("return relu(x)", before=before))
    assert not result.changed


def test_shadowed_names_have_no_meaning() -> None:
    result = rewritten(in_forward("torch = make()", "return torch.relu(x)"))
    assert not result.changed


def test_suppression_by_comment() -> None:
    source = in_forward(
        "y = x + 1  # rewriter: ignore[RW101]", "return y * 2  # rewriter: ignore", "# rewriter: ignore"
    )
    result = rewritten(source)
    assert not result.changed and [s.code for s in result.suppressed] == ["RW101", "RW101"]
    assert [r.code for r in result.refusals] == ["RW990"]  # the last comment silences nothing


def test_a_suppression_of_a_code_that_does_not_exist_is_reported() -> None:
    result = rewritten(in_forward("return x + 1  # rewriter: ignore[RW101, RW777]", "# rewriter: ignore[RW999]"))
    assert [s.code for s in result.suppressed] == ["RW101"]
    assert [(r.code, r.message.partition(": no ")[2]) for r in result.refusals] == [
        ("RW990", "code begins with 'RW777'"),
        ("RW990", "code begins with 'RW999'"),
    ]


def test_suppression_of_a_file_and_by_prefix() -> None:
    source = in_forward("return F.relu(x) + 1")
    assert not rewritten("# rewriter: ignore-file\n" + source).changed
    partly = rewritten("# rewriter: ignore-file[RW106]\n" + source)
    assert [f.code for f in partly.findings] == ["RW101"]
    assert rewritten(source.replace("F.relu(x)", 'F.relu(x) * len("# rewriter: ignore")')).changed


def test_select_and_ignore() -> None:
    source = in_forward("return F.relu(x) + 1")
    assert [f.code for f in rewritten(source, select=("RW106",)).findings] == ["RW106"]
    assert [f.code for f in rewritten(source, ignore=("RW106",)).findings] == ["RW101"]


UNBOUND = {
    "a module": ("", "return torch.relu(x)", "torch"),
    "a function": ("import torch\n", "return torch.relu(mix(x))", "mix"),
    "a nested one": ("import torch\n", "f = lambda y: cat(y)\n        return torch.relu(f(x))", "cat"),
}


@pytest.mark.parametrize("name", UNBOUND)
def test_a_name_that_nothing_binds_is_said_once(name: str) -> None:
    imports, body, missing = UNBOUND[name]
    net = f"\n\nclass Net(nn.Module):\n    def forward(self, x):\n        {body}\n\n    def again(self, x):\n        {body}\n"
    found = [r for r in rewritten(f"{imports}from torch import nn\n{net}").refusals if r.code == "RW912"]
    assert [r.message.partition(" ")[0] for r in found] == [f"`{missing}`"]


@pytest.mark.parametrize(
    "line",
    ["from there import *", "globals()['mix'] = len", "def mix(x): return x", "try:\n    from a import mix\nexcept ImportError:\n    mix = len"],
)  # fmt: skip
def test_a_name_that_something_may_bind_is_not(line: str) -> None:
    source = f"import torch\nfrom torch import nn\n{line}\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return mix(x)\n"
    assert "RW912" not in {r.code for r in rewritten(source).refusals}


PARTS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.acts = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
        self.steps = nn.ModuleList([nn.ReLU(), nn.Tanh()])

    def forward(self, x):
        x = self.acts["a"](x)
        x = self.acts["b"](x)
        x = self.acts["a"](x)
        if x.dim() > 2:
            return self.steps[0](x)
        for step in self.steps:
            x = self.steps[1](step(x))
        return self.steps[0](getattr(self, "act", nn.ReLU())(x))
"""


def test_what_a_part_holds_is_said_where_it_is_called_again() -> None:
    result = rewritten(HEADER + PARTS)
    assert not result.changed and [r.code for r in result.refusals] == ["RW902", "RW902"]
    assert "`self.steps[1]()` is called in a loop" in result.refusals[1].message
    assert "`self.acts['a']()` is called again" in result.refusals[0].message
    assert "runtime.modules.again(self.acts['a'])" in result.refusals[0].advice


BARE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.path = nn.Sequential()
        self.path.add_module("pad", nn.ZeroPad1d(1))
        self.heads = nn.Module()
        self.heads.one = nn.ReLU()

    def forward(self, x):
        return self.heads.one(self.path.pad(x)) + 1
"""


def test_what_a_bare_module_is_asked_for_is_a_child_of_it() -> None:
    result = rewritten(HEADER + BARE)
    assert not result.refusals and "self.add(self.heads.one(self.path.pad(x)), 1)" in result.after.decode()


@pytest.mark.parametrize("annotation", ["dict", "Dict", "Mapping", "Dict[str, Any]", "Optional[dict]"])
def test_values_of_a_dict_of_which_nothing_is_said_are_taken_for_tensors(annotation: str) -> None:
    source = f"""from typing import Any, Dict, Mapping, Optional


class Net(nn.Module):
    def forward(self, inputs: {annotation}, scale: float = 2.0):
        x, mask = inputs["x"], inputs["mask"]
        return mask * x + (1 - mask) * scale, inputs["name"] + "b", inputs["sizes"] * 2
"""
    result = rewritten(HEADER + source)
    assert b"self.add(self.mul(mask, x), self.mul2(self.sub(1, mask), scale))" in result.after and not result.refusals
    given = {"x": torch.randn(2, 4), "mask": torch.ones(2, 4), "name": "a", "sizes": [3]}
    before, after = (load(text)["Net"]()(given) for text in (result.before, result.after))
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:] == ("ab", [3, 3])


def test_values_of_a_dict_of_numbers_are_numbers() -> None:
    source = """from typing import Dict


class Net(nn.Module):
    def forward(self, x, sizes: Dict[str, int]):
        return x[: sizes["a"] + sizes["b"]]
"""
    assert not rewritten(HEADER + source).changed


RUN_BY_OTHERS = {
    "a hook of the file": ("def hook(module, args, out):\n    return out * 2\n", "self.fc.register_forward_hook(hook)"),
    "a hook on what comes in": ("", "self.fc.register_forward_pre_hook(lambda module, args: (args[0] + 1,))"),
    "a method of the object": ("", "self.fc.register_forward_hook(self.doubled)"),
}
LOOKING_ON = {
    "a hook that keeps": (
        "def hook(module, args, out):\n    SEEN.append(out.mean())\n",
        "self.fc.register_forward_hook(hook)",
    ),
    "a hook that passes on": ("def hook(module, args, out):\n    return out\n", "self.fc.register_forward_hook(hook)"),
}


def _hooked(above: str, line: str) -> str:
    return f"""
SEEN = []


{above}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        {line}

    @staticmethod
    def doubled(module, args, out):
        return out * 2

    def forward(self, x):
        return self.fc(x)
"""


@pytest.mark.parametrize("name", RUN_BY_OTHERS)
def test_a_hook_that_changes_what_a_module_returns_is_said(name: str) -> None:
    (reason,) = rewritten(HEADER + _hooked(*RUN_BY_OTHERS[name])).refusals
    assert reason.code == "RW903" and "as a hook" in reason.message


GIVEN = """
from types import MethodType


def halved(self, x):
    return self.fc(x) / 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.forward = MethodType(halved, self)
"""
WRITTEN_AS_LAMBDA = """
class Net(nn.Module):
    forward = lambda self, x: x * 2
"""


MADE_BY_TYPE = """
Swish = type("Swish", (nn.Module,), {"forward": lambda self, x: x * torch.sigmoid(x)})


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = Swish()

    def forward(self, x):
        return self.act(x)
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [(GIVEN, "of single objects"), (WRITTEN_AS_LAMBDA, "is a lambda"), (MADE_BY_TYPE, "'Swish' is a lambda")],
)
def test_a_forward_that_is_no_method_is_said(source: str, said: str) -> None:
    (reason,) = rewritten(HEADER + source).refusals
    assert reason.code == "RW903" and said in reason.message


@pytest.mark.parametrize("name", LOOKING_ON)
def test_a_hook_that_looks_on_is_no_matter(name: str) -> None:
    assert not rewritten(HEADER + _hooked(*LOOKING_ON[name])).refusals


@pytest.mark.parametrize(("returned", "said"), [("f(self, x) * 2", 1), ("f(self, x / 2)", 1), ("f(self, x)", 0)])
def test_what_a_decorator_computes_around_a_method_is_said(returned: str, said: int) -> None:
    source = f"""
def around(f):
    def run(self, x):
        self.calls = self.calls + 1
        return {returned}
    return run


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.calls = nn.Linear(4, 4), 0

    @around
    def forward(self, x):
        return self.fc(x)
"""
    found = [r for r in rewritten(HEADER + source).refusals if "computes around forward" in r.message]
    assert len(found) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (["y = f(self, x)", "y = x + y", "return y"], 1),
        (["y = f(self, x)", "y *= 2", "z = y", "return z if scale else x"], 1),
        (["began = self.calls - 1", "y = f(self, x)", "self.took = began - self.calls", "return y"], 0),
        (["n = len(x) - 1", "return f(self, x[:n])"], 0),
    ],
)
def test_what_a_decorator_computes_before_it_returns_is_said(body: list[str], said: int) -> None:
    lines = "".join(f"            {line}\n" for line in body)
    source = f"""
def around(scale=1.0):
    def decorated(f):
        def run(self, x):
{lines}        return run
    return decorated


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.calls = nn.Linear(4, 4), 0

    @around(0.5)
    def forward(self, x):
        return self.fc(x)
"""
    found = [r for r in rewritten(HEADER + source).refusals if "computes around forward" in r.message]
    assert len(found) == said


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("getattr(y, self.kind)()", ["RW911"]),
        ("[getattr(y, kind)(dim=0) for kind in KINDS]", ["RW911"]),
        ("getattr(y, 'exp')()", ["RW911"]),
        ("getattr(y, 'shape')[0]", []),
        ("getattr(y, 'grad_fn', None)", []),
    ],
)
def test_a_method_of_a_tensor_by_a_name_that_is_a_value_is_said(read: str, said: list[str]) -> None:
    source = f"""
KINDS = ("mean", "sum")


class Net(nn.Module):
    def __init__(self, kind="mean"):
        super().__init__()
        self.fc, self.kind = nn.Linear(4, 4), kind

    def forward(self, x):
        y = self.fc(x)
        return {read}
"""
    assert [r.code for r in rewritten(HEADER + source).refusals] == said


@pytest.mark.parametrize(
    "call, given",
    [("fn(x)", "fn"), ("fns[0](x)", "fns"), ("options['act'](x)", "options: dict"), ("[f(x) for f in fns]", "fns")],
)
def test_an_argument_that_is_called_is_no_tensor(call: str, given: str) -> None:
    found = rewritten(f"{HEADER}\n\nclass Net(nn.Module):\n    def forward(self, x, {given}):\n        return {call}\n")
    assert [refusal.code for refusal in found.refusals] == ["RW911"]


COMPOSED = """
def compose(*functions):
    def run(x):
        for function in functions:
            x = function(x)
        return x
    return run
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("f = x.sigmoid\n        return f()", ["RW911"]),
        ("f = self.fc(x).exp\n        return f()", ["RW911"]),
        ("return compose(self.fc, torch.tanh, self.fc)(x)", ["RW911"]),
        ("d = Normal(self.fc(x), 1.0)\n        return d.mean, d.sample(), d.scale", []),
        ("return Normal(self.fc(x), 1.0).rsample()", ["RW911"]),
        ("return Independent(Normal(self.fc(x), 1.0), 1).entropy()", ["RW911"]),
        ("return kl_divergence(Normal(self.fc(x), 1.0), Normal(0.0, 1.0))", ["RW911"]),
        ("return Normal(0.0, 1.0).sample(x.shape)", []),
    ],
)
def test_what_computes_out_of_sight_is_said(body: str, said: list[str]) -> None:
    source = f"""from torch.distributions import Independent, Normal, kl_divergence
{COMPOSED}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        {body}
"""
    assert [r.code for r in rewritten(HEADER + source).refusals] == said


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ('for k in ("a", "b"):\n            x = self.acts[k](x)', 0),
        ('for k in ("a", "b", "a"):\n            x = self.acts[k](x)', 1),
        (
            'k = "a"\n        for _ in range(4):\n            x = self.acts[k](x)\n            k = "b" if k == "a" else "a"',
            1,
        ),
    ],
)
def test_a_loop_that_comes_to_one_member_twice_is_said(loop: str, said: int) -> None:
    source = f"""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.acts = nn.ModuleDict({{"a": nn.ReLU(), "b": nn.Tanh()}})

    def forward(self, x):
        {loop}
        return x
"""
    found = rewritten(HEADER + source)
    assert len([r for r in found.refusals if r.code == "RW902"]) == said


DISPATCHED = """
import functools


class Net(nn.Module):
    @functools.singledispatchmethod
    def enc(self, x):
        return x + 1

    @enc.register
    def _(self, x: list):
        return torch.stack(x) * 2

    @enc.register(int)
    def _(self, x):
        return x

    def forward(self, x):
        return self.enc([x, x])
"""
PARTIAL_METHOD = """
from functools import partialmethod


class Net(nn.Module):
    def _act(self, x, kind, gain=1.0):
        return getattr(torch, kind)(x) * gain

    relu = partialmethod(_act, kind="relu")

    def forward(self, x):
        return self.relu(x)
"""
CLOSURE = """
def compose(*fs):
    def run(x):
        for f in fs:
            x = f(x)
        return x

    return run


class Net(nn.Module):
    def __init__(self, gate=lambda t: t.exp() * 2):
        super().__init__()
        self.gate, self.run = gate, compose(torch.sin, torch.cos)

    def forward(self, x):
        x = self.gate(x)
        return self.run(x)
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (DISPATCHED, ["RW903: functools calls it in place of enc, and gives it no modules"]),
        (PARTIAL_METHOD, ["RW911: it is not known what `self.relu()` computes"]),
        (
            CLOSURE,
            [
                "RW903: `self.gate` keeps a function with 2 operations",
                "RW911: it is not known what `self.run()` computes",
            ],
        ),
    ],
)
def test_functions_that_nobody_follows_are_said(source: str, said: list[str]) -> None:
    assert [f"{r.code}: {r.message}" for r in rewritten(HEADER + source).refusals] == said


@pytest.mark.parametrize(
    ("put", "said"),
    [
        ("Net.mix = lambda self, x: x * 2", 1),
        ("def better(self, x):\n    return torch.sigmoid(x) + 1\n\n\nNet.mix = better", 1),
        ("def gate(x):\n    return x + 1\n\n\nNet.mix = lambda self, x: gate(x)", 1),
        ("Net.mix = lambda self, x: x", 0),
        ("Net.size = 3 * 2", 0),
    ],
)
def test_what_is_put_into_a_class_behind_it_is_said(put: str, said: int) -> None:
    source = "class Net(nn.Module):\n    def forward(self, x):\n        return self.mix(x)\n\n\n"
    found = rewritten(f"{HEADER}{source}{put}\n").refusals
    assert sum("is put into Net" in refusal.message for refusal in found) == said
