"""What rewriting does to code that runs once in a forward; every case is executed before and after."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, assert_equal_models, check, load, rewritten

X = torch.randn(2, 4, 6, 6)


def net(body: str, init: str = "", arguments: str = "x") -> str:
    lines = ["class Net(nn.Module):"]
    if init:
        lines += [
            "    def __init__(self):",
            "        super().__init__()",
            *(f"        {line}" for line in init.split("\n")),
        ]
        lines.append("")
    lines += [f"    def forward(self, {arguments}):", *(f"        {line}" for line in body.split("\n"))]
    return "\n".join(lines) + "\n"


def test_nested_operators_are_numbered_in_evaluation_order() -> None:
    after = check(net("return x + x * 2 - (x + 1)"), X)
    assert "return self.sub(self.add(x, self.mul(x, 2)), self.add2(x, 1))" in after
    made = [line.split(" = ")[0].strip() for line in after.splitlines() if " = runtime.modules." in line]
    assert made == ["self.mul", "self.add", "self.add2", "self.sub"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return F.relu(x)", "self.relu = nn.ReLU()"),
        ("return torch.relu(x)", "self.relu = nn.ReLU()"),
        ("return x.relu()", "self.relu = nn.ReLU()"),
        ("return (x * 1).relu_()", "self.relu = nn.ReLU(inplace=True)"),
        ("return torch.relu_(x * 1)", "self.relu = nn.ReLU(inplace=True)"),
        ("return F.relu(x, inplace=False)", "self.relu = nn.ReLU(inplace=False)"),
        ("return F.max_pool2d(x, 2, 2)", "self.max_pool = nn.MaxPool2d(2, 2)"),
        ("return F.max_pool2d(x, 2, return_indices=True)", "self.max_pool = nn.MaxPool2d(2, return_indices=True)"),
        ("return F.softmax(x, -1)", "self.softmax = nn.Softmax(dim=-1)"),
        ("return F.softmax(x, 1, dtype=torch.float64)", "runtime.modules.FunctionalSoftmax(dim=1, dtype=torch.float64)"),
        ("return torch.cat((x, x), 1)", "self.concat = runtime.modules.Concat(dim=1)"),
        ("return x.mean([2, 3])", "self.mean = runtime.modules.Mean(dim=[2, 3])"),
        ("return x.mean(axis=1)", "self.mean = runtime.modules.Mean(dim=1)"),
        ("return F.dropout(x, 0.5, self.training)", "self.dropout = nn.Dropout(0.5)"),
        ("return F.dropout(x, training=self.training)", "self.dropout = nn.Dropout()"),
        ("return F.dropout(x, 0.2)", "self.dropout = runtime.modules.FunctionalDropout(p=0.2)"),
        ("return F.dropout(x, training=True)", "self.dropout = runtime.modules.FunctionalDropout(training=True)"),
        ("return F.dropout(x, training=False)", "self.dropout = runtime.modules.FunctionalDropout(training=False)"),
        ("return F.dropout2d(x, 0.2, self.training, True)", "self.dropout = nn.Dropout2d(0.2, inplace=True)"),
        ("return torch.add(x, x, alpha=2)", "self.add = runtime.modules.EltWiseAdd(alpha=2)"),
        ("return 1 - x", "return self.sub(1, x)"),
        ("return -x", "return self.neg(x)"),
        ("return abs(x)", "return self.abs(x)"),
        ("return sum([x, x])", "return self.sum([x, x])"),
    ],
)  # fmt: skip
def test_one_operation(before: str, after: str) -> None:
    assert after in check(net(before), X)


def test_inplace_addition_is_seen_by_aliases() -> None:
    after = check(net("y = x * 1\nz = y\ny += x\nreturn z, y"), X)
    assert "y = self.add(y, x)" in after and "EltWiseAdd(inplace=True)" in after


def test_arguments_known_only_at_the_call_are_passed_there() -> None:
    after = check(net("return F.interpolate(F.max_pool2d(x, 2), size=x.shape[2:], mode='nearest')"), X)
    assert "self.interpolate(self.max_pool(x), size=x.shape[2:])" in after
    assert "runtime.modules.Interpolate(mode='nearest')" in after


def test_functions_fed_with_own_parameters() -> None:
    init = "self.weight = nn.Parameter(torch.ones(6))\nself.bias = nn.Parameter(torch.zeros(6))"
    after = check(net("return F.layer_norm(x, (6,), self.weight, self.bias, 1e-5)", init), X)
    assert "self.layer_norm(x, weight=self.weight, bias=self.bias)" in after
    after = check(net("return F.linear(x, self.lin.weight, self.lin.bias)", "self.lin = nn.Linear(6, 3)"), X)
    assert "self.linear(x, self.lin.weight, self.lin.bias)" in after


def test_reused_module_gets_an_instance_for_each_call() -> None:
    after = check(net("return self.act(self.act(x) + self.act(-x))", "self.act = nn.LeakyReLU(0.2)"), X)
    assert "self.act3(self.add(self.act(x), self.act2(self.neg(x))))" in after
    assert after.count("nn.LeakyReLU(0.2)") == 1 and after.count("runtime.modules.again(self.act)") == 2


@pytest.mark.parametrize(
    ("name", "made", "again"),
    [
        ("relu", "nn.ReLU()", "nn.ReLU()"),
        ("relu1", "nn.ReLU(inplace=True)", "nn.ReLU(inplace=True)"),
        ("log_sigmoid", "nn.LogSigmoid()", "nn.LogSigmoid()"),
        ("act", "nn.ReLU()", "runtime.modules.again(self.act)"),
        ("dropout", "nn.Dropout(0.5)", "runtime.modules.again(self.dropout)"),
        ("softmax", "nn.Softmax(dim=1)", "runtime.modules.again(self.softmax)"),
    ],
)
def test_what_nobody_would_change_is_made_again_as_it_was_made(name: str, made: str, again: str) -> None:
    after = check(net(f"return self.{name}(self.{name}(x * 1) - 1)", f"self.{name} = {made}"), X)
    assert f" = {again}\n" in after and after.count(made) == 1 + (again == made)


@pytest.mark.parametrize("made", ["nn.ReLU()", "nn.Linear(8, 8)"])
def test_one_module_under_two_names(made: str) -> None:
    source = f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = self.second = {made}

    def forward(self, x):
        return self.second(self.first(x))
"""
    after = check(source, torch.randn(2, 3, 8))
    assert "return self.second2(self.first(x))" in after


