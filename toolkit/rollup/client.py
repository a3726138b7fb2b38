"""A wallet for the rollup: signs with the account's key, speaks to the sequencer (or a verifier) over HTTP.

>>> client = RollupClient("http://127.0.0.1:8600", chain_id=31337, machine=machine)   # doctest: +SKIP
>>> client.transfer(alice, bob.address_bytes, 10**18)                                  # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.l1 import bytes_of, hex_of
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, L2KitError, NodeError, RpcError, ServiceError
from toolkit.rollup.codec import RegisterRecord
from toolkit.rollup.jsonrpc import BUSY
from toolkit.rollup.machine import Withdrawal, forced_data
from toolkit.rollup.operations import Transfer, Withdraw, rollup_domain

if TYPE_CHECKING:
    from web3.contract import Contract
    from web3.types import TxReceipt

    from toolkit.devnet.chain import Chain

ETH = bytes(20)
_POLL_SECONDS = 0.02
CHUNK = 500
"""Operations sent in one call."""


class OperationRefused(L2KitError):
    """The sequencer did not take an operation; the message is its reason."""


@dataclass(frozen=True)
class L2Account:
    """An account on L2.

    Attributes:
        account: its index; None where there is none yet.
        balance: base units.
        nonce: of its next operation.
    """

    account: int | None
    balance: int
    nonce: int


@dataclass(frozen=True)
class Receipt:
    """What the sequencer says of an operation.

    Attributes:
        hash: names the operation (32 bytes).
        status: "confirmed" (durable at the sequencer), "posted" (on L1) or "dropped" (lost when L1 reorganised).
        batch: that holds it, or will; None where it was dropped.
    """

    hash: bytes
    status: str
    batch: int | None


class RollupClient:
    """A connection to a rollup service.

    What it signs contains the account's index and nonce, as the service tells them. One that lies gets signatures that
    are good for nothing, or only later: who does not trust the sequencer asks a verifier (`account`) and uses `signed`.

    Raises (every method):
        ServiceError: the service does not answer.
        RpcError: it answers with an error.
    """

    def __init__(self, url: str, *, chain_id: int, machine: bytes) -> None:
        """
        Args:
            url: of the sequencer; for reading, of a verifier as well.
            chain_id: L1's, which signatures are bound to.
            machine: 20-byte address of the PaymentsMachine, which they are bound to as well.
        """
        self.url = url
        self._domain = rollup_domain(chain_id, machine)
        self._rpc = Rpc(url)

    def status(self) -> dict[str, Any]:
        """What the service is at."""
        found: dict[str, Any] = self.call("l2_status")
        return found

    def account(self, owner: bytes, token: bytes = ETH) -> L2Account:
        """An owner's account of a token (20 bytes each)."""
        found = self.call("l2_account", hex_of(owner), hex_of(token))
        return L2Account(found["account"], int(found["balance"]), found["nonce"])

    def transfer(
        self,
        sender: Account,
        to: bytes,
        amount: int,
        token: bytes = ETH,
        *,
        fee: int = 0,
        before: Callable[[bytes], object] = lambda _: None,
    ) -> Receipt:
        """Send ``amount`` to ``to``; returns when the sequencer has it on disk.

        ``codec.WHOLE_BALANCE`` as amount sends all that the account holds, less the fee. ``before`` is told the
        operation's hash (32 bytes) before it goes out.

        Raises:
            BadInput: the sender has no account of the token.
            OperationRefused: the sequencer does not take it.
            ServiceError: also where it names another operation than this.
        """
        account, nonce = self._from(sender, token)
        operation = Transfer(account, to, token, amount, fee, nonce)
        before(operation.digest(self._domain))
        return self._send_own("l2_sendTransfers", [operation], sender)[0]

    def transfers(
        self, sender: Account, payments: Iterable[tuple[bytes, int]], token: bytes = ETH, *, fee: int = 0
    ) -> list[Receipt]:
        """Send many payments (recipient, amount) of one account in order; waits while the sequencer is busy.

        Raises as `transfer`, for the first payment that was refused; those before it stand, and those after it, which
        are built on it, do not.
        """
        account, nonce = self._from(sender, token)
        operations = (Transfer(account, to, token, amount, fee, nonce + i) for i, (to, amount) in enumerate(payments))
        return self._send_own("l2_sendTransfers", operations, sender)

    def withdraw(
        self,
        sender: Account,
        amount: int,
        token: bytes = ETH,
        *,
        fee: int = 0,
        before: Callable[[bytes], object] = lambda _: None,
    ) -> Receipt:
        """Withdraw to the sender's own address on L1; ``amount`` and errors as of `transfer`.

        ``before`` is told the operation's hash (32 bytes) before it goes out.
        """
        account, nonce = self._from(sender, token)
        operation = Withdraw(account, token, amount, fee, nonce)
        before(operation.digest(self._domain))
        return self._send_own("l2_sendWithdrawals", [operation], sender)[0]

    def signed(self, operation: Transfer | Withdraw, signer: Account) -> dict[str, Any]:
        """An operation as JSON-RPC takes it, signed."""
        fields = {
            "account": operation.account,
            "token": hex_of(operation.token),
            "amount": str(operation.amount),
            "fee": str(operation.fee),
            "nonce": operation.nonce,
            "signature": hex_of(operation.sign(self._domain, signer.key)),
        }
        if isinstance(operation, Transfer):
            fields["to"] = hex_of(operation.to)
        return fields

    def send(self, method: str, operations: Iterable[dict[str, Any]]) -> list[Receipt]:
        """Send signed operations in order, in calls of `CHUNK`, trying again while the sequencer is busy.

        Raises:
            OperationRefused: the first that was refused; the chunks after it were not sent.
        """
        receipts: list[Receipt] = []
        rest = iter(operations)
        while chunk := list(islice(rest, CHUNK)):
            for answer in self._patiently(method, chunk):
                if "error" in answer:
                    raise OperationRefused(answer["error"]["message"])
                receipts.append(_receipt(answer))
        return receipts

    def force(self, chain: Chain, inbox: Contract, sender: Account, operation: Transfer | Withdraw) -> TxReceipt:
        """Bring an operation to L2 through L1, without asking the sequencer. The signed fee is not charged.

        A batch consumes it at the latest two batches from now, and anyone may post these where the sequencer does not.
        Ask a verifier, as this client's service, where the sequencer is not to know. Whether it applied is then seen by
        the account's nonce.

        Args:
            sender: signs the operation, and pays for the L1 transaction.

        Raises:
            BadInput: a transfer's recipient has no account (`force_registration` opens one), or the amount or the fee
                has no encoding.
        """
        signature = operation.sign(self._domain, sender.key)
        if isinstance(operation, Withdraw):
            return _force(chain, inbox, sender, operation.record(signature).encode())
        recipient = self.account(operation.to, operation.token).account
        if recipient is None:
            raise BadInput(f"{checksum(operation.to)} has no account of the token {checksum(operation.token)} on L2")
        return _force(chain, inbox, sender, operation.record(recipient, signature).encode())

    def receipt(self, name: bytes) -> Receipt:
        """What became of an operation, by its hash."""
        return _receipt(self.call("l2_receipt", hex_of(name)))

    def seal(self) -> int | None:
        """Ask for a batch now (where the sequencer allows it); returns its number, None where it is empty."""
        found: int | None = self.call("l2_seal")["batch"]
        return found

    def claim_arguments(self, index: int) -> tuple[bytes, Withdrawal, tuple[bytes, ...]]:
        """A verifier's proof for ``Bridge.claim``: the outbox root, the withdrawal, the siblings."""
        found = self.call("l2_withdrawalProof", index)
        withdrawal = Withdrawal(
            found["index"], bytes_of(found["owner"]), bytes_of(found["token"]), int(found["amount"])
        )
        return bytes_of(found["outboxRoot"]), withdrawal, tuple(bytes_of(sibling) for sibling in found["proof"])

    def wait_for_balance(self, owner: bytes, amount: int, token: bytes = ETH, *, seconds: float = 30.0) -> L2Account:
        """Wait until an account holds at least ``amount``, e.g. until a deposit has arrived."""
        account = self.account(owner, token)

        def there() -> bool:
            nonlocal account
            account = self.account(owner, token)
            return account.balance >= amount

        self.wait_until(there, f"{checksum(owner)} to hold {amount} on L2", seconds)
        return account

    def wait_for_post(self, name: bytes, *, seconds: float = 30.0) -> Receipt:
        """Wait until an operation is on L1 (or was dropped)."""
        receipt = self.receipt(name)

        def settled() -> bool:
            nonlocal receipt
            receipt = self.receipt(name)
            return receipt.status != "confirmed"

        self.wait_until(settled, f"0x{name.hex()} to be posted", seconds)
        return receipt

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait for a condition. Raises ServiceError where it does not hold within ``seconds``."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise ServiceError(f"waited {seconds:g} s in vain for {what} (at {self.url})")
            time.sleep(_POLL_SECONDS)

    def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call."""
        try:
            return self._rpc.call(method, *params)
        except RpcError:
            raise
        except NodeError as error:
            raise ServiceError(f"the rollup service at {self.url} does not answer") from error

    def close(self) -> None:
        """Close the connection."""
        self._rpc.close()

    def _from(self, sender: Account, token: bytes) -> tuple[int, int]:
        found = self.account(sender.address_bytes, token)
        if found.account is None:
            raise BadInput(f"{sender.name} ({sender.address}) has no account of the token {checksum(token)} on L2")
        return found.account, found.nonce

    def _send_own(self, method: str, operations: Iterable[Transfer | Withdraw], sender: Account) -> list[Receipt]:
        """Sign and send. Raises ServiceError where the sequencer names something else than what was sent."""
        names: list[bytes] = []

        def signed() -> Iterator[dict[str, Any]]:
            for operation in operations:
                names.append(operation.digest(self._domain))
                yield self.signed(operation, sender)

        receipts = self.send(method, signed())
        if (answered := [each.hash for each in receipts]) != names:
            wrong = next((pair for pair in zip(names, answered, strict=False) if pair[0] != pair[1]), None)
            what = f"{len(answered)} names" if wrong is None else f"the name 0x{wrong[1].hex()} for 0x{wrong[0].hex()}"
            raise ServiceError(f"the sequencer at {self.url} answers {len(names)} operations with {what}")
        return receipts

    def _patiently(self, method: str, chunk: list[dict[str, Any]], seconds: float = 60.0) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while True:
            try:
                answers: list[dict[str, Any]] = self.call(method, chunk)
            except RpcError as error:
                if error.code != BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                return answers


def force_registration(chain: Chain, inbox: Contract, sender: Account, owner: bytes, token: bytes = ETH) -> TxReceipt:
    """Open an account of a token for an owner (20 bytes each) through L1; otherwise as `RollupClient.force`."""
    return _force(chain, inbox, sender, RegisterRecord(owner, token).encode())


def _force(chain: Chain, inbox: Contract, sender: Account, record: bytes) -> TxReceipt:
    return chain.send(sender, inbox.functions.send(forced_data(record)))


def _receipt(answer: dict[str, Any]) -> Receipt:
    return Receipt(bytes_of(answer["hash"]), answer["status"], answer["batch"])
