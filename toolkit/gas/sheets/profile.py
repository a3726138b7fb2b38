"""What each technique assumes and how money comes out of it: its transactions as equations over the receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from toolkit.gas.popular import Equation, Given

TRUST: Mapping[str, str] = MappingProxyType(
    {
        "watching": "each party, or a watchtower, looks at L1 once in every challenge period (a day) and can answer",
        "operator-liveness": "an operator is there whenever somebody pays; without it payments stop, money does not",
        "honest-verifier": "one honest verifier, whoever it is, watches L1 in every challenge window (7 days)",
    }
)
"""What a technique may ask for beyond L1 itself. None of them lets an operator take money."""

DAY = 86_400
CHALLENGE_PERIOD = DAY
"""Seconds that the lab's channels give to answer an old state."""
CHALLENGE_WINDOW = 7 * DAY
"""Seconds in which an assertion can be disputed."""
SEQUENCER_WINDOW = DAY // 2
"""Seconds without a batch after which anybody may post one."""
ESCAPE_DELAY = 30 * DAY
"""Seconds from an alarm until the rollup may be frozen."""
GAME_SECONDS = 324_000
"""Seconds that a dispute takes at most: 3.75 days (SECURITY.md)."""
BOND = 2 * 10**17
"""Wei that an assertion locks until it is confirmed."""
CALLDATA_RECORDS = 1_000
"""Records in the measured batch in calldata."""
BLOB_RECORDS = 1_638
"""Records in a blob (`toolkit.rollup.codec`)."""


@dataclass(frozen=True)
class Way:
    """A way out, or in.

    Attributes:
        gas: of everybody's transactions for one account's money; None where nothing is to be done.
        honest: of these, what the side pays that keeps to the rules; None where that is all.
        seconds: on L1's clock that it takes, if not measured: against a liar at most, else at least; None where nothing
            is to be done.
        who: who does and pays what.
    """

    gas: Equation | None
    who: str
    honest: Equation | None = None
    seconds: Equation | None = None


@dataclass(frozen=True)
class Profile:
    """What there is to know of a technique besides what its cells show.

    Attributes:
        deposit: to begin.
        cooperative: out, if everybody helps.
        alone: out, if nobody else does anything any more but the chain lives.
        escape: out, if the operators are gone for good.
        disputed: out, against somebody who lies.
        blob_gas: of the cooperative exit; None where there is none.
        soft: what a soft confirmation is.
        assumes: keys of `TRUST`.
        trust: the same and more in words.
        data: where the data is that money depends on.
    """

    deposit: Way
    cooperative: Way
    alone: Way
    escape: Way
    disputed: Way
    soft: str
    assumes: frozenset[str]
    trust: str
    data: str
    blob_gas: Equation | None = None


def _receipt(row: str, why: str = "receipt") -> Given:
    return Given(row, why)


_OPENING = _receipt("channel: open and fund (ETH)")
_TOP_UP = _receipt("channel: top up (ETH)", "receipt; the hub's money, which the party may receive")
_CLOSE = _receipt("channel: close by a party (ETH)")
_START = _receipt("channel: unilateral start (ETH)")
_NEWER = _receipt("channel: newer state (ETH)")
_SETTLE = _receipt("channel: settle (ETH)")
_UNLOCK = _receipt("channel: unlock one hash lock, extra", "receipt; a payment that is on its way")
_DEPOSIT = _receipt("bridge: deposit (ETH)")
_CLAIM = _receipt("bridge: claim withdrawal (ETH)")
_FORCED = _receipt("bridge: forced withdrawal (ETH)")
_ESCAPE = _receipt("bridge: escape (ETH)")
_ASSERTION = _receipt("rollup: assert")
_CONFIRMATION = _receipt("rollup: confirm")
_RECORD = _receipt("rollup: batch of 1,000 transfers as calldata, per transfer", "receipt; a withdrawal is as long")
_BATCH = _receipt("rollup: batch in one blob, execution")
_BLOB_GAS = _receipt("rollup: batch in one blob, blob gas")
_LATE = _receipt("rollup: late batch")
_ALARM = _receipt("rollup: alarm", "receipt; once for all who leave")
_FREEZE = _receipt("rollup: freeze", "receipt; once for all who leave")
_DISPUTE = _receipt("dispute: open")
_MOVE = _receipt("dispute: one move")

_PERIOD = Given(CHALLENGE_PERIOD, "seconds of the lab's channels")
_WINDOW = Given(CHALLENGE_WINDOW, "seconds")
_SEQUENCER = Given(SEQUENCER_WINDOW, "seconds")
_LONGEST = Given(GAME_SECONDS, "seconds of a game at most: 3.75 days")

_NOTHING = Way(None, "the money never leaves L1")
_L1 = Profile(
    deposit=_NOTHING,
    cooperative=_NOTHING,
    alone=_NOTHING,
    escape=_NOTHING,
    disputed=_NOTHING,
    soft="L1's receipt",
    assumes=frozenset(),
    trust="L1 alone",
    data="L1 itself: its state is the balances",
)