def test_reused_parameters_are_tied() -> None:
    after = check(net("return self.norm(self.norm(x) * 2)", "self.norm = nn.BatchNorm2d(4)"), X)
    assert "self.norm2 = runtime.modules.again(self.norm)" in after and "return self.norm2(" in after


def test_reused_modules_of_unknown_make() -> None:
    source = """
class Net(nn.Module):
    def __init__(self, act=nn.PReLU):
        super().__init__()
        self.act = act()

    def forward(self, x):
        return self.act(self.act(x))
"""
    for act in (torch.nn.PReLU, torch.nn.GELU):
        assert "self.act2 = runtime.modules.again(self.act)" in check(source, X, arguments=(act,))


ENCODED = """
class Encode(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.ones(6))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(x + self.table)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = Encode()

    def forward(self, x):
        return self.encode(self.encode(x))
"""


STORES = (
    "pass",
    "self.last = x",
    "self.seen += 1",
    "self.table = self.table * 0.5 + x.detach().mean(0) * 0.5",
    "self.kept.append(x.detach())",
    "setattr(self, 'last', x)",
    "object.__setattr__(self, 'seen', self.seen + 1)",
    "self.__dict__['seen'] = self.seen + 1",
    "self.register_buffer('table', self.table + 1)",
    "self.drop = nn.Dropout(0.2 + 0.1 * self.drop.p)",
)


@pytest.mark.parametrize("stores", STORES)
def test_reused_modules_are_taken_apart_whatever_they_keep(stores: str) -> None:
    source = ENCODED.replace(
        "        self.drop =", "        self.seen = 0\n        self.kept = []\n        self.drop ="
    )
    source = source.replace("        return self.drop", f"        {stores}\n        return self.drop")
    source = source.replace("(self.encode(x))\n", "(self.encode(x)), self.encode.seen, len(self.encode.kept)\n")
    assert "self.encode2 = runtime.modules.again(self.encode, parts=True)" in check(source, X)


MAYBE = """def __init__(self, encode=None):
        super().__init__()
        self.encode = encode
        if encode is None:
            self.encode = Encode()"""


