"""Commands that run nothing: claims, levers, the fee model, recommendations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from toolkit.cli.main import cli
from toolkit.cli.sheets import number
from toolkit.errors import BadInput
from toolkit.gas import snapshot
from toolkit.gas.cell import Cell, Timing, Usage
from toolkit.gas.snapshot import Snapshot

Run = Callable[..., str]
RECOMMEND = ("recommend", "--payments-per-day", "100", "--value", "0.05", "--parties", "8", "--max-exit-days", "10")


@pytest.fixture
def run() -> Run:
    def command(*words: str) -> str:
        result = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return command


@pytest.fixture
def measured(tmp_path: Path) -> str:
    """A file with cells of two techniques, as ``l2kit gas --json`` prints them."""
    value, timing = 5 * 10**18, Timing(1.0)
    found = (
        Cell("l1-eth", "osaka", 100, 8, value, 0, 0, 0, {"pay": Usage(100, 2_100_000)}, timing),
        Cell(
            "hub", "osaka", 100, 8, value, value, 8, 8, {"open": Usage(8, 600_000), "settle": Usage(8, 400_000)}, timing
        ),
    )
    file = tmp_path / "measured.json"
    file.write_text(Snapshot(snapshot.committed().receipts, found).text())
    return str(file)


def test_claims_levers_and_fees_are_shown_with_the_mark_of_their_kind(run: Run) -> None:
    claims, levers, fees = (run("gas", each) for each in ("claims", "levers", "fees"))
    assert "contradictory" in claims and "=8,495" in claims and "~710,000" in claims
    assert "Lever: block size" in levers and "~213.33" in levers
    assert "SimpleStorage on L1" in fees and "Reserve price of blobs" in fees and "86,735" in fees


@pytest.mark.parametrize("what", ["claims", "levers", "fees"])
def test_the_same_as_markdown_and_as_csv(run: Run, what: str) -> None:
    assert "| --- |" in run("gas", what, "--markdown").replace("---:", "---")
    assert run("gas", what, "--csv").startswith("sheet,row,")
    with pytest.raises(BadInput, match="--json and --csv cannot both"):
        CliRunner().invoke(cli, ["gas", what, "--json", "--csv"], catch_exceptions=False)


@pytest.mark.parametrize("what", ["claims", "levers", "fees"])
def test_as_json_every_figure_has_kind_and_source(run: Run, what: str) -> None:
    sheets = json.loads(run("gas", what, "--json"))
    figures = [each for sheet in sheets for row in sheet["rows"] for each in row.values() if isinstance(each, dict)]
    assert figures
    assert all(each["kind"] in ("measured", "derived", "modelled") and each["source"] for each in figures)


def test_prices_flow_into_the_fee_model(run: Run) -> None:
    def usd(*prices: str) -> float:
        (sheet,) = [each for each in json.loads(run("gas", "fees", "--json", *prices)) if each["key"] == "storage"]
        return float(sheet["rows"][0]["l1_usd"]["value"])

    assert usd("--gas-price", "20", "--eth-usd", "2000") == pytest.approx(86_735 * 20e-9 * 2_000)
    assert usd("--gas-price", "0.5", "--eth-usd", "1") == pytest.approx(86_735 * 0.5e-9)


def test_a_recommendation_ranks_says_why_and_excludes(run: Run, measured: str) -> None:
    told = run(*RECOMMEND, "--from", measured)
    assert told.index("1. Channel hub") < told.index("2. L1 ETH transfers") < told.index("Not these")
    assert "the cheapest of those that do" in told and "L1 ERC20 transfers: it moves tokens" in told
    found: dict[str, Any] = json.loads(run(*RECOMMEND, "--from", measured, "--json"))
    assert [each["technique"] for each in found["ranked"]] == ["hub", "l1-eth"]
    assert found["need"]["trust"] == ["honest-verifier", "operator-liveness", "watching"]
    assert found["ranked"][0]["figures"]["eth"]["kind"] == "modelled"
    alone = json.loads(run(*RECOMMEND, "--from", measured, "--json", "--trust", "none"))
    assert [each["technique"] for each in alone["ranked"]] == ["l1-eth"]


def test_dearer_gas_is_dearer(run: Run, measured: str) -> None:
    usd = [
        float(
            json.loads(run(*RECOMMEND, "--from", measured, "--json", "--gas-price", price))["ranked"][0]["figures"][
                "usd"
            ]["value"]
        )
        for price in ("1", "10")
    ]
    assert usd[1] == pytest.approx(10 * usd[0])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("gas", "fees", "--gas-price", "-1"), "no gas costs -1 gwei"),
        (("gas", "fees", "--blob-price", "0.00000000001"), "finer than a wei"),
        (("gas", "fees", "--eth-usd", "0"), "an ETH is not worth 0 USD"),
        (("gas", "claims", "--from", "nowhere.json"), "cannot read nowhere.json"),
        ((*RECOMMEND, "--trust", "none", "--trust", "watching"), "'none' or watching, not both"),
        ((*RECOMMEND, "--horizon-days", "0"), "0 days are not between"),
        ((*RECOMMEND, "--parties", "1"), "1 parties are not between"),
        ((*RECOMMEND, "--value", "-0.1"), "a payment of -0.1 ETH"),
    ],
)
def test_wrong_input_is_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as refused:
        CliRunner().invoke(cli, words, catch_exceptions=False)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("recommend",), "Missing option '--payments-per-day'"),
        ((*RECOMMEND, "--value", "much"), "'much' is not a number"),
        ((*RECOMMEND, "--value", "nan"), "'nan' is not a number"),
        ((*RECOMMEND, "--trust", "luck"), "'luck' is not one of"),
        (("gas", "frobnicate"), "No such command 'frobnicate'"),
    ],
)
def test_words_that_are_not_understood_are_told(words: tuple[str, ...], sentence: str) -> None:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2 and sentence in result.output


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_234_567, "1,234,567"), (0.5, "0.5"), (12_345.678, "12,345"), (0.000123456, "0.0001235"), (True, "yes")],
)
def test_numbers_for_people(value: object, text: str) -> None:
    assert number(value) == text
