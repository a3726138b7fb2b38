"""Every verb of the command that is about a running devnet is a call of the library, of the same name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import click
import pytest

from toolkit import Devnet, session
from toolkit.bridge.standing import Stage
from toolkit.channel.local import Local
from toolkit.cli.main import COMMANDS, cli
from toolkit.description import describe
from toolkit.errors import BadInput, ServiceError
from toolkit.session import Session, attach
from toolkit.session.channels import Channels

ETHER = 10**18
STARTS = {"up", "load"}
"""What begins a session, so that there is none yet that could be asked."""
APART = {"rebuild", "sweep"}
"""They work without a devnet that runs: `toolkit.rollup.rebuild`, and `session.sweep`."""


def commands() -> Iterator[tuple[str, ...]]:
    """The words of every command that takes the name of a session."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        parts = command.commands if isinstance(command, click.Group) else {"": command}
        for part, each in parts.items():
            if each is not None and "session" in {option.name for option in each.params}:
                yield tuple(filter(None, (name, part.replace("-", "_"))))


def test_every_command_about_a_session_is_a_call_of_it() -> None:
    found = {words for words in commands() if not {*words} & (STARTS | APART)}
    assert {("status",), ("down",), ("snapshot",), ("channel", "pay"), ("channel", "top_up")} <= found
    for words in found:
        has = Channels if words[0] == "channel" else Session
        assert callable(getattr(has, words[-1], None)), f"'l2kit {' '.join(words)}' is no call of {has.__name__}"
    assert {words[0] for words in commands()} >= STARTS | APART
    assert callable(session.load) and callable(session.sweep)


