"""The charts as pictures for slides."""

from __future__ import annotations

import io
from pathlib import Path

from toolkit.errors import BadInput
from toolkit.gas.render.charts import SLIDE, Chart, Look, charts, drawing
from toolkit.gas.render.document import Document
from toolkit.gas.render.files import write

DOTS = 144
"""An inch: a slide is 1,920 x 1,080."""


def to_png(document: Document, path: Path) -> list[Path]:
    """Write the charts as PNG, 16:9, and return what was written.

    A folder that is there gets one slide a chart, named for its key (``cost.png``). Any other path gets one slide with
    the first chart, the cost of a payment: one thing a slide is what the back row can read.

    Raises:
        BadInput: there is no chart to draw, or the path cannot be written.
    """
    found = charts(document)
    if not found:
        raise BadInput("there is no chart to draw: the report has no cells")
    files = {path / f"{chart.key}.png": chart for chart in found} if path.is_dir() else {path: found[0]}
    for file, chart in files.items():
        write(file, slide(document, chart))
    return list(files)


def slide(document: Document, chart: Chart, look: Look = SLIDE) -> bytes:
    """One chart as PNG, with its title and what prices and rules it holds for."""
    target = io.BytesIO()
    with drawing(look) as picture:
        picture.suptitle(chart.title, x=0.02, ha="left", fontsize=look.font * 1.5, fontweight="bold")
        chart.draw(picture, look)
        picture.savefig(target, format="png", dpi=DOTS, facecolor=look.colours["card"], metadata={"Software": None})
    return target.getvalue()
