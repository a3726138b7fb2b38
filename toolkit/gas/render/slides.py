"""The charts as pictures for slides."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

from toolkit.errors import BadInput
from toolkit.gas.render.charts import OVERVIEW, SLIDE, Chart, charts, drawing
from toolkit.gas.render.document import Document
from toolkit.gas.render.files import write

DOTS = 144
"""An inch: a slide is 1,920 x 1,080."""

_MAIN = ("cost", "break-even")


def to_png(document: Document, path: Path) -> list[Path]:
    """Write the charts as PNG, 16:9, and return what was written.

    A folder that is there gets one slide a chart, named for its key (``cost.png``). Any other path gets one slide with
    the two main charts, the cost of a payment and the break-even: more is not legible from the back row.

    Raises:
        BadInput: there is no chart to draw, or the path cannot be written.
    """
    found = charts(document)
    if not found:
        raise BadInput("there is no chart to draw: the report has no cells and no exits")
    if not path.is_dir():
        write(path, slide([chart for chart in found if chart.key in _MAIN] or found[:1]))
        return [path]
    files = {path / f"{chart.key}.png": chart for chart in found}
    for file, chart in files.items():
        write(file, slide([chart]))
    return list(files)


def slide(shown: list[Chart]) -> bytes:
    """Charts side by side as PNG, each with its title and what it holds for."""
    target = io.BytesIO()
    look = SLIDE if len(shown) == 1 else OVERVIEW
    with drawing(look) as picture:
        above, below = picture.subfigures(2, len(shown), squeeze=False, height_ratios=(8, 1))
        for chart, part, foot in zip(shown, above, below, strict=True):
            part.suptitle(chart.title, x=0.04, ha="left", fontsize=look.font * 1.4, fontweight="bold")
            chart.draw(part, look)
            under = textwrap.fill(chart.under, int(2_150 / look.font / len(shown)))
            foot.text(0.04, 0.9, under, va="top", fontsize=look.font * 0.72, color=look.colours["muted"])
        picture.savefig(target, format="png", dpi=DOTS, facecolor=look.colours["card"], metadata={"Software": None})
    return target.getvalue()
