"""A shop that is paid on the rollup, and for coffee over a payment channel."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass

from toolkit.devnet import Account
from toolkit.rollup.codec import WHOLE_BALANCE
from toolkit.session import Session


class NotPaid(Exception):
    """Somebody wants something that they have not paid for."""


@dataclass(frozen=True)
class Order:
    """Goods that somebody wants.

    Attributes:
        price: in wei.
        till: an account on L2 of the order's own, so that whatever is paid there is paid for it.
    """

    price: int
    till: Account


class Shop:
    """A shop on a network that l2kit speaks to; its owner is an account there. Amounts are in wei."""

    def __init__(self, network: Session, owner: str) -> None:
        self.network, self.owner = network, owner
        self.orders: list[Order] = []
        self._served: Counter[str] = Counter()

    def order(self, price: int) -> Order:
        """Take an order; it is to be paid to its till."""
        order = Order(price, Account(f"till {len(self.orders)}", secrets.token_bytes(32)))
        self.orders.append(order)
        return order

    def paid(self, order: Order) -> int:
        """What is in the order's till, as far as the sequencer has promised."""
        return self.network.balance(order.till)

    def deliver(self, order: Order, *, wait: bool = False) -> int:
        """Empty the till of an order that is paid; returns what was in it.

        The sequencer has promised us that then. With ``wait`` it is on L1, where nobody can take it back.
        """
        paid = self.paid(order)
        if paid < order.price:
            raise NotPaid(f"{paid} wei of {order.price} wei are paid")
        self.network.transfer(order.till, self.owner, WHOLE_BALANCE, wait=wait)
        self.orders.remove(order)
        return paid

    def credit(self, customer: str) -> int:
        """What a customer has paid over the channel with us, less what it had for that."""
        return self.network.channels.find_channel(self.owner, customer).balance - self._served[customer]

    def serve(self, customer: str, price: int) -> None:
        """Hand over something small, against what was paid over the channel."""
        if self.credit(customer) < price:
            raise NotPaid(f"{customer} has a credit of {self.credit(customer)} wei, and this costs {price} wei")
        self._served[customer] += price
