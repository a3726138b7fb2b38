"""Who keeps a devnet going: what ``l2kit up`` does once everything answers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from toolkit.devnet.owner import SOCKET, Listener, Obey, Work
from toolkit.errors import BadInput, L2KitError
from toolkit.session.breaker import Breaker

if TYPE_CHECKING:
    from toolkit.world import Devnet

_WATCH_SECONDS = 0.2


class Keeper:
    """Supervises the services of a devnet, breaks on purpose what it is told to, and answers at ``up.sock``.

    It has no thread of its own: `step` is called again and again, or `background` does that beside other work.

    Args:
        devnet: that runs.
        tell: is told, for people, what happens.
        restart: whether a service that ends by itself is started again.

    Attributes:
        supervisor: of the services.
        breaker: what is broken.
        commands: what can be asked for at the socket, by name; more may be added.
    """

    def __init__(self, devnet: Devnet, tell: Callable[[str], object], *, restart: bool = True) -> None:
        self._devnet, self._tell = devnet, tell
        self.supervisor = devnet.supervise(restart=restart)
        folder = devnet.folder.path
        self.breaker = Breaker(folder, devnet.node, self.supervisor, devnet.cheat, devnet.deployed_until, tell)
        self.commands: dict[str, Obey] = dict.fromkeys(("fault", "heal", "faults"), self.breaker.obey)
        self._listener = Listener(folder / SOCKET, self._obey)

    def step(self, seconds: float = _WATCH_SECONDS) -> None:
        """Do what is asked for so long, and see to what has happened meanwhile.

        Raises:
            NodeError: L1's node has ended, or does not answer.
        """
        self._listener.wait(seconds)
        self.breaker.tick()
        if self.breaker.l1_is_down:
            self._devnet.node.check_process()
        else:
            self._devnet.node.check_alive()
        for sentence in self.supervisor.tick():
            self._tell(sentence)

    def close(self) -> None:
        """Answer no more."""
        self._listener.close()

    @contextlib.contextmanager
    def background(self) -> Iterator[Keeper]:
        """Keep it in a thread, until the end of the ``with`` block. Raises there what `step` has raised."""
        stop, failed = threading.Event(), list[L2KitError]()

        def keep() -> None:
            try:
                while not stop.is_set():
                    self.step(0.05)
            except L2KitError as error:
                failed.append(error)
            finally:
                self.close()

        thread = threading.Thread(target=keep, name="keeper")
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()
        if failed:
            raise failed[0]

    def _obey(self, command: dict[str, Any]) -> Work:
        if command["do"] not in self.commands:
            raise BadInput(f"there is no command {command['do']!r}; there are {', '.join(self.commands)}")
        return self.commands[command["do"]](command)
