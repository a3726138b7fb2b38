"""The devnet with the protocols on it: a node, the contracts, the rollup's services, and one clock."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from web3.contract import Contract

from toolkit.bridge.provider_client import ProviderClient
from toolkit.channel.moved import move
from toolkit.channel.process import launch, on_l1
from toolkit.description import describe
from toolkit.devnet import funding
from toolkit.devnet.accounts import DEV_MNEMONIC, USERS, Account, dev_accounts
from toolkit.devnet.archive import L1_STATE, Archive
from toolkit.devnet.chain import MINED_SECONDS, Call, Chain
from toolkit.devnet.funding import Budget
from toolkit.devnet.keys import Payer
from toolkit.devnet.networks import Consent, is_known
from toolkit.devnet.nodes import (
    DEV_CHAIN_ID,
    GENESIS_TIMESTAMP,
    HARDFORK,
    NODE_HARDFORKS,
    Node,
    attach,
    check_blobs,
    check_flags,
    check_hardfork,
    check_port,
    no_blobs,
    start_anvil,
    start_hardhat,
)
from toolkit.devnet.process import Child, RunFolder
from toolkit.devnet.rpc import without_secrets
from toolkit.devnet.running import claim
from toolkit.devnet.supervision import Launched, Supervisor
from toolkit.errors import BadInput, L2KitError, NodeError, RpcError, ServiceError
from toolkit.rollup.client import RollupClient
from toolkit.rollup.deploy import BOND_GAS, CHALLENGE_BOND_GAS, RollupContracts, deploy_rollup, find_rollup
from toolkit.rollup.process import ServiceProcess
from toolkit.rollup.technique import RollupAccess
from toolkit.session.archive import PLAN

if TYPE_CHECKING:
    from toolkit.session.channels import Peer
    from toolkit.session.client import Session

ETHER = 10**18
DAY = 24 * 3600

SERVICES = ("sequencer", "proposer", "verifier", "provider")
WATCHTOWER = "watchtower"
CONTRACTS = ("Token", "PaymentChannels", "Inbox", "PaymentsMachine", "Rollup", "Bridge", "Dispute")

TOKEN_SUPPLY = 10**9 * ETHER
TOKENS_EACH = 10_000 * ETHER
NEEDED_EACH = 7_000 * ETHER
"""What every development account must own (wei)."""

TOKEN_PRICE = "0.001"
"""What a DEV token is worth to the liquidity provider (ETH)."""

_PATIENCE_SECONDS = 15.0
"""That the provider leaves to the proposer: much more than that needs."""
_NEVER = 1e9
"""Seconds that a batch waits for more where it is sealed when that is asked for."""
_READY_SECONDS = 30.0
_BONDS = BOND_GAS, CHALLENGE_BOND_GAS
_OWN_DESCRIPTION = "own.json"
"""In the run folder: the description of a devnet that a program has for itself; no command looks for it."""
_ASSERT_SECONDS = 3.0
"""Between two assertions: each costs as much as the batches it speaks of are cheap."""
_LONGEST_WINDOW = 30 * DAY
"""The escape delay, which the challenge window must be below."""
_SLOW_POLL_SECONDS = 4.0
_AT_OTHERS_LEISURE = {"poll_seconds": _SLOW_POLL_SECONDS, "batch_seconds": 30.0, "assert_seconds": 600.0}
"""On a public network, where every call is counted, every transaction costs, and a block takes seconds."""
_PUBLIC_MINED_SECONDS = 900.0
_TOKEN_GAS = 60_000
"""More than a transfer of tokens to a new holder takes."""


@dataclass(frozen=True)
class Options:
    """Where and how a devnet runs.

    Attributes:
        node: "anvil" or "hardhat".
        l1_rpc: URL of a node that already runs, used instead of starting one.
        chain_id: of L1; with ``l1_rpc`` it is checked.
        port: of L1's JSON-RPC; a free one where None.
        l2_port: of the sequencer's JSON-RPC; a free one where None.
        challenge_window: seconds that an assertion can be disputed.
        services: whether sequencer, proposer, verifier and liquidity provider are started.
        repeatable: whether the same actions give the same chain each time. The services then wait to be told when to
            seal a batch (``l2_seal``) and when to assert (``l2_assert``), and none lends money. On Anvil that we start,
            blocks have the same timestamps each time as well.
        batch_data: whether the rollup's batches go to L1 as "calldata", in "blobs", or ("auto") the cheaper way each
            time. A devnet's blobs cost next to nothing, whatever they cost elsewhere.
        hardfork: whose rules L1 follows: "prague", "osaka", or on Hardhat "amsterdam".
        watchtower: whether a watchtower for payment channels is among the services.
        session: the name under which others find the devnet and which no other session has; None: it has none.
        node_flags: further flags for the node that we start, as its own command takes them.
        payer: with ``l1_rpc``: who pays for everything there. All accounts get keys of their own, derived from the
            payer's (`toolkit.devnet.keys`), and money for what they are to do; what is left goes back at the end.
            None: the development accounts must have money there.
        public: it is known that the network of ``l1_rpc`` is a public one.
        real_money: it is known that its money is real.
        fund: with a payer: wei that each user gets beside gas.
        most: with a payer: wei that all of it may take at most; None: whatever it takes.
    """

    node: str = "anvil"
    l1_rpc: str | None = None
    chain_id: int | None = None
    port: int | None = None
    l2_port: int | None = None
    challenge_window: int = 7 * DAY
    services: bool = True
    repeatable: bool = False
    batch_data: str = "calldata"
    hardfork: str = HARDFORK
    watchtower: bool = False
    session: str | None = None
    node_flags: tuple[str, ...] = ()
    payer: Payer | None = None
    public: bool = False
    real_money: bool = False
    fund: int = funding.FUND
    most: int | None = None

    @property
    def consent(self) -> Consent:
        """What was said about the network."""
        return Consent(self.payer is not None, self.public, self.real_money)


@dataclass(frozen=True)
class Service:
    """A service of the rollup, or the watchtower, in a process of its own.

    Attributes:
        url: its JSON-RPC URL; the watchtower's HTTP URL.
        child: the process, with its log.
        ready: the file that is there while it answers.
    """

    url: str
    child: Child
    ready: Path


class Devnet:
    """A devnet for as long as the ``with`` block lasts.

    Attributes:
        options: as given.
        accounts: named accounts with money on L1.
        folder: logs and databases; gone at the end.
        node: the L1 node.
        l1: a client of it.
        contracts: the deployed contracts by name.
        deployment: gas that each contract's deployment used, by the contract's name.
        rollup: the rollup's contracts and genesis.
        services: "sequencer", "proposer", "verifier", "provider" and "watchtower", where they were started.
        access: the rollup as its users reach it, through the services.
        remark: what is different from when it was saved; "" where nothing is.
        say: is told what happens to a payer's money, a sentence each.
        deployed_until: the last block that brought contracts, or the users' tokens; where it was loaded, the last that
            was saved.

    Raises:
        BadInput: an option cannot be used.
        ToolchainError, NodeError, ServiceError: a part did not start.

    Example:
        >>> with Devnet() as devnet:  # doctest: +SKIP
        ...     devnet.l1.send(devnet.accounts["alice"], to=devnet.accounts["bob"].address, value=1)
    """

    folder: RunFolder
    node: Node
    l1: Chain
    contracts: dict[str, Contract]
    deployment: dict[str, int]
    rollup: RollupContracts
    access: RollupAccess
    deployed_until: int
    _budget: Budget

    def __init__(self, options: Options | None = None, saved: Archive | None = None) -> None:
        """
        Args:
            saved: goes on where that devnet was saved, on an Anvil that we start; ``options`` must fit (`fitting`).
        """
        self.options = options or Options()
        self._saved, self.remark = saved, ""
        self.accounts: dict[str, Account] = dev_accounts() if self.options.payer is None else {}
        self.say: Callable[[str], object] = lambda _: None
        self.services: dict[str, Service] = {}
        self._cheat = ""
        self._is_funded = False
        self._stack = ExitStack()

    def __enter__(self) -> Devnet:
        try:
            self._start()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, (NodeError, ServiceError)) and not isinstance(error, RpcError):
                self._blame()
        finally:
            self._stack.close()

    @property
    def hardfork(self) -> str:
        """Whose rules L1 follows; "unknown" where somebody else has started the node."""
        return self.options.hardfork if self.options.l1_rpc is None else "unknown"

    def travel(self, *, days: int = 0, seconds: int = 0) -> int:
        """Move the one clock, L1's, by which every contract and service measures; returns L1's new time (seconds)."""
        return self.node.travel(days * DAY + seconds)

    def _blame(self) -> None:
        """Who does not answer may have ended, and that says more; a process is known to have a moment later."""
        for _ in self.folder.children and range(20):
            self.folder.check_alive()
            time.sleep(0.02)

    def check_alive(self) -> None:
        """Raise NodeError or ServiceError where a part has ended."""
        self.folder.check_alive()
        self.node.check_alive()

    def _start(self) -> None:
        self._check_options()
        options = self.options
        self.folder = self._stack.enter_context(RunFolder())
        if options.session is not None:
            claim(self.folder.path, options.session, [port for port in (options.port, options.l2_port) if port])
        if options.l2_port is not None:
            check_port(options.l2_port)
        self.node = self._start_node()
        self._stack.callback(self.node.stop)
        self.l1 = Chain(
            self.node.url,
            packs_blocks=options.repeatable and self.node.kind == "anvil",
            mined_seconds=_PUBLIC_MINED_SECONDS if self.node.is_public else MINED_SECONDS,
            confirmations=int(is_known(self.node.chain_id) and self.node.is_public),
            chain_id=self.node.chain_id,
        )
        self._stack.callback(self.l1.rpc.close)
        if options.batch_data == "blobs" and not self.l1.gives_blobs():
            raise BadInput(no_blobs(f"the node at {self.node.rpc.shown}"))
        if self._saved is not None:
            self._find(self._saved)
        else:
            if options.payer is None:
                self._check_money()
            else:
                self._fund(options.payer)
            self._deploy()
        self._write_plan()
        if options.services:
            self.start_services()

    def _check_options(self) -> None:
        options = self.options
        if options.l2_port is not None and options.l2_port == options.port:
            raise BadInput(f"L1 and the sequencer cannot both have port {options.port}")
        if options.l1_rpc is not None and (options.port is not None or options.node != "anvil"):
            where = without_secrets(options.l1_rpc)
            raise BadInput(f"the node at {where} already runs: neither another node nor a port can be chosen")
        if options.l1_rpc is not None and options.hardfork != HARDFORK:
            where = without_secrets(options.l1_rpc)
            raise BadInput(f"the node at {where} already runs: its hardfork cannot be chosen")
        if options.l1_rpc is not None and options.node_flags:
            where = without_secrets(options.l1_rpc)
            raise BadInput(f"the node at {where} already runs: it can be given no flags ({options.node_flags[0]})")
        if options.payer is not None and options.l1_rpc is None:
            raise BadInput("a key of your own is for a network that runs already: name it with --l1-rpc")
        if not 0 < options.challenge_window < _LONGEST_WINDOW:
            raise BadInput(f"a challenge window of {options.challenge_window} s is not between 0 and 30 days")
        if options.l1_rpc is None and options.batch_data == "blobs":
            check_blobs(options.node)
        if options.node in NODE_HARDFORKS:
            check_hardfork(options.node, options.hardfork)
            check_flags(options.node, options.node_flags)

    def _start_node(self) -> Node:
        options = self.options
        if options.l1_rpc is not None:
            return _attached(options)
        chain_id = DEV_CHAIN_ID if options.chain_id is None else options.chain_id
        if options.node == "anvil":
            timestamp, seconds = (GENESIS_TIMESTAMP, 1) if options.repeatable else (None, None)
            flags = options.node_flags
            if self._saved is not None:
                state = self._lay(self._saved)
                timestamp, flags = self._saved.manifest.time, (*flags, "--load-state", str(state))
            return start_anvil(
                self.folder,
                port=options.port,
                chain_id=chain_id,
                timestamp=timestamp,
                block_seconds=seconds,
                hardfork=options.hardfork,
                flags=flags,
            )
        if options.node == "hardhat":
            return start_hardhat(
                self.folder,
                port=options.port,
                chain_id=chain_id,
                hardfork=options.hardfork,
                flags=options.node_flags,
            )
        raise BadInput(f"there is no node {options.node!r}; there are anvil and hardhat")

    def _check_money(self) -> None:
        for account in self.accounts.values():
            if self.l1.balance(account.address) < NEEDED_EACH:
                raise BadInput(
                    f"{account.name} ({account.address}) owns less than {NEEDED_EACH // ETHER:,} ETH on "
                    f"{self.node.rpc.shown}; l2kit needs the development accounts of the mnemonic '{DEV_MNEMONIC}'"
                )

    def _fund(self, payer: Payer) -> None:
        """Make the accounts, and give each what it needs."""
        self.accounts = payer.accounts(self.node.chain_id, self.options.session or "")
        self._budget = funding.budget(self.l1, self.accounts, payer.account, _BONDS, self.options.fund)
        self._budget.check(payer.account, self.options.most)
        self._stack.callback(self._sweep, payer)
        self.say(f"giving the session's accounts what they need, from {payer.account.address}")
        funding.fund(self.l1, self.accounts, payer.account, self._budget)
        self._is_funded = True

    def _sweep(self, payer: Payer) -> None:
        """Give the payer back what is left; nothing keeps the end from coming."""
        for child in self.folder.children:  # services, also such as do not answer yet, and peers; L1's node is not ours
            child.kill()  # at once, for whoever ends us does not wait for ever; their databases go as well
        try:
            if not self._is_funded:
                self.l1.settle(payer.account)  # what is on its way to the accounts is to come back as well
            swept = funding.sweep(self.l1, self.accounts, payer.account.address)
        except L2KitError as error:
            self.say(f"what the accounts own could not be sent back: {error}; 'l2kit sweep' does it later")
        else:
            self.say(swept.told(payer.account.address))

    def _deploy(self) -> None:
        deployer = self.accounts["deployer"]
        token, tokens_receipt = self.l1.deploy(deployer, "Token", "Devnet Token", "DEV", TOKEN_SUPPLY)
        channels, channels_receipt = self.l1.deploy(deployer, "PaymentChannels")
        transfers = [
            token.functions.transfer(self.accounts[name].address, TOKENS_EACH) for name in (*USERS, "provider")
        ]
        bonds: dict[str, int] = {}
        if self.options.payer is None:
            for transfer in transfers:
                self.l1.send(deployer, transfer)
        else:  # in one block, if it may be
            data = (self.l1.calldata(transfer) for transfer in transfers)
            self.l1.send_many([Call(deployer, token.address, data=each, gas=_TOKEN_GAS) for each in data], headroom=2)
            bonds = {"bond": self._budget.bond, "challenge_bond": self._budget.challenge_bond}
        self.rollup = deploy_rollup(
            self.l1,
            deployer,
            sequencer=self.accounts["sequencer"].address,
            challenge_window=self.options.challenge_window,
            **bonds,
        )
        self.contracts = {
            "Token": token,
            "PaymentChannels": channels,
            "Inbox": self.rollup.inbox,
            "PaymentsMachine": self.rollup.machine,
            "Rollup": self.rollup.rollup,
            "Bridge": self.rollup.bridge,
            "Dispute": self.rollup.dispute,
        }
        self.deployment = {
            "Token": tokens_receipt["gasUsed"],
            "PaymentChannels": channels_receipt["gasUsed"],
            **self.rollup.deployment,
        }
        self.deployed_until = self.l1.block_number()

    def _lay(self, saved: Archive) -> Path:
        """Put every database where its service will look for it; returns the file with L1's state."""
        folder = self.folder.path
        state = saved.lay(folder)
        for place in saved.places:
            if not (config := folder / place / "config.json").exists():
                config.write_text("{}")  # told when it is started; what it keeps is the devnet's all the same
        move([store for place in saved.places if (store := folder / place / "channels.db").exists()])
        return state

    def _find(self, saved: Archive) -> None:
        """Take up the contracts where they are."""
        manifest = saved.manifest
        latest = self.l1.rpc.call("eth_getBlockByNumber", "latest", False)
        if latest["hash"] != manifest.block_hash:
            raise NodeError(
                f"{self.node.version()} has not become what {manifest.node} was when {saved.file} was written: "
                f"its block {int(latest['number'], 16)} is {latest['hash']}, and not {manifest.block_hash}"
            )
        if self.node.version() != manifest.node:
            self.remark = f"L1's node is {self.node.version()}; when the devnet was saved, it was {manifest.node}"
        (self.folder.path / L1_STATE).unlink()
        self.contracts = {name: self.l1.contract(name, manifest.contracts[name]) for name in CONTRACTS}
        self.deployment = dict(manifest.deployment)
        self.rollup = find_rollup(self.l1, manifest.contracts, manifest.deployed_block, self.deployment)
        self.deployed_until = manifest.block

    def _write_plan(self) -> None:
        """Note what whoever saves the devnet must know of it; see `toolkit.session.archive`."""
        options = self.options
        plan = {
            "hardfork": self.hardfork,
            "chain_id": self.l1.chain_id,
            "challenge_window": options.challenge_window,
            "batch_data": options.batch_data,
            "watchtower": options.watchtower,
            "repeatable": options.repeatable,
            "contracts": {name: contract.address for name, contract in self.contracts.items()},
            "deployment": self.deployment,
            "deployed_block": self.rollup.block,
        }
        (self.folder.path / PLAN).write_text(json.dumps({"keyed": True} if options.payer else plan))

    def kill_services(self) -> None:
        """Kill the services as kill -9 does; their databases stay. `start_services` starts them again."""
        for service in self.services.values():
            service.child.kill()
            service.child.stop()
        self.services = {}

    def forget_services(self) -> None:
        """Kill the services, where they run, and remove their databases: those started next know nothing."""
        self.kill_services()
        for role in (*SERVICES, WATCHTOWER):
            if (data := self.folder.path / role).exists():
                shutil.rmtree(data)

    def start_services(self) -> None:
        """Start sequencer, proposer, verifier and, unless all shall be repeatable, the liquidity provider.

        The watchtower is started with them where the options say so.

        They answer when this returns.
        """
        repeatable = self.options.repeatable
        roles = [role for role in SERVICES if not (repeatable and role == "provider")]
        launched = {role: self._launch(role) for role in [*roles, *([WATCHTOWER] if self.options.watchtower else [])]}
        for each in launched.values():
            each.child.wait_until(each.ready.exists, (4 if self.node.is_public else 1) * _READY_SECONDS, "answer")
        self.services = {
            role: Service(str(json.loads(each.ready.read_text())["url"]), each.child, each.ready)
            for role, each in launched.items()
        }
        self.__dict__.pop("session", None)  # which knows those before
        self.access = RollupAccess(
            self.rollup,
            self._client("sequencer"),
            self._client("verifier"),
            lambda seconds: self.travel(seconds=seconds),
            self.options.challenge_window,
            self._client("proposer") if repeatable else None,
        )

    @cached_property
    def session(self) -> Session:
        """Every verb of the command as a call, about this devnet, for as long as its services are those of now.

        Its channels start the peers that they need. No command finds the devnet by that, other than by the session's
        file (``devnet.session.local.file``).
        """
        from toolkit.bridge.local import Local
        from toolkit.session.client import Session

        if "sequencer" not in self.services:
            raise BadInput("this devnet runs no services, so there is no session to use")
        file = self.folder.path / _OWN_DESCRIPTION
        file.write_text(json.dumps(describe(self)))
        return Session(Local.find(file), self._spawn)

    def start_peer(self, name: str) -> Peer:
        """Start the channel peer of an account, where every part of l2kit finds it; it answers when this returns.

        Where there is a watchtower, it gets every state.

        Raises:
            BadInput: there is no such account, or its peer runs already.
            ServiceError: it does not start.
        """
        return self.session.channels.peer(name)

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        for child in [each for each in self.folder.children if each.name == name and not each.alive]:
            self.folder.forget(child)
        return self.folder.start(name, command, env=environment)

    def provider(self) -> ProviderClient:
        """A client of the liquidity provider, for who does not want to wait for a withdrawal."""
        bridge = bytes.fromhex(self.rollup.bridge.address[2:])
        client = ProviderClient(self.services["provider"].url, chain_id=self.l1.chain_id, bridge=bridge)
        self._stack.callback(client.close)
        return client

    def _client(self, role: str) -> RollupClient:
        machine = bytes.fromhex(self.rollup.machine.address[2:])
        client = _Client(self.services[role].url, chain_id=self.l1.chain_id, machine=machine)
        client.check = self.folder.check_alive
        self._stack.callback(client.close)
        return client

    def cheat(self, how: str) -> None:
        """Have the sequencer that is started next cheat, as `toolkit.rollup.rogue` names it; "" is honest."""
        self._cheat = how

    def supervise(self, *, restart: bool = True) -> Supervisor:
        """Who keeps the services running from now on, each at the URL that it has, as often as it is asked to look.

        Args:
            restart: whether a service that ends is started again; otherwise it stays away.
        """
        services = {role: Launched(service.child, service.ready) for role, service in self.services.items()}
        return Supervisor(self.folder, services, self._again, restart=restart)

    def _again(self, role: str, url: str) -> Launched:
        launched = self._launch(role, urlsplit(url).port or 0)
        self.services[role] = Service(url, launched.child, launched.ready)
        return launched

    def _launch(self, role: str, port: int = 0) -> Launched:
        if role == WATCHTOWER:
            contract = self.contracts["PaymentChannels"].address
            poll = {"poll_seconds": _SLOW_POLL_SECONDS} if self.node.is_public else {}
            config = {**on_l1(self.l1.chain_id, contract, self.node.url), **poll, "port": port}
            return Launched(*launch(self.folder, role, "toolkit.channel.tower", self.accounts[WATCHTOWER].key, config))
        process = self._start_service(role, port)
        return Launched(process.child, process.ready)

    def _start_service(self, role: str, port: int = 0) -> ServiceProcess:
        on_demand = {"seal_on_demand": True, "batch_seconds": _NEVER, "assert_on_demand": True}
        config = {
            "port": port or (self.options.l2_port or 0 if role == "sequencer" else 0),
            "assert_seconds": _ASSERT_SECONDS,
            "batch_data": self.options.batch_data,
            "batch_data_on_demand": True,
            **(_AT_OTHERS_LEISURE if self.node.is_public else {}),
            **(on_demand if self.options.repeatable else {}),
            **(self._lending() if role == "provider" else {}),
            **({"cheat": self._cheat} if role == "sequencer" else {}),
        }
        return self.process(role, role, self.accounts[role], **config)

    def _lending(self) -> dict[str, Any]:
        """How the liquidity provider lends here: at once, where nothing is at risk but a devnet's money."""
        return {
            **({} if self.node.is_public else {"confirmations": 1}),
            "quote_seconds": 3600,
            "patience_seconds": _PATIENCE_SECONDS,
            "prices": {self.contracts["Token"].address: TOKEN_PRICE},
        }

    def process(self, name: str, role: str, account: Account, **config: Any) -> ServiceProcess:
        """Start one more service of the rollup, e.g. a proposer that cheats; it answers once it was waited for.

        Args:
            name: of the process, its folder and its log.
            role: "sequencer", "proposer", "verifier" or "provider".
            account: whose key it signs with.
            config: what it is told beside the rollup's addresses, by the names of `toolkit.rollup.config.Config`.
        """
        where = (self.folder, role, self.rollup, self.node.url, self.l1.chain_id)
        return ServiceProcess(*where, account, config, name=name)


