"""The client of a devnet that runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from toolkit.bridge import deposits, withdrawals
from toolkit.bridge.amounts import Unit, Words, parse_units
from toolkit.bridge.local import Local
from toolkit.bridge.passage import Deed, Look, Passage, Teller
from toolkit.bridge.standing import Standing
from toolkit.bridge.withdrawals import check_amount, check_held
from toolkit.devnet.accounts import Account
from toolkit.devnet.faults import Fault
from toolkit.devnet.logs import find_logs, follow, last
from toolkit.devnet.running import end, find_devnet, running_sessions
from toolkit.errors import BadInput, L2KitError, ServiceError
from toolkit.rollup.client import OperationRefused, Receipt
from toolkit.rollup.codec import WHOLE_BALANCE
from toolkit.session import clock, faults
from toolkit.session.archive import Saved, save
from toolkit.session.channels import Channels, Spawn
from toolkit.session.court import Court
from toolkit.session.holdings import Holding, holdings, on_l1, on_l2
from toolkit.session.snapshots import Snapshot, Snapshots

if TYPE_CHECKING:
    from toolkit.bridge.leave import Left

POSTED_SECONDS = 120.0
"""How long a transfer may take to L1 before `Session.transfer` gives up to wait for it."""
DAY, HOUR, MINUTE = 24 * 3600, 3600, 60

Who = str | Account
"""An account of the devnet, its name, or any address (0x-hex)."""


def _nothing(_: object) -> None:
    return None


def attach(name_or_file: str | Path | None = None) -> Session:
    """The devnet that ``l2kit up`` runs on this machine: the only one, or the one of that name or of that JSON file.

    Raises:
        BadInput: there is none, or there are several, or the file describes none.

    Example:
        >>> attach().balance("alice")  # doctest: +SKIP
        2500000000000000000
    """
    if isinstance(name_or_file, str) and not _is_path(name_or_file):
        return Session(Local.find(find_devnet(None, name_or_file)))
    return Session(Local.find(find_devnet(None if name_or_file is None else Path(name_or_file))))


class Session:
    """A devnet that runs. Amounts are ints in base units (wei for ETH), times seconds of L1's.

    Whom a call is about is an account of the devnet, its name, or an address; a token is "ETH", "DEV", or an address.

    Attributes:
        local: its accounts, contracts and services.

    Raises (every method):
        BadInput: there is no such account or token.
        NodeError: L1 does not answer.
    """

    def __init__(self, local: Local, spawn: Spawn | None = None) -> None:
        """``spawn``: how channel peers are started, and then also whenever one is needed (see `Channels`)."""
        self.local = local
        self._spawn = spawn
        self._units: dict[bytes, Unit] = {}

    @property
    def words(self) -> Words:
        """How its addresses and amounts are told to people."""
        known = self.local.words
        return replace(known, units={**known.units, **self._units})

    def unit(self, token: str) -> Unit:
        """What a token is counted in; L1 is asked for tokens other than ETH and DEV."""
        address = self.local.token(token)
        if address not in self.words.units:
            with self.local.onlooker() as onlooker:
                self._units[address] = onlooker.unit(address)
        return self.words.unit(address)

    def parse(self, amount: str, token: str = "ETH") -> int:
        """The base units of a decimal amount, "2.5"; or of "all", which a transfer takes (``codec.WHOLE_BALANCE``)."""
        return WHOLE_BALANCE if amount == "all" else parse_units(amount, self.unit(token))

    def accounts(self) -> list[Account]:
        """The devnet's accounts with their keys, which everybody knows; what they hold say `balance` and `holdings`."""
        return list(self.local.accounts.values())

    def balance(self, who: Who, token: str = "ETH", *, layer: str = "l2") -> int:
        """What somebody holds of a token, in base units.

        Args:
            layer: "l2" as the sequencer has confirmed it, "posted" as L1 alone shows L2, or "l1".

        Raises:
            ServiceError: the sequencer does not answer; "posted" and "l1" do not need it.
        """
        place = [(self.address(who), self.local.token(token))]
        if layer == "l1":
            return on_l1(self.local, place)[0]
        if layer not in ("l2", "posted"):
            raise BadInput(f"there is no layer {layer!r}; there are l2, posted and l1")
        return on_l2(self.local, place, posted=layer == "posted")[0]

    def holdings(
        self, who: Iterable[Who] = (), tokens: Iterable[str] = ("ETH",), *, posted: bool = False
    ) -> list[Holding]:
        """What each of ``who`` (none: all accounts of the devnet) holds of each of ``tokens``, on both layers.

        Args:
            posted: show L2 as L1 alone shows it, without the sequencer.

        Raises:
            ServiceError: the sequencer does not answer.
        """
        assets = [self.local.token(token) for token in tokens]
        owners = [self.address(each) for each in who] or [each.address_bytes for each in self.accounts()]
        return holdings(self.local, [(owner, token) for owner in owners for token in assets], posted=posted)

    def transfer(
        self,
        sender: Who,
        to: Who,
        amount: int,
        token: str = "ETH",
        *,
        wait: bool = False,
        before: Callable[[bytes], object] = _nothing,
    ) -> Receipt:
        """Pay on L2: signed (EIP-712) and sent to the sequencer; returns when it has it on disk.

        Args:
            sender: an account of the devnet.
            amount: base units; ``codec.WHOLE_BALANCE`` is all that the sender holds.
            wait: return only when it is on L1, or dropped, because L1 reorganised.
            before: is told the operation's hash (32 bytes) before it goes out.

        Raises:
            BadInput: the sender does not hold as much, or one record cannot carry the amount exactly.
            OperationRefused (`toolkit.rollup.client`): the sequencer does not take it.
            ServiceError: it does not answer, or does not post it within `POSTED_SECONDS`.
        """
        account, receiver, asset = self._account(sender), self.address(to), self.local.token(token)
        _check_positive(amount)
        if wait:
            self._check_batches("transfer")
        self.unit(token)
        words = self.words
        check_amount(words, asset, amount, "transfer")
        client = self.local.service("sequencer")
        try:
            check_held(words, account, asset, amount, client.account(account.address_bytes, asset).balance)
            receipt = client.transfer(account, receiver, amount, asset, before=before)
            return client.wait_for_post(receipt.hash, seconds=POSTED_SECONDS) if wait else receipt
        except OperationRefused as error:
            raise OperationRefused(f"the sequencer refuses: {error}") from error
        finally:
            client.close()

    def deposit(
        self,
        who: Who,
        amount: int,
        token: str = "ETH",
        *,
        to: Who | None = None,
        permit: bool = False,
        wait: bool = True,
        travel: bool = False,
    ) -> Standing:
        """Deposit from L1 to L2; returns when L2 shows it, or without ``wait`` when L1 has it, with where it is.

        Args:
            who: an account of the devnet; it pays the gas as well.
            amount: base units.
            to: whose account on L2 is credited; the depositor's where None.
            permit: approve a token by a signature (EIP-2612).
            travel: move the clock where only time is missing, because there is no sequencer.

        Raises:
            BadInput: the account does not own as much, or the rollup does not take it.
            ServiceError: the sequencer posts nothing, on purpose (`fault`), and that would be waited for.
            L2KitError: the rollup has refused it.
        """
        account, asset = self._account(who), self.local.token(token)
        receiver = account.address_bytes if to is None else self.address(to)
        _check_positive(amount)
        if wait and not travel:
            self._check_batches("deposit")
        with self._passage(account, travel) as passage:
            made = deposits.deposit(passage, passage.look(), account, asset, amount, receiver, permit=permit)
            return _arrived(deposits.see_through(passage, made.transaction, wait=wait or travel))

    def withdraw(
        self,
        who: Who,
        amount: int,
        token: str = "ETH",
        *,
        wait: bool = False,
        travel: bool = False,
        forced: bool = False,
        fast: bool = False,
        max_fee: int | None = None,
    ) -> Standing:
        """Withdraw from L2 to the same address on L1; returns when the sequencer has it on disk, with where it is.

        Args:
            who: an account of the devnet.
            amount: base units; ``codec.WHOLE_BALANCE`` is all that it holds.
            wait: return only when it is claimed, after the challenge window.
            travel: as ``wait``, and move the clock instead of waiting.
            forced: go through L1, past the sequencer.
            fast: be paid by the liquidity provider now, for ``max_fee`` (base units) at most.

        Raises:
            BadInput: the account does not hold as much, or one record cannot carry the amount exactly.
            OperationRefused (`toolkit.rollup.client`): the sequencer does not take it.
            ServiceError: it does not answer.
            L2KitError: it was dropped or refused.
        """
        account, asset = self._account(who), self.local.token(token)
        _check_positive(amount)
        if max_fee is not None and not fast:
            raise BadInput("a fee is paid only to be fast")
        if (wait or fast) and not travel:
            self._check_batches("withdrawal")
        look: Look
        with self._passage(account, travel) as passage:
            if forced:
                name = withdrawals.forced(passage, passage.look(), account, asset, amount).transaction
                look = lambda view: passage.in_transaction(view, name)  # noqa: E731
            else:
                taken = withdrawals.promised(passage, passage.look(), account, asset, amount, _nothing)
                look = lambda view: passage.of_operation(view, taken)  # noqa: E731
            waits = wait or travel
            return _arrived(withdrawals.see_through(passage, look, account, wait=waits, fast=fast, most=max_fee))

    def claim(
        self,
        name: str,
        payer: Who,
        *,
        wait: bool = False,
        travel: bool = False,
        fast: bool = False,
        max_fee: int | None = None,
    ) -> Standing:
        """Have a withdrawal paid to its owner on L1; returns where it is then.

        Args:
            name: its number, or the hash of the operation or of the L1 transaction that brought it.
            payer: the account of the devnet that pays the gas.
            wait: until it can be claimed.
            travel: as ``wait``, and move the clock instead of waiting.
            fast: ``payer``, who is its owner, is paid by the liquidity provider now, for ``max_fee`` (base units) at
                most.

        Raises:
            BadInput: there is no such withdrawal, or it cannot be claimed (yet).
        """
        account = self._account(payer)
        if max_fee is not None and not fast:
            raise BadInput("a fee is paid only to be fast")
        with self._passage(account, travel) as passage:
            if not fast:
                return withdrawals.claim(passage, name, wait=wait or travel)
            _, index = withdrawals.posted(passage, name)
            return withdrawals.exit_early(passage, account, index, max_fee)

    def claim_credit(self, who: Who, token: str = "ETH", *, to: Who | None = None) -> None:
        """Have paid what the bridge owes an account of the devnet because a payment to it failed.

        Args:
            to: who gets it; the account where None.

        Raises:
            BadInput: it owes nothing, or the payment fails again.
        """
        account, asset = self._account(who), self.local.token(token)
        receiver = account.address_bytes if to is None else self.address(to)
        with self._passage(account, False) as passage:
            withdrawals.claim_credit(passage, account, asset, receiver)

    def travel(
        self,
        *,
        days: int = 0,
        hours: int = 0,
        minutes: int = 0,
        seconds: int = 0,
        warn: Callable[[str], object] = _nothing,
    ) -> int:
        """Move the one clock, L1's, by which every contract and service measures; returns L1's new time (seconds).

        Every service that answers has seen that time then. What they do on account of it they do afterwards.

        Args:
            warn: is told of each service that does not answer.

        Raises:
            BadInput: it would not be forward, or the node's clock cannot be moved.
            ServiceError: a service answers, and does not look at L1.
        """
        return clock.travel(self.local, days * DAY + hours * HOUR + minutes * MINUTE + seconds, warn)

    def fault(
        self, what: str, how: str, detail: Who | int | None = None, *, warn: Callable[[str], object] = _nothing
    ) -> Fault:
        """Break something on purpose; returns what, once it is so. It stays so until `heal`, also over a crash.

            fault("verifier", "vanish")    a service is killed as by kill -9 and stays away; its disk stays
            fault("verifier", "offline")   a service neither reaches anybody nor is reached, and keeps its memory
            fault("l1", "reorg", 3)        L1 forgets 3 blocks and has 4 others without their transactions; the services
                                           that answer have seen that then
            fault("l1", "down", 30)        L1's node does not answer for 30 s of our time, and comes back by itself
            fault("batch", "withhold")     the sequencer goes on promising, and posts nothing
            fault("tx", "censor", "bob")   the sequencer refuses all that an account sends; more than one can be

        Args:
            warn: is told of each service that has not seen a reorganisation, because it does not answer.

        Raises:
            BadInput: there is no such thing, or it cannot be broken (now), or nobody keeps the devnet who could.
            NodeError: L1 is down already.
            ServiceError: the sequencer does not come back from its restart.

        Example:
            >>> devnet.fault("verifier", "offline").said  # doctest: +SKIP
            'verifier is offline (frozen, with its memory) until it is healed'
        """
        told = detail.address if isinstance(detail, Account) else detail
        return faults.fault(self.local, what, how, told, warn)

    def faults(self) -> list[Fault]:
        """What is broken on purpose; a reorganisation is over at once."""
        return self.local.faults()

    def heal(self, what: str | None = None) -> list[Fault]:
        """Mend what is broken, of ``what`` or (None) all; returns what that was, once services run and have seen L1.

        Services that have ended by themselves are started again, too.

        Raises:
            BadInput: there is no such thing, or it cannot be mended alone.
            NodeError: L1 is down, and something else shall be mended.
            ServiceError: a service does not come back.
        """
        return faults.heal(self.local, what)

    def snapshot(self, name: str | None = None) -> Snapshot:
        """Remember everything: L1 with its clock, and every service's state, channels included.

        Args:
            name: to return to it by; its number where None.

        Raises:
            BadInput: there is one of this name, or L1's node cannot be brought back.
            ServiceError: a service does not stand still for that; then nothing has happened.
        """
        return self._snapshots.take(name)

    def revert(self, name: str | None = None) -> Snapshot:
        """Return to a snapshot, or to the latest. Those taken after it are gone; it can be returned to again.

        L1's clock goes on from its latest block's time on Anvil, and on Hardhat from where it would be by now without
        what has been travelled since.

        Raises:
            BadInput: there is none.
            ServiceError: a service does not stand still for that, and nothing has happened; or one does not go on
                afterwards.
        """
        self._units.clear()  # another token may come to stand at the same address
        return self._snapshots.revert(name)

    def snapshots(self) -> list[Snapshot]:
        """Those that can be returned to, the oldest first."""
        return self._snapshots.all()

    @contextmanager
    def anchor(self) -> Iterator[None]:
        """Whatever happens in the ``with`` block, on any chain and in any service, is undone after it.

        What is broken in it (`fault`) is mended after it, too; what is healed in it stays so.

        Raises:
            BadInput, ServiceError: as `snapshot` and `revert`.

        Example:
            >>> with attach().anchor():  # doctest: +SKIP
            ...     attach().transfer("alice", "bob", 10**18)
        """
        before = self.faults()
        try:
            with self._snapshots.anchor():
                try:
                    yield
                finally:
                    faults.heal_since(self.local, before)
        finally:
            self._units.clear()  # another token may come to stand at the same address

    def save(self, file: str | Path) -> Saved:
        """Write all of it into a file, L1's history and clock included; `toolkit.session.load` goes on from there.

        Whoever gets the file gets what the services know, signatures of channels included.

        Raises:
            BadInput: L1's node is not Anvil, or nothing can be written there.
            ServiceError: a service does not stand still for that.
        """
        return save(self._folder, self.local.source.l1_rpc, Path(file))

    @cached_property
    def _snapshots(self) -> Snapshots:
        return Snapshots(self._folder, self.local.source.l1_rpc)

    @property
    def _folder(self) -> Path:
        if self.local.folder is None:
            raise BadInput("it is not known in which folder this devnet runs: its description does not say")
        return self.local.folder

    def dispute(self, name: str | None = None) -> Court:
        """What is asserted and disputed, from L1 alone; all of it, or what the id of a game or assertion names.

        Raises:
            BadInput: L1 shows no such game or assertion.
        """
        with self.local.onlooker() as onlooker:
            view = onlooker.look()
        court = Court.of(view.replica, view.now)
        return court if name is None else court.about(name)

    @overload
    def status(self) -> dict[str, Any]: ...

    @overload
    def status(self, name: str) -> list[Standing]: ...

    def status(self, name: str | None = None) -> dict[str, Any] | list[Standing]:
        """How the session is (`toolkit.overview.overview`), or where a deposit or a withdrawal is.

        Args:
            name: the hash of the L1 transaction of a deposit or a forced withdrawal, or of an operation on L2 (0x-hex),
                or the number of a withdrawal. A transaction may hold several of them.

        Raises:
            BadInput: there is no such thing.
        """
        if name is None:
            from toolkit.overview import overview

            return overview(self._file)
        with self._passage(None, travel=False) as passage:
            view = passage.look()
            self._units.update(view.words.units)
            return passage.find(name, view)

    def escape(
        self,
        whom: Who | None,
        payer: Who | None = None,
        *,
        wait: bool = False,
        travel: bool = False,
        teller: Teller | None = None,
    ) -> Left:
        """Leave a rollup that nobody brings forward any more, from L1 alone; do what can be done now.

        The alarm is raised; once L1 has confirmed nothing new for the escape delay after that, the rollup is frozen,
        and what its last confirmed state owes is paid on L1.

        Args:
            whom: who is to be paid; None: everybody.
            payer: the account of the devnet that pays the gas; where None, ``whom``, or alice where that is none.
            wait: until all is paid.
            travel: as ``wait``, and move the clock instead of waiting.
            teller: is told of every step.

        Raises:
            BadInput: there is nothing to leave with, or L1 has confirmed a wrong state.
            RollupLives (`toolkit.bridge.leave`): the rollup does.
            ServiceError: the clock is to be moved past what somebody honest should do, and does not.
        """
        from toolkit.bridge.leave import Leaving, Payment

        owner = None if whom is None else self.address(whom)
        own = {account.address_bytes: account for account in self.accounts()}
        account = own.get(owner or b"", self.local.account("alice")) if payer is None else self._account(payer)
        with self._passage(account, travel, teller) as passage:
            left = Leaving(passage, owner).go(wait=wait)
            view = passage.look()
        self._units.update(view.words.units)
        credits = view.replica.bridge.credits.items()
        owed = (Payment("credit", who, token, amount) for (token, who), amount in credits if owner in (None, who))
        return replace(left, credits=tuple(owed))

    def logs(self, name: str | None = None, *, lines: int = 20) -> dict[str, list[str]]:
        """The last lines of the log of one process, such as "sequencer" or "anvil", or of every one, by its name.

        Raises:
            BadInput: there is no such log.
        """
        return {each: last(log, lines)[0] for each, log in find_logs(self._file, name).items()}

    def follow(self, name: str | None = None, *, lines: int = 20) -> Iterator[tuple[str, str]]:
        """Lines of logs as they come, each with its process's name, until the devnet ends; the first as `logs` has it.

        Raises:
            BadInput: there is no such log.
        """
        return follow(find_logs(self._file, name), lines)

    def down(self) -> None:
        """End the session, wherever ``l2kit up`` keeps it; nothing of it is left when this returns.

        Raises:
            BadInput: it is a devnet of a program's own, which ends it.
            ServiceError: something of it is still there after some minutes, though its owner was killed.
        """
        for each in running_sessions():
            if each.folder == self._folder and each.pid != os.getpid():
                end(each)
                return
        raise BadInput("this devnet is no session that 'l2kit up' keeps; whoever has started it ends it")

    @cached_property
    def channels(self) -> Channels:
        """Its payment channels: what ``l2kit channel`` does."""
        return Channels.find(self._file, self._spawn, on_demand=self._spawn is not None)

    def address(self, who: Who) -> bytes:
        """The 20 bytes of somebody's address."""
        return who.address_bytes if isinstance(who, Account) else self.local.address(who)

    @property
    def _file(self) -> Path:
        """The description of the devnet."""
        if self.local.file is None:
            raise BadInput("no file describes this devnet, so nothing is known of its processes")
        return self.local.file

    def _check_batches(self, what: str) -> None:
        """Raise ServiceError where somebody would wait for ever, since no batch is posted, on purpose."""
        for each in self.faults():
            if each.what in ("sequencer", "batch"):
                raise ServiceError(f"nobody would post the {what} that is to be waited for: {each.said}")

    @contextmanager
    def _passage(self, payer: Account | None, travel: bool, teller: Teller | None = None) -> Iterator[Passage]:
        with self.local.onlooker() as onlooker:
            yield Passage(self.local, onlooker, teller or _Silent(), payer=payer, travel=travel)

    def _account(self, who: Who) -> Account:
        return who if isinstance(who, Account) else self.local.account(who)


class _Silent:
    """Nobody listens."""

    def stage(self, standing: Standing, now: int) -> None:
        pass

    def deed(self, deed: Deed) -> None:
        pass

    def note(self, what: str) -> None:
        pass


def _check_positive(amount: int) -> None:
    if amount <= 0:
        raise BadInput(f"the amount {amount} is not above zero")


def _arrived(standing: Standing) -> Standing:
    """The same. Raises L2KitError where it came to nothing."""
    if standing.failed:
        raise L2KitError(f"the {standing.subject.kind} has come to nothing: {standing.news}")
    return standing


def _is_path(text: str) -> bool:
    return os.sep in text or text.endswith(".json")


__all__ = ["Session", "Who", "attach"]
