"""How the owner of a withdrawal deals with a liquidity provider: ask for a quote, sign it, be paid.

>>> client = ProviderClient("http://127.0.0.1:8603", chain_id=31337, bridge=bridge)   # doctest: +SKIP
>>> client.exit(alice, client.quote(0))                                               # doctest: +SKIP
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.l1 import bytes_of, hex_of
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, L2KitError, NodeError, ProtocolError, RpcError, ServiceError
from toolkit.rollup.jsonrpc import BUSY, REJECTED
from toolkit.rollup.machine import Withdrawal

_POLL_SECONDS = 0.1
_ADDRESS_SIZE, _HASH_SIZE = 20, 32


class ExitRefused(L2KitError):
    """The provider does not pay a withdrawal; the message is its reason."""


@dataclass(frozen=True)
class Quote:
    """What a provider asks for.

    Attributes:
        withdrawal: that it would pay early, as it knows it.
        fee: that it keeps back, in base units of the withdrawal's token.
        provider: who would pay (20 bytes).
        expiry: the last second (L1's time) in which it pays on these terms.
        seconds: until the withdrawal could be claimed without any fee.
    """

    withdrawal: Withdrawal
    fee: int
    provider: bytes
    expiry: int
    seconds: int

    @property
    def paid(self) -> int:
        """What the owner gets now (base units)."""
        return self.withdrawal.amount - self.fee


class ProviderClient:
    """A connection to a liquidity provider.

    What the owner signs names the withdrawal, the fee, the provider and the time until which that is good, and binds
    nobody else: a provider that does not pay has gained nothing, and the withdrawal stays the owner's until it does.

    Raises (every method):
        ServiceError: the provider does not answer.
        RpcError: it answers with an error.
        ProtocolError: its answer makes no sense.
    """

    def __init__(self, url: str, *, chain_id: int, bridge: bytes) -> None:
        """
        Args:
            url: of the provider.
            chain_id: L1's, which signatures are bound to.
            bridge: 20-byte address of the Bridge, which they are bound to as well.
        """
        self.url = url
        self._bridge, self._domain = bridge, bridge_domain(chain_id, bridge)
        self._rpc = Rpc(url)

    def status(self) -> dict[str, Any]:
        """What the provider asks for and has at stake."""
        found: dict[str, Any] = self.call("lp_status")
        return found

    def quote(self, withdrawal: int | Withdrawal) -> Quote:
        """What the provider asks for a withdrawal.

        Args:
            withdrawal: its index; or all of it, which the provider compares with what it knows.

        Raises:
            ExitRefused: it does not pay that.
            ProtocolError: it answers with what nobody could sign: another withdrawal, a fee that leaves nothing, no
                provider's address, no time.
        """
        index, told = _told(withdrawal)
        found = self._ask("lp_quote", index, told)
        try:
            known = Withdrawal(
                int(found["index"]), bytes_of(found["owner"]), bytes_of(found["token"]), int(found["amount"])
            )
            times = int(found["expiry"]), int(found["secondsUntilClaim"])
            quote = Quote(known, int(found["fee"]), bytes_of(found["provider"]), *times)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(f"the provider at {self.url} answers lp_quote with {found!r:.200}") from error
        self._check(quote, withdrawal)
        return quote

    def _check(self, quote: Quote, asked: int | Withdrawal) -> None:
        """Raise ProtocolError where a quote is not about what was asked for, or is none: nothing of it is signed."""
        known, provider = quote.withdrawal, quote.provider
        if known != asked if isinstance(asked, Withdrawal) else known.index != asked:
            wrong = f"{known} where it was asked for {asked}"
        elif not 0 <= quote.fee < known.amount:
            wrong = f"a fee of {quote.fee} for a withdrawal of {known.amount} (base units)"
        elif len(provider) != _ADDRESS_SIZE or not any(provider) or provider in (known.owner, self._bridge):
            wrong = f"a provider {hex_of(provider)}, which nobody can be"
        elif quote.expiry < 0 or quote.seconds < 0:
            wrong = f"the expiry {quote.expiry} and {quote.seconds} s until the claim"
        else:
            return
        raise ProtocolError(f"the provider at {self.url} answers lp_quote with {wrong}; nothing was signed")

    def sign(self, owner: Account, quote: Quote) -> bytes:
        """The owner's consent to a quote (64 bytes).

        Raises:
            BadInput: it is not the owner's withdrawal.
        """
        if quote.withdrawal.owner != owner.address_bytes:
            raise BadInput(
                f"withdrawal {quote.withdrawal.index} is that of {checksum(quote.withdrawal.owner)}, "
                f"not of {owner.name} ({owner.address})"
            )
        terms = FastExit(quote.provider, quote.fee, quote.expiry, 0, bytes(28))
        return terms.sign(self._domain, quote.withdrawal, owner.key)

    def exit(self, owner: Account, quote: Quote, *, seconds: float = 60.0) -> bytes:
        """Be paid on the terms of a quote; returns the L1 transaction that did it, as the provider says.

        Raises:
            ExitRefused: the provider does not pay.
            ServiceError: it has not paid within ``seconds``; it may still, until the quote expires.
        """
        return self.send(quote, self.sign(owner, quote), seconds=seconds)

    def send(self, quote: Quote, signature: bytes, *, seconds: float = 60.0) -> bytes:
        """The same with a signature that is there already."""
        deadline = time.monotonic() + seconds
        index, told = _told(quote.withdrawal)
        while True:
            answer = self._ask("lp_exit", index, str(quote.fee), quote.expiry, hex_of(signature), told)
            if answer.get("status") == "paid":
                return self._transaction(answer)
            if time.monotonic() > deadline:
                raise ServiceError(f"the provider at {self.url} has not paid withdrawal {index} within {seconds:g} s")

    def _transaction(self, answer: dict[str, Any]) -> bytes:
        """The L1 transaction that an answer names."""
        try:
            name = bytes_of(answer["transaction"])
        except (KeyError, TypeError, ValueError, AttributeError):
            name = b""
        if len(name) != _HASH_SIZE:
            raise ProtocolError(f"the provider at {self.url} says that it has paid, and names no transaction")
        return name

    def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call. Raises ExitRefused where the provider does not do it."""
        try:
            answer = self._rpc.response(method, params)
        except NodeError as error:
            raise ServiceError(f"the liquidity provider at {self.url} does not answer") from error
        refusal = answer.get("error")
        if refusal is None:
            return answer["result"]
        if refusal.get("code") == REJECTED:
            raise ExitRefused(refusal.get("message", ""))
        raise RpcError(method, refusal.get("code", 0), refusal.get("message", ""), refusal.get("data"))

    def close(self) -> None:
        """Close the connection."""
        self._rpc.close()

    def _ask(self, method: str, *params: Any, seconds: float = 30.0) -> dict[str, Any]:
        """Call, and again while the provider is busy."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = self.call(method, *params)
            except RpcError as error:
                if error.code != BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
                continue
            if not isinstance(found, dict):
                raise ProtocolError(f"the provider at {self.url} answers {method} with {found!r:.100}")
            return found


def _told(withdrawal: int | Withdrawal) -> tuple[int, dict[str, str] | None]:
    if isinstance(withdrawal, int):
        return withdrawal, None
    owner, token = hex_of(withdrawal.owner), hex_of(withdrawal.token)
    return withdrawal.index, {"owner": owner, "token": token, "amount": str(withdrawal.amount)}