def fitting(saved: Archive, **options: Any) -> Options:
    """The options of a devnet that goes on from an archive.

    Args:
        options: those that may differ: ports, the session, and further flags of the node.

    Raises:
        BadInput: it ran as none can here.
    """
    manifest = saved.manifest
    check_hardfork("anvil", manifest.hardfork)
    if missing := [name for name in CONTRACTS if name not in manifest.contracts]:
        raise BadInput(f"{saved.file} is damaged: it does not say where {missing[0]} is")
    return Options(
        chain_id=manifest.chain_id,
        challenge_window=manifest.challenge_window,
        repeatable=manifest.repeatable,
        batch_data=manifest.batch_data,
        hardfork=manifest.hardfork,
        watchtower=manifest.watchtower,
        **options,
    )


class _Client(RollupClient):
    """A client that does not wait for what a service, which has ended meanwhile, was to do."""

    check: Callable[[], None]

    def call(self, method: str, *params: Any) -> Any:
        self.check()
        return super().call(method, *params)


def survey(options: Options) -> tuple[Node, Budget]:
    """What a payer's session would find and need, before anything is sent; the node is for the caller to stop.

    Raises as `Devnet` does.
    """
    if options.payer is None or options.l1_rpc is None:
        raise BadInput("only a session with a payer, on a network that runs already, needs money")
    node = _attached(options)
    return node, _budget_on(node, options, options.payer)


def _attached(options: Options) -> Node:
    payer, url = options.payer, options.l1_rpc or ""
    costs = None if payer is None else lambda node: _budget_on(node, options, payer).told()
    return attach(url, chain_id=options.chain_id, consent=options.consent, costs=costs)


def _budget_on(node: Node, options: Options, payer: Payer) -> Budget:
    chain = Chain(node.url, chain_id=node.chain_id)
    try:
        accounts = payer.accounts(node.chain_id, options.session or "")
        return funding.budget(chain, accounts, payer.account, _BONDS, options.fund)
    finally:
        chain.rpc.close()
