"""mkdocs hook: put the command line's own help where a page says ``<!-- help: find -->``."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import Any
from unittest.mock import patch

_PLACE = re.compile(r"<!-- help: *(\w*) *-->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each mark by the help text, so that the page cannot fall behind the program."""
    return _PLACE.sub(lambda found: f"```text\n{_help(found[1])}\n```", markdown)


def _help(command: str) -> str:
    from napari_atomai.cli import main

    said = io.StringIO()
    with patch.dict(os.environ, COLUMNS="96", NO_COLOR="1"), contextlib.redirect_stdout(said):
        main([*command.split(), "--help"])
    return said.getvalue().rstrip()
