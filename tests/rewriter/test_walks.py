"""Code that goes through a class's own children: a new module must not change what it does."""

from __future__ import annotations

import pytest
import torch

from tests.rewriter.executed import HEADER, check, load, rewritten

X = torch.randn(2, 4)

SOURCE = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.count = 0
        self.gather()

    def gather(self):
        found = []
{walk}
        return found

    def forward(self, x):
        return self.fc(x) + x
"""

HARMLESS = {
    "asks for attributes": """
        for name, child in self.named_children():
            if keys := getattr(child, "tied_keys", None):
                found.append(f"{name}.{keys}")
            elif hasattr(child, "extra") and child.extra:
                self.count += 1
""",
    "asks for types with state": """
        for child in self.children():
            if isinstance(child, (nn.Linear, nn.Conv2d)):
                found.append(child)
                self.count += 1
""",
    "compares types with state": """
        for child in self.children():
            if type(child) == nn.Linear or type(child) in (nn.Conv2d, nn.Conv1d):
                found.append(child)
            elif type(child) is nn.LSTM:
                self.count += 1
""",
    "uses what every module has": """
        for child in self.children():
            "Frozen."
            child.requires_grad_(False)
            for p in child.parameters():
                self.count += p.numel()
""",
    "asks for what may be new": (
        "        for child in self.children():\n            if isinstance(child, nn.ReLU):\n                self.count += 1"
    ),
    "compares with what may be new": (
        "        for child in self.children():\n            if type(child) in (nn.Linear, nn.ReLU):\n                self.count += 1"
    ),
}
HARMLESS |= {
    "a function inside that comes back to itself": """
        def visit(module):
            if hasattr(module, "set_scale"):
                module.set_scale(2)
            for child in module.children():
                visit(child)

        for module in self.children():
            visit(module)
""",
    "classes in a variable": """
        kinds = (nn.Linear, nn.Conv2d)
        for child in self.children():
            if not isinstance(child, kinds):
                continue
            found.append(child)
""",
    "asks for a beginning": """
        for name in tuple(self._modules):
            if name.startswith("aux_"):
                delattr(self, name)
""",
    "leaves out what begins otherwise": """
        for name, child in self.named_children():
            if not name.startswith(("aux_", "head")):
                continue
            found.append(child)
""",
}
TELLING = {
    "a function inside that counts": (
        "        def visit(module):\n            self.count += 1\n\n        for child in self.children():\n            visit(child)"
    ),
    "classes in a variable that is set again": (
        "        kinds = (nn.Conv2d,)\n        if self.count == 0:\n            kinds = nn.Module\n"
        "        for child in self.children():\n            if isinstance(child, kinds):\n                self.count += 1"
    ),
    "asks for another beginning": (
        "        for name in list(self._modules):\n            if name.startswith('f') or len(name) > 2:\n"
        "                found.append(name)"
    ),
    "counts": "        for child in self.children():\n            self.count += 1",
    "collects": "        for child in self.children():\n            found.append(child)",
    "names": "        for name, child in self.named_children():\n            found.append(name)",
    "runs": "        for child in self.children():\n            child(torch.zeros(1, 4))",
    "a list of them": "        found = list(self.children())",
    "compares with what it is not": (
        "        for child in self.children():\n            if type(child) != nn.Linear:\n                self.count += 1"
    ),
    "asks for what all have": (
        '        for child in self.children():\n            if hasattr(child, "training"):\n                self.count += 1'
    ),
    "the other branch": (
        "        for child in self.children():\n            if isinstance(child, nn.Linear):\n                pass\n"
        "            else:\n                self.count += 1"
    ),
    "the last one": "        for child in self.children():\n            last = child.weight\n        found.append(last)",
    "an attribute of its own": "        for child in self.children():\n            child.reset_parameters()",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_rewritten_where_a_new_child_changes_nothing(name: str) -> None:
    after = check(SOURCE.format(walk=HARMLESS[name].strip("\n")), X)
    assert "runtime.modules.EltWiseAdd" in after and "WithOperations" not in after


def test_no_new_module_is_called_as_a_walk_asks() -> None:
    walk = '        for name in tuple(self._modules):\n            if name.startswith("ad"):\n                delattr(self, name)'
    assert "self.op_add = runtime.modules.EltWiseAdd()" in check(SOURCE.format(walk=walk), X)


@pytest.mark.parametrize("name", TELLING)
def test_goes_over_the_steps_alone_where_it_might_tell(name: str) -> None:
    after = check(SOURCE.format(walk=TELLING[name]), X)
    assert "(runtime.modules.WithOperations, nn.Module):" in after and "children()" not in after


def test_what_is_written_later_is_no_step_either() -> None:
    """A class that was rewritten before, and that its author has gone on with."""
    source = (
        "class Net(runtime.modules.WithOperations, nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(4, 4)\n        self.add_operation('relu', nn.ReLU())\n\n"
        "    def forward(self, x):\n        for layer in self.steps():\n            x = layer(x)\n"
        "        return self.relu(x) + 1\n"
    )
    assert 'self.add_operation("add", runtime.modules.EltWiseAdd())' in check(
        f"import runtime.modules\n\n\n{source}", X
    )
    below = "class Below(Net):\n    def forward(self, x):\n        return super().forward(x) * 2\n"
    found = rewritten(f"{HEADER}import runtime.modules\n\n\n{source}\n\n{below}")
    assert [r.code for r in found.refusals] == ["RW904"], found.refusals


SWITCHING = {
    "to evaluation": "        for child in self.children():\n            child.eval()\n            self.count += 1",
    "by a name": "        for child in self.children():\n            child.training = False",
    "what it changes": "        for name in tuple(self._modules):\n            self._modules.pop(name)",
    "what another function is given": "        found.append(print(self._modules))",
    "a base, too": "        for child in self.children():\n            found.append(child)",
}


@pytest.mark.parametrize("name", SWITCHING)
def test_refused_where_all_have_to_be_met(name: str) -> None:
    source = SOURCE.format(walk=SWITCHING[name])
    if name == "a base, too":
        base = "class Base(nn.Module):\n    def names(self):\n        return [n for n, _ in self.named_children()]\n"
        source = f"\n{base}\n\n{source.strip()}\n".replace("class Net(nn.Module)", "class Net(Base)")
    result = rewritten(HEADER + source)
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}


PICKING = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.count = 0

    def counted(self):
        for child in self.children():
            if isinstance(child, nn.ReLU):
                self.count += 1
        return self.count

    def forward(self, x):
        return self.relu(F.relu(x - 1) + self.relu(x))
"""


