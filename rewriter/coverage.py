"""`rewriter coverage`: how many operations a package has, how many would become modules, and what keeps the others."""

from __future__ import annotations

import argparse

from rewriter.commands import chosen_settings, examined, found, put, refuse_output_without_folder
from rewriter.console import ERROR, OK, complain, say_failures
from rewriter.evidence import EvidenceError, say_stale
from rewriter.files import FileError
from rewriter.report.coverage import as_json, as_text
from rewriter.report.covered import by_folder
from rewriter.settings import SettingsError


def cover(arguments: argparse.Namespace) -> int:
    """`coverage`."""
    try:
        refuse_output_without_folder(arguments.output)
        settings = chosen_settings(arguments, arguments.paths)
        results = examined(arguments, found(arguments, settings), settings)
    except (SettingsError, FileError, EvidenceError) as error:
        return complain(str(error))
    folders = by_folder(results, settings.unsafe_fixes)
    put((as_json if arguments.format == "json" else as_text)(folders).encode(), arguments.output)
    say_failures(results)
    say_stale(settings.evidence, results)
    return ERROR if any(result.failure for result in results) else OK
