"""Blocks that are not Python are what they say they are: commands exist, files can be read by what they are for."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess

import apps
import click
import jinja2
import pytest
from cli.shop import all_commands

from docs.pages import all_pages, blocks, text_of
from flask_gosession.cli import gosession as commands

PROJECT = (apps.ROOT / "pyproject.toml").read_text("utf-8")
EXTRAS = set(re.findall(r"^(\w+) = \[", PROJECT.partition("[project.optional-dependencies]")[2], re.MULTILINE))
TEXTS = {path.name: path.read_text("utf-8") for path in apps.ROOT.glob("*.md") if path.name != "CHANGELOG.md"}
TEXTS |= {page: text_of(page) for page in all_pages()}
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "EXPOSE", "USER", "CMD"}


def found(language: str) -> list[tuple[str, str]]:
    """Return page and code of every block in *language*."""
    return [(page, code) for page in all_pages() for name, _, code in blocks(page) if name == language]


def calls() -> list[tuple[str, str]]:
    """Return every call of ``flask gosession`` with a command, in blocks and in sentences."""
    written = re.compile(r"\bflask (?:--app \S+ )?gosession ([^`\n|<>#]+)")
    return sorted(
        {(page, call.strip()) for page, text in TEXTS.items() for call in written.findall(text) if call[0] != "…"}
    )


@pytest.mark.parametrize(("page", "call"), calls())
def test_a_command_is_there(page, call):
    """The command exists, and takes the options that the page gives it."""
    words = shlex.split(call.replace("…", ""))
    path = next((names for names in map(list, all_commands()) if words[: len(names)] == names), None)
    if path is None and words[0] in commands.commands:
        return  # a group of commands, named as such
    assert path is not None, f"{page}: no command {call}"
    command: click.Command = commands
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    options = {option for each in command.params for option in each.opts}
    assert {word.partition("=")[0] for word in words if re.match(r"--\w", word)} - {"--help"} <= options


@pytest.mark.parametrize(
    "page", [page for page, text in TEXTS.items() if re.search(r'"(?:Flask-GoSession|\.)\[', text)]
)
def test_what_is_installed_can_be(page):
    """Each extra of this package that a page installs is one."""
    named = re.findall(r"(?:Flask-GoSession|[\"' ]\.)\[([\w,]+)\]", TEXTS[page])
    assert named
    assert {extra for names in named for extra in names.split(",")} <= EXTRAS


@pytest.mark.parametrize(("page", "code"), found("nginx"))
def test_nginx_takes_it(page, code, tmp_path):
    """The fragment stands in a server of its own configuration."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("there is no nginx")
    paths = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    server = f"server {{ listen 127.0.0.1:8081; {code} }}"
    text = f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {paths} {server} }}"
    path = tmp_path / "nginx.conf"
    path.write_text(text, "utf-8")
    command = [nginx, "-t", "-q", "-e", "stderr", "-p", str(tmp_path), "-c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (page, done.stderr)


@pytest.mark.parametrize(("page", "code"), found("dockerfile"))
def test_a_dockerfile_is_one(page, code):
    """Known instructions, the first says from what, and the command is a list, so that signals reach the server."""
    lines = [line.split(maxsplit=1) for line in code.splitlines()]
    assert lines[0][0] == "FROM"
    assert {name for name, _ in lines} <= INSTRUCTIONS
    assert shutil.which(json.loads(lines[-1][1])[0]) or json.loads(lines[-1][1])[0] == "gunicorn"
    assert lines[-1][0] == "CMD", page


@pytest.mark.parametrize(("page", "code"), found("json"))
def test_json_is_json(page, code):
    """One object on each line."""
    for line in code.splitlines():
        assert isinstance(json.loads(line), dict), page


@pytest.mark.parametrize(("page", "code"), found("toml"))
def test_toml_is_toml(page, code):
    """It can be read."""
    tomllib = pytest.importorskip("tomllib", reason="tomllib comes with Python 3.11")
    assert tomllib.loads(code), page


@pytest.mark.parametrize(("page", "code"), found("html"))
def test_html_is_a_template(page, code):
    """Jinja can read it."""
    assert jinja2.Environment(autoescape=True).parse(code).body, page


@pytest.mark.parametrize(("page", "code"), found("diff"))
def test_both_sides_of_a_difference_are_python(page, code):
    """What is taken away and what is put in its place; the new imports work."""
    sides = {sign: "".join(f"{line[1:]}\n" for line in code.splitlines() if line[:1] in (sign, " ")) for sign in "-+"}
    for side in sides.values():
        compile(side, page, "exec", dont_inherit=True)
    imports = [line for line in sides["+"].splitlines() if re.match(r"(?:from|import) ", line)]
    exec("\n".join(imports), {})


@pytest.mark.parametrize("command", ["faults", "benchmarks"])
def test_the_modules_to_run_are_there(command):
    """``python -m …``, in the folder of the tests."""
    assert any(f"python -m {command}" in code for language in ("console", "sh") for _, code in found(language))
    assert (apps.ROOT / "tests" / command / "__main__.py").exists()
