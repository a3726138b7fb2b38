"""Boxes, arrows and sequences as SVG, readable on a light page and on a dark one: each brings its own ground."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

GRID = 80
"""Pixels of a column."""
_ROW, _BOX, _MARGIN, _TURN = 92, 58, 24, 16
_STYLE = """
    .ground { fill: #ffffff; stroke: #d0d7de }
    .box { fill: #eef3fb; stroke: #4a6fa5; stroke-width: 1.2 }
    .quiet { fill: none; stroke: #8c959f; stroke-dasharray: 5 4 }
    .line { stroke: #4a5563; stroke-width: 1.4; fill: none }
    .life { stroke: #b6bec8; stroke-width: 1 }
    .tip { fill: #4a5563 }
    text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2933 }
    .name { font-weight: 600; font-size: 13px }
    .said { fill: #4a5563; font-size: 11px }
    .over { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #151b23; stroke: #3d444d }
      .box { fill: #22304a; stroke: #7aa2e3 }
      .line { stroke: #aab4c0 }
      .life { stroke: #4a5563 }
      .tip { fill: #aab4c0 }
      text { fill: #f0f3f6 }
      .said { fill: #b6c0cb }
      .over { stroke: #151b23 }
    }
""".rstrip()


@dataclass(frozen=True)
class Box:
    """A box in a row, from the top; left and width in columns.

    Attributes:
        name: its title.
        said: what is written below it.
        frames: whether it is a frame around the boxes of its row.
    """

    name: str
    said: str
    row: int
    left: float
    width: float
    frames: bool = False


@dataclass(frozen=True)
class Arrow:
    """From the box of one name to that of another, with a few words; ``both`` where it has two tips."""

    start: str
    end: str
    said: str = ""
    both: bool = False


@dataclass(frozen=True)
class Step:
    """A line of a sequence: from whom to whom, what is said, and which function, method or event that is.

    ``end`` is None where somebody does something alone, or where time passes.
    """

    start: str
    end: str | None
    said: str
    named: str = ""


def diagram(title: str, boxes: Sequence[Box], arrows: Iterable[Arrow]) -> str:
    """Boxes in rows, with arrows between them: down, or to the side within a row.

    Raises:
        ValueError: an arrow has no free way.
    """
    columns = max(box.left + box.width for box in boxes)
    width = round(columns * GRID + 2 * _MARGIN)
    height = max(box.row for box in boxes) * _ROW + _BOX + 2 * _MARGIN
    places = {box.name: box for box in boxes}
    drawn = [_frame(box) for box in boxes if box.frames] + [_box(box) for box in boxes if not box.frames]
    texts = [_framed(box) for box in boxes if box.frames]
    taken: list[tuple[float, int, int]] = []
    for arrow in arrows:
        start, end = places[arrow.start], places[arrow.end]
        if start.row == end.row:
            drawn.append(_sideways(start, end, arrow))
            continue
        x, last = _way(start, end, boxes, taken)
        taken.append((x, start.row, end.row))
        above, below = _top(start) + _BOX, _top(end)
        drawn.append(_path([(x, above), (x, below - _TURN), (last, below - _TURN), (last, below)], both=arrow.both))
        if arrow.said:
            middle = (above + below) / 2 + 6
            lines = _wrapped(arrow.said, 15)
            for number, text in enumerate(lines):
                y = middle + (number - (len(lines) - 1) / 2) * 13
                texts.append(f'<text class="said over" x="{_x(x) + 6:g}" y="{y:g}">{escape(text)}</text>')
    return _page(title, width, height, [*drawn, *texts])


def sequence(title: str, actors: Sequence[tuple[str, str]], steps: Sequence[Step]) -> str:
    """Who tells whom what, from the top down; an actor is a name and what it is."""
    gap = 150 if len(actors) > 5 else 184
    places = {name: _MARGIN + gap / 2 + gap * number for number, (name, _) in enumerate(actors)}
    top, step_height = _MARGIN + 50, 44
    width, height = round(gap * len(actors) + 2 * _MARGIN), top + step_height * len(steps) + 30
    drawn, texts = list[str](), list[str]()
    for name, said in actors:
        x = places[name]
        drawn.append(f'<line class="life" x1="{x:g}" y1="{top}" x2="{x:g}" y2="{height - 16}"/>')
        drawn.append(f'<rect class="box" x="{x - gap / 2 + 6:g}" y="{_MARGIN}" width="{gap - 12}" height="42" rx="6"/>')
        drawn.append(f'<text class="name" x="{x:g}" y="{_MARGIN + 18}" text-anchor="middle">{escape(name)}</text>')
        drawn.append(f'<text class="said" x="{x:g}" y="{_MARGIN + 34}" text-anchor="middle">{escape(said)}</text>')
    for number, step in enumerate(steps):
        y = top + step_height * (number + 1) - 6
        x = places[step.start]
        if step.end is None:
            last = x > places[actors[-1][0]] - gap / 2
            side, anchor = (-8, "end") if last else (8, "start")
            drawn.append(f'<circle class="tip" cx="{x:g}" cy="{y - 4:g}" r="4"/>')
            texts.append(_told(f"{number + 1}. {step.said}", step.named, x + side, y - 6, anchor))
            continue
        end = places[step.end]
        drawn.append(_line(x, y, end, y))
        # beside the arrow's beginning, where there is room for what is longer than the arrow
        left = min(x, end)
        if left + 7 * len(step.said) > width - _MARGIN and left > width / 2:
            texts.append(_told(f"{number + 1}. {step.said}", step.named, max(x, end) - 8, y - 6, "end"))
        else:
            texts.append(_told(f"{number + 1}. {step.said}", step.named, left + 8, y - 6, "start"))
    return _page(title, width, height, [*drawn, *texts])


def _told(said: str, named: str, x: float, y: float, anchor: str) -> str:
    call = f'<tspan class="said" dx="6">{escape(named.rpartition(".")[2])}</tspan>' if named else ""
    return f'<text class="over" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(said)}{call}</text>'


def _way(start: Box, end: Box, boxes: Sequence[Box], taken: Sequence[tuple[float, int, int]]) -> tuple[float, float]:
    """Where, in columns, a line from a box down to another begins and ends: straight where nothing is between."""
    between = [box for box in boxes if start.row < box.row < end.row and not box.frames]
    beside = [x for x, top, bottom in taken if top < end.row and start.row < bottom]

    def is_free(x: float) -> bool:
        boxed = any(box.left - 0.1 < x < box.left + box.width + 0.1 for box in between)
        return not boxed and not any(abs(other - x) < 0.35 for other in beside)

    def nearest(low: float, high: float, middle: float) -> float | None:
        free = [each / 8 for each in range(round(low * 8) + 1, round(high * 8)) if is_free(each / 8)]
        return min(free, key=lambda x: abs(x - middle), default=None)

    first, last = (start.left, start.left + start.width), (end.left, end.left + end.width)
    low, high = max(first[0], last[0]), min(first[1], last[1])
    if (x := nearest(low, high, (low + high) / 2)) is not None:
        return x, x
    x = nearest(*first, sum(last) / 2)
    if x is None:
        raise ValueError(f"no way from {start.name} to {end.name}")
    return x, min(max(x, last[0] + 0.3), last[1] - 0.4)


def _box(box: Box) -> str:
    x, y, width = _x(box.left), _top(box), box.width * GRID - 10
    lines = _wrapped(box.said, int((width - 10) / 5.6))
    middle = f'x="{x + width / 2:g}" text-anchor="middle"'
    text = [f'<text class="name" {middle} y="{y + 19}">{escape(box.name)}</text>']
    text += [
        f'<text class="said" {middle} y="{y + 35 + 13 * number}">{escape(line)}</text>'
        for number, line in enumerate(lines[:2])
    ]
    return "\n".join([f'<rect class="box" x="{x:g}" y="{y}" width="{width:g}" height="{_BOX}" rx="6"/>', *text])


def _frame(box: Box) -> str:
    x, y, width, height = _x(box.left) - 10, _top(box) - 34, box.width * GRID + 10, _BOX + 48
    return f'<rect class="quiet" x="{x:g}" y="{y}" width="{width:g}" height="{height}" rx="10"/>'


def _framed(box: Box) -> str:
    """A frame's title."""
    name = f'<tspan class="name">{escape(box.name)}</tspan>'
    where = f'x="{_x(box.left):g}" y="{_top(box) - 16}"'
    return f'<text class="said over" {where}>{name}<tspan dx="8">{escape(box.said)}</tspan></text>'


def _sideways(start: Box, end: Box, arrow: Arrow) -> str:
    y = _top(start) + _BOX / 2
    if start.left < end.left:
        x1, x2 = _x(start.left + start.width) - 10, _x(end.left)
    else:
        x1, x2 = _x(start.left), _x(end.left + end.width) - 10
    text = ""
    if arrow.said:
        text = (
            f'<text class="said" x="{(x1 + x2) / 2:g}" y="{y - 8:g}" text-anchor="middle">{escape(arrow.said)}</text>'
        )
    return _line(x1, y, x2, y, both=arrow.both) + text


def _line(x1: float, y1: float, x2: float, y2: float, *, both: bool = False) -> str:
    tips = 'marker-end="url(#tip)"' + (' marker-start="url(#tip)"' if both else "")
    return f'<line class="line" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" {tips}/>'


def _path(points: Sequence[tuple[float, float]], *, both: bool) -> str:
    """A line with corners; x in columns, y in pixels."""
    tips = 'marker-end="url(#tip)"' + (' marker-start="url(#tip)"' if both else "")
    path = " ".join(f"{_x(x):g},{y:g}" for x, y in points)
    return f'<polyline class="line" points="{path}" {tips}/>'


def _x(column: float) -> float:
    return _MARGIN + column * GRID


def _top(box: Box) -> int:
    return _MARGIN + box.row * _ROW


def _wrapped(text: str, signs: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= signs:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _page(title: str, width: int, height: int, drawn: Iterable[str]) -> str:
    size = 'markerWidth="9" markerHeight="8" refX="9" refY="4" orient="auto-start-reverse"'
    marker = f'<marker id="tip" {size}><path class="tip" d="M0,0 L9,4 L0,8 z"/></marker>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}\n</style>",
            f"<defs>{marker}</defs>",
            f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            *drawn,
            "</svg>\n",
        ]
    )
