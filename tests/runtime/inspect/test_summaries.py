"""Tables, the graph and the helpers of the tutorials."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
import torch
from torch import nn

import runtime
from runtime.inspect import AverageMeter, accuracy, check_prepared, evaluate, graph_svg, summary
from runtime.quantization import LSQQuantizer
from tests.runtime.quantization.small import ConvNet, quadrants, train

X, Y = quadrants(8)


def rows(table: Any, key: str = "module") -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in table.rows}


def test_modules_and_their_parameters() -> None:
    table = summary(ConvNet())
    assert rows(table)["conv"] == {"module": "conv", "type": "Conv2d", "parameters": 80, "shapes": "8x1x3x3, 8"}
    assert str(table).splitlines()[0] == "modules" and "822 parameters in all" not in str(table)
    assert sum(row["parameters"] for row in table.rows) == sum(p.numel() for p in ConvNet().parameters())


def test_sparsity_of_elements_and_of_structures() -> None:
    model = ConvNet()
    with torch.no_grad():
        model.conv2.weight[:2] = 0
        model.conv2.weight[:, :3] = 0
    row = rows(summary(model, "sparsity"), "weight")["conv2.weight"]
    assert row["filters %"] == 25 and row["channels %"] == 37.5
    zero = 100 * (1 - 0.75 * 0.625)
    assert row["zero %"] == pytest.approx(zero) and row["kernels %"] == pytest.approx(zero)


def test_what_is_computed() -> None:
    table = summary(ConvNet(), "compute", X[:1])
    found = rows(table)
    assert found["conv"]["MACs"] == 8 * 9 * 64 and found["conv2"]["MACs"] == 8 * 8 * 9 * 64
    assert found["fc"]["MACs"] == 32 * 4 and found["relu"]["MACs"] == 0
    assert found["pool"]["in"] == (1, 8, 8, 8) and found["pool"]["out"] == (1, 8, 2, 2)
    assert table.footer.startswith(f"{8 * 9 * 64 + 64 * 9 * 64 + 128:,} ")
    with pytest.raises(ValueError, match="pass dummy_input"):
        summary(ConvNet(), "compute")


def test_how_a_model_is_quantized() -> None:
    quantized = runtime.quantize(ConvNet(), [X], verbose=False, bits_weights=4)
    found = rows(summary(quantized, "quantization"))
    assert found["conv"]["weight bits"] == 4 and found["conv"]["output bits"] == 8
    assert found["norm"]["note"] == "part of conv" and found["fc"]["note"] == "returns floating point"
    assert found["conv"]["lowest"] == 0.0 < found["conv"]["highest"]
    training = ConvNet()
    LSQQuantizer(training, None, bits_activations=8, bits_weights=3).prepare_model(X)
    train(training, torch.optim.SGD(training.parameters(), lr=0.01), 2)
    rows_in_training = summary(training, "quantization").rows
    assert {row["weight bits"] for row in rows_in_training} == {3, None}
    assert summary(ConvNet(), "quantization").footer == "nothing is quantized"
    with pytest.raises(ValueError, match="one of modules, sparsity, compute, quantization, not 'size'"):
        summary(ConvNet(), "size")


def test_rich_prints_the_same_table() -> None:
    rich_console = pytest.importorskip("rich.console")
    console = rich_console.Console(width=120, record=True, file=io.StringIO())
    console.print(summary(ConvNet()))
    printed = console.export_text()
    assert "conv2" in printed and "8x8x3x3" in printed and "parameters in all" in printed


def test_the_graph_has_a_box_for_each_module_and_a_line_for_each_tensor_between() -> None:
    model = ConvNet().eval()
    quantized = runtime.quantize(model, [X], verbose=False)
    root = ElementTree.fromstring(graph_svg(model, X, quantized))
    space = "{http://www.w3.org/2000/svg}"
    titles = {one.text.splitlines()[0]: one.text for one in root.iter(f"{space}title") if one.text}
    assert set(titles) == {name for name, module in model.named_modules() if name}
    assert titles["conv"] == "conv\nConv2d  8x8x8x8\n8-bit weight, 8-bit output"
    edges = [one for one in root.iter(f"{space}path") if "marker-end" in one.attrib]
    assert len(edges) == 10, "nine from each to the next, and the residual"
    with pytest.raises(ValueError, match="pass what was made of it as quantized="):
        graph_svg(quantized, X)


def test_names_in_the_graph_cannot_break_it() -> None:
    class Strange(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("a<b&\"c'", nn.ReLU())

        def forward(self, x: Any) -> Any:
            return self._modules["a<b&\"c'"](x)

    ElementTree.fromstring(graph_svg(Strange(), X))


def test_the_helpers_of_the_tutorials() -> None:
    meter = AverageMeter("Acc@1", ":6.2f")
    meter.update(torch.tensor([50.0]), 2)
    meter.update(torch.tensor([100.0]), 1)
    assert str(meter) == "Acc@1 100.00 ( 66.67)" and meter.count == 3
    output = torch.tensor([[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.3, 0.2, 0.5], [0.2, 0.5, 0.3]])
    first, second = accuracy(output, torch.tensor([1, 1, 2, 0]), topk=(1, 2))
    assert (first.item(), second.item()) == (50.0, 75.0)
    model, loader = ConvNet(), list(zip(X.split(4), Y.split(4), strict=True))
    top1, top5 = evaluate(model, nn.CrossEntropyLoss(), loader, neval_batches=1)
    expected = (model.eval()(X[:4]).argmax(1) == Y[:4]).float().mean().item() * 100
    assert top1.avg.item() == expected and top1.count == 4 and top5.avg.item() == 100.0


def test_an_empty_container_is_no_obstacle_to_seeing_whether_a_model_is_prepared() -> None:
    class Shortcut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shortcut, self.relu = nn.Sequential(), nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.shortcut(x))

    assert check_prepared(Shortcut(), X).prepared
