"""One HTML file that holds everything it needs: data, style, scripts. It loads nothing when it is looked at."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from rewriter.results import FileResult
from rewriter.review.data import page_data

_PARTS = Path(__file__).parent / "page"
_STYLES = ("diff2html.min.css", "review.css")
_SCRIPTS = ("diff2html.min.js", "elements.js", "diffs.js", "choice.js", "filters.js", "keys.js", "review.js")

_MARK = re.compile("@(POLICY|STYLE|DATA|SCRIPT)@")


def page(results: Sequence[FileResult], paths: Sequence[Path], unsafe_fixes: bool) -> bytes:
    # `<` could close the script that holds the data; JSON may spell it as a number.
    data = json.dumps(page_data(results, paths, unsafe_fixes), separators=(",", ":")).replace("<", "\\u003c")
    script = "\n".join(_part(name) for name in _SCRIPTS)
    # Only this very script may run, whatever the source under review holds.
    allowed = base64.b64encode(sha256(script.encode()).digest()).decode()
    filled = {
        "POLICY": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'",
        "STYLE": "\n".join(_part(name) for name in _STYLES),
        "DATA": data,
        "SCRIPT": script,
    }
    text = _MARK.sub(lambda mark: filled[mark[1]], _part("review.html"))
    return text.encode("utf-8", "surrogateescape")


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