def test_reused_modules_that_override_methods_of_modules_are_taken_apart() -> None:
    own = """
    def train(self, mode=True):
        self.trained = getattr(self, "trained", 0) + 1
        return super().train(mode)

    def state_dict(self, *args, **kwargs):
        return super().state_dict(*args, **kwargs)

    def __deepcopy__(self, memo):
        new = Encode()
        new.load_state_dict(self.state_dict())
        return new.train(self.training)


class Net"""
    assert "runtime.modules.again(self.encode, parts=True)" in check(ENCODED.replace("\n\nclass Net", own), X)


def test_operations_that_serve_both_calls_of_a_module_are_said() -> None:
    given = ENCODED.replace("def __init__(self):\n        super().__init__()\n        self.encode = Encode()", MAYBE)
    assert "self.encode2 = runtime.modules.again(self.encode)\n" in check(given, X)
    (reason,) = rewritten(HEADER + given).refusals
    assert reason.code == "RW902" and "the operations inside `self.encode()` serve both calls" in reason.message
    idle = given.replace("x + self.table", "x")
    assert not rewritten(HEADER + idle).refusals


def test_either_of_two_modules_is_taken_apart() -> None:
    source = ENCODED.replace("self.encode = Encode()", "self.encode = Encode() if wide else nn.Identity()")
    source = source.replace(
        "class Net(nn.Module):\n    def __init__(self)", "class Net(nn.Module):\n    def __init__(self, wide)"
    )
    for wide in (True, False):
        assert "again(self.encode, parts=True)" in check(source, X, arguments=(wide,))


def test_a_sequential_is_taken_apart_where_nobody_sees_what_one_part_is() -> None:
    source = ENCODED.replace("self.encode = Encode()", "self.encode = nn.Sequential(Encode(), plain(nn.Linear(6, 6)))")
    result = rewritten(f"{HEADER}\n\ndef plain(module, *hooks):\n    return module\n\n{source}")
    assert b"again(self.encode, parts=True)" in result.after and not result.refusals
    assert_equal_models(load(result.before)["Net"](), load(result.after)["Net"](), X)


@pytest.mark.parametrize(("stores", "said"), [("", ["RW902"]), ("key = key[:]", [])])
def test_a_member_by_one_key_that_is_called_again_is_said(stores: str, said: list[str]) -> None:
    source = f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.acts = nn.ModuleDict({{"relu": nn.ReLU(), "tanh": nn.Tanh()}})

    def forward(self, x, key="relu"):
        {stores}
        x = self.acts[key](x)
        return self.acts[key](x - 1)
"""
    assert [r.code for r in rewritten(HEADER + source).refusals] == said


PARTS = """
class Remembering(nn.Module):
    def forward(self, x):
        {stores}
        return torch.relu(x)


def block(width):
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())


class Known(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(6, 6), nn.Tanh())


class Net(nn.Module):
    def __init__(self, act=nn.ReLU):
        super().__init__()
        self.seen = nn.Linear(6, 6)
        self.encode = nn.Sequential({parts})

    def forward(self, x):
        return self.encode(self.encode(x)), [part.last for part in self.encode if hasattr(part, "last")]
"""


@pytest.mark.parametrize(
    "parts",
    [
        "nn.Linear(6, 6), nn.ReLU()",
        "block(6), nn.Sequential(nn.ReLU(), nn.Linear(6, 6))",
        "*[nn.Linear(6, 6) for _ in range(2)], Known()",
        "OrderedDict([('first', nn.Linear(6, 6)), ('then', nn.ReLU())])",
        "nn.Linear(6, 6), Remembering()",
        "nn.Sequential(nn.Linear(6, 6), nn.Sequential(Remembering()))",
        "nn.Linear(6, 6), act()",
        "self.seen, nn.ReLU()",
    ],
)
def test_sequences_are_taken_apart_whatever_their_parts_are(parts: str) -> None:
    source = "from collections import OrderedDict\n" + PARTS.format(parts=parts, stores="self.last = x")
    assert "again(self.encode, parts=True)" in check(source, X)


@pytest.mark.parametrize(
    "stores", ["self.last = y", "self.last.append(y)", "self.last['x'] = y", "setattr(self, 'last', y)"]
)
@pytest.mark.parametrize("base", ["nn.Sequential", "nn.ModuleList", "nn.Module"])
def test_what_a_part_stores_is_seen_after_the_last_call(base: str, stores: str) -> None:
    made = {
        "nn.Sequential": "super().__init__(nn.Linear(6, 6), Remembering())",
        "nn.ModuleList": "super().__init__()\n        self.append(Remembering())",
        "nn.Module": "super().__init__()\n        self.parts = nn.ModuleList([nn.ReLU(), Remembering()])",
    }[base]
    held = "self.parts" if base == "nn.Module" else "self"
    source = f"""
