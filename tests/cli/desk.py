"""Commands about a running devnet, typed by a test."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit import Devnet
from toolkit.cli.main import cli
from toolkit.description import describe
from toolkit.errors import L2KitError

ETHER = 10**18
L2KIT = [sys.executable, "-m", "toolkit"]


@dataclass(frozen=True)
class Done:
    """What a command said."""

    code: int
    out: str
    error: str = ""


class Desk:
    """Where somebody types commands about a devnet. They run in this process, which saves them the start."""

    def __init__(self, devnet: Devnet, file: Path) -> None:
        self.devnet, self.file = devnet, file
        self.token = bytes.fromhex(devnet.contracts["Token"].address[2:])
        file.write_text(json.dumps(describe(devnet)))

    def run(self, *words: str) -> Done:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            try:
                code = cli.main([*words, "--devnet", str(self.file)], prog_name="l2kit", standalone_mode=False)
            except L2KitError as error:
                return Done(1, out.getvalue(), str(error))
        return Done(code or 0, out.getvalue())

    def ask(self, *words: str) -> dict[str, Any]:
        done = self.run(*words, "--json")
        assert done.code == 0, done
        found: dict[str, Any] = json.loads(done.out)
        return found

    def refused(self, *words: str) -> str:
        done = self.run(*words)
        assert (done.code, done.out) == (1, ""), done
        assert "\n" not in done.error
        return done.error

    def l2(self, name: str, token: bytes = bytes(20)) -> int:
        return self.devnet.access.sequencer.account(self.devnet.accounts[name].address_bytes, token).balance

    def l1(self, name: str) -> int:
        return self.devnet.l1.balance(self.devnet.accounts[name].address)