_PERIOD_EQUATION = Equation("period", {"period": _PERIOD})
_ALONE = Way(
    Equation("start + settle", {"start": _START, "settle": _SETTLE}),
    "who leaves starts with the newest state that both signed, and settles after the challenge period",
    seconds=_PERIOD_EQUATION,
)
_CHANNEL = Profile(
    deposit=Way(Equation("opening", {"opening": _OPENING}), "who opens; the other side may add money of its own"),
    cooperative=Way(Equation("close", {"close": _CLOSE}), "one of the two, for both, with the other's signature"),
    alone=_ALONE,
    escape=_ALONE,
    disputed=Way(
        Equation("start + newer + settle", {"start": _START, "newer": _NEWER, "settle": _SETTLE}),
        "who cheats starts with an old state; who was to be cheated, or its watchtower, answers and settles",
        honest=Equation("newer + settle", {"newer": _NEWER, "settle": _SETTLE}),
        seconds=_PERIOD_EQUATION,
    ),
    soft="the other party's signed acknowledgement, on both disks: final between the two",
    assumes=frozenset({"watching"}),
    trust=f"L1, and that {TRUST['watching']}; payments stop where the other party does not answer",
    data="both parties (and a watchtower) keep the newest signed state; L1 sees none until somebody leaves",
)
_HUB = Profile(
    deposit=Way(
        Equation("opening + top_up", {"opening": _OPENING, "top_up": _TOP_UP}),
        "the party opens; the hub adds what the party may receive",
    ),
    cooperative=_CHANNEL.cooperative,
    alone=_ALONE,
    escape=_ALONE,
    disputed=Way(
        Equation(
            "start + newer + unlock + settle",
            {"start": _START, "newer": _NEWER, "unlock": _UNLOCK, "settle": _SETTLE},
        ),
        "as between any two; a payment that is on its way is unlocked with its secret",
        honest=Equation("newer + unlock + settle", {"newer": _NEWER, "unlock": _UNLOCK, "settle": _SETTLE}),
        seconds=_PERIOD_EQUATION,
    ),
    soft="the secret that comes back through the hub, and signed states on three disks",
    assumes=frozenset({"watching", "operator-liveness"}),
    trust=f"L1, that {TRUST['watching']}; payments stop without the hub; hash locks keep it from taking what passes",
    data="each party and the hub keep the newest signed state; L1 sees none until somebody leaves",
)

_SHARE = {"assertion": _ASSERTION, "confirmation": _CONFIRMATION}
_CALLDATA_SHARE = {**_SHARE, "records": Given(CALLDATA_RECORDS, "records in the measured batch")}
_BLOB_SHARE = {**_SHARE, "batch": _BATCH, "records": Given(BLOB_RECORDS, "records in a blob")}
_OUT_CALLDATA = "claim + record + (assertion + confirmation) / records"
_OUT_BLOBS = "claim + (batch + assertion + confirmation) / records"
_FORCED_OUT = Way(
    Equation(
        "forced + 2 * late + assertion + confirmation + claim",
        {"forced": _FORCED, "late": _LATE, "claim": _CLAIM, **_SHARE},
    ),
    "who leaves does it all through L1: message, two late batches, assertion (a bond of 0.2 ETH comes back), claim",
    seconds=Equation("2 * sequencer + window", {"sequencer": _SEQUENCER, "window": _WINDOW}),
)
_ESCAPED = Way(
    Equation("alarm + freeze + escape", {"alarm": _ALARM, "freeze": _FREEZE, "escape": _ESCAPE}),
    "anybody raises the alarm and freezes, once for all; each account then escapes with a proof",
    seconds=Equation("delay", {"delay": Given(ESCAPE_DELAY, "seconds")}),
)


def _rollup(where: str, share: Mapping[str, Given], out: str, data: str) -> Profile:
    step = _receipt(f"dispute: final step, worst operation ({where} batch)")
    game = {"opening": _DISPUTE, "move": _MOVE, "step": step}
    return Profile(
        deposit=Way(Equation("deposit", {"deposit": _DEPOSIT}), "who comes; the next batch but one brings it to L2"),
        cooperative=Way(
            Equation(out, {"claim": _CLAIM, **share}),
            "who leaves claims; its share of batch, assertion and confirmation is paid by who posts them",
        ),
        alone=_FORCED_OUT,
        escape=_ESCAPED,
        disputed=Way(
            Equation(f"{out} + assertion + opening + 5 * move + step", {"claim": _CLAIM, **share, **game}),
            "at its worst, over up to 4,096 steps: the liar asserts and splits three times, a verifier opens, picks "
            "twice and has L1 execute the last step; half of the liar's bond goes to the verifier, the other half is "
            "burned; who leaves pays no more than in peace, and waits for the right assertion",
            honest=Equation(f"{out} + opening + 2 * move + step", {"claim": _CLAIM, **share, **game}),
            seconds=Equation("window + game", {"window": _WINDOW, "game": _LONGEST}),
        ),
        soft="the sequencer's answer once it is on its disk: a promise until the batch is on L1",
        assumes=frozenset({"honest-verifier", "operator-liveness"}),
        trust=f"L1, that {TRUST['honest-verifier']}; a soft confirmation is the sequencer's promise, and "
        "without the sequencer every payment is a transaction on L1",
        data=data,
        blob_gas=Equation("blob_gas / records", {"blob_gas": _BLOB_GAS, "records": Given(BLOB_RECORDS, "in a blob")})
        if where == "blob"
        else None,
    )


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "l1-eth": _L1,
        "l1-erc20": _L1,
        "batch-pay": _L1,
        "channel": _CHANNEL,
        "hub": _HUB,
        "rollup-calldata": _rollup(
            "calldata",
            {**_CALLDATA_SHARE, "record": _RECORD},
            _OUT_CALLDATA,
            "calldata in L1's blocks: who has these rebuilds the rollup; nodes may drop old ones (EIP-4444)",
        ),
        "rollup-blobs": _rollup(
            "blob",
            _BLOB_SHARE,
            _OUT_BLOBS,
            "blobs beside L1's blocks, which nodes keep for 18 days: who rebuilds the rollup later needs a copy",
        ),
    }
)
"""By the keys of `TECHNIQUES`."""
