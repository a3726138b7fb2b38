"""The pictures of docs/architecture.md: the rooms, the processes of a session, and who tells whom what."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.reference.house import LAYERS
from toolkit.reference.svg import Arrow, Box, Step, diagram, sequence

_PLACES: dict[str, tuple[float, float]] = {
    "reference": (4, 4),
    "cli": (0, 8),
    "pytest_plugin": (9, 3.2),
    "ape": (12.6, 2.2),
    "isolation": (0, 3),
    "demo": (4, 4),
    "gas": (4, 4),
    "scenario": (4, 4),
    "world": (0, 12.4),
    "session": (2.6, 12.2),
    "description": (0, 2),
    "channel": (0, 4),
    "rollup": (9, 3.4),
    "bridge": (4.8, 3.4),
    "technique": (0, 12.4),
    "overview": (12.8, 2),
    "devnet": (0, 14.8),
    "compile": (0, 4),
    "toolchain": (5, 4),
    "crypto": (11, 3),
    "errors": (0, 9),
}
"""Where a room stands in its layer, and how wide it is, in columns."""

PROCESSES: tuple[Box, ...] = (
    Box("l2kit, the library, wallets", "deposit, transfer, withdraw, travel, status, channel pay", 0, 0, 15.8),
    Box("l2kit up", "starts each as a process, starts again what ends", 2, 0, 9.7, frames=True),
    Box("sequencer", "takes operations", 2, 0.1, 1.7),
    Box("verifier", "derives, disputes", 2, 2, 1.7),
    Box("provider", "pays early", 2, 3.9, 1.7),
    Box("proposer", "asserts", 2, 5.8, 1.7),
    Box("watchtower", "no key of theirs", 2, 7.8, 1.7),
    Box("peer", "l2kit channel peer alice", 2, 11.2, 1.7),
    Box("another peer", "l2kit channel peer bob", 2, 14.1, 1.7),
    Box("L1", "Anvil, Hardhat, or a node of yours: Inbox, Rollup, Dispute, Bridge, PaymentChannels", 4, 0, 15.8),
)
"""Who runs while a session does: what `l2kit up` frames it has started, and the peers are started beside it."""

TALK: tuple[Arrow, ...] = (
    Arrow("l2kit, the library, wallets", "sequencer", "operations (JSON-RPC)"),
    Arrow("l2kit, the library, wallets", "verifier", "proofs, disputes (JSON-RPC)"),
    Arrow("l2kit, the library, wallets", "provider", "quotes, fast exits (JSON-RPC)"),
    Arrow("l2kit, the library, wallets", "peer", "open, pay, close (Unix socket)"),
    Arrow("l2kit, the library, wallets", "another peer", "the same"),
    Arrow("peer", "another peer", "WebSocket", both=True),
    Arrow("peer", "watchtower", "states (HTTP)"),
    Arrow("sequencer", "L1", "posts batches", both=True),
    Arrow("verifier", "L1", "disputes", both=True),
    Arrow("provider", "L1", "pays, claims", both=True),
    Arrow("proposer", "L1", "asserts, defends, confirms", both=True),
    Arrow("watchtower", "L1", "answers stale closes", both=True),
    Arrow("peer", "L1", "opens, closes, guards", both=True),
    Arrow("another peer", "L1", "the same", both=True),
)


@dataclass(frozen=True)
class Flow:
    """A sequence: who takes part (a name, and what it is), and each step."""

    title: str
    actors: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]


FLOWS: dict[str, Flow] = {
    "deposit": Flow(
        "A deposit",
        (
            ("alice", "l2kit deposit"),
            ("Bridge", "L1"),
            ("Inbox", "L1"),
            ("sequencer", "process"),
            ("verifier", "process"),
        ),
        (
            Step("alice", "Bridge", "sends ETH", "Bridge.depositETH"),
            Step("Bridge", "Inbox", "keeps it, sends a message", "Inbox.send"),
            Step("Inbox", "sequencer", "the message is seen", "MessageSent"),
            Step("sequencer", "Inbox", "a batch consumes it", "Inbox.postBatch"),
            Step("sequencer", None, "credits alice, with the batch that it has posted", "l2_account"),
            Step("Inbox", "verifier", "derives the same, from L1 alone", "BatchPosted"),
        ),
    ),
    "withdrawal": Flow(
        "A withdrawal",
        (
            ("alice", "l2kit withdraw"),
            ("sequencer", "process"),
            ("proposer", "process"),
            ("Inbox", "L1"),
            ("Rollup", "L1"),
            ("Bridge", "L1"),
        ),
        (
            Step("alice", "sequencer", "a signed operation; on disk", "l2_sendWithdrawals"),
            Step("sequencer", "Inbox", "posts the batch with it", "Inbox.postBatch"),
            Step("Inbox", "proposer", "derives the state after it", "BatchPosted"),
            Step("proposer", "Rollup", "asserts that state, with a bond", "Rollup.assertState"),
            Step("Rollup", None, "7 days: anybody may dispute"),
            Step("proposer", "Rollup", "confirms; so may anybody", "Rollup.confirm"),
            Step("alice", "Bridge", "claims with a proof that she makes from L1's data", "Bridge.claim"),
            Step("Bridge", "alice", "pays, once", "Claimed"),
        ),
    ),
    "dispute": Flow(
        "A dispute",
        (
            ("grace", "a proposer that lies"),
            ("verifier", "process"),
            ("Rollup", "L1"),
            ("Dispute", "L1"),
            ("PaymentsMachine", "L1"),
        ),
        (
            Step("grace", "Rollup", "asserts a wrong state, with a bond", "Rollup.assertState"),
            Step("Rollup", "verifier", "compares with what it has derived", "Asserted"),
            Step("verifier", "Dispute", "opens a game, with a bond", "Dispute.open"),
            Step("grace", "Dispute", "splits the run into 16: the states between", "Dispute.defend"),
            Step("verifier", "Dispute", "picks the first segment with a wrong end", "Dispute.challenge"),
            Step("Dispute", None, "so on, until one step is left"),
            Step("verifier", "Dispute", "gives the step's witness", "Dispute.prove"),
            Step("Dispute", "PaymentsMachine", "executes that step", "PaymentsMachine.step"),
            Step("Dispute", "Rollup", "rejects the assertion; half its bond is burned", "Rollup.reject"),
        ),
    ),
    "payment": Flow(
        "Payments over a channel, and a cheat",
        (("alice", "channel peer"), ("bob", "channel peer"), ("watchtower", "process"), ("PaymentChannels", "L1")),
        (
            Step("alice", "PaymentChannels", "opens the channel with her deposit", "PaymentChannels.openInETH"),
            Step("alice", "bob", "a payment: a newer state, signed"),
            Step("bob", "alice", "on disk; signed back"),
            Step("bob", "watchtower", "the state that both have signed (HTTP)"),
            Step("alice", None, "and so on, a thousand times, without L1"),
            Step(
                "alice", "PaymentChannels", "closes with an old state, in bob's absence", "PaymentChannels.closeAlone"
            ),
            Step("watchtower", "PaymentChannels", "shows the newest", "PaymentChannels.challengeSigned"),
            Step("PaymentChannels", None, "24 hours: the challenge period"),
            Step(
                "bob", "PaymentChannels", "settles: each gets the newest state's share", "PaymentChannels.settleAndPay"
            ),
        ),
    ),
}


def pictures() -> dict[str, str]:
    """Every picture by its file name."""
    return {
        "rooms.svg": _rooms(),
        "processes.svg": diagram("The processes of a session", PROCESSES, TALK),
        **{f"{name}.svg": sequence(flow.title, flow.actors, flow.steps) for name, flow in FLOWS.items()},
    }


def _rooms() -> str:
    boxes = [
        Box(room.name, room.job, number, *_PLACES[room.name]) for number, layer in enumerate(LAYERS) for room in layer
    ]
    pairs = {(room.name, other) for layer in LAYERS for room in layer for other in room.uses}
    arrows = [
        Arrow(start, end, both=(end, start) in pairs)
        for start, end in sorted(pairs)
        if (end, start) not in pairs or start < end
    ]
    return diagram("The rooms of toolkit/ and who uses whom", boxes, arrows)
