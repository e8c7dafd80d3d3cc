"""Build the documentation from docs/ and from the docstrings of the public API."""

from __future__ import annotations

import trackhub

project = "trackhub"
author = "the trackhub authors"
copyright = "the trackhub authors, Apache-2.0"
release = trackhub.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "changelog/*"]
html_theme = "furo"
html_title = f"trackhub {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
# Links to names of ours are checked; other projects' names, and the modules that ours come from, are text.
nitpick_ignore_regex = [("py:.*", r"(?!trackhub\.).*"), ("py:(class|data|obj)", r"trackhub\..*")]
