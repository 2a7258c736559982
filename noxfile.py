"""One name for each habit, such as `nox -s test`; `nox -l` lists them with what they do."""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["test", "lint", "docs"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def test(session: nox.Session) -> None:
    """Run the tests; what follows -- goes to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def long(session: nox.Session) -> None:
    """Run what takes real time: outages, races, browsers."""
    session.install("-e", ".[test]")
    session.run("pytest", "--long", "-m", "long", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, and what may import what."""
    session.install("-e", ".[lint,test]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("pyright")
    session.run("pytest", "-n0", "tests/test_house.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into build/docs, with warnings as errors."""
    session.install("-e", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "docs", "build/docs", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks; what follows -- names some of them."""
    session.install("-e", ".[bench,test]")
    session.chdir("tests")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Break servers and workers under load, five times each, and print the table; what follows -- names faults."""
    session.install("-e", ".[test]")
    session.chdir("tests")
    session.run("python", "-m", "faults", "--times", "5", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Use the app for half an hour, and compare what the workers hold before and after."""
    session.install("-e", ".[test]")
    session.chdir("tests")
    session.run("python", "-m", "faults.soak", "--minutes", "30", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Ask a vulnerability service about what is installed; needs a network."""
    session.install("-e", ".[test]", "pip-audit")
    session.run("python", ".ci/audit.py")


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the core's tests with the lowest versions that we allow; what follows -- names tests."""
    session.run("python", ".ci/lowest.py", *session.posargs)


@nox.session
def adapters(session: nox.Session) -> None:
    """Run the adapters' tests with the oldest and the newest peers that we allow."""
    session.run("python", ".ci/adapters.py")


@nox.session
def example(session: nox.Session) -> None:
    """Run the example app."""
    session.install("-e", ".[devices,sql]")
    session.run("flask", "--app", "example_app", "run", *session.posargs)
