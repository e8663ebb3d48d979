"""The matrix of Pythons and of versions of torch: `nox -l` lists it, `nox -s linter-3.12` runs a part.

`scripts/test` is one square of it, on the Python that is there and the torch of constraints.txt.
"""

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False  # what is not installed is skipped, and said

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
# The oldest that has what `runtime` uses (see pyproject.toml), the one of constraints.txt, and the newest.
TORCH = {"2.6.0": "0.21.0", "2.13.0": "0.28.0", "2.15.0": "0.30.0"}
LINTER = ["pytest>=8", "hypothesis>=6.100", "jsonschema>=4.20", "pre-commit>=3.5", "ruff>=0.6"]


@nox.session(python=PYTHONS)
def linter(session: nox.Session) -> None:
    """What `pip install torch-rewriter` brings, without torch and without a compiler."""
    session.install(".[lsp]", *LINTER)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=PYTHONS)
@nox.parametrize("torch", list(TORCH))
def everything(session: nox.Session, torch: str) -> None:
    """Both packages and all tests. PIP_EXTRA_INDEX_URL may name an index with builds for CPUs."""
    session.install(f"torch=={torch}", f"torchvision=={TORCH[torch]}")
    session.install(".[test]")
    session.run("python", "-m", "runtime", "build")
    session.run("python", "-m", "pytest", *session.posargs)
