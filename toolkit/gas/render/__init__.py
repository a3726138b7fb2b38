"""Renderers of the lab's sheets: for a terminal, as Markdown, as CSV, as one page, as slides."""

from toolkit.gas.render.document import DEVNET_PRICES, WAYS, Document, Exit, Way
from toolkit.gas.render.files import check_writable, write
from toolkit.gas.render.markdown import to_markdown
from toolkit.gas.render.page import to_html
from toolkit.gas.render.slides import to_png
from toolkit.gas.render.terminal import to_terminal
from toolkit.gas.render.tidy import to_csv

__all__ = [
    "DEVNET_PRICES",
    "WAYS",
    "Document",
    "Exit",
    "Way",
    "check_writable",
    "to_csv",
    "to_html",
    "to_markdown",
    "to_png",
    "to_terminal",
    "write",
]