class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = {"{}" if "[" in stores else "[]"}

    def forward(self, x):
        y = x.detach()
        {stores}
        return x.relu()


class Encode({base}):
    def __init__(self):
        {made}
        self.scale = nn.Parameter(torch.ones(6))

    def forward(self, x):
        for part in {held}:
            x = part(x)
        return x * self.scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = Encode()

    def forward(self, x):
        x = self.encode(self.encode(x + 1))
        return x, {held.replace("self", "self.encode")}[-1].last
"""
    assert "again(self.encode, parts=True)\n" in check(source, X)


DYNAMIC = """
class Net(nn.Module):
    def __init__(self, names=("relu", "relu2")):
        super().__init__()
        {made}

    def forward(self, x):
        return getattr(self, "relu" + str(2))(F.relu(F.relu(x) - 1))
"""


@pytest.mark.parametrize(
    ("made", "taken"),
    [
        ("for i in range(1, 4):\n            setattr(self, f'relu{i}', nn.Linear(6, 6))", "op_relu"),
        ("for i in range(1, 4):\n            self.add_module('relu%d' % i, nn.Linear(6, 6))", "op_relu"),
        ("for i in range(1, 4):\n            self.add_module('relu{}'.format(i), nn.Linear(6, 6))", "op_relu"),
        (
            "for i in range(4):\n            name = 'relu' + str(i)\n            self.add_module(name, nn.Linear(6, 6))",
            "op_relu",
        ),
        ("for name in names:\n            setattr(self, name, nn.Linear(6, 6))", "relu3"),
    ],
)
def test_names_that_are_made_up_are_taken(made: str, taken: str) -> None:
    after = check(DYNAMIC.format(made=made), X)
    assert f"self.{taken} = nn.ReLU()" in after and "self.relu = nn.ReLU()" not in after


HANDLED = """
def tune(module):
    module.p = 0.25


def wrap(module):
    return nn.Sequential(nn.Linear(6, 6), module)


