"""`rewriter report`: the page to review."""

from __future__ import annotations

import argparse
import sys

from rewriter.commands import chosen_settings, examined, found, put, refuse_output_without_folder
from rewriter.console import ERROR, OK, complain
from rewriter.evidence import EvidenceError, say_stale
from rewriter.files import FileError
from rewriter.report.summary import Summary
from rewriter.report.text import closing
from rewriter.review.page import page
from rewriter.settings import SettingsError


def report(arguments: argparse.Namespace) -> int:
    try:
        refuse_output_without_folder(arguments.output)
        settings = chosen_settings(arguments, arguments.paths)
        results = examined(arguments, found(arguments, settings), settings)
    except (SettingsError, FileError, EvidenceError) as error:
        return complain(str(error))
    put(page(results, arguments.paths, settings.unsafe_fixes), arguments.output)
    say_stale(settings.evidence, results)
    summary = Summary.of(results, settings.unsafe_fixes)
    if not arguments.quiet:
        print(closing(summary, written=False), file=sys.stderr)
        print(f"The review is in {arguments.output}.", file=sys.stderr)
    return ERROR if summary.failed else OK
