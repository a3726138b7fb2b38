"""Tests that hypothesis runs: each of their examples sees the devnet as the test's fixtures have left it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction, signature
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from toolkit.errors import L2KitError
from toolkit.pytest_plugin.fixtures import FIXTURES
from toolkit.session import Session


@contextmanager
def isolating(item: pytest.Item, function: Any, session: Session) -> Iterator[None]:
    """Undo every example of the test ``function`` after it, as long as the ``with`` block lasts.

    hypothesis refuses tests with fixtures of a function's scope, since they are not made anew for each example, and
    examples that take long. Ours are as good as new, and a devnet takes its time; other fixtures it refuses as before.
    """
    handle = function.hypothesis
    inner, plain = handle.inner_test, getattr(function, "__func__", function)
    usual = settings()
    before: settings = getattr(plain, _SETTINGS, usual)
    names = {name for name in signature(plain).parameters if _scope(item, name) == "function"}
    refused = set(before.suppress_health_check)
    if names <= FIXTURES:
        refused.add(HealthCheck.function_scoped_fixture)
    deadline = None if before.deadline == usual.deadline else before.deadline

    anchored = _Anchored(session)

    @functools.wraps(inner)
    def isolated(*args: Any, **given: Any) -> Any:
        with anchored.example():
            return inner(*args, **given)

    @functools.wraps(inner)
    async def isolated_later(*args: Any, **given: Any) -> Any:  # another plugin will run it
        with anchored.example():
            return await inner(*args, **given)

    handle.inner_test = isolated_later if iscoroutinefunction(inner) else isolated
    setattr(plain, _SETTINGS, settings(before, deadline=deadline, suppress_health_check=refused))
    try:
        yield
    finally:
        handle.inner_test = inner
        setattr(plain, _SETTINGS, before)


class _Anchored:
    """Examples that are undone; none any more once the devnet could not be brought back.

    hypothesis would look for a smaller one for which it cannot, and wait for each of them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lost: L2KitError | None = None

    @contextmanager
    def example(self) -> Iterator[None]:
        if self._lost is not None:
            raise self._lost
        is_running = False
        try:
            with self._session.anchor():
                is_running = True
                yield
                is_running = False
        except L2KitError as error:
            if not is_running:
                self._lost = error
            raise


_SETTINGS = "_hypothesis_internal_use_settings"
"""Where hypothesis and its own pytest plugin keep a test's settings; where that changes, its health check says so."""


def _scope(item: pytest.Item, name: str) -> str | None:
    """The scope of a test's fixture; None where it is none."""
    test: Any = item  # of a function, which pytest gives no other way to ask for its fixtures
    definitions = test._fixtureinfo.name2fixturedefs.get(name)
    return None if not definitions else str(definitions[-1].scope)