def test_no_new_module_is_of_a_class_that_code_picks_out() -> None:
    after = check(PICKING, X)
    assert "runtime.modules.FunctionalReLU()" in after and "self.relu2 = runtime" in after
    assert load(rewritten(HEADER + PICKING).after)["Net"]().counted() == 1
    refused = rewritten(HEADER + PICKING).refusals
    assert [r.code for r in refused] == ["RW904"] and "code picks modules of its class" in refused[0].message


PICKING_BY = {
    "a variable": (
        PICKING.replace("        for child", "        kinds = (nn.Conv2d, nn.ReLU)\n        for child"),
        "kinds",
    ),
    "a variable of the file": (f"KINDS = (nn.Conv2d, nn.ReLU)\n\n\n{PICKING}", "KINDS"),
    "one of two": (PICKING, "nn.Conv2d | nn.ReLU"),
}


@pytest.mark.parametrize("name", PICKING_BY)
def test_no_new_module_is_of_a_class_that_code_picks_out_by(name: str) -> None:
    source, kinds = PICKING_BY[name]
    after = check(source.replace("isinstance(child, nn.ReLU)", f"isinstance(child, {kinds})"), X)
    assert "runtime.modules.FunctionalReLU()" in after and "nn.ReLU()" in after


def test_no_new_module_is_of_a_class_whose_name_a_list_in_a_class_says() -> None:
    asking = PICKING.replace("isinstance(child, nn.ReLU)", "child.__class__.__name__ in names")
    asking = asking.replace("        for child", '        names = getattr(self, "kinds", None)\n        for child')
    source = asking.replace("class Net(nn.Module):\n", 'class Net(nn.Module):\n    kinds = ["Conv2d", "ReLU"]\n\n', 1)
    assert "runtime.modules.Function(F.relu)" in check(source, X)
    assert "F.relu(" not in check(source.replace('["Conv2d", "ReLU"]', '["Conv2d"]'), X)


