"""Services that are kept running: who ends is started again, later each time, and what was seen of it is kept.

The owner of the devnet calls `Supervisor.tick` again and again; `services.json` in the run folder says how each service
is, for whoever asks beside the owner. What the owner has broken on purpose stays so until it says otherwise.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.devnet.process import Child, RunFolder
from toolkit.errors import BadInput

STANDING = "services.json"
"""In the run folder: how each service is, as `Supervisor.standing` tells."""
FIRST_PAUSE_SECONDS = 0.25
MOST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""After which a service that runs counts as well again: its next pause is the first one."""
_ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Launched:
    """A service that was started and will answer.

    Attributes:
        child: the process, with its log.
        ready: the file that is there once it answers, with its "url" and "pid".
    """

    child: Child
    ready: Path


@dataclass
class _Watched:
    """One service.

    Attributes:
        state: "running", "starting", "waiting" (to be started again), "ended" (for good), "stopping" (to be started
            again at once), and on purpose "vanished" or "offline".
        since: it is in that state (Unix time, seconds).
        restarts: how often it was started again.
        reason: why it ended last, "" where it never has.
        pause: that comes before the next start (seconds).
        mark: when it came into its state, by the supervisor's clock (seconds).
    """

    launched: Launched
    url: str
    pid: int
    launch: Launch
    state: str
    since: float
    mark: float
    restarts: int = 0
    reason: str = ""
    pause: float = FIRST_PAUSE_SECONDS


Launch = Callable[[str, str], Launched]
"""Starts the service of that name again, at the URL that it had."""


class Supervisor:
    """Keeps the services of a run folder running.

    Args:
        folder: of the devnet.
        services: those that run and answer, by name.
        launch: of these.
        restart: whether it does; otherwise who ends stays so, and the others go on.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        folder: RunFolder,
        services: Mapping[str, Launched],
        launch: Launch,
        *,
        restart: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._restart, self._clock = folder, restart, clock
        self._watched: dict[str, _Watched] = {}
        for name, launched in services.items():
            self._add(name, launched, launch)
        self._write()

    def add(self, name: str, launched: Launched, launch: Launch) -> None:
        """Keep one more service running, which answers by now; its ready file may have host and port for a URL."""
        self._add(name, launched, launch)
        self._write()

    def _add(self, name: str, launched: Launched, launch: Launch) -> None:
        ready = json.loads(launched.ready.read_text())
        url, pid = ready.get("url") or f"{ready['host']}:{ready['port']}", int(ready["pid"])
        self._watched[name] = _Watched(launched, str(url), pid, launch, "running", time.time(), self._clock())

    def standing(self) -> dict[str, dict[str, Any]]:
        """Every service: state, url, pid (None where it has none), since (Unix seconds), restarts, reason."""
        return {
            name: {
                "state": each.state,
                "url": each.url,
                "pid": each.pid if each.state in ("running", "offline") else None,
                "since": each.since,
                "restarts": each.restarts,
                "reason": each.reason or None,
            }
            for name, each in self._watched.items()
        }

    def tick(self) -> list[str]:
        """See who has ended, and start who is due; returns what there is to say, a sentence each."""
        before = self.standing()
        said = [sentence for name, each in self._watched.items() if (sentence := self._look(name, each))]
        if self.standing() != before:
            self._write()
        return said

    # --- on purpose ---

    @property
    def names(self) -> list[str]:
        """The services."""
        return list(self._watched)

    def state(self, name: str) -> str:
        """Of a service; see `standing`."""
        return self._watched[name].state

    def vanish(self, name: str) -> None:
        """Kill a service as kill -9 does; it stays away until `bring_back`, and so do its files."""
        each = self._watched[name]
        if each.state not in ("waiting", "ended", "vanished"):  # whose process is forgotten already
            each.launched.child.kill_on_purpose()
            self._folder.forget(each.launched.child)
        self._change(each, "vanished")

    def take_offline(self, name: str) -> None:
        """Have a service stand still with all that it has in memory (SIGSTOP), until `bring_back`.

        Raises:
            BadInput: it does not run.
        """
        each = self._watched[name]
        if each.state == "offline":
            return
        if each.state != "running" or not each.launched.child.alive:
            raise BadInput(f"{name} does not run at the moment, so that it cannot be taken offline: it is {each.state}")
        each.launched.child.freeze()
        self._change(each, "offline")

    def bring_back(self, name: str) -> None:
        """Let a service run that does not: at once, and with the first pause where it should end again."""
        each = self._watched[name]
        each.pause = FIRST_PAUSE_SECONDS
        if each.state == "offline":
            each.launched.child.thaw()
            self._change(each, "running")
        elif each.state in ("vanished", "waiting", "ended"):
            self._start(name, each)

    def start_anew(self, name: str) -> None:
        """End a service and start it again, as it is launched by now.

        Raises:
            BadInput: it was broken on purpose.
        """
        each = self._watched[name]
        if each.state in ("offline", "vanished"):
            raise BadInput(f"{name} is {each.state}, on purpose: bring it back first ('l2kit heal {name}')")
        if each.state in ("waiting", "ended"):
            self._start(name, each)
        elif each.state != "stopping":
            each.launched.child.begin_stop()
            self._change(each, "stopping")

    def _start(self, name: str, each: _Watched) -> None:
        each.launched = each.launch(name, each.url)
        self._change(each, "starting")

    def _change(self, each: _Watched, state: str) -> None:
        self._now(each, state, "")
        self._write()

    # --- by themselves ---

    def _look(self, name: str, each: _Watched) -> str:
        past = self._clock() - each.mark
        if each.state in ("ended", "vanished"):
            return ""
        if each.state == "waiting":
            if past < each.pause:
                return ""
            each.pause = min(2 * each.pause, MOST_PAUSE_SECONDS)
            each.restarts += 1
            self._start(name, each)
            return ""
        child = each.launched.child
        if each.state == "stopping":
            if not child.alive:
                self._folder.forget(child)
                self._start(name, each)
            return ""
        if each.state == "offline":
            if child.alive:
                return ""
            each.reason = child.ending()
            self._folder.forget(child)
            return self._now(each, "vanished", f"{name} has ended ({each.reason}) while it was offline")
        if each.state == "starting" and child.alive:
            if each.launched.ready.exists():
                each.pid = int(json.loads(each.launched.ready.read_text())["pid"])
                return self._now(each, "running", f"{name} runs again, at {each.url}")
            if past > _ANSWER_SECONDS:
                child.kill()
                return self._ended(name, each, f"no answer within {_ANSWER_SECONDS:g} s")
        if not child.alive:
            return self._ended(name, each, child.ending())
        if each.state == "running" and past > STEADY_SECONDS:
            each.pause = FIRST_PAUSE_SECONDS
        return ""

    def _ended(self, name: str, each: _Watched, reason: str) -> str:
        self._folder.forget(each.launched.child)
        each.reason = reason
        if not self._restart:
            return self._now(each, "ended", f"{name} has ended ({reason}); the devnet goes on without it")
        return self._now(each, "waiting", f"{name} has ended ({reason}); it is started again in {each.pause:g} s")

    def _now(self, each: _Watched, state: str, said: str) -> str:
        each.state, each.since, each.mark = state, time.time(), self._clock()
        return said

    def _write(self) -> None:
        half = self._folder.path / f"{STANDING}.new"
        half.write_text(json.dumps(self.standing()))
        half.replace(self._folder.path / STANDING)
