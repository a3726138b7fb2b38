"""The charts, drawn by matplotlib: cost, break-even, exits, and what a cost is made of.

matplotlib is imported when the first chart is drawn: no other command waits for it. Its settings are put aside while we
draw, so that a user's own do not change a report.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from toolkit.gas.cell import TECHNIQUES
from toolkit.gas.render import points
from toolkit.gas.render.document import WAYS, Document
from toolkit.gas.render.palette import DASHES, MARKERS, ROLES
from toolkit.gas.render.text import duration, gwei
from toolkit.toolchain.folders import home, make_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from matplotlib.figure import SubFigure as SubPicture

PARTS = {"open": "open", "pay": "pay", "settle": "settle", "exit": "exit", "blobs": "blob gas"}
_SECONDS = (1, 60, 3_600, 86_400, 604_800)
_FINER_SECONDS = (1, 5, 20, 60, 300, 1_200, 3_600, 14_400, 86_400, 259_200, 604_800, 2_592_000)


@dataclass(frozen=True)
class Look:
    """How large a chart is drawn, and on what.

    Attributes:
        width, height: inches.
        font: size of its text (points).
        stroke: width of its lines (points).
        is_slide: it has margins of its own.
        names_beside: on a slide, names stand beside their lines rather than in a legend.
        colours: by role.
    """

    width: float
    height: float
    font: float
    stroke: float
    is_slide: bool = False
    names_beside: bool = True
    colours: Mapping[str, str] = field(default_factory=lambda: {role: each.light for role, each in ROLES.items()})


PAGE = Look(width=5, height=4.4, font=11, stroke=1.8)
"""360 units wide: on a phone of 360 pixels a unit is about 0.87, and text 9 pixels and more."""
SLIDE = Look(width=40 / 3, height=7.5, font=20, stroke=3.6, is_slide=True)
"""16:9, 1,920 x 1,080 at 144 dots an inch."""
OVERVIEW = Look(width=40 / 3, height=7.5, font=17, stroke=3, is_slide=True, names_beside=False)
"""The same for two charts side by side."""


@dataclass(frozen=True)
class Chart:
    """A chart of a document.

    Attributes:
        key: its name in files and in the page's ids.
        title: what it says, for people.
        text: the same figures in words, for those who do not see it.
        under: a sentence or two below it, what it holds for.
        draw: on a picture, with a look.
    """

    key: str
    title: str
    text: str
    under: str
    draw: Callable[[Picture | SubPicture, Look], None]


def charts(document: Document) -> list[Chart]:
    """The charts that a document has figures for."""
    found = []
    if points.lines(document.cells, document.prices):
        found += [_cost(document), _break_even(document)]
    if document.exits:
        found.append(_exits(document))
    if points.shown_at(document.cells, document.shown_at):
        found.append(_parts(document))
    return found


@contextmanager
def drawing(look: Look) -> Iterator[Picture]:
    """A picture to draw on, whatever settings of matplotlib the user has."""
    # It keeps a list of the system's fonts; nothing of ours goes to the user's home folder.
    os.environ.setdefault("MPLCONFIGDIR", str(make_folder(home() / "matplotlib")))
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    ours: Any = {
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": look.font,
        "axes.edgecolor": look.colours["muted"],
        "axes.labelcolor": look.colours["ink"],
        "text.color": look.colours["ink"],
        "xtick.color": look.colours["muted"],
        "ytick.color": look.colours["muted"],
        "xtick.labelcolor": look.colours["ink"],
        "ytick.labelcolor": look.colours["ink"],
        "axes.linewidth": look.stroke / 2,
        "grid.color": look.colours["line"],
        "grid.linewidth": look.stroke / 2,
        "hatch.linewidth": look.stroke / 2,
        "lines.linewidth": look.stroke,
        "lines.markersize": look.font * 0.62,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "svg.fonttype": "none",
        "svg.hashsalt": "l2kit",
        "path.simplify": False,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(ours)
        layout = ConstrainedLayoutEngine(w_pad=0.3, h_pad=0.2) if look.is_slide else ConstrainedLayoutEngine()
        yield Figure(figsize=(look.width, look.height), facecolor="none", layout=layout)


def _cost(document: Document) -> Chart:
    found = points.lines(document.cells, document.prices)
    last = {technique: line[-1] for technique, line in found.items()}

    def draw(picture: Picture | SubPicture, look: Look) -> None:
        axes = picture.add_subplot()
        for technique, line in found.items():
            axes.plot(*zip(*line, strict=True), label=TECHNIQUES[technique], **_stroke(technique, look))
        axes.set(xscale="log", yscale="log", xlabel="payments", ylabel="gas a payment")
        axes.grid(True)
        axes.minorticks_off()
        _count_axis(axes, "x", sorted({count for line in found.values() for count, _ in line}))
        _count_axis(axes, "y")
        if look.is_slide and look.names_beside:
            _names_at_the_end(axes, last, look)
        else:
            _legend(picture, axes, 2, look)

    words = "; ".join(
        f"{TECHNIQUES[technique]}: " + ", ".join(f"{_short(cost)} at {count:,}" for count, cost in line)
        for technique, line in found.items()
    )
    under = (
        f"Everyone's gas on L1, from the first deposit to the last exit, divided by the payments, at {_at(document)}."
    )
    if document.eth_usd is not None:
        under += f" 10,000 gas cost {points.usd(10_000, document.prices, document.eth_usd):.2g} USD."
    return Chart("cost", "Cost of one payment", f"Gas a payment by the number of payments. {words}.", under, draw)


def _break_even(document: Document) -> Chart:
    given = document.break_evens
    found = points.break_evens(document.cells, document.prices) if given is None else given
    rows = [technique for technique in TECHNIQUES if technique in found]
    sizes = [cell.payments for cell in document.cells if cell.payments]
    least, most = min(sizes), max(10, *sizes)

    def says(technique: str) -> str:
        value = found[technique].value
        if not isinstance(value, int | float | Decimal):
            return f"not up to {most:,}"
        return f"from {max(math.ceil(value), least):,}"

    def draw(picture: Picture | SubPicture, look: Look) -> None:
        axes = picture.add_subplot()
        for at, technique in enumerate(rows):
            value, colour = found[technique].value, look.colours[technique]
            axes.hlines(at, least, most, color=look.colours["line"], linewidth=look.stroke * 2)
            if isinstance(value, int | float | Decimal):
                start = min(max(float(value), least), most)
                axes.hlines(at, start, most, color=colour, linewidth=look.stroke * 5)
            _row_label(axes, at, f"{TECHNIQUES[technique]}: {says(technique)}", look)
        axes.set(xscale="log", xlabel="payments", xlim=(least, most), ylim=(len(rows) - 0.5, -0.75))
        axes.minorticks_off()
        axes.grid(True, axis="x")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _count_axis(axes, "x", sorted(set(sizes)))

    words = "; ".join(f"{TECHNIQUES[technique]}: {says(technique)}" for technique in rows)
    under = f"The bar begins at the payments from which a technique stays cheaper, at {_at(document)}."
    under += "" if given is not None else " Interpolated between the sizes that were measured."
    text = f"Payments from which a technique is cheaper. {words}."
    return Chart("break-even", "Cheaper than L1 ETH transfers", text, under, draw)


def _exits(document: Document) -> Chart:
    rows = [technique for technique in TECHNIQUES if any(each.technique == technique for each in document.exits)]

    def draw(picture: Picture | SubPicture, look: Look) -> None:
        panels = picture.subplots(1, 2, sharey=True) if look.is_slide else picture.subplots(2, 1)
        for axes, what in zip(panels, ("gas", "seconds"), strict=True):
            ways: dict[str, Any] = {}
            for at, technique in enumerate(rows):
                for offset, way in zip((-0.24, 0, 0.24), WAYS, strict=True):
                    for each in document.exits:
                        value = getattr(each, what).value
                        if each.technique == technique and each.way == way and isinstance(value, int | float | Decimal):
                            ways[way] = axes.plot(
                                [max(value, 1)], [at + offset], **_dot(way, getattr(each, what).kind, look)
                            )[0]
            axes.set(xscale="log", ylim=(len(rows) - 0.5, -0.5))
            axes.set_xlabel("gas of one exit" if what == "gas" else "time until the money is on L1")
            axes.set_yticks(range(len(rows)), [TECHNIQUES[technique] for technique in rows])
            axes.tick_params(axis="y", length=0)
            axes.minorticks_off()
            axes.margins(x=0.08)
            axes.grid(True, axis="x")
            for at in range(1, len(rows), 2):  # stripes lead the eye to the name
                axes.axhspan(at - 0.5, at + 0.5, color=look.colours["head"], zorder=0, linewidth=0)
            if what == "gas":
                _count_axis(axes, "x")
            else:
                _time_axis(axes)
        handles = [_handle(way, look) for way in WAYS]
        _legend(picture, None, 3, look, handles)

    words = "; ".join(
        f"{TECHNIQUES[each.technique]}, {each.way}: {_words(each.gas.value)} gas, {_time_words(each.seconds.value)}"
        for each in document.exits
    )
    under = (
        "Cooperative: everybody helps; alone: nobody does; disputed: somebody cheats. Hollow: not measured."
        " A technique that is not shown has nothing to leave."
    )
    return Chart("exits", "Leaving: what it costs and takes", f"Gas and time of one exit. {words}.", under, draw)


def _parts(document: Document) -> Chart:
    size = points.shown_at(document.cells, document.shown_at)
    found = {
        technique: points.parts(cell, document.prices)
        for technique in TECHNIQUES
        for cell in document.cells
        if cell.technique == technique and cell.payments == size
    }
    used = [part for part in PARTS if any(each[part] for each in found.values())]

    def draw(picture: Picture | SubPicture, look: Look) -> None:
        axes = picture.add_subplot()
        for at, (technique, amounts) in enumerate(found.items()):
            total = sum(amounts.values()) or 1
            left = 0.0
            for part in used:
                share = amounts[part] / total
                if share:
                    axes.barh(
                        at,
                        share,
                        0.42,
                        left,
                        color=look.colours[part],
                        hatch=_HATCHES[part],
                        edgecolor=look.colours["card"],
                    )
                left += share
            _row_label(axes, at, f"{TECHNIQUES[technique]}: {_short(total)}", look)
        axes.set(xlim=(0, 1), ylim=(len(found) - 0.5, -0.75), xlabel="share of the cost")
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _legend(picture, None, 5, look, [_patch(part, look) for part in used])

    words = "; ".join(
        f"{TECHNIQUES[technique]}: {_short(sum(amounts.values()))} gas, of it "
        + ", ".join(
            f"{PARTS[part]} {amounts[part] / (sum(amounts.values()) or 1):.0%}" for part in used if amounts[part]
        )
        for technique, amounts in found.items()
    )
    under = f"Beside each name all its gas, blob gas counted at its price in gas, at {_at(document)}."
    return Chart("parts", f"What {size:,} payments cost, and for what", f"Cost by its parts. {words}.", under, draw)


_HATCHES = {"open": "", "pay": "", "settle": "//", "exit": "", "blobs": ".."}


def _stroke(technique: str, look: Look) -> dict[str, Any]:
    return {
        "color": look.colours[technique],
        "marker": MARKERS[technique],
        "linestyle": DASHES[technique],
        "markeredgecolor": look.colours["card"],
        "markeredgewidth": look.stroke / 3,
        "clip_on": False,
    }


def _dot(way: str, kind: str, look: Look) -> dict[str, Any]:
    """Measured figures are filled, others hollow."""
    colour = look.colours[way]
    face = colour if kind == "measured" else look.colours["card"]
    return {
        "color": colour,
        "marker": MARKERS[way],
        "linestyle": "none",
        "markerfacecolor": face,
        "markeredgewidth": look.stroke,
        "clip_on": False,
    }


def _handle(way: str, look: Look) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], label=way, **_dot(way, "measured", look))


def _patch(part: str, look: Look) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=look.colours[part], hatch=_HATCHES[part], edgecolor=look.colours["card"], label=PARTS[part])


def _legend(
    picture: Picture | SubPicture, axes: Axes | None, columns: int, look: Look, handles: Sequence[Any] | None = None
) -> None:
    given = handles if handles is not None else (axes.get_legend_handles_labels()[0] if axes else [])
    picture.legend(
        handles=given,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=look.font,
        handlelength=2.6 if axes else 1.2,
        columnspacing=1.2,
        handletextpad=0.5,
    )


def _row_label(axes: Axes, at: int, text: str, look: Look) -> None:
    """What a row is about, above its bar: long names do not take width from it."""
    axes.annotate(
        text,
        (0, at - 0.27),
        xycoords=("axes fraction", "data"),
        va="bottom",
        fontsize=look.font,
        bbox={"facecolor": look.colours["card"], "edgecolor": "none", "pad": 0.5},
    )


def _names_at_the_end(axes: Axes, last: Mapping[str, tuple[int, float]], look: Look) -> None:
    """Each line's name beside its last point, moved apart where two would touch."""
    low, high = (math.log10(each) for each in axes.get_ylim())
    gap = (high - low) * look.font * 1.45 / (look.height * 72 * 0.74)
    ranked = sorted(last, key=lambda technique: last[technique][1])
    heights: list[float] = []
    for technique in ranked:
        own = math.log10(last[technique][1])
        heights.append(max(own, heights[-1] + gap) if heights else own)
    excess = max(0.0, heights[-1] - high) if heights else 0.0
    for number in reversed(range(len(heights))):  # push back down what left the picture
        limit = high if number == len(heights) - 1 else heights[number + 1] - gap
        heights[number] = min(heights[number], limit) if excess else heights[number]
    most = axes.get_xlim()[1]
    for technique, height in zip(ranked, heights, strict=True):
        axes.annotate(
            TECHNIQUES[technique],
            last[technique],
            xytext=(most * 1.12, 10**height),
            textcoords="data",
            va="center",
            color=look.colours[technique],
            fontweight="bold",
            annotation_clip=False,
        )


