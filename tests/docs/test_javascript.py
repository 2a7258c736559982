"""Every block of JavaScript in the documentation runs, with the browser modules that the app serves."""

from __future__ import annotations

import shutil
import subprocess

import apps
import pytest

from docs.pages import all_pages, blocks

STATIC = (apps.ROOT / "flask_gosession" / "endpoints" / "static").as_uri()
BROWSER = (apps.ROOT / "tests" / "docs" / "browser.mjs").as_uri()
MODULE = 'import { GoSession } from "/auth/gosession.js";'
USES = {
    "howto/single-page-app.md": """
const works = (await signIn("ada", "engine")) && (await whoAmI()) === "ada" && (await signOut());
if (!works) throw new Error("not signed in and out");
""",
}
"""What is done with the functions of a page."""


def scripts(page: str) -> list[str]:
    """Return the blocks of a page; one that shows a part stands behind the line that it takes for granted."""
    found = [code for language, _, code in blocks(page) if language == "js"]
    made = ["" if "const session =" in code else "const session = new GoSession();" for code in found]
    return [code if "import " in code else f"{MODULE}\n{line}\n{code}" for code, line in zip(found, made, strict=True)]


@pytest.mark.parametrize("page", [page for page in all_pages() if scripts(page)])
def test_the_javascript_of_a_page_runs(page, tmp_path):
    """Under node, with the few things of a browser that the modules need."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    for number, code in enumerate(scripts(page)):
        path = tmp_path / f"{number}.mjs"
        served = code.replace('from "/auth/', f'from "{STATIC}/')
        path.write_text(f'import "{BROWSER}";\n{served}\n{USES.get(page, "")}\nprocess.exit(0);\n', "utf-8")
        done = subprocess.run([node, str(path)], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
