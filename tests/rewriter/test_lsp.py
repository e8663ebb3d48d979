"""The language server, asked by a client over its standard streams."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).parents[2]
MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.lstm = nn.LSTM(3, 3)

    def forward(self, x):
        x = self.relu(x)
        note = "größe 🙂", self.relu(x)
        return note, x + 1
"""


class Editor:
    """One document in a client that counts columns in UTF-16, as most do."""

    def __init__(self, client: LanguageClient, file: Path) -> None:
        self.client = client
        self.uri = file.as_uri()
        self.text = ""
        self.published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.shown: list[str] = []

    async def open(self, text: str) -> list[types.Diagnostic]:
        self.text = text
        item = types.TextDocumentItem(self.uri, "python", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return await self.diagnostics()

    async def change(self, text: str) -> list[types.Diagnostic]:
        self.text = text
        whole = types.TextDocumentContentChangeWholeDocument(text)
        version = types.VersionedTextDocumentIdentifier(2, self.uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(version, [whole]))
        return await self.diagnostics()

    async def diagnostics(self) -> list[types.Diagnostic]:
        return list((await asyncio.wait_for(self.published.get(), 30)).diagnostics)

    async def actions(self, place: types.Range, *only: types.CodeActionKind) -> list[types.CodeAction]:
        context = types.CodeActionContext([], only=list(only) or None)
        document = types.TextDocumentIdentifier(self.uri)
        found = await self.client.text_document_code_action_async(types.CodeActionParams(document, place, context))
        return [action for action in found or () if isinstance(action, types.CodeAction)]

    async def hover(self, line: int, character: int) -> str:
        document, position = types.TextDocumentIdentifier(self.uri), types.Position(line, character)
        found = await self.client.text_document_hover_async(types.HoverParams(document, position))
        return "" if found is None else found.contents.value

    def after(self, action: types.CodeAction) -> str:
        """The text with the action's edits, whose columns count UTF-16."""
        assert action.edit is not None and action.edit.changes is not None
        lines = self.text.splitlines(keepends=True)
        starts = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]

        def offset(position: types.Position) -> int:
            line = lines[position.line] if position.line < len(lines) else ""
            return starts[position.line] + len(line.encode("utf-16-le")[: 2 * position.character].decode("utf-16-le"))

        text = self.text
        for edit in reversed(action.edit.changes[self.uri]):
            text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
        return text


def edited(file: Path, session: Callable[[Editor], Awaitable[None]]) -> None:
    async def whole() -> None:
        client = LanguageClient("editor", "1")
        editor = Editor(client, file)

        @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def publish(params: types.PublishDiagnosticsParams) -> None:
            editor.published.put_nowait(params)

        @client.feature(types.WINDOW_SHOW_MESSAGE)
        def show(params: types.ShowMessageParams) -> None:
            editor.shown.append(params.message)

        await client.start_io(sys.executable, "-m", "rewriter", "lsp", cwd=str(ROOT))
        await client.initialize_async(types.InitializeParams(types.ClientCapabilities(), root_uri=file.parent.as_uri()))
        client.initialized(types.InitializedParams())
        await session(editor)
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()

    asyncio.run(whole())


def test_diagnostics_follow_the_text(tmp_path: Path) -> None:
    async def session(editor: Editor) -> None:
        found = await editor.open(MODEL)
        assert [(d.code, d.range.start.line) for d in found] == [("RW301", 7), ("RW201", 11), ("RW101", 12)]
        assert "only with --unsafe-fixes" in found[0].message
        assert found[1].range.start.character == len("        note = 'größe 🙂', ") + 1, "🙂 counts twice"
        assert [d.code for d in await editor.change(MODEL.replace(" + 1", ""))] == ["RW301", "RW201"]
        assert await editor.change("def f(:\n") == []

    edited(tmp_path / "model.py", session)


def test_fixes(tmp_path: Path) -> None:
    async def session(editor: Editor) -> None:
        _, reuse, addition = await editor.open(MODEL)
        (action,) = await editor.actions(reuse.range, types.CodeActionKind.QuickFix)
        assert "`self.relu()` again becomes self.relu2" in action.title
        after = editor.after(action)
        assert '"größe 🙂", self.relu2(x)' in after and "self.relu2 = nn.ReLU()" in after and "x + 1" in after
        (whole,) = await editor.actions(addition.range, types.CodeActionKind.Source)
        after = editor.after(whole)
        assert "self.add(x, 1)" in after and "self.relu2(x)" in after and "nn.LSTM(3, 3)" in after
        unsafe, _ = await editor.actions(types.Range(types.Position(7, 22), types.Position(7, 22)))
        assert unsafe.title.endswith("(unsafe)") and "runtime.modules.LSTM(3, 3)" in editor.after(unsafe)

    edited(tmp_path / "model.py", session)


def test_hover_and_settings(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.rewriter]\nignore = ['RW301', 'RW201']\n")

    async def session(editor: Editor) -> None:
        (addition,) = await editor.open(MODEL)
        said = await editor.hover(addition.range.start.line, addition.range.start.character)
        assert "`+` becomes self.add" in said and "# RW101: arithmetic-to-module" in said
        assert await editor.hover(0, 0) == ""
        (tmp_path / "pyproject.toml").write_text("[tool.rewriter]\nignored = []\n")
        assert await editor.change(MODEL) == []
        assert any("unknown key 'ignored'" in message for message in editor.shown)

    edited(tmp_path / "model.py", session)


@pytest.mark.skipif(shutil.which("nvim") is None, reason="there is no Neovim here")
def test_neovim(tmp_path: Path) -> None:
    """An editor that was written by others."""
    (tmp_path / "model.py").write_text(MODEL)
    script = f"""
vim.lsp.start_client({{ name = 'rewriter', cmd = {{ '{sys.executable}', '-m', 'rewriter', 'lsp' }},
  cmd_cwd = '{ROOT}', root_dir = '{tmp_path}', on_init = function(client) vim.lsp.buf_attach_client(0, client.id) end }})
vim.wait(20000, function() return #vim.diagnostic.get(0) > 0 end)
for _, found in ipairs(vim.diagnostic.get(0)) do io.stdout:write(found.lnum .. ' ' .. found.code .. '\\n') end
"""
    (tmp_path / "init.lua").write_text(script)
    command = ["nvim", "--headless", "--clean", "model.py", "+luafile init.lua", "+qa!"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "7 RW301\n11 RW201\n12 RW101\n" in done.stdout, done.stdout + done.stderr