class Net(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.drop = nn.Dropout(p)
        self.linear = nn.Linear(6, 6)
        {more}

    def soften(self, p=0.1):
        {later}

    def forward(self, x):
        return self.drop(self.linear(self.drop(x)))
"""


@pytest.mark.parametrize(
    ("more", "later"),
    [
        ("pass", "return self.drop.p, repr(self.drop)"),
        ("self.block = wrap(self.drop)", "pass"),
        ("pass", "drop = self.drop\n        return drop(torch.ones(6))"),
        ("pass", "self.drop.eval()"),
        ("pass", "self.drop.register_forward_hook(lambda module, args, out: out + 1)"),
        ("tune(self.drop)", "pass"),
        ("setattr(self.drop, 'p', 0.3)", "pass"),
        ("pass", "tune(module=self.drop)"),
        ("pass", "drop = self.drop\n        drop.p = p"),
        ("pass", "for module in (self.drop, self.linear):\n            module.p = p"),
        ("pass", "self.drop = nn.Identity()"),
        ("nn.utils.parametrizations.orthogonal(self.drop) if p < 0 else None", "pass"),
    ],
)
def test_what_else_is_done_with_a_module_holds_for_each_call(more: str, later: str) -> None:
    result = rewritten(HEADER + HANDLED.format(more=more, later=later))
    after = result.after.decode()
    assert "tune(nn.Dropout" not in after and "setattr(nn.Dropout" not in after
    if "self.drop = nn.Identity()" not in later:
        assert "self.drop2 = runtime.modules.again(self.drop)" in after and "self.drop2(" in after
    models = []
    for source in (result.before, result.after):
        torch.manual_seed(0)
        models.append(load(source)["Net"]())
        models[-1].soften()
    assert_equal_models(*models, X)


SEEN = """

class Seen(nn.Module):
    def __init__(self):
        super().__init__()
        self.last, self.marks, self.turned = None, 0, 0

    def mark(self):
        self.marks += 1

    def train(self, mode=True):
        self.turned += 1
        return super().train(mode)

    def forward(self, x):
        self.last = x.detach() if self.last is None else self.last + x.detach()
        return F.relu(x)

"""


def test_a_module_without_parameters_that_keeps_something_has_a_handle_that_walks_do_not_meet() -> None:
    source = SEEN + net("x = self.seen(self.seen(x) + 1)\nreturn x, self.seen.last", "self.seen = Seen()")
    after = check(source, X)
    assert "self.seen2 = runtime.modules.again(self.seen, parts=True, hidden=True)" in after
    assert "self.seen2(self.add(self.seen(x), 1))" in after
    marked = []
    for text in (HEADER + source, after):
        model = load(text.encode())["Net"]().eval()
        for module in model.modules():
            if hasattr(module, "mark"):
                module.mark()
        marked.append((model.seen.marks, model.seen.turned, sum("Seen" in type(m).__name__ for m in model.modules())))
    assert marked == [(1, 1, 1)] * 2


def test_a_module_that_says_what_it_is_equal_to_stays_one() -> None:
    equal = "    def __eq__(self, other):\n        return True\n    def __hash__(self):\n        return 0\n"
    source = SEEN.rstrip() + "\n" + equal + net("return self.seen(self.seen(x) + 1)", "self.seen = Seen()")
    assert "self.seen(self.add(self.seen(x), 1))" in check(source, X)


def test_a_mask_may_be_computed_twice() -> None:
    source = """
class Net(nn.Module):
    def forward(self, x):
        y = x * 2
        y[x > 0] += x.sum()
        y[y == 0] -= 1
        return y
"""
    after = check(source, X)
    assert "y[x > 0] = self.add(y[x > 0], self.sum(x))" in after and "y[y == 0] = self.sub(y[y == 0], 1)" in after


def test_branches_share_an_instance() -> None:
    body = "if x.sum() > 0:\n    x = self.act(x)\nelse:\n    x = self.act(x)\nreturn self.act(x)"
    after = check(net(body, "self.act = nn.ReLU()"), X)
    assert after.count("self.act(x)") == 2 and after.count("self.act2(x)") == 1


def test_names_avoid_what_is_taken() -> None:
    body = "return F.relu(x) + self.add"
    after = check(net(body, "self.add = 3\nself.register_buffer('relu', torch.ones(1))"), X)
    assert "self.relu2 = nn.ReLU()" in after and "self.add2(self.relu2(x), self.add)" in after


def test_bases_and_subclasses_do_not_share_names() -> None:
    source = (
        net("return x + 1") + "\n\nclass Sub(Net):\n    def forward(self, x):\n        return super().forward(x) + 2\n"
    )
    after = check(source, X, name="Sub")
    assert "self.add2(super().forward(x), 2)" in after


def test_helper_methods_called_once() -> None:
    source = net("return self.helper(x) * 2") + "\n    def helper(self, y):\n        return F.relu(y)\n"
    assert "return self.relu(y)" in check(source, X)


@pytest.mark.parametrize(
    "imports",
    [
        "from torch.nn.functional import relu as act",
        "import torch.nn.functional\nact = torch.nn.functional.relu",
        "from torch import relu as act",
        "from torch.nn import functional\nact = functional.relu",
        "from torch.nn.functional import *\nact = relu",
    ],
)
def test_names_through_any_import(imports: str) -> None:
    assert "self.relu(x)" in check(f"{imports}\n\n{net('return act(x)')}", X)


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("from torch import *\nfrom torch.nn import *", True),
        ("from torch.nn import *\nfrom torch import *", True),
        ("from torch.nn import *\nfrom torch.nn.functional import *", True),
        ("from torch import *\nfrom torch.nn import *\nfrom torch.nn.functional import *", True),
        ("from torch import *\nfrom elsewhere import *", False),
    ],
)
def test_names_through_several_star_imports(imports: str, expected: bool) -> None:
    source = f"{imports}\n\n\nclass Net(Module):\n    def forward(self, x):\n        return relu(x)\n"
    assert (b"self.relu(x)" in rewritten(source).after) is expected


def test_a_star_import_may_hide_what_another_brings() -> None:
    """`torch.dropout` is not that of torch.nn.functional, and takes other arguments."""
    stars, body = "from torch.nn.functional import *\n", net("return dropout(x, 0.5, self.training)")
    assert rewritten(f"from torch import nn\n{stars}{body}").findings
    assert not rewritten(f"from torch import nn\n{stars}from torch import *\n{body}").findings


def test_multi_line_calls_keep_their_comments() -> None:
    body = "return torch.cat(\n    [\n        x,  # the first\n        x * 2,\n    ],\n    dim=1,\n)"
    after = check(net(body), X)
    assert "x,  # the first\n" in after and "self.concat(" in after


def test_comments_behind_the_members_of_a_list_stay() -> None:
    body = "return torch.cat([\n    x * 2,  # doubled\n    x + 1,  # moved\n], dim=1)"
    after = check(net(body), X)
    assert (
        "self.concat(\n            self.mul(x, 2),  # doubled\n            self.add(x, 1),  # moved\n        )" in after
    )


def test_named_results_of_reductions() -> None:
    after = check(net("best = x.max(dim=1)\nreturn best.values * 2 + x.max(1)[0] - best.indices"), X)
    assert "self.sub(self.add(self.mul(best.values, 2), self.max2(x)[0]), best.indices)" in after


def test_a_method_chain_over_several_lines() -> None:
    assert "self.mean(self.exp(x))" in check(net("return (\n    x\n    .exp()\n    .mean(1)\n)"), X)


def test_keyword_operands_keep_their_order_of_evaluation() -> None:
    body = "return F.linear(weight=torch.rand(3, 6), input=x + torch.rand(1))"
    after = check(net(body), X)
    assert "self.linear(weight=torch.rand(3, 6), input=self.add(x, torch.rand(1)))" in after


def test_brackets_that_part_words_stay() -> None:
    assert "return(self.add(x, x))" in check(net("return(x + x)"), X)


def test_keywords_that_are_known_only_when_it_runs() -> None:
    body = 'options = dict(scale_factor=2.0, mode="nearest")\nreturn F.interpolate(x, **options)'
    assert "return self.interpolate(x, **options)" in check(net(body), torch.randn(1, 2, 4, 4))


def test_statements_behind_semicolons_and_conditions() -> None:
    check(net("x = x + 1; x *= 2\nif (x - 1).sum() > 0: return x / 2\nreturn x if x.sum() > 0 else -x"), X)


def test_walrus_and_starred_arguments() -> None:
    check(net("xs = [x, x]\nreturn torch.cat([x, *xs], 1), (y := x * 2) + y"), X)


def test_lines_are_made_where_they_run_once() -> None:
    source = """
class Net(nn.Module):
    def __init__(self, depth=1):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.ones_(m.weight)
        if depth == 1:
            return
        self.never = 1

    def forward(self, x):
        return self.conv(x) + x
"""
    after = check(source, X)
    assert "self.conv = nn.Conv2d(4, 4, 1)\n        self.add = runtime.modules.EltWiseAdd()\n" in after


def test_constructors_that_call_up_on_every_way() -> None:
    source = """
class Net(nn.BatchNorm2d):
    def __init__(self, width=4, **options):
        try:
            super().__init__(width, **options)
        except TypeError:
            super().__init__(width)
        self.width = width

    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, training=self.training) * 2
