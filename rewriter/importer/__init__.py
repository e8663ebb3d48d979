"""Rewriting on import, for those who cannot edit a library's files.

    from rewriter.importer import rewriting

    with rewriting("torchvision.models"):
        import torchvision

What runs is what `rewriter fix` would write on a copy of the package. It is kept on disk, below
`$XDG_CACHE_HOME/rewriter`, under a key made of the package's content, the settings and the rewriter's own source; that
folder may be deleted at any time.
"""

from rewriter.importer.hook import RewriteError, Rewriting, rewriting
from rewriter.importer.library import RewriteWarning

__all__ = ["RewriteError", "RewriteWarning", "Rewriting", "rewriting"]
