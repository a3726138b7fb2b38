"""The pytest plugin: every test has a devnet of its own, as far as it can tell.

Fixtures (each is a fresh world; what a test does is undone after it, on every chain and in every service):

    devnet      `toolkit.session.Session`: every verb of the command as a call
    l1          `toolkit.devnet.Chain`: L1
    rollup      `toolkit.rollup.client.RollupClient`: the sequencer
    bridge      the Bridge contract on L1 (web3)
    channels    `toolkit.session.channels.Channels`: payment channels, whose peers start when they are first needed
    accounts    `toolkit.devnet.Account` by name: alice, bob, carol, ...

Markers ``l2kit_node("hardhat")`` and ``l2kit_hardfork("prague")``, options ``--l2kit-node`` and ``--l2kit-hardfork``,
and the ini values ``l2kit_node`` and ``l2kit_hardfork`` choose what the devnet runs on. One devnet of each kind is
started when a test first asks for it, and kept for the whole session (of each worker of pytest-xdist).

Nothing heavy is imported here: who asks for none of these fixtures does not wait for any of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from toolkit.errors import L2KitError

if TYPE_CHECKING:
    from web3.contract import Contract

    from toolkit.devnet import Account, Chain
    from toolkit.pytest_plugin.worlds import Visit, Worlds
    from toolkit.rollup.client import RollupClient
    from toolkit.session import Session
    from toolkit.session.channels import Channels

FIXTURES = frozenset({"devnet", "l1", "rollup", "bridge", "channels", "accounts"})
SECTION = "l2kit services"
"""Of the report of a test that failed: what the services have logged during it."""

_VISIT = pytest.StashKey["Visit"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("l2kit", "l2kit: a devnet for every test")
    group.addoption("--l2kit-node", metavar="NODE", help="L1's node: anvil or hardhat [default: anvil].")
    group.addoption("--l2kit-hardfork", metavar="NAME", help="Whose rules L1 follows: prague, osaka [default], ...")
    parser.addini("l2kit_node", "L1's node: anvil or hardhat", default="anvil")
    parser.addini("l2kit_hardfork", "whose rules L1 follows: prague, osaka, amsterdam", default="osaka")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", 'l2kit_node(name): the devnet\'s L1 is that node: "anvil" or "hardhat"')
    # Of what web3 imports: neither the tests' nor ours.
    config.addinivalue_line("filterwarnings", "ignore:websockets.legacy is deprecated:DeprecationWarning")
    config.addinivalue_line("markers", 'l2kit_hardfork(name): its L1 follows these rules: "prague", "osaka", ...')


@pytest.fixture(scope="session")
def _l2kit_worlds(pytestconfig: pytest.Config) -> Iterator[Worlds]:
    """The devnets of this session, by what they run on."""
    from toolkit.pytest_plugin.worlds import Worlds

    worlds = Worlds()
    pytestconfig.add_cleanup(worlds.close)  # also where pytest ends without taking fixtures down
    yield worlds
    worlds.close()


@pytest.fixture
def _l2kit_visit(_l2kit_worlds: Worlds, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A devnet for one test, in its initial state; back in that after it."""
    wanted = [_wanted(request, what) for what in ("node", "hardfork")]
    visit, trouble = None, ""
    try:
        visit = _l2kit_worlds.visit(*wanted)
    except L2KitError as error:
        trouble = str(error)
    if visit is None:  # told outside of the handler, so that it is a sentence, and no chain of tracebacks
        pytest.fail(f"l2kit: {trouble}", pytrace=False)
    request.node.stash[_VISIT] = visit
    yield visit
    try:
        visit.end()
    except L2KitError as error:
        trouble = str(error)
    if trouble:
        pytest.fail(f"l2kit: the devnet is lost, and the next test gets another: {trouble}", pytrace=False)


@pytest.fixture
def devnet(_l2kit_visit: Visit) -> Session:
    """The devnet: every verb of the ``l2kit`` command as a call."""
    return _l2kit_visit.world.session


@pytest.fixture
def l1(_l2kit_visit: Visit) -> Chain:
    """L1: transactions, receipts, contracts."""
    return _l2kit_visit.world.devnet.l1


@pytest.fixture
def rollup(_l2kit_visit: Visit) -> RollupClient:
    """The rollup as its users reach it: the sequencer's client."""
    return _l2kit_visit.world.devnet.access.sequencer


@pytest.fixture
def bridge(_l2kit_visit: Visit) -> Contract:
    """The Bridge contract on L1; `toolkit.bridge.client` has its calls."""
    return _l2kit_visit.world.devnet.contracts["Bridge"]


@pytest.fixture
def channels(devnet: Session) -> Channels:
    """Payment channels; an account's peer is started, as a process, when it is first needed."""
    return devnet.channels


@pytest.fixture
def accounts(_l2kit_visit: Visit) -> dict[str, Account]:
    """The devnet's accounts by name, with money on L1 and with their keys, which everybody knows."""
    return dict(_l2kit_visit.world.devnet.accounts)


def _wanted(request: pytest.FixtureRequest, what: str) -> str:
    """What a test's devnet runs on: its marker's, else the option's, else the ini file's."""
    marker = request.node.get_closest_marker(f"l2kit_{what}")
    if marker is None:
        option: str | None = request.config.getoption(f"--l2kit-{what}")
        return option or str(request.config.getini(f"l2kit_{what}"))
    if len(marker.args) != 1 or marker.kwargs or not isinstance(marker.args[0], str):
        pytest.fail(
            f"l2kit: the marker l2kit_{what} takes one name, as in l2kit_{what}({_EXAMPLE[what]})", pytrace=False
        )
    return str(marker.args[0])


_EXAMPLE = {"node": '"hardhat"', "hardfork": '"prague"'}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Isolate every example of a test that hypothesis runs."""
    visit = item.stash.get(_VISIT, None)
    function: Any = getattr(item, "obj", None)
    if visit is None or not hasattr(function, "hypothesis"):
        return (yield)
    from toolkit.pytest_plugin.examples import isolating

    with isolating(item, function, visit.world.session):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the services have logged during the test."""
    report = yield
    visit = item.stash.get(_VISIT, None)
    if visit is not None and report.failed and (said := visit.said()):
        report.sections.append((SECTION, said))
    return report
