"""A plausible report for the renderers' tests: every technique at every size, sheets with figures of each kind."""

from __future__ import annotations

from decimal import Decimal

from toolkit.gas.cell import SIZES, TECHNIQUES, Cell, Timing, Usage
from toolkit.gas.fees import Prices
from toolkit.gas.figure import Figure, derived, measured, modelled
from toolkit.gas.render import WAYS, Document, Exit
from toolkit.gas.sheet import Column, Sheet

RUN = "l2kit gas, from receipts"
PRICES = Prices(gas_price=5 * 10**9, blob_base_fee=10**8)

# gas: to open, a payment, to settle, to leave; blobs of so many payments each
_COSTS = {
    "l1-eth": (0, 21_000, 0, 0, 0),
    "l1-erc20": (412_000, 34_512, 0, 0, 0),
    "batch-pay": (46_000, 9_812, 0, 0, 0),
    "channel": (612_480, 0, 301_224, 0, 0),
    "hub": (498_112, 0, 244_018, 61_300, 0),
    "rollup-calldata": (402_911, 512, 131_450, 402_118, 0),
    "rollup-blobs": (402_911, 14, 148_900, 402_118, 5_461),
}
_EXITS = {
    "channel": ((71_240, 12), (118_406, 86_400), (164_221, 86_424)),
    "hub": ((74_911, 12), (121_877, 86_400), (168_020, 86_424)),
    "rollup-calldata": ((50_264, 604_812), (94_417, 1_209_600), (1_912_480, 1_814_400)),
    "rollup-blobs": ((50_264, 604_812), (94_417, 1_209_600), (2_104_377, 1_814_400)),
}


def cell(technique: str, payments: int) -> Cell:
    start, each, settle, leave, per_blob = _COSTS[technique]
    blobs = -(-payments // per_blob) if per_blob else 0
    calldata = payments * 12 if "rollup" in technique and not blobs else payments * 68
    return Cell(
        technique=technique,
        hardfork="osaka",
        payments=payments,
        parties=8,
        value=payments * 10**15,
        capital=0 if technique.startswith(("l1", "batch")) else 16 * 10**18,
        exit_blocks=1 if "l1" in technique else 50_401,
        exit_seconds=12 if "l1" in technique else 604_812,
        phases={
            "open": Usage(8, start),
            "pay": Usage(payments, each * payments, 131_072 * blobs, calldata, calldata // 3),
            "settle": Usage(1, settle),
            "exit": Usage(8, leave),
        },
        timing=Timing(4.2, {"pay": 0.01 * payments}),
    )


CELLS = [cell(technique, payments) for technique in TECHNIQUES for payments in SIZES]

EXITS = [
    Exit(
        technique,
        way,
        measured(gas, RUN) if way != "disputed" else derived(gas, "whole game + claim"),
        derived(seconds, "challenge window of the mainnet-like profile"),
    )
    for technique, ways in _EXITS.items()
    for way, (gas, seconds) in zip(WAYS, ways, strict=True)
]


def matrix() -> Sheet:
    """Wider than a terminal: fourteen columns, and prose."""
    columns = [
        Column("technique", "technique"),
        Column("payments", "payments"),
        Column("transactions", "L1 transactions"),
        Column("gas", "L1 gas in all", "gas"),
        Column("gas_per_payment", "gas a payment", "gas"),
        Column("blob_gas", "blob gas", "gas"),
        Column("bytes_per_payment", "bytes on L1 a payment", "bytes"),
        Column("capital", "capital locked", "wei"),
        Column("versus", "of L1 ETH", "share"),
        Column("exit_alone", "exit alone", "gas"),
        Column("withdrawal", "time to withdraw", "s"),
        Column("usd", "cost a payment", "USD"),
        Column("survives", "survives its operator"),
        Column("trust", "trust assumption"),
    ]
    trust = {
        "l1-eth": "none beyond L1",
        "l1-erc20": "none beyond L1 and the token",
        "batch-pay": "none beyond L1 and the token",
        "channel": "somebody watches L1 for you within the challenge period",
        "hub": "somebody watches L1 for you; the hub is online to forward",
        "rollup-calldata": "one honest verifier that watches",
        "rollup-blobs": "one honest verifier that watches, and keeps what blobs held after 18 days",
    }
    rows: list[dict[str, Figure | str]] = []
    for each in CELLS:
        if each.payments not in (100, 10_000):
            continue
        is_l1 = each.technique in ("l1-eth", "l1-erc20", "batch-pay")
        per = each.total.gas / each.payments
        seconds = next((e.seconds.value for e in EXITS if (e.technique, e.way) == (each.technique, "alone")), None)
        gas = next((e.gas.value for e in EXITS if (e.technique, e.way) == (each.technique, "alone")), None)
        nothing = "no exit: the money is on L1"
        rows.append(
            {
                "technique": TECHNIQUES[each.technique],
                "payments": measured(each.payments, RUN),
                "transactions": measured(each.total.transactions, RUN),
                "gas": measured(each.total.gas, RUN),
                "gas_per_payment": derived(per, "L1 gas in all / n"),
                "blob_gas": measured(each.total.blob_gas, RUN),
                "bytes_per_payment": derived(each.l1_bytes / each.payments, "(calldata + blob bytes) / n"),
                "capital": measured(each.capital, "balances of the contracts, read after each block"),
                "versus": derived(per / 21_000, "L1 gas in all / L1 gas of ETH transfers"),
                "exit_alone": measured(gas, nothing if gas is None else "l2kit scenario vanish"),
                "withdrawal": derived(
                    seconds, nothing if seconds is None else "challenge window, mainnet-like profile"
                ),
                "usd": modelled(
                    Decimal(str(per)) * 5 * 3_000 / 10**9,
                    "(gas * gas price + blob gas * blob base fee) * USD an ETH / n",
                ),
                "survives": measured(True, "l2kit scenario vanish" if not is_l1 else "there is no operator"),
                "trust": trust[each.technique],
            }
        )
    return Sheet("techniques", "Every technique, the same payments", columns, rows, ["Deployment is counted apart."])


def small() -> Sheet:
    """Narrow, and with text that tries to be markup, a formula, and Markdown."""
    columns = [
        Column("claim", "claim"),
        Column("said", "said", "USD"),
        Column("found", "found", "USD"),
        Column("verdict", "verdict"),
    ]
    rows: list[dict[str, Figure | str]] = [
        {
            "claim": "<script>alert(1)</script> costs & more",
            "said": modelled(Decimal("0.0004"), '=HYPERLINK("x")'),
            "found": derived(Decimal("0.00512"), "gas * price"),
            "verdict": derived("outdated", "gas * price"),
        },
        {
            "claim": "=1+1 a|b *bold*",
            "said": measured(12, "the article"),
            "found": derived(None, "no node runs it"),
            "verdict": derived("model-only", "no node runs it"),
        },
        {"claim": "left out"},
    ]
    return Sheet("claims", "Popular claims", columns, rows)


def document() -> Document:
    return Document(
        title="l2kit: one workload, every technique",
        meta={
            "hardfork": "osaka",
            "node": "anvil 1.7.1",
            "solc": "0.8.37",
            "seed": 7,
            "parties": 8,
            "sizes": list(SIZES),
        },
        sheets=[matrix(), small()],
        cells=CELLS,
        exits=EXITS,
        prices=PRICES,
        eth_usd=Decimal(3_000),
    )
