"""The rollup of a devnet that `l2kit up` runs, as its users reach it: accounts by name, contracts, services."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.bridge.amounts import ETHER_UNIT, Unit, Words, span
from toolkit.bridge.onlooker import Onlooker
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import Account, parse_address, parse_name
from toolkit.devnet.faults import Fault, standing_faults
from toolkit.devnet.keys import described_accounts
from toolkit.devnet.l1 import bytes_of, hex_of
from toolkit.devnet.nodes import Node, connect
from toolkit.devnet.replacement import Verdict, verdict
from toolkit.devnet.rpc import Rpc
from toolkit.devnet.running import find_devnet
from toolkit.errors import BadInput, NodeError, RpcError, ServiceError
from toolkit.rollup.client import ETH, RollupClient
from toolkit.rollup.rebuild import Source, read_devnet

if TYPE_CHECKING:
    from web3.contract import Contract

    from toolkit.bridge.provider_client import ProviderClient
    from toolkit.devnet.chain import Chain

_TOKEN = Unit("DEV", 18)


class _Sender(Rpc):
    """Keeps the names of the transactions that it sends, before they go out; those with blobs are named otherwise."""

    def __init__(self, url: str, sent: list[str]) -> None:
        super().__init__(url)
        self._sent = sent

    def call(self, method: str, *params: Any) -> Any:
        if method != "eth_sendRawTransaction":
            return super().call(method, *params)
        name = hex_of(keccak256(bytes_of(params[0])))
        self._sent.append(name)
        try:
            return super().call(method, *params)
        except RpcError as error:
            if verdict(error) is not Verdict.TAKEN:
                self._sent.remove(name)
            raise


@dataclass(frozen=True)
class Local:
    """The rollup of one devnet.

    Attributes:
        source: where it is on L1.
        accounts: the devnet's, by name. Their keys are known to everybody, or found when one is first needed
            (`toolkit.devnet.keys`), which raises BadInput where the password is missing.
        tokens: addresses (20 bytes) by symbol; ETH is the zero address.
        services: the URLs of the services by role, whether or not they still answer.
        keyed: whether the accounts' keys come from somebody's own.
        sent: the transactions (0x-hex) that `chain` has sent; each is here before it goes out.
        file: that describes the devnet; None where nobody has written one.
        folder: that the devnet runs in; None where that is not known.
    """

    source: Source
    accounts: Mapping[str, Account]
    tokens: Mapping[str, bytes]
    services: Mapping[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list, compare=False)
    keyed: bool = False
    file: Path | None = field(default=None, compare=False)
    folder: Path | None = None

    @classmethod
    def find(cls, file: Path | None) -> Local:
        """The devnet that ``file`` describes, or the only one that runs on this machine.

        Raises:
            BadInput: there is none, or there are several, or the file describes none.
        """
        file = find_devnet(file)
        source, _ = read_devnet(file)
        try:
            found: dict[str, Any] = json.loads(file.read_text())
            accounts = described_accounts(found)
            tokens = {"ETH": ETH, _TOKEN.symbol: bytes.fromhex(found["contracts"]["Token"][2:])}
            services = {str(role): str(url) for role, url in found.get("services", {}).items()}
            folder = Path(found["folder"]) if "folder" in found else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{file} does not describe a devnet as l2kit up does: {error!r}") from error
        return cls(source, accounts, tokens, services, keyed="keys" in found, folder=folder, file=file)

    def faults(self) -> list[Fault]:
        """What is broken on purpose."""
        return [] if self.folder is None else standing_faults(self.folder)

    def absent(self, role: str) -> Fault | None:
        """Why a service cannot be reached, where that is on purpose."""
        return next((each for each in self.faults() if each.what == role and each.how in ("vanish", "offline")), None)

    def check_l1(self) -> None:
        """Raise NodeError where L1 is down on purpose: whoever asked it would wait for as long."""
        for fault in self.faults():
            if fault.what == "l1" and fault.until is not None:
                left = span(max(1, round(fault.until - time.time())))
                raise NodeError(f"{fault.said}, for another {left}; 'l2kit heal l1' ends that")

    @property
    def words(self) -> Words:
        """How its addresses and amounts are told."""
        names = {account.address_bytes: name for name, account in self.accounts.items()}
        return Words(names, {ETH: ETHER_UNIT, self.tokens[_TOKEN.symbol]: _TOKEN})

    def account(self, name: str) -> Account:
        """An account of the devnet's, with its key. Raises BadInput where there is no such name, or no password."""
        if name not in self.accounts:
            parse_name(name)
            raise BadInput(f"there is no account {name!r}; there are {', '.join(self.accounts)}")
        account = self.accounts[name]
        _ = account.key  # what is missing is told before anything is begun
        return account

    def address(self, text: str) -> bytes:
        """The 20 bytes of an address, or of the account of that name. Raises BadInput where it is neither."""
        return self.accounts[text].address_bytes if text in self.accounts else parse_address(text)

    def token(self, text: str) -> bytes:
        """A token by its symbol or address (20 bytes). Raises BadInput where it is neither."""
        if text.upper() in self.tokens:
            return self.tokens[text.upper()]
        if not text.startswith("0x"):
            raise BadInput(f"there is no token {text!r}; there are {', '.join(self.tokens)}, or give an address")
        return parse_address(text)

    def onlooker(self) -> Onlooker:
        """The rollup, derived from L1 in this process. Raises NodeError where it does not answer."""
        self.check_l1()
        return Onlooker(self.source, self.words)

    @cached_property
    def chain(self) -> Chain:
        """L1, for transactions. Raises NodeError where it does not answer."""
        from toolkit.devnet.chain import Chain  # web3 takes its time, and who only looks does not need it

        self.check_l1()
        source = self.source
        return Chain(source.l1_rpc, rpc=_Sender(source.l1_rpc, self.sent), chain_id=source.chain_id)

    def contract(self, name: str) -> Contract:
        """A contract of the rollup: "inbox", "rollup" or "bridge"."""
        return self.chain.contract(name.capitalize(), self.source.addresses[name])

    def node(self) -> Node:
        """L1's node, as far as it can be told to move its clock. Raises NodeError where it does not answer."""
        self.check_l1()
        return connect(self.source.l1_rpc)

    def travel(self, seconds: int) -> int:
        """Move L1's clock forward, by which everything measures; returns the time of the block mined then (seconds).

        Raises:
            BadInput: the node's clock cannot be moved.
        """
        node = self.node()
        try:
            return node.travel(seconds)
        except NodeError as error:
            if isinstance(error.__cause__, RpcError):  # it answers, and has no such thing
                raise BadInput(str(error)) from error
            raise
        finally:
            node.stop()

    def provider(self) -> ProviderClient:
        """The liquidity provider, which may not answer. Raises ServiceError where the devnet has none."""
        from toolkit.bridge.provider_client import ProviderClient

        bridge = bytes.fromhex(self.source.addresses["bridge"][2:])
        return ProviderClient(self.url("provider"), chain_id=self.source.chain_id, bridge=bridge)

    def service(self, role: str) -> RollupClient:
        """A service, which may not answer. Raises ServiceError where the devnet has none of that role."""
        machine = bytes.fromhex(self.source.addresses["machine"][2:])
        return RollupClient(self.url(role), chain_id=self.source.chain_id, machine=machine)

    def url(self, role: str) -> str:
        """Where a service is, which may not answer.

        Raises:
            ServiceError: the devnet has none of that role, or it is away on purpose: whoever asked it would wait long.
        """
        if role not in self.services:
            raise ServiceError(f"this devnet has no {role}")
        if (fault := self.absent(role)) is not None:
            raise ServiceError(f"{fault.said}: 'l2kit heal {role}' brings it back")
        return self.services[role]
