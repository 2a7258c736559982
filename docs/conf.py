"""How the documentation site is built: ``sphinx-build -W --keep-going docs build/docs``, without any network."""

from __future__ import annotations

import builtins
import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from flask_gosession import __version__

project = "Flask-GoSession"
author = "The Flask-GoSession authors"
copyright = author  # noqa: A001 -- the name that Sphinx has for it
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["examples", "README.md"]
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# A single backtick in a docstring is the name of something: it becomes a link where that is on a page.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autoclass_content = "class"
python_use_unqualified_type_names = True
python_display_short_literal_types = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"Flask-GoSession {version}"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "native"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True


def setup(app: Sphinx) -> None:
    """Make signatures fit to be read."""
    app.connect("doctree-read", _unlink_builtins)
    app.connect("autodoc-process-signature", _name_defaults)


def _unlink_builtins(_app: Sphinx, page: nodes.document) -> None:
    """Keep ``bytes`` in a signature from leading to a field of that name."""
    for link in list(page.findall(pending_xref)):
        if link.get("refdomain") == "py" and hasattr(builtins, link["reftarget"]):
            link.replace_self(nodes.inline("", link.children[-1].astext()))


def _name_defaults(*event: object) -> tuple[str, str | None] | None:
    """Show a default that is a function by its name, and one without a name as an ellipsis."""
    *_, signature, returns = event
    if not isinstance(signature, str):
        return None
    signature = re.sub(r"<built-in (?:function|method) (\w+)[^>]*>", r"\1", signature)
    signature = re.sub(r"<function [\w.]+(?:<lambda>)?>|<factory>", "...", signature)
    return re.sub(r"= Device\([^)]*\)", "= Device()", signature), returns if isinstance(returns, str) else None
