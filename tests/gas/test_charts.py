"""The charts' figures, colours and files."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import report_sample as sample
from PIL import Image

from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES
from toolkit.gas.fees import Prices
from toolkit.gas.figure import derived, measured
from toolkit.gas.render import WAYS, Document, Exit, check_writable, to_html, to_png, write
from toolkit.gas.render.charts import PAGE, charts, drawing
from toolkit.gas.render.palette import ROLES, contrast
from toolkit.gas.render.points import break_evens, gas_equivalent, lines, parts, shown_at
from toolkit.gas.render.svg import to_svg

SERIES = (*TECHNIQUES, "open", "pay", "settle", "exit", "blobs", "cooperative", "alone", "disputed")


def test_blob_gas_counts_at_its_price_in_gas() -> None:
    cell = sample.cell("rollup-blobs", 10_000)
    assert cell.total.blob_gas == 262_144
    assert gas_equivalent(cell, Prices(10**9, 10**8)) == cell.total.gas + 26_214.4
    assert gas_equivalent(cell, Prices(10**9, 0)) == cell.total.gas


def test_parts_make_up_the_cost() -> None:
    for cell in sample.CELLS:
        assert sum(parts(cell, sample.PRICES).values()) == pytest.approx(gas_equivalent(cell, sample.PRICES))


def test_break_even_lies_where_the_technique_becomes_cheaper() -> None:
    # a + b n < 21,000 n, of which two points are measured: the true one is near the interpolated one
    found = break_evens(sample.CELLS, sample.PRICES)
    assert found["channel"].value == pytest.approx((612_480 + 301_224) / 21_000, abs=2)
    assert found["batch-pay"].value == pytest.approx(46_000 / (21_000 - 9_812), abs=2)
    assert "l1-eth" not in found


def test_technique_that_never_becomes_cheaper_has_no_break_even_but_a_reason() -> None:
    figure = break_evens(sample.CELLS, sample.PRICES)["l1-erc20"]
    assert figure.value is None
    assert "10,000 payments" in figure.source


def test_technique_that_is_always_cheaper_breaks_even_at_once() -> None:
    cells = [replace(cell, technique="batch-pay") for cell in sample.CELLS if cell.technique == "l1-eth"]
    half = [replace(cell, phases={"pay": replace(cell.phases["pay"], gas=1)}) for cell in cells]
    assert break_evens([*sample.CELLS[:5], *half], sample.PRICES)["batch-pay"].value == 1


def test_cells_of_no_payments_are_left_out_of_lines() -> None:
    assert lines([replace(sample.CELLS[0], payments=0)], sample.PRICES) == {}


def test_parts_are_shown_at_a_size_that_every_technique_has() -> None:
    assert shown_at(sample.CELLS) == 1_000
    assert shown_at([cell for cell in sample.CELLS if (cell.technique, cell.payments) != ("hub", 1_000)]) == 100
    assert shown_at([]) is None


def test_given_break_evens_are_shown_rather_than_interpolated_ones() -> None:
    given = {"channel": derived(17, "by equation"), "hub": derived(None, "never")}
    chart = next(each for each in charts(replace(sample.document(), break_evens=given)) if each.key == "break-even")
    assert "Payment channels: from 17" in chart.text
    assert "Channel hub: not up to 10,000" in chart.text
    assert "Interpolated" not in chart.under


def test_document_has_the_charts_it_has_figures_for() -> None:
    assert [each.key for each in charts(sample.document())] == ["cost", "break-even", "exits", "parts"]
    assert [each.key for each in charts(replace(sample.document(), exits=[]))] == ["cost", "break-even", "parts"]
    assert charts(Document("empty")) == []
    assert charts(Document("no payments", cells=[replace(sample.CELLS[0], payments=0)])) == []


def test_charts_can_be_drawn_from_a_single_cell() -> None:
    document = Document("one", cells=sample.CELLS[:1], exits=sample.EXITS[:1])
    for chart in charts(document):
        assert to_svg(chart, {}).startswith("<svg")


@pytest.mark.parametrize("seconds", [(12, 12), (12, 700), (300, 86_400), (1, 604_800)])
@pytest.mark.parametrize("gas", [(71_240, 71_240), (60_000, 90_000), (21_000, 2_100_000)])
def test_axes_of_exits_have_ticks_whatever_the_range(gas: tuple[int, int], seconds: tuple[int, int]) -> None:
    found = [
        Exit("channel", way, measured(gas[at], "run"), measured(seconds[at], "run")) for at, way in enumerate(WAYS[:2])
    ]
    chart = charts(Document("exits", exits=found))[0]
    with drawing(PAGE) as picture:
        chart.draw(picture, PAGE)
        for axes in picture.axes:
            low, high = axes.get_xlim()
            ticks = [low <= tick <= high for tick in axes.get_xticks()]
            assert ticks
            assert all(ticks)


def test_charts_mix_no_hardforks() -> None:
    with pytest.raises(BadInput, match="osaka, prague"):
        Document("two", cells=[sample.CELLS[0], replace(sample.CELLS[1], hardfork="prague")])


def test_parts_are_not_shown_at_a_size_that_was_not_measured() -> None:
    with pytest.raises(BadInput, match="nothing was measured at 7 payments"):
        replace(sample.document(), shown_at=7)
    chart = charts(replace(sample.document(), shown_at=10))[-1]
    assert chart.title == "What 10 payments cost, and for what"


def test_nothing_is_compared_at_a_gas_price_of_nothing() -> None:
    with pytest.raises(BadInput, match="gas price"):
        Document("free", prices=Prices(0, 0))


def test_chart_says_in_words_what_it_shows() -> None:
    cost = charts(sample.document())[0]
    root = ElementTree.fromstring(to_svg(cost, {}))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "cost-title cost-text"
    assert root.findtext("title") == "Cost of one payment"
    assert "L1 ETH transfers: 21k at 1, 21k at 10" in (root.findtext("desc") or "")


def test_chart_is_text_with_classes_and_nothing_of_its_own() -> None:
    classes: dict[str, str] = {}
    for chart in charts(sample.document()):
        text = to_svg(chart, classes)
        root = ElementTree.fromstring(text)
        assert [each for each in root.iter("text") if "Rollup (blobs)" in "".join(each.itertext())]
        assert " style=" not in text
        assert not re.search(r"#[0-9a-fA-F]{6}", text)
        assert not {tag for each in root.iter() if (tag := each.tag) in ("style", "metadata", "image", "script")}
    assert not [each for each in classes if re.search(r"#[0-9a-f]{6}", each)], "a colour that has no dark one"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast_enough(scheme: str) -> None:
    colours = {role: getattr(colour, scheme) for role, colour in ROLES.items()}
    for ground in ("page", "card", "head"):
        for text in ("ink", "muted", "link", "derived", "modelled"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for series in SERIES:
        assert contrast(colours[series], colours["card"]) >= 3, series


def test_no_two_roles_share_a_colour() -> None:
    assert len({colour.light for colour in ROLES.values()}) == len(ROLES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_neighbours_in_a_bar_differ_for_the_colour_blind(scheme: str) -> None:
    # by lightness, which every eye sees; hatches and the gap between them come on top
    colours = [getattr(ROLES[part], scheme) for part in ("open", "pay", "settle", "exit", "blobs")]
    assert all(contrast(one, other) >= 1.25 for one, other in itertools.pairwise(colours))


def test_same_document_gives_the_same_page_whatever_the_users_settings() -> None:
    page = to_html(sample.document())
    import matplotlib  # after ours has told it where to keep its files

    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "other", "axes.grid": True, "lines.linewidth": 9}):
        assert to_html(sample.document()) == page
        assert matplotlib.rcParams["font.size"] == 30


class _Page(HTMLParser):
    """What a page refers to, and its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.links += [value or ""] if name in ("href", "src", "xlink:href", "srcset", "data", "action") else []
            self.links += re.findall(r"url\(([^)]*)\)", value or "")
            self.ids += [value or ""] if name == "id" else []
            self.handlers += [name] if name.startswith("on") or name == "style" else []


