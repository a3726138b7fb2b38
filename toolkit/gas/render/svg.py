"""A chart as SVG inside a page: text stays text, colours are the page's, nothing has a style of its own."""

from __future__ import annotations

import io
import re
from collections.abc import MutableMapping
from xml.etree import ElementTree

from toolkit.gas.render.charts import PAGE, Chart, Look, drawing
from toolkit.gas.render.palette import ROLES

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_VARIABLES = {colour.light: f"var(--{role})" for role, colour in ROLES.items()}


def to_svg(chart: Chart, classes: MutableMapping[str, str], look: Look = PAGE) -> str:
    """A chart as an ``svg`` element.

    Args:
        chart: to draw.
        classes: style declarations -> class; what the chart needs is added, for the page's style sheet. The names
            follow the order of first use, so that the same charts give the same page.
        look: to draw it with.
    """
    target = io.StringIO()
    with drawing(look) as picture:
        chart.draw(picture, look)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        picture.savefig(target, format="svg", metadata=nothing, transparent=True)
    root = ElementTree.fromstring(target.getvalue())
    _clean(root, chart.key, classes)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib.update({"role": "img", "aria-labelledby": f"{chart.key}-title {chart.key}-text"})
    for at, (name, text) in enumerate((("title", chart.title), ("desc", chart.text))):
        about = ElementTree.Element(name, {"id": f"{chart.key}-{'text' if at else 'title'}"})
        about.text = text
        root.insert(at, about)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element, key: str, classes: MutableMapping[str, str]) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    style = element.attrib.pop("style", "")
    for name in ("fill", "stroke"):  # of hatches
        if element.get(name, "").startswith("#"):
            style += f";{name}:{element.attrib.pop(name)}"
    if style:
        declarations = _declarations(style, key)
        if declarations:
            element.set("class", classes.setdefault(declarations, f"s{len(classes)}"))
    if _LINK in element.attrib:
        element.set("href", element.attrib.pop(_LINK))
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, f"{key}-{value}")
        elif "#" in value and name != "class":
            element.set(name, re.sub(r"(^|url\()#", rf"\1#{key}-", value))
    for child in list(element):
        if child.tag.removeprefix(_SVG) in ("metadata", "style"):
            element.remove(child)
        else:
            _clean(child, key, classes)


def _declarations(style: str, key: str) -> str:
    """The same declarations with the page's colours, and its font."""
    kept = []
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":  # its family is the last part, after the size
            size = re.search(r"([\d.]+)px", value)
            kept += [f"font-size:{size[1]}px"] if size else []
            kept += ["font-weight:700"] if re.search(r"\b(bold|[6-9]00)\b", value) else []
        elif name and name != "font-family":
            value = re.sub(r"#[0-9a-f]{6}\b", lambda found: _VARIABLES.get(found[0], found[0]), value)
            kept.append(f"{name}:{re.sub(r'url[(]#', f'url(#{key}-', value)}")
    return ";".join(kept)