@pytest.fixture(scope="module")
def apart(devnet: Devnet, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The devnet from outside, with a folder for channels of its own."""
    folder = tmp_path_factory.mktemp("verbs")
    file = folder / "devnet.json"
    file.write_text(json.dumps({**describe(devnet), "folder": str(folder)}))
    return attach(file)


def test_channels_from_the_first_payment_to_the_last(devnet: Devnet, apart: Session) -> None:
    channels, own = apart.channels, list(apart.accounts())
    erin, frank = (next(each for each in own if each.name == name) for name in ("erin", "frank"))
    with pytest.raises(ServiceError, match="no peer of frank runs"):
        channels.open("erin", "frank", ETHER)
    tower = channels.tower()
    running = [channels.peer(each) for each in (erin, "frank", "grace")]
    assert running[0].towers == (f"http://{tower.address}",)
    assert running[1].address == Local.find(apart.local.file).listening("frank")
    with pytest.raises(BadInput, match=rf"frank's peer runs already, at {running[1].address}"):
        channels.peer(frank)
    with pytest.raises(BadInput, match=r"the amount 1000000001 is no multiple of 1000000000 above zero"):
        channels.open(erin, frank, 10**9 + 1)

    opened = channels.open(erin, frank, ETHER, hours=2)
    assert (opened.said, 0 < opened.gas < 50_000) == ("opened with 1 ETH", True)
    assert channels.pay("erin", frank, ETHER // 100, count=50).nonce == 50
    (hers,), (his,) = channels.list("erin"), channels.list(frank)
    assert (hers.id, hers.balance, hers.theirs, hers.nonce) == (opened.channel, ETHER // 2, ETHER // 2, 50)
    assert (his.balance, his.counterparty, his.on_l1, his.is_connected) == (
        ETHER // 2,
        erin.address_bytes,
        "open",
        True,
    )
    assert channels.top_up("frank", "erin", ETHER).said == "topped up by 1 ETH"
    assert channels.withdraw("frank", opened.channel[:10], ETHER // 2).said == "withdrew 0.5 ETH"

    channels.open("frank", "grace", ETHER)
    over = channels.pay(erin, "grace", ETHER // 10, via=[frank])
    assert (over.payments, len(over.proof), len(over.hash), over.nonce) == (1, 66, 66, None)
    assert len(channels.invoice("grace", ETHER)) == 66
    assert channels.find_channel("grace", frank).balance == ETHER // 10

    before = apart.balance("erin", layer="l1")
    assert channels.close("frank", "erin").said == "closed together"
    channels.wait_settled("erin", "frank")
    left = apart.balance("erin", layer="l1") - before
    assert left == ETHER // 2 - ETHER // 10 - ETHER // 10_000, "the fee of the hop"
    alone = channels.close("grace", "frank", alone=True)
    assert (alone.said, channels.find_channel("grace", "frank").on_l1) == ("close alone", "closing")
    for each in (tower, *running):
        each.stop()
    with pytest.raises(ServiceError, match="no peer of erin runs"):
        channels.list("erin")


def test_a_peer_of_a_devnet_of_our_own_is_found_by_everybody(devnet: Devnet) -> None:
    peer = devnet.start_peer("heidi")
    try:
        found = Local.find(devnet.session.local.file)
        assert (found.runs("heidi"), found.listening("heidi")) == (True, peer.address)
        assert peer.towers == ((devnet.services["watchtower"].url,) if "watchtower" in devnet.services else ())
        assert "peer-heidi" in devnet.session.logs()
        with pytest.raises(BadInput, match="there is no account 'nobody'"):
            devnet.start_peer("nobody")
    finally:
        peer.stop()
    assert not found.runs("heidi")
    devnet.check_alive()
    assert devnet.start_peer("heidi").address
    devnet.folder.children[-1].stop()


def test_a_peer_has_seen_the_time_when_travel_returns(devnet: Devnet) -> None:
    peer, warned = devnet.start_peer("grace"), list[str]()
    now = devnet.session.travel(hours=1, warn=warned.append)
    with closing(Local.find(devnet.session.local.file).control("grace")) as control:
        assert control.ask("time")["time"] >= now
    assert not warned
    peer.child.kill()
    peer.stop()
    devnet.session.travel(seconds=1, warn=warned.append)
    assert warned == ["the channel peer of grace does not answer, so it has not seen the time yet"]
    devnet.start_peer("grace").stop()  # leaves no socket
    warned.clear()
    devnet.session.travel(seconds=1, warn=warned.append)
    assert not warned


def test_where_something_is_and_how_the_session_is(devnet: Devnet) -> None:
    own = devnet.session
    made = own.deposit("carol", ETHER)
    (standing,) = own.status(made.subject.id)
    assert (standing.stage, standing.subject.amount) == (Stage.CREDITED, ETHER)
    found = own.status()
    assert (found["folder"], found["l1"]["chain_id"]) == (str(devnet.folder.path), devnet.l1.chain_id)
    assert set(found["services"]) == set(devnet.services)
    with pytest.raises(BadInput, match="L1 knows no deposit or withdrawal"):
        own.status("0x" + "11" * 32)


def test_logs_are_told_by_name_and_followed(devnet: Devnet) -> None:
    own, log = devnet.session, devnet.services["verifier"].child.log
    lines = log.read_text().splitlines()
    assert own.logs("verifier", lines=1)["verifier"][0] in lines
    assert set(own.logs()) >= {"anvil", *devnet.services}
    followed = own.follow("verifier", lines=1)
    assert next(followed)[0] == "verifier"
    with log.open("a") as more:
        more.write("one more\n")
    assert ("verifier", "one more") in islice(followed, 100)
    with pytest.raises(BadInput, match="there is no log 'geth'; there are anvil"):
        own.logs("geth")


def test_nobody_escapes_from_a_rollup_in_which_they_have_nothing(apart: Session) -> None:
    with pytest.raises(BadInput, match=r"nothing of 0x2{40}'s is in the last state"):
        apart.escape("0x" + "22" * 20, "heidi")


def test_only_who_keeps_a_devnet_ends_it(apart: Session) -> None:
    with pytest.raises(BadInput, match="whoever has started it ends it"):
        apart.down()


def test_a_devnet_without_services_has_no_session() -> None:
    with pytest.raises(BadInput, match="this devnet runs no services"):
        _ = Devnet().session
