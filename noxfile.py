#!/usr/bin/env -S python -m nox
# /// script
# dependencies = ["nox>=2025.2"]
# ///
"""What a change must pass, each in an environment of its own: `nox -l` lists, `nox -s tests` runs. .ci/run does all of it."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
PROJECT = nox.project.load_toml()


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest."""
    session.install("-e.[test]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and spelling."""
    session.install("ruff", "codespell")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.install("-e.[export]", "mypy")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of docs/ with warnings as errors; `nox -s docs -- serve` shows it."""
    session.install("-e.", *nox.project.dependency_groups(PROJECT, "docs"))
    session.run("mkdocs", *(session.posargs or ["build", "--strict"]), env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def review(session: nox.Session) -> None:
    """Check the shape of the repository by the rules of Scientific Python."""
    session.install("sp-repo-review[cli]")
    session.run("repo-review", ".")


if __name__ == "__main__":
    nox.main()
