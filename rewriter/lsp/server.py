"""The protocol: documents in, diagnostics, fixes and explanations out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import ServerTextPosition, ServerTextRange, TextDocument

from rewriter import __version__
from rewriter.explain import of_code
from rewriter.lsp.judge import Document
from rewriter.report.text import message
from rewriter.results import Finding, Refusal, Safety, Span
from rewriter.rule_codes import help_page
from rewriter.settings import SettingsError

SOURCE = "rewriter"
FIX_ALL = types.CodeActionKind.SourceFixAll


@dataclass(frozen=True)
class Judged:
    """What was said of a document, for those who ask for a fix of it."""

    document: Document
    items: tuple[Finding | Refusal, ...]


def serve() -> LanguageServer:
    server = LanguageServer("rewriter", __version__)
    known: dict[str, Judged] = {}

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        _publish(server, known, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        _publish(server, known, params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        known.pop(params.text_document.uri, None)
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))

    options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL])

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        judged = known.get(params.text_document.uri)
        return [] if judged is None else list(_actions(_text(server, params.text_document.uri), judged, params))

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        uri = params.text_document.uri
        judged, document = known.get(uri), _text(server, uri)
        for item in judged.items if judged else ():
            place = _range(document, item.span)
            if _holds(place, params.position):
                text = f"{message(item, unsafe_fixes=False)}\n\n{of_code(item.code)}"
                return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), place)
        return None

    return server


def _publish(server: LanguageServer, known: dict[str, Judged], uri: str) -> None:
    document = _text(server, uri)
    path = to_fs_path(uri)
    if path is None or not path.endswith(".py"):
        return
    diagnostics: list[types.Diagnostic] = []
    try:
        judged = Document.of(Path(path), document.source)
        result = judged.judged()
        known[uri] = Judged(judged, tuple(result.items))
        diagnostics = [_diagnostic(document, item) for item in result.items]
    except SettingsError as error:
        known.pop(uri, None)
        server.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"rewriter: {error}"))
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, document.version))


def _diagnostic(document: TextDocument, item: Finding | Refusal) -> types.Diagnostic:
    page, severity = help_page(item.code), types.DiagnosticSeverity
    return types.Diagnostic(
        range=_range(document, item.span),
        message=message(item, unsafe_fixes=False),
        severity=severity.Information if isinstance(item, Refusal) else severity.Warning,
        code=item.code,
        code_description=types.CodeDescription(page) if page else None,
        source=SOURCE,
    )


def _actions(document: TextDocument, judged: Judged, params: types.CodeActionParams) -> Iterator[types.CodeAction]:
    quick = types.CodeActionKind.QuickFix
    only = [_name(kind) for kind in params.context.only or (quick, FIX_ALL)]
    findings = [item for item in judged.items if isinstance(item, Finding)]
    for finding in findings if quick.value in only else ():
        if _meet(_range(document, finding.span), params.range):
            title = f"rewriter: {finding.message}{' (unsafe)' if finding.safety is Safety.UNSAFE else ''}"
            edit = _edit(document, judged.document.fixed(finding))
            yield types.CodeAction(title, quick, [_diagnostic(document, finding)], edit=edit)
    if findings and any(f"{FIX_ALL.value}.".startswith(f"{kind}.") for kind in only):  # `source` means it, too
        title = "rewriter: rewrite the file as `rewriter fix` does"
        yield types.CodeAction(title, FIX_ALL, edit=_edit(document, judged.document.fixed()))


def _name(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind


def _edit(document: TextDocument, edits: Sequence[tuple[Span, str]]) -> types.WorkspaceEdit:
    changes = [types.TextEdit(_range(document, span), text) for span, text in edits]
    return types.WorkspaceEdit({document.uri: changes})


def _text(server: LanguageServer, uri: str) -> TextDocument:
    return server.workspace.get_text_document(uri)


def _range(document: TextDocument, span: Span) -> types.Range:
    """In the units that the client counts columns in."""
    start = ServerTextPosition(span.line - 1, span.column)
    end = ServerTextPosition(span.end_line - 1, span.end_column)
    return document.position_codec.range_to_client_units(document.lines, ServerTextRange(start, end))


def _holds(place: types.Range, position: types.Position) -> bool:
    return place.start <= position <= place.end


def _meet(one: types.Range, other: types.Range) -> bool:
    return one.start <= other.end and other.start <= one.end
