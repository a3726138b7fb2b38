"""Payment channels on a devnet that runs: what ``l2kit channel`` does, as calls of the same names."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.channel.local import Local
from toolkit.devnet.accounts import Account, parse_address
from toolkit.devnet.nodes import check_port
from toolkit.devnet.process import Child
from toolkit.errors import BadInput, L2KitError, ServiceError

UNIT = 10**9
"""Base units in which a channel counts: gwei, for ETH."""
FEE_PPM = 1_000
"""What a peer takes for forwarding a payment, in millionths of it."""
SLOWEST_SECONDS = 120.0
"""How long a peer may take to do what it does by itself."""
READY_SECONDS = 60.0
"""How long it may take to start."""
_HOUR = 3600
_POLL_SECONDS = 0.02
_OFTEN_SECONDS = 0.2
"""Between two looks of a peer at L1, where somebody waits for what comes of it."""

Party = str | Account
"""An account of the devnet, or its name."""


Spawn = Callable[[str, Sequence[str], Mapping[str, str]], Child]
"""Starts a process: its name, its command, and what is in its environment beside ours."""


@dataclass(frozen=True)
class Deed:
    """A transaction on L1.

    Attributes:
        said: what it did.
        gas: that it used.
        transaction: its hash (0x-hex).
        told: the same as the peer has told it.
    """

    said: str
    gas: int
    transaction: str
    told: dict[str, Any] = field(repr=False, compare=False)

    @staticmethod
    def of(told: dict[str, Any]) -> Deed:
        """What a peer says that it did."""
        return Deed(str(told["did"]), int(told["gas"]), str(told["transaction"]), told)

    @property
    def channel(self) -> str:
        """The id (0x-hex) of the channel that it opened; "" where it opened none."""
        return str(self.told.get("channel", ""))

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return self.told


@dataclass(frozen=True)
class Paid:
    """Payments that were made off chain.

    Attributes:
        payments: how many.
        seconds: that they took.
        nonce: of the channel after the last one; None where they went over several channels.
        proof: then the secret (0x-hex) that the last one's payee gave for it; else "".
        hash: of that secret, which the invoice named.
    """

    payments: int
    seconds: float
    nonce: int | None = None
    proof: str = ""
    hash: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        told: dict[str, Any] = {"payments": self.payments, "seconds": round(self.seconds, 3)}
        return {**told, **({"hash": self.hash, "secret": self.proof} if self.proof else {"nonce": self.nonce})}


@dataclass(frozen=True)
class Channel:
    """A channel as one of its parties sees it. Amounts are base units (wei for ETH).

    Attributes:
        id: 0x-hex.
        counterparty: the other one (20 bytes).
        token: 20 bytes; ETH is the zero token.
        balance: what the party has in it.
        theirs: what the other one has.
        locked: what is under way in payments over several channels.
        nonce: of the newest state.
        on_l1: "open", "closing", or "gone" where it was paid out.
        is_connected: whether the two peers speak with each other.
        told: everything that the peer says of it.
    """

    id: str
    counterparty: bytes
    token: bytes
    balance: int
    theirs: int
    locked: int
    nonce: int
    on_l1: str
    is_connected: bool
    told: dict[str, Any] = field(repr=False, compare=False)

    @staticmethod
    def of(told: dict[str, Any]) -> Channel:
        """What a peer says of it."""
        unit, own, held = int(told["unit"]), int(told["balance"]), sum(told["deposits"])
        locked = sum(abs(int(lock["units"])) for lock in told["locks"])
        if told["on_l1"] == "gone":  # nothing is left in it, whatever its last state says
            own = held = locked = 0
        return Channel(
            id=str(told["channel"]),
            counterparty=bytes.fromhex(told["with"][2:]),
            token=bytes.fromhex(told["token"][2:]),
            balance=own * unit,
            theirs=(held - own - locked) * unit,
            locked=locked * unit,
            nonce=int(told["nonce"]),
            on_l1=str(told["on_l1"]),
            is_connected=bool(told["connected"]),
            told=told,
        )

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return self.told


@dataclass(frozen=True)
class Peer:
    """A peer, or a watchtower, that runs.

    Attributes:
        name: whose it is.
        address: where it listens, "host:port".
        towers: URLs of the watchtowers that get its every state.
        child: the process, with its log.
    """

    name: str
    address: str
    towers: tuple[str, ...]
    child: Child = field(repr=False, compare=False)

    def stop(self) -> None:
        """End it; its channels stay on its disk, and whoever starts it again goes on with them."""
        self.child.stop()


class Channels:
    """The channels of a devnet. Whom a call is about is an account of the devnet, or its name.

    A channel is named by the other party, or by the beginning of its id. Amounts are ints in base units (wei for ETH),
    multiples of `UNIT`.

    Args:
        local: its peers.
        spawn: starts the processes; where None they run as long as this one, at most.
        on_demand: whether a peer that a call needs is started by it.

    Raises (every method):
        BadInput: there is no such account or channel, or an amount cannot be paid.
        ServiceError: a peer does not run, does not answer, or refuses.
    """

    def __init__(self, local: Local, spawn: Spawn | None = None, *, on_demand: bool = False) -> None:
        self.local = local
        self._spawn, self._on_demand = spawn or self._spawn_here, on_demand
        self._here: dict[str, Child] = {}

    @classmethod
    def find(cls, file: Path | None, spawn: Spawn | None = None, *, on_demand: bool = False) -> Channels:
        """Those of the devnet that ``file`` describes, or of the only one that runs on this machine."""
        return cls(Local.find(file), spawn, on_demand=on_demand)

    # --- processes ---

    def peer(self, who: Party, *, port: int = 0, towers: Sequence[str] = (), fee_ppm: int = FEE_PPM) -> Peer:
        """Run the peer of an account: it keeps its channels, takes and forwards payments, and guards it on L1.

        It runs until it is stopped, or this process ends.

        Args:
            port: that it listens at; 0 is that of before, where others look for it, or a free one.
            towers: URLs of watchtowers; where none is named, the devnet's own.
            fee_ppm: for forwarding, in millionths.
        """
        name = _name(who)
        self._check_absent(name)
        port = port or self._port_before(name)
        file, used = self.configure_peer(name, port=port, towers=towers, fee_ppm=fee_ppm)
        return self._run(f"peer-{name}", "toolkit.channel.service", name, file, used)

    def tower(self, payer: Party = "heidi", *, port: int = 0) -> Peer:
        """Run a watchtower, which answers stale closes while its clients are away.

        It runs until it is stopped, or this process ends. ``payer`` pays the gas.
        """
        self._check_absent("tower")
        return self._run("tower", "toolkit.channel.tower", _name(payer), self.configure_tower(port=port), ())

    def configure_peer(
        self, who: Party, *, port: int = 0, towers: Sequence[str] = (), fee_ppm: int = FEE_PPM
    ) -> tuple[Path, tuple[str, ...]]:
        """Write what the peer of an account is told; returns the file and the towers that it uses."""
        name = _name(who)
        self.local.account(name)
        own = None if towers else self.local.tower()
        used = tuple(towers) if own is None else (own,)
        often = {"poll_seconds": _OFTEN_SECONDS} if self._on_demand else {}
        file = self.local.configure(name, port=port, towers=list(used), policy={"fee_ppm": fee_ppm}, **often)
        return file, used

    def configure_tower(self, *, port: int = 0) -> Path:
        """Write what a watchtower is told; returns the file."""
        return self.local.configure("tower", port=port)

    # --- what their owners ask them ---

    def open(self, opener: Party, counterparty: Party, amount: int, token: str = "ETH", *, hours: int = 24) -> Deed:
        """Open a channel on L1 with so much of the opener's; returns when the two peers speak with each other in it.

        Args:
            token: "ETH", "DEV", or a token's address.
            hours: how long a close can be answered.
        """
        name, other, units = _name(opener), _name(counterparty), _units(amount)
        to, asset = self.local.address(other), self._token(token)
        self._need(name, other)
        where = self.local.listening(other)
        terms = {"period": hours * _HOUR, **({"token": asset} if asset else {})}
        deed = Deed.of(self._ask(name, "open", to=_hex(to), units=units, peer=where, **terms))
        self._wait_connected(name, deed.channel)
        return deed

    def pay(self, payer: Party, payee: Party, amount: int, *, via: Iterable[Party] = (), count: int = 1) -> Paid:
        """Pay off chain; returns when the payee has acknowledged it, and all before.

        Args:
            payee: or the beginning of the channel's id.
            via: hops on the way, in their order; then it is ETH, and every peer must run. None: the two's own channel.
            count: pay as often as that.
        """
        name, other, units, hops = _name(payer), _name(payee), _units(amount), [_name(each) for each in via]
        began = time.monotonic()
        if not hops:
            found = self._channel(name, other)
            answer = self._ask(name, "pay", channel=found["channel"], amounts=[units] * count)
            return Paid(count, time.monotonic() - began, int(answer["nonce"]))
        self._need(name, other, *hops)
        way = [_hex(self.local.address(each)) for each in (*hops, other)]
        hash_ = proof = ""
        for _ in range(count):
            hash_ = str(self._ask(other, "invoice", units=units)["hash"])
            proof = str(self._ask(name, "send", hash=hash_, units=units, to=way)["secret"])
        return Paid(count, time.monotonic() - began, None, proof, hash_)

    def invoice(self, payee: Party, amount: int) -> str:
        """Make an invoice (ETH) that anybody can pay over several channels; returns its hash (0x-hex)."""
        name = _name(payee)
        units = _units(amount)
        self._need(name)
        return str(self._ask(name, "invoice", units=units)["hash"])

    def list(self, who: Party) -> Sequence[Channel]:
        """The channels of an account, those included that are gone."""
        name = _name(who)
        self._need(name)
        return [Channel.of(each) for each in self._ask(name, "channels")["channels"]]

    def find_channel(self, who: Party, which: Party) -> Channel:
        """One channel of an account."""
        name = _name(who)
        self._need(name)
        return Channel.of(self.local.channel(name, _name(which)))

    def top_up(self, who: Party, which: Party, amount: int) -> Deed:
        """Add to the account's side of a channel; nobody else need agree."""
        return self._about(who, which, "top_up", units=_units(amount))

    def withdraw(self, who: Party, which: Party, amount: int) -> Deed:
        """Take so much of the account's out of a channel that stays open; the other party's peer signs."""
        return self._about(who, which, "withdraw", units=_units(amount))

    def close(self, who: Party, which: Party, *, alone: bool = False) -> Deed:
        """Close a channel and have both parties paid on L1.

        Args:
            alone: without the other party. The peer has begun to when this returns; it answers what the other one
                shows, and settles once the challenge period is over.
        """
        if not alone:
            return self._about(who, which, "close_now")
        name = _name(who)
        self._need(name)
        found = self.local.channel(name, _name(which))["channel"]
        self._ask(name, "leave", channel=found)
        silent = f"{name}'s peer has not begun to close within {SLOWEST_SECONDS:.0f} s; look at its output"
        _wait(lambda: self.local.channel(name, found)["on_l1"] != "open", silent)
        return Deed.of(self.local.channel(name, found)["deeds"][-1])

    def wait_settled(self, who: Party, which: Party) -> None:
        """Wait until a channel that is closing is paid out; L1's clock must have passed its challenge period."""
        name, other = _name(who), _name(which)

        def gone() -> bool:
            with_them = [each for each in self.list(name) if self.local.name_of(_hex(each.counterparty)) == other]
            return all(each.on_l1 == "gone" for each in with_them or [self.find_channel(name, other)])

        silent = f"{name}'s channel {other} is not paid out after {SLOWEST_SECONDS:.0f} s; look at 'l2kit channel list'"
        _wait(gone, silent)

    # --- how ---

    def _about(self, who: Party, which: Party, do: str, **what: Any) -> Deed:
        name = _name(who)
        found = self._channel(name, _name(which))
        return Deed.of(self._ask(name, do, channel=found["channel"], **what))

    def _channel(self, name: str, which: str) -> dict[str, Any]:
        """A channel of an account whose two peers run, as far as that is ours to see to."""
        started = self._need(name, *([which] if which in self._names else []))
        found = self.local.channel(name, which)
        if started:
            self._wait_connected(name, found["channel"])
        return found

    def _wait_connected(self, name: str, channel: str) -> None:
        silent = f"channel {channel} is open on L1, but its peers do not connect; look at their output"
        _wait(lambda: bool(self.local.channel(name, channel)["connected"]), silent)

    @property
    def _names(self) -> set[str]:
        return {str(each["name"]) for each in self.local.devnet["accounts"]}

    def _ask(self, name: str, do: str, **what: Any) -> dict[str, Any]:
        control = self.local.control(name)
        try:
            return control.ask(do, **what)
        finally:
            control.close()

    def _need(self, *names: str) -> bool:
        """Start the peers of those accounts that have none, at the same time, where that is wanted; whether any was."""
        if not self._on_demand:
            return False
        missing = [name for name in dict.fromkeys(names) if self.local.account(name) and not self.local.runs(name)]
        with ThreadPoolExecutor(max(1, len(missing))) as threads:
            for started in [threads.submit(self.peer, name) for name in missing]:
                started.result()
        return bool(missing)

    def _port_before(self, name: str) -> int:
        """The port at which a peer listened that was killed; 0 where there was none, or somebody has taken it."""
        try:
            port = int(self.local.listening(name).rpartition(":")[2])
            check_port(port)
        except L2KitError:
            return 0
        return port

    def _check_absent(self, name: str) -> None:
        if self.local.runs(name):
            what = "a tower" if name == "tower" else f"{name}'s peer"
            raise BadInput(f"{what} runs already, at {self.local.listening(name)}")

    def _run(self, name: str, module: str, account: str, file: Path, towers: tuple[str, ...]) -> Peer:
        ready = file.with_name("ready.json")
        ready.unlink(missing_ok=True)  # of one that was killed
        key = {"L2KIT_KEY": self.local.key(account).hex()}
        child = self._spawn(name, [sys.executable, "-m", module, "--config", str(file)], key)
        child.wait_until(ready.exists, READY_SECONDS, "answer")
        told = json.loads(ready.read_text())
        return Peer(account, f"{told['host']}:{told['port']}", towers, child)

    def _spawn_here(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        child = Child(name, command, None, self.local.folder.parent / f"{name}.log", environment)
        self._here[name] = child  # it ends with who holds it
        return child

    def _token(self, token: str) -> str | None:
        """A token's address; None is ETH."""
        if token.upper() == "ETH":
            return None
        return str(self.local.devnet["contracts"]["Token"]) if token.upper() == "DEV" else _hex(parse_address(token))


def _name(who: Party) -> str:
    return who.name if isinstance(who, Account) else who


def _units(amount: int) -> int:
    units, finer = divmod(amount, UNIT)
    if units <= 0 or finer:
        raise BadInput(f"the amount {amount} is no multiple of {UNIT} above zero: a channel counts in gwei, for ETH")
    return units


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + SLOWEST_SECONDS
    while not done():
        if time.monotonic() > end:
            raise ServiceError(otherwise)
        time.sleep(_POLL_SECONDS)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
