"""The page of `rewriter report`, driven in a real browser as a person would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from rewriter.cli import main
from tests.rewriter.browser import chromium

MODEL = """\
import torch
import torch.nn.functional as F
from torch import nn

from there import table


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.lstm = nn.LSTM(3, 3)

    def forward(self, x):
        note = "</script><img src=x onerror='window.harmed = 1'>"
        x = self.relu(x) + 1
        x = F.gelu(self.relu(x))
        return torch.cat([x, x], 1), table[0](x) * table[0](x)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "model.py").write_text(MODEL)
    (tmp_path / "src" / "other.py").write_text(MODEL.replace("Net", "Other"))
    (tmp_path / "src" / "bad.py").write_text("import torch\ndef f(:\n")
    monkeypatch.chdir(tmp_path)
    assert main(["report", "src", "-q", "--unsafe-fixes"]) == 2, "bad.py fails, the others are shown"
    return tmp_path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture
def page(project: Path, browser: Chrome) -> Iterator[Chrome]:
    behavior = {"behavior": "allow", "downloadPath": str(project)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
    browser.get((project / "review.html").as_uri())
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    browser.execute_script("localStorage.clear()")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.set_window_size(1400, 1000)


def rows(page: Chrome) -> list[str]:
    """The codes of the findings that are shown, in order."""
    return [row.find_element(By.CLASS_NAME, "code").text for row in visible(page, ".finding")]


def visible(page: Chrome, css: str) -> list[Any]:
    return [found for found in page.find_elements(By.CSS_SELECTOR, css) if found.is_displayed()]


def press(page: Chrome, keys: str) -> None:
    for key in keys:
        page.find_element(By.TAG_NAME, "body").send_keys(key)


def click(page: Chrome, element: Any) -> None:
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


ONE = ["RW301", "RW101", "RW106", "RW201", "RW104"]


def test_what_it_shows(page: Chrome) -> None:
    head = page.find_element(By.TAG_NAME, "header").text
    assert "10 operations to rewrite in 2 files; 2 left with a reason; 1 file failed" in head
    assert "83 % of 12 operations that matter" in head
    assert sorted(rows(page)) == sorted(ONE * 2)
    assert any("self.relu2(x)" in added.text for added in visible(page, "td.d2h-ins"))
    by_hand = page.find_element(By.ID, "by-hand").text
    assert "src/model.py:18:38" in by_hand and "return torch.cat([x, x], 1), table[0](x) * table[0](x)" in by_hand
    assert "annotate the argument or variable" in by_hand
    assert "src/bad.py" in page.find_element(By.CSS_SELECTOR, ".failures").text


def test_source_is_never_markup_and_nothing_is_loaded(page: Chrome) -> None:
    page.execute_script("diffs.drawAll()")
    assert "onerror='window.harmed = 1'" in page.find_element(By.TAG_NAME, "main").text
    assert page.find_elements(By.TAG_NAME, "img") == []
    assert page.execute_script("return window.harmed") is None
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_filters(page: Chrome) -> None:
    (chip,) = [chip for chip in page.find_elements(By.CLASS_NAME, "chip") if chip.text.startswith("RW101")]
    chip.click()
    assert rows(page) == ["RW101", "RW101"]
    page.find_element(By.ID, "search").send_keys("other.py f.gelu()")
    assert rows(page) == [] and page.find_element(By.ID, "nothing").is_displayed()
    chip.click()
    assert rows(page) == ["RW106"]
    assert [file.get_attribute("aria-label") for file in visible(page, ".file")] == ["src/other.py"]
    page.find_element(By.ID, "search").clear()
    page.find_element(By.ID, "search").send_keys(Keys.SPACE, Keys.ESCAPE)
    Select(page.find_element(By.ID, "safety")).select_by_visible_text("unsafe")
    assert rows(page) == ["RW301", "RW301"]


def test_keys_and_links(page: Chrome, project: Path) -> None:
    press(page, "jjj")
    current = page.find_element(By.CSS_SELECTOR, ".finding.current")
    assert current.get_attribute("id") == page.execute_script("return decodeURIComponent(location.hash.slice(1))")
    third = current.get_attribute("id")
    press(page, "k")
    assert page.find_element(By.CSS_SELECTOR, ".finding.current").get_attribute("id") != third
    press(page, "?")
    assert "next finding" in page.find_element(By.TAG_NAME, "dialog").text
    press(page, Keys.ESCAPE)
    press(page, "e")
    assert page.find_element(By.TAG_NAME, "dialog").text.startswith("RW")
    page.get("about:blank")
    page.get((project / "review.html").as_uri() + "#src%2Fother.py%3A16%3A13%3ARW101")
    current = page.find_element(By.CSS_SELECTOR, ".finding.current")
    assert current.get_attribute("id") == "src/other.py:16:13:RW101" and current.is_displayed()
    top = page.execute_script("return arguments[0].getBoundingClientRect().top", current)
    assert 0 < top < 1000


def test_ticks_download_as_a_selection_that_fix_applies(page: Chrome, project: Path) -> None:
    boxes = {row.get_attribute("id"): row.find_element(By.TAG_NAME, "input") for row in visible(page, ".finding")}
    assert {name for name, box in boxes.items() if not box.is_selected()} == {
        "src/model.py:12:21:RW301", "src/other.py:12:21:RW301"
    }, "unsafe ones are not ticked"  # fmt: skip
    click(page, boxes["src/other.py:12:21:RW301"])
    click(page, boxes["src/other.py:16:13:RW101"])
    click(page, page.find_element(By.XPATH, "//section[@aria-label='src/model.py']//button[text()='untick all']"))
    page.refresh()
    assert page.find_element(By.ID, "download").text == "download 4 ticked", "ticks are remembered"
    page.find_element(By.ID, "download").click()
    WebDriverWait(page, 10).until(lambda _: (project / "selection.json").exists())
    assert main(["fix", "-q", "--selection", "selection.json"]) == 2, "bad.py"
    (project / "src" / "bad.py").unlink()
    after = (project / "src" / "other.py").read_text()
    assert (project / "src" / "model.py").read_text() == MODEL
    assert "self.relu(x) + 1" in after and "runtime.modules.LSTM(3, 3)" in after
    assert "self.gelu(self.relu2(x))" in after and "self.concat(x, x)" in after


def test_narrow_screens_dark_and_print(page: Chrome, project: Path) -> None:
    assert visible(page, ".d2h-file-side-diff") and not visible(page, ".d2h-file-diff")
    page.set_window_size(420, 900)
    WebDriverWait(page, 5).until(lambda _: visible(page, ".d2h-file-diff") and not visible(page, ".d2h-file-side-diff"))
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    back = "return getComputedStyle(document.body).backgroundColor"
    light = page.execute_script(back)
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    assert page.execute_script(back) != light
    press(page, "tt")
    assert page.execute_script(back) == light, "chosen by hand"
    page.set_window_size(1000, 900)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not visible(page, "nav") and not visible(page, ".buttons") and visible(page, ".file")
    heights = [line.size["height"] for line in visible(page, ".d2h-diff-table tr")]
    assert len(heights) > 20 and max(heights) < 2.5 * min(heights), "a line stands on one line, or on two"


def seconds_of_work(browser: Chrome) -> float:
    """Of the processor's time, whoever else works on the machine."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def test_a_thousand_findings(browser: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head, _, net = MODEL.partition("\n\n\n")
    nets = "".join(f"\n\n\n{net.replace('Net', f'Net{number}')}" for number in range(10))
    for number in range(25):
        (tmp_path / f"model_{number}.py").write_text(head + nets)
    assert main(["report", "-q"]) == 0
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    browser.get((tmp_path / "review.html").as_uri())
    ready = "return performance.getEntriesByName('review-ready')[0]?.startTime"
    WebDriverWait(browser, 30).until(lambda _: browser.execute_script(ready))
    assert seconds_of_work(browser) < 2
    assert browser.find_element(By.ID, "count").text == "1250 of 1250 shown"
    before = seconds_of_work(browser)
    browser.find_element(By.ID, "search").send_keys("f.gelu()")
    assert browser.find_element(By.ID, "count").text == "250 of 1250 shown"
    assert seconds_of_work(browser) - before < 2
    selection = json.loads(browser.execute_script("return JSON.stringify(choice.selection())"))
    assert sum(len(file["findings"]) for file in selection["files"]) == 1000, "the unsafe ones are not ticked"
