"""A devnet that runs, from outside: every everyday verb of the command is a call of the same name.

>>> from toolkit import session                                # doctest: +SKIP
>>> devnet = session.attach()                                  # doctest: +SKIP
>>> devnet.transfer("alice", "bob", 10**18)                    # doctest: +SKIP
>>> devnet.balance("bob"), devnet.travel(days=7)               # doctest: +SKIP
"""

from __future__ import annotations

from toolkit.devnet.faults import Fault
from toolkit.session.archive import Saved, load
from toolkit.session.client import Session, attach
from toolkit.session.court import Court
from toolkit.session.holdings import Holding
from toolkit.session.money import sweep
from toolkit.session.snapshots import Snapshot

__all__ = ["Court", "Fault", "Holding", "Saved", "Session", "Snapshot", "attach", "load", "sweep"]