"""
    after = check(source, X)
    assert "self.batch_norm(x, self.running_mean, self.running_var, training=self.training)" in after
    assert "        self.width = width\n        self.batch_norm = runtime.modules.FunctionalBatchNorm()\n" in after


def test_a_second_run_changes_nothing() -> None:
    once = rewritten(HEADER + net("return torch.cat([x + 1, F.relu(x)], 1).mean(1)"))
    again = rewritten(once.after.decode())
    assert not again.changed and not again.findings


def test_a_branch_that_ends_where_the_constructor_does() -> None:
    source = """
class Net(nn.Module):
    def __init__(self, deep=True):
        super().__init__()
        if deep:
            self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.norm(x) + x)
"""
    after = check(source, X)
    assert "            self.norm2 = runtime.modules.again(self.norm)\n        self.add = " in after


def test_what_a_constructor_hands_up_by_a_star_is_what_annotations_say() -> None:
    """The constructor that `Middle` gets hands everything up: `size` is no tensor for that, in a second run either."""
    source = """
def scaled(data: torch.Tensor, size: int):
    return data * (size - 1)

class Base(nn.Module):
    def __init__(self, weight: torch.Tensor, size: int = 3):
        super().__init__()
        self.size = size

    def helped(self, x):
        return scaled(x, self.size)

class Middle(Base):
    def forward(self, x):
        return self.helped(x) + x

class Net(Middle):
    def __init__(self):
        super().__init__(torch.ones(2))
