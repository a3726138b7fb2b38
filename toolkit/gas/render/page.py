"""The report as one HTML page that needs nothing else: no script, no network, no font of its own.

It is for a phone, a desktop and paper, on light and on dark. Every table scrolls in a box of its own; every figure's
kind is marked before it, and its source stands below the table, one link away.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from toolkit.gas.render.charts import Chart, charts
from toolkit.gas.render.document import Document
from toolkit.gas.render.palette import ROLES
from toolkit.gas.render.svg import to_svg
from toolkit.gas.render.text import MARKS, Heading, Text, Written, gwei, written

_WIDE = 9  # columns: wider tables are printed across


def to_html(document: Document) -> str:
    """The page. The same document gives the same page.

    Whatever a document says is text here, never markup; and the page's own policy (CSP) lets it run nothing and load
    nothing, its one style sheet excepted.
    """
    classes: dict[str, str] = {}
    found = charts(document)
    drawn = [_chart(chart, classes) for chart in found]
    sheets = [written(sheet) for sheet in document.sheets]
    style = _style(classes)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            '<meta name="referrer" content="no-referrer">\n',
            f"<title>{escape(document.title)}</title>\n",
            f"<style>{style}</style>\n</head>\n<body>\n",
            '<a class="skip" href="#main">To the report</a>\n',
            _header(document),
            '<main id="main">\n',
            _contents(found, sheets),
            f'<section class="charts" aria-label="Charts">\n{"".join(drawn)}</section>\n' if drawn else "",
            *(_sheet(sheet) for sheet in sheets),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _style(classes: Mapping[str, str]) -> str:
    light = "".join(f"--{role}:{colour.light};" for role, colour in ROLES.items())
    dark = "".join(f"--{role}:{colour.dark};" for role, colour in ROLES.items())
    rules = "".join(f".{name}{{{declarations}}}" for declarations, name in classes.items())
    # paper is light, whatever the screen
    scheme = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f"{scheme}\n{Path(__file__).with_name('page.css').read_text('utf-8')}{rules}"


def _header(document: Document) -> str:
    facts = [(name, _fact(value)) for name, value in document.meta.items()]
    facts.append(("gas price", f"{gwei(document.prices.gas_price)} gwei"))
    facts.append(("blob base fee", f"{gwei(document.prices.blob_base_fee)} gwei"))
    if document.eth_usd is not None:
        facts.append(("ETH", f"{document.eth_usd:,} USD"))
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts)
    return f'<header>\n<h1>{escape(document.title)}</h1>\n<dl class="facts">{items}</dl>\n{_legend()}</header>\n'


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value))
    return str(value)


def _contents(found: Iterable[Chart], sheets: Iterable[Written]) -> str:
    links = [(f"chart-{chart.key}", chart.title) for chart in found]
    links += [(f"sheet-{_id(sheet.key)}", sheet.title) for sheet in sheets]
    items = "".join(f'<li><a href="#{target}">{escape(title)}</a></li>' for target, title in links)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>\n' if items else ""


def _legend() -> str:
    return (
        '<p class="legend"><span><b>1,234</b> measured on a node</span>'
        f'<span><b class="derived">{MARKS["derived"]}1,234</b> derived from measured figures</span>'
        f'<span><b class="modelled">{MARKS["modelled"]}1,234</b> modelled, on assumptions</span>'
        "<span><b>-</b> none, and the source says why</span></p>\n"
    )


def _chart(chart: Chart, classes: dict[str, str]) -> str:
    return (
        f'<figure id="chart-{chart.key}">\n<h2>{escape(chart.title)}</h2>\n{to_svg(chart, classes)}\n'
        f"<figcaption>{escape(chart.under)}</figcaption>\n</figure>\n"
    )


def _sheet(sheet: Written) -> str:
    key = _id(sheet.key)
    wide = " wide" if len(sheet.headings) > _WIDE else ""
    head = "".join(_heading(heading, key) for heading in sheet.headings)
    rows = "".join(f"<tr>{_row(row, sheet.headings, key)}</tr>\n" for row in sheet.rows)
    table = (
        f'<div class="box" role="region" tabindex="0" aria-labelledby="caption-{key}">\n<table>\n'
        f'<caption id="caption-{key}">{escape(sheet.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
    sources = "".join(
        f'<li id="source-{key}-{each.number}"><span class="{each.kind}">{each.kind}:</span> {escape(each.text)}</li>'
        for each in sheet.sources
    )
    below = (
        f"<details open><summary>Where the figures come from</summary><ol>{sources}</ol></details>\n" if sources else ""
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in sheet.notes)
    notes = f'<div class="notes">{notes}</div>\n' if notes else ""
    return (
        f'<section class="sheet{wide}" id="sheet-{key}">\n<h2>{escape(sheet.title)}</h2>\n{table}'
        f"{notes}{below}</section>\n"
    )


def _heading(heading: Heading, key: str) -> str:
    unit = f'<span class="unit">{escape(heading.unit)}</span>' if heading.unit else ""
    number = ' class="number"' if heading.is_number else ""
    return f'<th scope="col"{number}>{escape(heading.text)}{_reference(heading.source, key)}{unit}</th>'


def _row(row: Sequence[Text], headings: Sequence[Heading], key: str) -> str:
    cells = zip(row, headings, strict=True)
    return "".join(_cell(cell, heading, key, at == 0) for at, (cell, heading) in enumerate(cells))


def _cell(cell: Text, heading: Heading, key: str, is_first: bool) -> str:
    text = escape(cell.text)
    if cell.kind and cell.marked != cell.text:
        mark = cell.marked[: -len(cell.text)] if cell.text else cell.marked
        text = f'<span class="{cell.kind}"><span class="hidden">{cell.kind} </span>{escape(mark)}{text}</span>'
    text += _reference(cell.source, key)
    if is_first:
        return f'<th scope="row">{text}</th>'
    kind = "number" if heading.is_number else "prose" if len(cell.text) > 24 else ""
    return f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>"


def _reference(source: int | None, key: str) -> str:
    if source is None:
        return ""
    return f'<sup><a href="#source-{key}-{source}" aria-label="source {source}">{source}</a></sup>'


def _id(key: str) -> str:
    """A key that can stand in an address."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in key)