def test_page_refers_to_itself_alone() -> None:
    page = _Page(to_html(sample.document()))
    assert page.links
    assert all(link.startswith("#") for link in page.links)
    assert not {link[1:] for link in page.links} - set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert not page.handlers
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}


def test_text_of_a_document_is_never_markup() -> None:
    document = replace(sample.document(), title="<b>&\"'", meta={"<i>": "</dd><script>"})
    page = to_html(document)
    assert "<script" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;&amp;&quot;" in page


def test_page_without_figures_is_still_a_page() -> None:
    assert "<h1>empty</h1>" in to_html(Document("empty"))


def test_slide_is_wide_and_not_blank(tmp_path: Path) -> None:
    path = tmp_path / "slide.png"
    assert to_png(sample.document(), path) == [path]
    with Image.open(path) as image:
        assert image.size == (1920, 1080)
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 50


def test_folder_gets_a_slide_a_chart(tmp_path: Path) -> None:
    assert [path.name for path in to_png(sample.document(), tmp_path)] == [
        "cost.png",
        "break-even.png",
        "exits.png",
        "parts.png",
    ]


def test_slides_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no chart"):
        to_png(Document("empty"), tmp_path / "slide.png")
    assert not list(tmp_path.iterdir())


def test_path_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        check_writable(tmp_path / "nowhere" / "report.html")
    with pytest.raises(BadInput, match="it is a folder"):
        check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="not a directory"):
        check_writable(tmp_path / "file" / "report.html")


def test_check_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    check_writable(path)
    assert not list(tmp_path.iterdir())
    path.write_text("old")
    check_writable(path)
    check_writable(tmp_path, folders=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_replaces_the_file_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    path.chmod(0o640)
    (tmp_path / "link").symlink_to(path)
    write(tmp_path / "link", b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "report.html"]


def test_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="no space left on device"):
        write(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_device_is_written_to(tmp_path: Path) -> None:
    write(Path(os.devnull), b"new")
    assert not Path(os.devnull).is_file()