DEEP = {
    "how many there are": "return len([name for name, m in self.named_modules()])",
    "where each stands": "return [i for i, m in enumerate(self.modules()) if isinstance(m, nn.Linear)]",
    "what all have": "return any(getattr(m, 'training', False) for m in self.modules())",
    "a mark that counts where it is missing": "return any(getattr(m, 'mark', True) for m in self.modules())",
    "whether each is something": "return all(isinstance(m, (nn.Linear, Net)) for m in self.modules())",
    "an effect before the test": "return [m for m in self.modules() if self.kept.append(m) or isinstance(m, nn.Linear)]",
    "a name that only begins so": (
        "for name, m in self.named_modules():\n            name = name.split('.')[0]\n"
        "            if name in names:\n                found.append(m)\n        return found"
    ),
    "a name among all names": (
        "names = [name for name, m in self.named_modules()]\n"
        "        return [m for name, m in self.named_modules() if name in names]"
    ),
    "the first that is something else": (
        "for m in self.modules():\n            if not isinstance(m, (nn.Linear, Net)):\n                return m"
    ),
    "an error for something else": (
        "for m in self.modules():\n            if isinstance(m, (nn.Linear, Net)):\n                continue\n"
        "            raise ValueError(m)"
    ),
    "a function that takes the module second": "self.apply(partial(self.see, nn.Linear(1, 1)))",
    "how many were kept": "for m in self.modules():\n            found.append(m)\n        return len(found)",
    "names without their numbers": (
        "found = {re.sub(r'[0-9]+', '*', name) for name, m in self.named_modules()}\n        return found & names"
    ),
    "a hook for each": "for m in self.modules():\n            m.register_forward_hook(self.see)",
    "where a path begins": (
        "for name, m in self.named_modules():\n            if name.startswith('fc'):\n                self.count += 1"
    ),
    "a variable of the file": "global count\n        for m in self.modules():\n            count += 1",
    "how often a loop is run": "for a, b in zip(self.modules(), names):\n            self.count += 1",
    "each module below each": "for m in self.modules():\n            self.mark_each(m)",
    "what the turn before has left": (
        "last = None\n        for m in self.modules():\n            if isinstance(m, nn.Linear) and last is not None:\n"
        "                self.count += 1\n            last = m if hasattr(m, 'weight') else None"
    ),
    "an error that the loop ends with": (
        "try:\n            for m in self.modules():\n                m.weight\n        except AttributeError:\n"
        "            self.count += 1"
    ),
}
PASSED_OVER = {
    "a list that nobody sees": "return [m for m in self.modules() if found.append(m) or isinstance(m, nn.Linear)]",
    "rules for names with any number": (
        "found = {re.sub(r'\\.\\d+(\\.|$)', '.*', name) for name, m in self.named_modules()}\n"
        "        if names.keys() - found:\n            self.count += 1"
    ),
    "a rule for each name": (
        "for name, m in self.named_modules():\n            rule = self.rule(name, names)\n"
        "            if rule in ('keep', 'free'):\n                self.count += 1\n"
        "            elif rule is not None:\n                found.append(name)\n        return found"
    ),
    "an attribute that is tried": (
        "for m in self.modules():\n            try:\n                m.weight.data\n"
        "            except AttributeError:\n                continue\n            self.count += 1"
    ),
    "functions that call themselves": "for m in self.modules():\n            self.mark_linear(m)",
    "marked": "return [m for m in self.modules() if hasattr(m, 'mark') and m.mark]",
    "any marked": "return any(getattr(m, 'mark', False) for m in self.modules())",
    "its names": "return [m for name, m in self.named_modules() if f'net.{name}' in names or name in names]",
    "a function that takes the module first": "self.apply(partial(self.see, first=True))",
}
DEEP_SOURCE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.count = 0

    def see(self, module, first=None):
        if isinstance(module, nn.Linear) and hasattr(module, "mark"):
            self.count += first is not None

    def rule(self, name, rules, default=False):
        short = "net." + name
        if short in rules:
            return rules[short]
        elif default and "." in short and short.rsplit(".", 1)[0] in rules:
            return "above"
        return rules.get(name)

    def mark_each(self, module):
        for child in module.children():
            self.mark_each(child)
        self.count += 1

    def mark_linear(self, module):
        for child in module.children():
            self.mark_linear(child)
        if isinstance(module, nn.Linear):
            self.count += 1

    def walk(self, names=()):
        found = []
        {walk}

    def forward(self, x):
        return self.fc(x) + x
"""


@pytest.mark.parametrize("name", DEEP)
def test_refused_where_one_more_below_might_tell(name: str) -> None:
    result = rewritten(f"import re\nfrom functools import partial\n{HEADER}{DEEP_SOURCE.format(walk=DEEP[name])}")
    assert not result.changed and {r.code for r in result.refusals} == {"RW904"}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_rewritten_where_one_more_below_is_passed_over(name: str) -> None:
    result = rewritten(
        f"import re\nfrom functools import partial\n{HEADER}{DEEP_SOURCE.format(walk=PASSED_OVER[name])}"
    )
    assert b"runtime.modules.EltWiseAdd()" in result.after and not result.refusals


def test_an_attribute_by_the_name_of_another_walk_stays_what_it_is() -> None:
    source = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = 2

    def forward(self, x):
        for _ in range(self.steps):
            x = x.softmax(dim=0) * len(self._modules)
        return x
"""
    after = check(source, torch.randn(3, 4))
    assert "len(self.step_modules)" in after and "range(self.steps)" in after