def _count_axis(axes: Axes, which: str, ticks: Sequence[int] | None = None) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    if ticks is None:
        low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
        powers = [10**power for power in range(18) if low <= 10**power <= high]
        finer = [tick * 10**power for power in range(18) for tick in (1, 2, 5) if low <= tick * 10**power <= high]
        ticks = powers if len(powers) > 1 else finer or [math.ceil(math.sqrt(low * high))]
    axis.set_ticks(ticks, [_short(tick) for tick in ticks])


def _time_axis(axes: Axes) -> None:
    low, high = axes.get_xlim()
    seconds = _SECONDS if high / low > 1_000 else _FINER_SECONDS
    ticks: list[float] = [each for each in seconds if low <= each <= high] or [math.sqrt(low * high)]
    axes.xaxis.set_ticks(ticks, [duration(tick) for tick in ticks])


def _at(document: Document) -> str:
    prices = document.prices
    return f"{gwei(prices.gas_price)} gwei a gas and {gwei(prices.blob_base_fee)} a blob gas"


def _short(number: float) -> str:
    """Three digits: 302, 21k, 1.5M."""
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{name}" if number < 999.5 * size else f"{number / size:,.0f}{name}"
    return f"{number:.3g}"


def _words(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float | Decimal) else "no"


def _time_words(value: Any) -> str:
    return duration(value) if isinstance(value, int | float | Decimal) else "never"
