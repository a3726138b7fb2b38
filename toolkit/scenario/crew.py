"""The services of a scenario: processes that are started, spoken to, waited for and killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from toolkit.bridge.provider_client import ProviderClient
from toolkit.errors import ServiceError
from toolkit.rollup.client import RollupClient
from toolkit.rollup.process import ServiceProcess
from toolkit.technique.meter import CheckFailed
from toolkit.world import Devnet

PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Pace:
    """How quickly the services work; nothing of it is a rule of the protocol.

    Attributes:
        poll_seconds, batch_seconds, assert_seconds: as of `toolkit.rollup.config.Config`.
    """

    poll_seconds: float = 0.05
    batch_seconds: float = 0.1
    assert_seconds: float = 0.1


class Crew:
    """Services on a devnet that has none of its own; each by its role, with that role's key.

    Attributes:
        devnet: where they run.
    """

    def __init__(self, devnet: Devnet, pace: Pace | None = None) -> None:
        self.devnet, self._pace = devnet, pace or Pace()
        self._services: dict[str, ServiceProcess] = {}
        self._clients: dict[str, RollupClient] = {}
        self._provider: ProviderClient | None = None

    def start(self, *roles: str, **config: Any) -> None:
        """Start services; whoever speaks to one waits until it answers.

        Args:
            config: beside the pace, as of `toolkit.rollup.config.Config`; with ``cheat`` they are dishonest.
        """
        settings = {**asdict(self._pace), "batch_data": self.devnet.options.batch_data, **config}
        for role in roles:
            self._services[role] = self.devnet.process(role, role, self.devnet.accounts[role], **settings)

    def client(self, role: str) -> RollupClient:
        """What speaks to a service that was started."""
        if role not in self._clients:
            machine = bytes.fromhex(self.devnet.rollup.machine.address[2:])
            url = self._services[role].wait()
            self._clients[role] = RollupClient(url, chain_id=self.devnet.l1.chain_id, machine=machine)
        return self._clients[role]

    def provider(self) -> ProviderClient:
        """What speaks to the liquidity provider that was started."""
        if self._provider is None:
            bridge = bytes.fromhex(self.devnet.contracts["Bridge"].address[2:])
            url = self._services["provider"].wait()
            self._provider = ProviderClient(url, chain_id=self.devnet.l1.chain_id, bridge=bridge)
        return self._provider

    def kill(self, *roles: str) -> None:
        """Kill services as kill -9 does."""
        for role in roles:
            child = self._services[role].child
            child.kill()
            if (ending := child.ending()) != "killed by signal 9":
                raise CheckFailed(f"the {role} was to be killed, and has ended otherwise: {ending}")
            self._end(role)

    def stop(self) -> None:
        """End the services that still run."""
        for role in list(self._services):
            self._end(role)
        if self._provider is not None:
            self._provider.close()

    def _end(self, role: str) -> None:
        self._services.pop(role).child.stop()
        if role in self._clients:
            self._clients.pop(role).close()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition. Raises ServiceError where it does not come, or where a service has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.devnet.folder.check_alive()
            if time.monotonic() > deadline:
                raise ServiceError(f"waited {PATIENCE_SECONDS:g} s in vain for {what}")
            time.sleep(_POLL_SECONDS)

    def wait(self, condition: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Wait until the verifier's status is so."""
        client = self.client("verifier")
        self.until(lambda: condition(client.status()), what)
