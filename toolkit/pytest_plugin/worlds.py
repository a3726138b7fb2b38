"""The devnets of a test session, and the visits that tests pay to them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from toolkit.devnet.hold import SOCKET
from toolkit.devnet.logs import after
from toolkit.devnet.sockets import connected
from toolkit.errors import L2KitError, ServiceError
from toolkit.session.keeper import Keeper
from toolkit.world import Devnet, Options

_MOST_LINES = 20
"""Of each log that a failing test shows."""
_BACK_SECONDS = 60.0
"""How long a service that a test has ended may take to run again."""
_POLL_SECONDS = 0.01


class World:
    """A devnet that runs for a whole test session, kept going as ``l2kit up`` does.

    Attributes:
        devnet: with all its services.
        session: of it, whose channels start the peers that they need.
        told: what its keeper has said so far, in sentences.
    """

    def __init__(self, node: str, hardfork: str) -> None:
        self._stack = ExitStack()
        self.told: list[str] = []
        try:
            options = Options(node=node, hardfork=hardfork, watchtower=True)
            self.devnet = self._stack.enter_context(Devnet(options))
            self.session = self.devnet.session
            self._keeper = self._stack.enter_context(Keeper(self.devnet, self.told.append).background())
        except BaseException:
            self.close()
            raise

    def mend(self) -> None:
        """Have every service run that was started with the devnet, and forget the peers that have ended.

        Raises:
            ServiceError: one does not come back.
        """
        deadline = time.monotonic() + _BACK_SECONDS
        supervisor = self._keeper.supervisor
        while away := [name for name in supervisor.names if not self._answers(name)]:
            if time.monotonic() > deadline:
                raise ServiceError(f"{away[0]} is not back within {_BACK_SECONDS:g} s")
            if any(supervisor.state(name) != "running" for name in away):
                self.session.heal()
            else:
                time.sleep(_POLL_SECONDS)  # its supervisor will have seen that it has ended in a moment
        for child in [each for each in self.devnet.folder.children if not each.alive]:
            self.devnet.folder.forget(child)  # a peer's, which starts again when it is needed

    def _answers(self, name: str) -> bool:
        """Whether a service listens; what it has promised to do, it does."""
        try:
            connected(self.devnet.folder.path / name / SOCKET, _BACK_SECONDS).close()
        except OSError:
            return False
        return True

    def logs(self) -> dict[str, Path]:
        """The log of every process but L1's node, which logs every question, by its name."""
        node = self.devnet.node.kind
        return {child.name: child.log for child in list(self.devnet.folder.children) if child.name != node}

    def close(self) -> None:
        """End it, whatever has become of it."""
        with suppress(L2KitError):  # its node has ended, and whoever was to hear of that has
            self._stack.close()


class Visit:
    """A test's time in a world, of which nothing is left afterwards.

    Attributes:
        world: which.
    """

    def __init__(self, world: World, worlds: Worlds) -> None:
        self.world, self._worlds = world, worlds
        self._anchor = ExitStack()
        self._anchor.enter_context(world.session.anchor())
        self._marks = {name: log.stat().st_size for name, log in world.logs().items()}
        self._told = len(world.told)
        self._last: str | None = None

    def said(self) -> str:
        """The last lines that each process has logged during the visit, and what happened to any."""
        if self._last is not None:
            return self._last
        lines = [f"{'l2kit':<10}  {each}" for each in self.world.told[self._told :]]
        for name, log in self.world.logs().items():
            lines += [f"{name:<10}  {line}" for line in _tail(log, self._marks.get(name, 0))]
        return "\n".join(lines)

    def end(self) -> None:
        """Bring the world back to where it was; where that cannot be, it is ended, and the next visit has another.

        Raises:
            L2KitError: that was so.
        """
        try:
            self.world.devnet.node.check_process()
            self._anchor.close()
            self.world.mend()
        except BaseException:
            self._last = self.said()  # before the logs are gone
            self._worlds.forget(self.world)
            raise


class Worlds:
    """The devnets of a test session, by node and hardfork; each is started when it is first visited."""

    def __init__(self) -> None:
        self._worlds: dict[tuple[str, str], World] = {}
        self._refused: dict[tuple[str, str], L2KitError] = {}

    def visit(self, node: str, hardfork: str) -> Visit:
        """Begin a visit.

        Raises:
            L2KitError: there is no such devnet, or it does not start; it is not tried again then.
        """
        key = node, hardfork
        if key in self._refused:
            raise self._refused[key]
        if key not in self._worlds:
            try:
                self._worlds[key] = World(node, hardfork)
            except L2KitError as error:
                self._refused[key] = error
                raise
        try:
            return Visit(self._worlds[key], self)
        except BaseException:
            self.forget(self._worlds[key])
            raise

    def forget(self, world: World) -> None:
        """End a devnet that is of no more use."""
        self._worlds = {key: each for key, each in self._worlds.items() if each is not world}
        world.close()

    def close(self) -> None:
        """End all."""
        for world in list(self._worlds.values()):
            self.forget(world)


def _tail(log: Path, start: int) -> Sequence[str]:
    lines, _ = after(log, start)
    return lines[-_MOST_LINES:]