"""
    after = check(source, X)
    assert "ops.mul(data, size - 1)" in after and "super().__init__(*args, **kwargs)" in after


def test_another_runtime_package() -> None:
    after = rewritten(HEADER + net("return x + 1"), runtime_import="vendored.rt").after.decode()
    assert "import vendored.rt.modules\n" in after and "vendored.rt.modules.EltWiseAdd()" in after


def test_a_local_name_in_the_way_of_the_import() -> None:
    after = check(net("runtime = x + 1\nreturn runtime"), X)
    assert "import runtime.modules as runtime_modules\n" in after and "runtime_modules.EltWiseAdd()" in after


def test_attributes_that_are_none_together_do_not_hold_one_module() -> None:
    init = "self.q = self.k = None\nif X > 0:\n    self.q = nn.Conv2d(4, 4, 1)\n    self.k = nn.Conv2d(4, 4, 1)"
    after = check(f"X = 1\n\n\n{net('return self.q(x) + self.k(x)', init)}", X)
    assert "self.add(self.q(x), self.k(x))" in after


@pytest.mark.parametrize(
    "body, written",
    [
        (['y = x.get("b", None)', 'return x["a"] * 2 if y is None else y * 2'], 'self.mul(x["a"], 2)'),
        (["return [value + 1 for name, value in x.items()]"], "self.add[i](value, 1)"),
        (["return [x[name].mean() for name in x.keys()]"], "self.mean[i](x[name])"),
        (['return x["a"] * 2 if "c" in x else x["b"] + 1'], 'self.add(x["b"], 1)'),
    ],
)
def test_the_values_of_a_dict_that_forward_is_given_are_taken_for_tensors(body: list[str], written: str) -> None:
    lines = "".join(f"        {line}\n" for line in body)
    source = f"class Net(nn.Module):\n    def forward(self, x):\n{lines}"
    batch = {"a": torch.randn(2, 4, requires_grad=True), "b": torch.randn(2, 4, requires_grad=True)}
    result = rewritten(HEADER + source)
    assert written in result.after.decode(), result.after.decode()
    before, after = load(result.before)["Net"](), load(result.after)["Net"]()
    assert torch.equal(torch.stack(list(before(batch))), torch.stack(list(after(batch))))


def test_what_a_dict_holds_may_be_anything() -> None:
    source = (
        'class Net(nn.Module):\n    def forward(self, x):\n        return x.get("scale", 2) * 3, x["names"] + ["c"]\n'
    )
    net = load(rewritten(HEADER + source).after)["Net"]()
    assert net({"names": ["a"]}) == (6, ["a", "c"]) and net({"scale": "x", "names": []}) == ("xxx", ["c"])


@pytest.mark.parametrize("made", ["list()", "[]"])
def test_what_is_put_into_an_empty_list_is_in_it(made: str) -> None:
    source = f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

    def forward(self, x):
        found, firsts = {made}, {made.replace("list", "tuple").replace("[]", "()")}
        for layer in self.layers:
            found.append(layer(x) * 2)
        firsts += (found[0],)
        return torch.cat(found, 1) + torch.cat(firsts + (x,), 1)
"""
    after = check(source, torch.randn(2, 4))
    assert "self.concat(*found)" in after or "self.concat(found)" in after
    assert not rewritten(HEADER + source).refusals


LEFT_TO_OTHERS = """
class Mixing(nn.Module):
    def forward(self, x):
        {body}

    def scaled(self, x):
        {body}


class Steps(nn.Sequential, Mixing):
    def scaled(self, x):
        return x * 2


class Net(nn.Module):
    def __init__(self, mixing: Mixing = None):
        super().__init__()
        self.mixing = Steps(nn.Linear(6, 6), nn.Tanh()) if mixing is None else mixing
        self.steps = Steps(nn.Linear(6, 6), nn.Tanh())

    def forward(self, x):
        y = F.softplus(self.mixing(x))
        return F.softplus(self.steps(y)).sum() + F.softplus(self.mixing.scaled(x))
"""


@pytest.mark.parametrize("body", ["pass", "...", '"""For classes below."""', "raise NotImplementedError"])
def test_what_a_method_for_classes_below_returns_is_not_none(body: str) -> None:
    after = check(LEFT_TO_OTHERS.format(body=body), X)
    assert "F.softplus" not in after and "self.sum(" in after
