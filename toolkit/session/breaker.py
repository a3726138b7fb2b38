"""What the owner of a devnet breaks on purpose, and mends: services that vanish or are offline, an L1 that reorganises
or is down, a sequencer that withholds its batches or censors.

Of a service there are two kinds of absence. One that *vanished* is dead, as after kill -9: its disk stays, and healing
starts it again from that. One that is *offline* stands still (SIGSTOP, its own child processes, too): it reaches nobody
and is not reached, connections to it hang as they do where a network is cut, and healing lets it go on with all that it
had in memory. What it would have done without a network in between, nobody else could have seen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolkit.bridge.amounts import span
from toolkit.devnet.accounts import checksum, parse_address
from toolkit.devnet.faults import FAULTS, Fault
from toolkit.devnet.nodes import Node
from toolkit.devnet.owner import Work
from toolkit.devnet.rpc import Rpc
from toolkit.devnet.standstill import HOLD_SECONDS, lock
from toolkit.devnet.supervision import Supervisor
from toolkit.errors import BadInput, NodeError, ServiceError
from toolkit.session.snapshots import needed_snapshots

SEQUENCER = "sequencer"
MOST_DOWN_SECONDS = 24 * 3600
FINAL_DEPTH = 64
"""Blocks that a reorganisation takes back at most: two epochs, below which Ethereum's are final, and channels' guards
(`toolkit.channel.guardian`) do not look again."""
_BACK_SECONDS = 90.0
"""How long services may take to answer again."""
_SINGLE = {"l1": ("reorg", "down"), "batch": ("withhold",), "tx": ("censor",)}
_ON_PURPOSE = {"vanished": "has vanished", "offline": "is offline"}
"""The states of services that were broken on purpose, in words."""
_DETAILS = {
    "reorg": "how many blocks",
    "down": "for how many seconds",
    "censor": "whom (an address)",
    "withhold": "nothing more",
}


class Breaker:
    """Breaks what it is told to, keeps it so, and mends it.

    Args:
        folder: of the devnet.
        node: L1's.
        supervisor: of the services.
        cheat: tells how the sequencer that is started next is to cheat (as of `toolkit.rollup.rogue`), "" is not.
        deployed: the last block that the devnet began with; no reorganisation takes it back.
        tell: is told for people what begins and ends.
        clock: Unix time (seconds).
    """

    def __init__(
        self,
        folder: Path,
        node: Node,
        supervisor: Supervisor,
        cheat: Callable[[str], None],
        deployed: int,
        tell: Callable[[str], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._file, self._node = folder, folder / FAULTS, node
        self._supervisor, self._cheat, self._deployed, self._tell = supervisor, cheat, deployed, tell
        self._clock = clock
        self._standing: list[Fault] = []
        self._write()

    @property
    def l1_is_down(self) -> bool:
        """Whether nobody need ask L1 for anything."""
        return any(each.what == "l1" for each in self._standing)

    def obey(self, command: Mapping[str, Any]) -> Work:
        """Carry out {"do": "fault" | "heal" | "faults"}; see `fault` and `heal`.

        Raises:
            BadInput: the command is none.
        """
        match command["do"]:
            case "fault":
                broken, how, name = str(command.get("what")), str(command.get("how")), str(command.get("name") or "")
                return self._alone(lambda: self.fault(broken, how, command.get("detail"), name))
            case "heal":
                healed = command.get("what")
                return self._alone(lambda: self.heal(None if healed is None else str(healed)))
            case "faults":
                return self._told()
            case other:
                raise BadInput(f"there is no command {other!r}")

    def _alone(self, begin: Callable[[], Work]) -> Work:
        """Do something when nobody has the services stand still, and keep everybody from that until it is done."""
        deadline = time.monotonic() + HOLD_SECONDS
        while (locked := lock(self._folder)) is None:
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"the devnet stands still for a snapshot, or is broken, for {HOLD_SECONDS:g} s already"
                )
            yield
        with locked:
            return (yield from begin())

    def _told(self) -> Work:
        yield from ()
        return {"faults": [each.as_json() for each in self._standing]}

    # --- break ---

    def fault(self, what: str, how: str, detail: Any = None, name: str = "") -> Work:
        """Break something; answered with the "fault" once it is broken, which may need a restart.

        Args:
            what, how, detail: as of `Fault`; the address in any case, L1's depth or seconds as a number.
            name: of who is censored, for people.

        Raises:
            BadInput: there is no such thing, or it cannot be broken now.
            NodeError: L1's node does not do that.
            ServiceError: a service does not come back from its restart.
        """
        self._check_known(what, how)
        if what in _SINGLE:
            if (detail is None) is not (how == "withhold"):
                raise BadInput(f"{what} {how} is told {_DETAILS[how]}, and not {detail!r}")
            if how == "reorg":
                return self._reorg(_whole(detail, "the depth of a reorganisation"))
            if how == "down":
                return self._down(_whole(detail, "the time that L1 is down"))
            return self._misbehave(how, detail, name)
        if detail is not None:
            raise BadInput(f"{what} {how} takes nothing more, and not {detail!r}")
        return self._remove(what, how)

    def _check_known(self, what: str, how: str) -> None:
        names = self._supervisor.names
        known = _SINGLE.get(what) or (("vanish", "offline") if what in names else None)
        if known is None:
            raise BadInput(f"{what!r} cannot be broken here; there are {', '.join([*names, *_SINGLE])}")
        if how not in known:
            raise BadInput(f"{what} has no fault {how!r}; there is {' and '.join(known)}")
        if what in ("batch", "tx") and SEQUENCER not in names:
            raise BadInput(f"this devnet has no sequencer that could {how}")

    def _remove(self, service: str, how: str) -> Work:
        before = self._find(service)
        if before is not None and before.how == "vanish" and how == "offline":
            raise BadInput(
                f"{service} has vanished, so that it cannot be offline; 'l2kit heal {service}' brings it back"
            )
        if before is not None and before.how == how:
            return self._done(before)
        if how == "vanish":
            self._supervisor.vanish(service)
        else:
            self._supervisor.take_offline(service)
        said = {
            "vanish": f"{service} has vanished (killed, its disk stays) until it is healed",
            "offline": f"{service} is offline (frozen, with its memory) until it is healed",
        }[how]
        return self._done(self._add(Fault(service, how, self._clock(), said=said)))

    def _down(self, seconds: int) -> Work:
        if self._node.child is None:
            raise BadInput(
                f"the node at {self._node.rpc.shown} is not one that l2kit has started, so that it cannot take it down"
            )
        if not 0 < seconds <= MOST_DOWN_SECONDS:
            raise BadInput(f"L1 is down for 1 to {MOST_DOWN_SECONDS} s (a day), not for {seconds} s")
        self._node.child.freeze()
        now = self._clock()
        said = f"L1 is down for {span(seconds)}: its node does not answer"
        fault = Fault("l1", "down", now, now + seconds, seconds, said)
        return self._done(self._add(fault))

    def _reorg(self, depth: int) -> Work:
        self._check_up()
        version = self._node.version()
        if not version.startswith("anvil/"):
            raise BadInput(f"{version} at {self._node.rpc.shown} cannot take blocks back; Anvil can")
        rpc = self._node.rpc
        head = rpc.quantity("eth_blockNumber")
        self._check_depth(depth, head)
        gone = _transactions(rpc, head - depth + 1, head)
        then = _time(rpc)
        rpc.call("anvil_reorg", depth, [])
        # Whatever moved the clock in the blocks that are gone: time does not run backwards. And it is by being longer
        # that the new chain takes the old one's place.
        self._node.travel(max(0, then - _time(rpc)))
        now = self._clock()
        blocks = f"block {head} is" if depth == 1 else f"the blocks {head - depth + 1} to {head} are"
        lost = f"with {len(gone)} transaction{'' if len(gone) == 1 else 's'}" if gone else "without a transaction"
        again = ": services send again what is theirs, and users must do so themselves" if gone else ""
        said = f"L1 has reorganised: {blocks} gone, {lost}{again}"
        self._tell(said)
        return self._done(Fault("l1", "reorg", now, now, depth, said, tuple(gone)))

    def _check_depth(self, depth: int, head: int) -> None:
        """Raise BadInput where a reorganisation would take back what must stay."""
        bounds = [
            (FINAL_DEPTH, f"what is {FINAL_DEPTH} blocks deep is final on Ethereum"),
            (head - self._deployed, f"what the devnet began with, up to block {self._deployed}, stays"),
        ]
        for each in needed_snapshots(self._folder):
            whose = "a test's anchor" if each.for_anchor else f"the snapshot {each.name!r}"
            bounds.append((head - each.block, f"{whose}, of block {each.block}, could not be returned to"))
        most, why = min(bounds)
        if not 0 < depth <= most:
            there = f"1 to {most} blocks can" if most > 1 else "1 block can" if most == 1 else "no block can"
            raise BadInput(f"{there} be taken back, not {depth}: L1 is at block {head}, and {why}")

    def _misbehave(self, how: str, address: Any, name: str) -> Work:
        self._check_up()
        address = None if address is None else checksum(parse_address(str(address)))
        known = [each for each in self._standing if each.how == how and each.detail == address]
        if known:
            return self._done(known[0])
        if (state := self._supervisor.state(SEQUENCER)) in _ON_PURPOSE:
            raise BadInput(
                f"the sequencer {_ON_PURPOSE[state]}, so that it cannot {how}; 'l2kit heal sequencer' brings it back"
            )
        if how == "withhold":
            said = "the sequencer withholds its batches: it promises, and posts nothing until it is healed"
            fault = Fault("batch", how, self._clock(), said=said)
        else:
            who = f"{name} ({address})" if name else str(address)
            said = f"the sequencer censors {who}: it refuses all that {name or 'this address'} sends until it is healed"
            fault = Fault("tx", how, self._clock(), None, str(address), said)
        self._add(fault)
        self._cheat(self._cheats())
        self._supervisor.start_anew(SEQUENCER)
        return self._until_back([SEQUENCER], {"fault": fault.as_json()})

    def _cheats(self) -> str:
        """How the sequencer cheats, in the words of `toolkit.rollup.rogue`."""
        withholds = any(each.how == "withhold" for each in self._standing)
        censored = ",".join(str(each.detail).lower() for each in self._standing if each.how == "censor")
        name = "-".join(["withhold"] * withholds + ["censor"] * bool(censored))
        return f"{name}:{censored}" if censored else name

    # --- mend ---

    def heal(self, what: str | None = None) -> Work:
        """Mend what is broken, all of it or of one thing, and start again what has ended by itself.

        Answered with the "healed" faults and the "services" that were brought back, once they answer.

        Raises:
            BadInput: there is no such thing, or L1 must be healed first.
            ServiceError: a service does not come back.
        """
        supervisor = self._supervisor
        if what is not None and what not in (*supervisor.names, *_SINGLE):
            raise BadInput(f"there is no {what!r} to be healed; there are {', '.join([*supervisor.names, *_SINGLE])}")
        healed = [each for each in self._standing if what in (None, each.what)]
        away = [name for name in supervisor.names if what in (None, name) and supervisor.state(name) != "running"]
        honest = any(each.what in ("batch", "tx") for each in healed)
        if any(each.what == "l1" for each in healed):
            self._l1_is_back()
        elif away or honest:
            self._check_up()
        state = supervisor.state(SEQUENCER) if honest else ""
        if state in _ON_PURPOSE and SEQUENCER not in away:
            raise BadInput(
                f"the sequencer {_ON_PURPOSE[state]}, so that it cannot be made honest; 'l2kit heal' mends everything"
            )
        self._standing = [each for each in self._standing if each not in healed]
        self._write()
        if honest:
            self._cheat(self._cheats())
        for name in away:
            supervisor.bring_back(name)
        if honest and not (SEQUENCER in away and state in ("vanished", "waiting", "ended")):
            supervisor.start_anew(SEQUENCER)  # in the other case it was started this moment, and honest
        back = list(dict.fromkeys([*away, *([SEQUENCER] if honest else [])]))
        for each in healed:
            if each.what != "l1":
                self._tell(f"healed: {each.what} {each.how}{f' {each.detail}' if each.detail else ''}")
        return self._until_back(back, {"healed": [each.as_json() for each in healed], "services": back})

    def tick(self) -> None:
        """End what ends by itself."""
        if any(each.what == "l1" and each.until is not None and self._clock() >= each.until for each in self._standing):
            self._l1_is_back()

    def _l1_is_back(self) -> None:
        assert self._node.child is not None
        self._node.child.thaw()
        self._standing = [each for each in self._standing if each.what != "l1"]
        self._write()
        self._tell("L1 is back: its node answers again")
        for name in self._supervisor.names:
            if self._supervisor.state(name) == "waiting":
                self._supervisor.bring_back(name)  # it had ended for want of L1

    # --- both ---

    def _until_back(self, services: list[str], answer: dict[str, Any]) -> Work:
        """The answer, once services run that are on their way."""
        deadline = time.monotonic() + _BACK_SECONDS
        while away := [name for name in services if self._supervisor.state(name) not in ("running", *_ON_PURPOSE)]:
            if time.monotonic() > deadline:
                how = ", ".join(f"{name} is {self._supervisor.state(name)}" for name in away)
                raise ServiceError(f"after {_BACK_SECONDS:g} s {how}; 'l2kit logs {away[0]}' may say why")
            yield
        return answer

    def _done(self, fault: Fault) -> Work:
        yield  # a moment in which a signal arrives where it was sent
        return {"fault": fault.as_json()}

    def _add(self, fault: Fault) -> Fault:
        replaced = [each for each in self._standing if each.what == fault.what != "tx"]
        self._standing = [*(each for each in self._standing if each not in replaced), fault]
        self._write()
        self._tell(fault.said)
        return fault

    def _find(self, what: str) -> Fault | None:
        return next((each for each in self._standing if each.what == what), None)

    def _check_up(self) -> None:
        if (down := self._find("l1")) is not None and down.until is not None:
            left = span(max(1, round(down.until - self._clock())))
            raise NodeError(f"L1 is down, on purpose, for another {left}: wait, or 'l2kit heal l1'")

    def _write(self) -> None:
        half = self._file.with_suffix(".new")
        half.write_text(json.dumps([each.as_json() for each in self._standing]))
        half.replace(self._file)


def _whole(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{what} is a whole number, not {value!r}")
    return value


def _time(rpc: Rpc) -> int:
    return int(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def _transactions(rpc: Rpc, first: int, last: int) -> list[str]:
    """The transactions (0x-hex) of L1's blocks from ``first`` to ``last``."""
    asked: list[tuple[str, list[Any]]] = [
        ("eth_getBlockByNumber", [hex(number), False]) for number in range(first, last + 1)
    ]
    return [str(name) for block in rpc.batch(asked) if block for name in block["transactions"]]
