"""Services that are kept running: who ends is started again, later each time, and what was seen of it is kept.

The owner of the devnet calls `Supervisor.tick` again and again; `services.json` in the run folder says how each service
is, for whoever asks beside the owner.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.devnet.process import Child, RunFolder

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
        state: "running", "starting", "waiting" (to be started again) or "ended" (for good).
        since: it is in that state (Unix time, seconds).
        restarts: how often it was started again.
        reason: why it ended last, "" where it never has.
        pause: that comes before the next start (seconds).
        mark: when it came into its state, by the supervisor's clock (seconds).
    """

    launched: Launched
    url: str
    pid: int
    state: str
    since: float
    mark: float
    restarts: int = 0
    reason: str = ""
    pause: float = FIRST_PAUSE_SECONDS


class Supervisor:
    """Keeps the services of a run folder running.

    Args:
        folder: of the devnet.
        services: those that run and answer, by name.
        launch: starts the one of that name again, at the URL that it had.
        restart: whether it does; otherwise who ends stays so, and the others go on.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        folder: RunFolder,
        services: Mapping[str, Launched],
        launch: Callable[[str, str], Launched],
        *,
        restart: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._launch, self._restart, self._clock = folder, launch, restart, clock
        now, mark = time.time(), clock()
        self._watched = {}
        for name, launched in services.items():
            ready = json.loads(launched.ready.read_text())
            self._watched[name] = _Watched(launched, str(ready["url"]), int(ready["pid"]), "running", now, mark)
        self._write()

    def standing(self) -> dict[str, dict[str, Any]]:
        """Every service: state, url, pid (None where it has none), since (Unix seconds), restarts, reason."""
        return {
            name: {
                "state": each.state,
                "url": each.url,
                "pid": each.pid if each.state == "running" else None,
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

    def _look(self, name: str, each: _Watched) -> str:
        past = self._clock() - each.mark
        if each.state == "ended":
            return ""
        if each.state == "waiting":
            if past < each.pause:
                return ""
            each.pause = min(2 * each.pause, MOST_PAUSE_SECONDS)
            each.restarts += 1
            each.launched = self._launch(name, each.url)
            return self._now(each, "starting", "")
        child = each.launched.child
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
