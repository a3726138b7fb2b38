"""The liquidity provider's JSON-RPC methods: quotes, payments, and what is at stake."""

from __future__ import annotations

import asyncio
from typing import Any

from toolkit.bridge.ledger import FastExited
from toolkit.bridge.provider import NotNow, ProviderService
from toolkit.bridge.underwriting import Declined, danger, real, worth
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput
from toolkit.rollup import api, jsonrpc
from toolkit.rollup.derive import Replica
from toolkit.rollup.machine import Withdrawal

ANSWER_SECONDS = 20.0
"""How long a call waits for its payment to be in a block."""


class ProviderApi:
    """What the provider answers over HTTP. Amounts are decimal text in base units, worth is in wei."""

    def __init__(self, service: ProviderService) -> None:
        self._service = service

    def methods(self) -> dict[str, api.Method]:
        """The JSON-RPC methods by name."""
        watcher = self._service.watcher
        return {
            "lp_status": self.status,
            "lp_quote": self.quote,
            "lp_exit": self.exit,
            "l2_status": self.status,
            "l2_assertions": watcher.assertions,
            "l2_disputes": watcher.disputes,
        }

    async def status(self) -> dict[str, Any]:
        """What it asks for, what it has at stake, and (``closed``) why it pays nothing, where it does not."""
        service, config = self._service, self._service.config
        derived = await service.watcher.status()
        async with service.watcher.lock:
            replica = service.watcher.replica
            outstanding = worth(service.tariff, replica.bridge.taken_by(service.address))
            exits = [each for each in replica.bridge.providers.values() if each.provider == service.address]
            return {
                "role": "provider",
                "address": checksum(service.address),
                "annualRate": config.annual_rate,
                "risk": config.risk,
                "prices": config.prices,
                "mostPerExit": str(config.most_per_exit),
                "mostOutstanding": str(config.most_outstanding),
                "confirmations": config.confirmations,
                "quoteSeconds": config.quote_seconds,
                "outstanding": str(outstanding),
                "underWay": service.under_way,
                "exits": [_shown(replica, each) for each in exits],
                "closed": danger(replica),
                **derived,
            }

    async def quote(self, index: Any, told: Any = None) -> dict[str, Any]:
        """What it asks for a withdrawal, and until when (L1's time in seconds); nothing is promised beyond that.

        Args:
            told: owner, token and amount, as who asks knows the withdrawal; refused where that is not so.
        """
        number = jsonrpc.quantity(index, "index", 32)
        described = _described(number, told)
        try:
            offer = await self._service.offer(number, described)
        except (Declined, BadInput, NotNow) as error:
            raise _refusal(error) from error
        return {
            **_withdrawal(offer.withdrawal),
            "fee": str(offer.fee),
            "paid": str(offer.withdrawal.amount - offer.fee),
            "provider": checksum(self._service.address),
            "expiry": offer.expiry,
            "secondsUntilClaim": offer.seconds,
            "gasPrice": str(offer.gas_price),
        }

    async def exit(self, index: Any, fee: Any, expiry: Any, signature: Any, told: Any = None) -> dict[str, Any]:
        """Pay a withdrawal on the terms of a quote, which its owner has signed (`toolkit.bridge.terms`).

        Asked again with the same terms it tells what has become of it. ``status`` is "paid" (the ``transaction`` is in
        a block), or "sent" where that takes long.

        Args:
            told: as of `quote`.
        """
        number, asked = jsonrpc.quantity(index, "index", 32), jsonrpc.quantity(fee, "fee", 128)
        until, signed = jsonrpc.quantity(expiry, "expiry", 64), jsonrpc.data(signature, "signature", 64)
        described = _described(number, told)
        try:
            request = await self._service.accept(number, asked, until, signed, described)
        except (Declined, BadInput, NotNow) as error:
            if (paid := await self._paid_before(number, asked, described)) is not None:
                return paid
            raise _refusal(error) from error
        await asyncio.wait([request.outcome], timeout=ANSWER_SECONDS)
        outcome = request.outcome.result() if request.outcome.done() else None
        if isinstance(outcome, Declined):
            raise _refusal(outcome)
        return _answer(request.withdrawal, request.fee, outcome)

    async def _paid_before(self, index: int, fee: int, described: Withdrawal | None) -> dict[str, Any] | None:
        """The answer where this provider has paid the withdrawal for that fee already."""
        service = self._service
        async with service.watcher.lock:
            replica = service.watcher.replica
            withdrawals = replica.state.withdrawals
            withdrawal = withdrawals[index] if index < len(withdrawals) else described
            taken = None if withdrawal is None else replica.bridge.provider_of(withdrawal)
            if withdrawal is None or taken is None or (taken.provider, taken.fee) != (service.address, fee):
                return None
            return _answer(withdrawal, fee, replica.bridge.exits[withdrawal.leaf()])


def _refusal(error: Declined | BadInput | NotNow) -> jsonrpc.ApiError:
    return jsonrpc.ApiError(jsonrpc.BUSY if isinstance(error, NotNow) else jsonrpc.REJECTED, str(error))


def _answer(withdrawal: Withdrawal, fee: int, transaction: bytes | None) -> dict[str, Any]:
    return {
        **_withdrawal(withdrawal),
        "status": "sent" if transaction is None else "paid",
        "fee": str(fee),
        "paid": str(withdrawal.amount - fee),
        "transaction": None if transaction is None else hex_of(transaction),
    }


def _shown(replica: Replica, each: FastExited) -> dict[str, Any]:
    """A fast exit: "paid" early, "claimed" since, or "lost" since there is no such withdrawal."""
    status = "lost" if not real(replica, [each]) else "claimed" if each.index in replica.bridge.claimed else "paid"
    transaction = replica.bridge.exits[each.withdrawal.leaf()]
    return {**_withdrawal(each.withdrawal), "fee": str(each.fee), "status": status, "transaction": hex_of(transaction)}


def _withdrawal(withdrawal: Withdrawal) -> dict[str, Any]:
    return {
        "index": withdrawal.index,
        "owner": checksum(withdrawal.owner),
        "token": checksum(withdrawal.token),
        "amount": str(withdrawal.amount),
    }


def _described(index: int, told: Any) -> Withdrawal | None:
    """The withdrawal as somebody tells it. Raises BadInput where it is none."""
    if told is None:
        return None
    if not isinstance(told, dict):
        raise BadInput(f"a withdrawal is told as an object, not as {type(told).__name__}")
    owner, token = (jsonrpc.data(told.get(name), name, 20) for name in ("owner", "token"))
    return Withdrawal(index, owner, token, jsonrpc.quantity(told.get("amount"), "amount", 128))
