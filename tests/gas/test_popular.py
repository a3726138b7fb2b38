"""Popular claims: every equation is evaluated, and the verdict is what follows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from toolkit.errors import BadInput
from toolkit.gas import snapshot
from toolkit.gas.popular import CLAIMS, COMMAND, TOLERANCE, Claim, Equation, Given, check
from toolkit.rollup.codec import BLOB_RECORDS, RECORD_SIZE

RECEIPTS: Mapping[str, int] = snapshot.committed().receipts
CHAINS = {"Bitcoin", "Ethereum", "Solana", "Cardano", "Optimism", "zkSync"}


def found(chain: str, says: str) -> Claim:
    """The one claim about a chain that says so."""
    (claim,) = [each for each in CLAIMS if each.chain == chain and says in each.says]
    return claim


def test_every_chain_s_throughput_cost_and_finality_are_among_the_claims() -> None:
    assert {each.chain for each in CLAIMS} == CHAINS
    for chain in CHAINS:
        assert {each.about for each in CLAIMS if each.chain == chain} == {"throughput", "cost", "finality"}
    assert set(Counter(each.verdict for each in CLAIMS)) == {"reproduced", "outdated", "model-only", "contradictory"}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda each: f"{each.chain}: {each.says}")
def test_the_verdict_is_what_follows_from_the_equations(claim: Claim) -> None:
    assert claim.judged(RECEIPTS) == claim.verdict, {
        name: each.value(RECEIPTS) for name, each in claim.equations.items()
    }
    assert claim.equations and claim.why and claim.where.startswith("https://")
    assert 0 <= claim.low <= (claim.low if claim.high is None else claim.high)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda each: f"{each.chain}: {each.says}")
def test_every_number_of_an_equation_is_used_and_says_where_it_is_from(claim: Claim) -> None:
    for equation in claim.equations.values():
        assert set(equation.given) == equation.names
        assert all(each.source for each in equation.given.values())
        assert set(equation.rows) <= set(RECEIPTS)


@pytest.mark.parametrize(
    ("chain", "says", "time", "value"),
    [
        ("Bitcoin", "7 transactions", "now", 6.67),
        ("Bitcoin", "six confirmations", "model", 3_600),
        ("Ethereum", "about 15", "then", 15.4),
        ("Ethereum", "about 15", "now", 33.3),
        ("Ethereum", "119", "then", 119.05),
        ("Ethereum", "119", "now", 238.1),
        ("Ethereum", "12.8 minutes", "now", 768),
        ("Solana", "710,000", "model", 710_227),
        ("Solana", "400 ms", "now", 12.8),
        ("Cardano", "250", "now", 10.0),
        ("Cardano", "2,160", "now", 43_200),
        ("Optimism", "4,000", "now", 1_911),
        ("zkSync", "20,000", "now", 8_495),
        ("zkSync", "2,000", "model", 8_495),
        ("zkSync", "3,500", "then", 3_339),
        ("Optimism", "below 0.01", "now", 1.1053e-4),
        ("zkSync", "0.01 to 0.05", "now", 2.925e-6),
        ("zkSync", "0.01 to 0.05", "model", 0.024),
        ("Bitcoin", "1 to 5 USD", "now", 1.1875),
        ("Cardano", "0.16 USD", "then", 0.17518),
    ],
)
def test_known_figures(chain: str, says: str, time: str, value: float) -> None:
    assert found(chain, says).equations[time].value(RECEIPTS) == pytest.approx(value, rel=5e-3)


def test_articles_contradict_each_other_on_solana_s_finality() -> None:
    claims = [each for each in CLAIMS if (each.chain, each.about) == ("Solana", "finality")]
    figures = {each.now.value(RECEIPTS) for each in claims if each.now}
    assert len(figures) == 1
    assert sorted(each.verdict for each in claims) == ["contradictory", "contradictory", "reproduced"]


def test_what_cardano_cannot_do_it_cannot_do_with_the_shortest_transactions_either() -> None:
    claim = found("Cardano", "about 250")
    assert claim.now is not None
    short = replace(claim.now, given={**claim.now.given, "bytes": Given(200, "the shortest")})
    assert not claim.agrees(short.value(RECEIPTS))


def test_equations_with_receipts_follow_them() -> None:
    claim = found("Optimism", "below 0.01")
    dearer = {**RECEIPTS, "rollup: batch in one blob, execution": 10**10}
    assert (claim.judged(RECEIPTS), claim.judged(dearer)) == ("reproduced", "contradictory")
    with pytest.raises(BadInput, match="'rollup: batch in one blob, execution', which was not measured"):
        claim.judged({})


def test_the_rollup_s_numbers_are_its_own() -> None:
    claim = found("Optimism", "4,000")
    assert claim.now is not None
    records = claim.now.given["records"]
    assert records.value == BLOB_RECORDS
    assert f"{RECORD_SIZE} bytes" in records.source


def test_every_price_of_a_market_is_said_to_be_one() -> None:
    for claim in CLAIMS:
        for equation in claim.equations.values():
            for name, each in equation.given.items():
                if "usd" in name or "gwei" in name or name == "satoshi":
                    assert each.assumed, (claim.says, name)


def test_what_only_bounds_a_figure_reproduces_no_claim() -> None:
    """Room for data bounds how many transactions a rollup can make; that it makes them does not follow."""
    for claim in CLAIMS:
        if "blob_bytes" in (claim.now.given if claim.now else ()):
            assert claim.verdict != "reproduced", claim.says


def test_the_first_equation_that_agrees_decides() -> None:
    right, wrong = (Equation("x", {"x": Given(value, "made up")}) for value in (10, 20))
    claim = Claim("x", "throughput", "ten", 10, 10, "https://x", "reproduced", "no reason")

    def judged(now: Equation | None = None, then: Equation | None = None, model: Equation | None = None) -> str:
        return replace(claim, now=now, then=then, model=model).judged({})

    assert judged(now=right, then=right, model=right) == "reproduced"
    assert judged(now=wrong, then=right, model=right) == "outdated"
    assert judged(now=wrong, then=wrong, model=right) == "model-only"
    assert judged(now=wrong, then=wrong, model=wrong) == judged() == "contradictory"


def test_a_claim_has_a_tolerance_and_may_be_open_above() -> None:
    claim = Claim("x", "throughput", "ten to twenty", 10, 20, "https://x", "reproduced", "no reason")
    inside, outside = 1 + TOLERANCE - 1e-9, 1 + TOLERANCE + 1e-9
    assert claim.agrees(10 / inside) and claim.agrees(20 * inside)
    assert not claim.agrees(10 / outside) and not claim.agrees(20 * outside)
    assert replace(claim, high=None).agrees(1e30)


@pytest.mark.parametrize("text", ["y", "x ** 2", "-x", "x.real", "abs(x)", "'x'", "x if x else x", "__import__('os')"])
def test_an_equation_is_arithmetic_over_what_is_given(text: str) -> None:
    with pytest.raises(BadInput, match="not given, or no arithmetic"):
        Equation(text, {"x": Given(1, "made up")}).value({})


def test_an_equation_knows_how_many_confirmations_a_risk_needs() -> None:
    given = {"share": Given(0.1, "made up"), "risk": Given(0.001, "made up")}
    assert Equation("confirmations(share, risk) * 2", given).value({}) == 12
    half = {**given, "share": Given(0.5, "made up")}
    assert Equation("confirmations(share, risk)", half).value({}) == float("inf")


def test_a_checked_claim_shows_equation_and_command() -> None:
    checked = check(RECEIPTS)
    assert [each.claim for each in checked] == list(CLAIMS)
    assert all(each.verdict == each.claim.verdict for each in checked)
    rows = [each.as_json() for each in checked]
    json.dumps(rows)
    (cost,) = [row for row in rows if row["chain"] == "Optimism" and row["about"] == "cost"]
    assert COMMAND in cost["figures"]["now"]["source"]
    assert cost["figures"]["now"]["kind"] == "modelled", "a market's prices are in it"
    kinds = {(each.claim.chain, each.claim.says): each.figures["now"].kind for each in checked if each.claim.now}
    assert kinds["Ethereum", "12.8 minutes"] == kinds["Ethereum", "119 transactions a second at best"] == "derived"
    assert kinds["Ethereum", "15 to 30 transactions a second"] == "modelled", "a mean transaction is in it"
    (solana,) = [row for row in rows if row["says"].startswith("710,000")]
    assert solana["figures"]["model"]["kind"] == "modelled"
    assert "line / 8 / bytes where line = 1,000,000,000" in solana["figures"]["model"]["source"]
