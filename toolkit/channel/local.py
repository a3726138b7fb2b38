"""The channel peers of a devnet on this machine: one folder for each account, found by its name."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.channel.control import Control
from toolkit.devnet.accounts import parse_name
from toolkit.devnet.keys import described_accounts
from toolkit.devnet.running import find_devnet
from toolkit.errors import BadInput, ServiceError


@dataclass(frozen=True)
class Local:
    """The peers of one devnet.

    Attributes:
        devnet: what ``l2kit up`` wrote.
        folder: holds a folder for each peer and for the tower.
    """

    devnet: Mapping[str, Any]
    folder: Path

    @classmethod
    def find(cls, file: Path | None) -> Local:
        """The devnet that ``file`` describes, or the only one that runs on this machine.

        Raises:
            BadInput: there is none, or there are several.
        """
        file = find_devnet(file)
        try:
            devnet = json.loads(file.read_text())
            folder = Path(devnet["folder"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{file} is not a file that 'l2kit up' wrote: {error!r}") from error
        if not folder.is_dir():
            raise BadInput(f"the devnet of {file} does not run any more")
        return cls(devnet, folder / "channels")

    def account(self, name: str) -> Mapping[str, str]:
        """What the devnet says of an account; raises BadInput where there is no such name."""
        accounts = {each["name"]: each for each in self.devnet["accounts"]}
        if name not in accounts:
            parse_name(name)
            raise BadInput(f"there is no account {name!r}; there are {', '.join(accounts)}")
        found: Mapping[str, str] = accounts[name]
        return found

    def address(self, name: str) -> bytes:
        """The 20-byte address of an account."""
        return bytes.fromhex(self.account(name)["address"][2:])

    def key(self, name: str) -> bytes:
        """The 32-byte key of an account."""
        self.account(name)
        return described_accounts(self.devnet)[name].key

    def name_of(self, address: str) -> str:
        """The account with that address (hex), or the address itself."""
        names = {each["address"].lower(): each["name"] for each in self.devnet["accounts"]}
        return str(names.get(address.lower(), address))

    def configure(self, name: str, **settings: Any) -> Path:
        """Write the configuration of a peer or a tower; returns its file."""
        data = self.folder / name
        data.mkdir(parents=True, exist_ok=True)
        config = {
            "chain_id": self.devnet["l1"]["chain_id"],
            "contract": self.devnet["contracts"]["PaymentChannels"],
            "l1_rpc": self.devnet["l1"]["rpc"],
            "data": ".",
            **settings,
        }
        file = data / "config.json"
        file.write_text(json.dumps(config, indent=2))
        return file

    def listening(self, name: str) -> str:
        """Where the peer of an account, or the tower, listens ("host:port"); raises ServiceError where it is not up."""
        try:
            ready = json.loads((self.folder / name / "ready.json").read_text())
        except (OSError, ValueError):
            raise ServiceError(f"no peer of {name} runs; start it with 'l2kit channel peer {name}'") from None
        return f"{ready['host']}:{ready['port']}"

    def runs(self, name: str) -> bool:
        """Whether the peer of an account, or the tower, is there and answers, or was until a moment ago."""
        try:
            os.kill(int(json.loads((self.folder / name / "ready.json").read_text())["pid"]), 0)
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return True

    def tower(self) -> str | None:
        """The URL of a tower that watches for the peers: one started by hand, else the devnet's own, else None."""
        if (self.folder / "tower" / "ready.json").exists():
            return f"http://{self.listening('tower')}"
        found = self.devnet.get("services", {}).get("watchtower")
        return None if found is None else str(found)

    def control(self, name: str) -> Control:
        """A connection to the peer of an account."""
        self.account(name)
        self.listening(name)
        return Control(self.folder / name)

    def channel(self, name: str, which: str) -> dict[str, Any]:
        """The status of a channel of ``name``, by the other party's name or the beginning of its id.

        Raises BadInput where there is none, or several.
        """
        control = self.control(name)
        try:
            channels = control.channels()
        finally:
            control.close()
        found = self._matching(channels, which)
        if len(found) != 1:
            there = ", ".join(f"{each['channel'][:10]} with {self.name_of(each['with'])}" for each in channels)
            many = f"{len(found)} channels" if found else "no channel"
            raise BadInput(f"{name} has {many} {which!r}; there are: {there or 'none'}")
        return found[0]

    def _matching(self, channels: Sequence[dict[str, Any]], which: str) -> list[dict[str, Any]]:
        by_name = [each for each in channels if self.name_of(each["with"]) == which and each["on_l1"] != "gone"]
        return by_name or [each for each in channels if len(which) > 3 and each["channel"].startswith(which.lower())]
