"""The report page: what it says, that it needs nothing else, and that a browser shows it without complaint."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from PIL import Image

import runtime
import runtime.int8
from runtime.inspect import Report, Sensitivity, Variant
from runtime.inspect.report.charts import bars, curves, histogram, ticks
from runtime.quantization.summary import noise_by_layer
from tests.runtime.quantization.small import ConvNet, quadrants, train

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
X, _ = quadrants(16)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small run, with every section."""
    torch.manual_seed(0)
    model = ConvNet()
    train(model, torch.optim.SGD(model.parameters(), lr=0.05), 20)
    quantized = runtime.quantize(model, [X], verbose=False)
    compiled = runtime.int8.compile(runtime.int8.convert(copy.deepcopy(quantized)), X)
    report = Report("Quadrants <of noise>", "A page for the tests.")
    report.variants([Variant("float32", 98.5, 4000, 2.0), Variant("int8", 98.25, 1000, 0.5)])
    report.history({"loss": [(0, 1.4), (1, 0.7)]}, "loss")
    report.quantization(model, quantized, [X])
    report.sparsity(model)
    names = [name for name, p in model.named_parameters() if p.dim() > 1]
    report.sensitivity([Sensitivity(name, level, 90 - 9 * level) for name in names for level in (0.0, 0.5)])
    report.operations(compiled, X)
    report.graph(model, X, quantized)
    path = tmp_path_factory.mktemp("report") / "report.html"
    report.write(path)
    noise = noise_by_layer(model.eval(), quantized, X)
    assert f"{noise['conv2']:.3g} dB" in path.read_text()
    return path


class Elements(HTMLParser):
    """Tags that are open, headings, and all that names another resource."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.resources: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.resources += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def test_the_page_has_every_section_and_needs_nothing_else(page: Path) -> None:
    found = Elements()
    found.feed(page.read_text())
    assert not found.open and not found.scripts
    assert found.headings == [
        *("Accuracy and size", "Training", "Noise by layer", "Bit widths and grids", "Activations", "Weights"),
        *("Sparsity", "Sensitivity to pruning", "Slowest operations", "Graph"),
    ]
    assert all(resource.startswith(("#", "data:")) for resource in found.resources)
    assert page.stat().st_size < 200_000


def test_the_page_says_what_was_measured(page: Path) -> None:
    text = page.read_text()
    assert "<td>int8</td><td class=number>98.25</td><td class=number>0.25</td>" in text
    assert "Quadrants &lt;of noise&gt;" in text and "<of noise>" not in text
    assert text.count("class=range") == 8, "five activations and three weights on integers, each with its range"


# Where the tests run unattended, install the browser beforehand (`apt-get install chromium`): these are skipped without.
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on the PATH to show the page in")
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (500, False)])
def test_a_browser_shows_it_without_an_error(page: Path, width: int, dark: bool, tmp_path: Path) -> None:
    shot, theme = tmp_path / "page.png", ["--blink-settings=preferredColorScheme=0"] if dark else []
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1400", "--enable-logging=stderr"),
        *(*theme, f"--screenshot={shot}", page.as_uri()),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    assert shot.stat().st_size > 10_000
    image = Image.open(shot).convert("L")
    corner = image.getpixel((0, image.height - 1))
    assert corner < 40 if dark else corner > 240
    assert len(image.getcolors()) > 20, "something is drawn"


def test_charts_of_little_or_nothing() -> None:
    assert curves({}, "x", "y") == ""
    assert "exact" in bars([("a", float("inf")), ("b", 0.0)], "dB")
    assert "NaN" not in curves({"flat": [(0.0, 1.0), (0.0, 1.0)]}, "x", "y").replace("nan", "NaN")
    assert "nan" not in histogram("one value", [7], 2.0, 2.0, None)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0.13, 0.52, [0.2, 0.3, 0.4, 0.5]), (-3, 3, [-2, 0, 2]), (5, 5, [5])],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected
