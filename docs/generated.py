"""Pages that are made from the program, and a navigation that names only what is there."""

from __future__ import annotations

import argparse
import ast
import posixpath
import re
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the pages speak of this source, whatever is installed

from rewriter.cli import parser  # noqa: E402
from rewriter.rules.listing import ALL, LEFT  # noqa: E402
from rewriter.rules.rule import Rule  # noqa: E402

API = {
    "runtime.quantization": "Quantizers, and what they are made of. `runtime.quantize` is `quantize` of this page.",
    "runtime.int8": "Quantized models on int8 kernels.",
    "runtime.modules": "What rewritten source calls. Each operation has a class as well: see [Rules](../rules.md).",
    "runtime.export": "Quantized models for other runtimes.",
    "runtime.inspect": "What a quantizer would see of a model, and what flows through it.",
    "runtime.schedule": "Compression during training.",
    "rewriter.importer": "Libraries rewritten as they are imported.",
}
BENCHMARKS = ("INT8.md", "KERNELS.md", "OBSERVE.md")


def pages() -> dict[str, str]:
    return {
        "rules.md": _rules(),
        "commands.md": _commands(),
        "schema.json": (ROOT / "rewriter" / "report" / "schema.json").read_text(encoding="utf-8"),
        "contributing.md": _from_root("CONTRIBUTING.md"),
        "changelog.md": _from_root("CHANGELOG.md"),
        "benchmarks.md": _benchmarks(),
        **{f"api/{package}.md": _api(package, about) for package, about in API.items()},
    }


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    made = pages()
    assert config.nav is not None
    config.nav = list(_present(config.nav, lambda page: page in made or (Path(config.docs_dir) / page).is_file()))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, content in pages().items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Codes in the text link to their rules: a link in the file would lead nowhere, as the page is made here."""
    here = page.file.src_uri
    if here == "rules.md":
        return markdown
    rules = posixpath.relpath("rules.md", posixpath.dirname(here) or ".")
    parts = re.split(r"(^```.*?^```$|`[^`\n]*`)", markdown, flags=re.MULTILINE | re.DOTALL)
    linked = (re.sub(r"\bRW\d{3}\b", lambda m: f"[{m[0]}]({rules}#{m[0].lower()})", part) for part in parts[::2])
    return "".join(text for pair in zip_longest(linked, parts[1::2], fillvalue="") for text in pair)


def _present(nav: list[Any], is_there: Any) -> Iterator[Any]:
    for entry in nav:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            if inner := list(_present(target, is_there)):
                yield {title: inner}
        elif is_there(target):
            yield entry


def _rules() -> str:
    head = (
        "# Rules and reasons\n\nCodes that begin with RW1 to RW4 are changes that `rewriter fix` makes. Those "
        "that begin with RW9 are reasons for which something was left as it is. `rewriter rule CODE` prints the same."
        "\n\n"
        "| code | name | |\n|---|---|---|\n"
    )
    table = "".join(f"| [{r.code}](#{r.code.lower()}) | {r.name} | {r.summary} |\n" for r in ALL)
    return head + table + "\n" + "\n".join(map(_rule, ALL))


def _rule(rule: Rule) -> str:
    kind = "reason" if rule in LEFT else "rule"
    return f"## {rule.code}: {rule.name} {{ #{rule.code.lower()} .{kind} }}\n\n{rule.explanation}\n"


def _api(package: str, about: str) -> str:
    """What the package has in `__all__`, where its source says that it is defined."""
    file = ROOT / package.replace(".", "/") / "__init__.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    homes = sorted(_homes(tree, package), key=lambda pair: pair[0].lower())
    entries = "\n\n".join(f"::: {home}.{name}" for name, home in homes)
    return f"# {package}\n\n{about}\n\n{entries}\n"


def _homes(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{package}."):
            yield from ((alias.name, node.module) for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            yield from ((name, f"{package}.{home}") for name, home in ast.literal_eval(node.value).items())


def _benchmarks() -> str:
    """The figures that are kept beside the programs that measured them, each page's headings one level deeper."""
    head = (
        "# Benchmarks\n\nEach figure was measured by the program that is named with it, on the machine that is named "
        "with it. Ratios come from one run. The programs stand in `tests/bench`: measure again on yours.\n"
    )
    pages = (re.sub(r"^#", "##", _from_root(f"tests/bench/{name}"), flags=re.MULTILINE) for name in BENCHMARKS)
    return "\n".join([head, *pages])


def _commands() -> str:
    top = parser()
    (commands,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    parts = ["# Commands\n", f"```text\n{_help(top)}```\n"]
    parts += [f"## {name}\n\n```text\n{_help(command)}```\n" for name, command in commands.choices.items()]
    return "\n".join(parts)


def _help(of: argparse.ArgumentParser) -> str:
    of.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=100)
    return of.format_help()


def _from_root(name: str) -> str:
    """Links to files of the repository become plain names: the site does not hold them."""
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", (ROOT / name).read_text(encoding="utf-8"))
