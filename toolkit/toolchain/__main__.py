"""``python -m toolkit.toolchain``: what the Makefile calls.

install demo|test      install the npm tools of that level, and compile the contracts
fmt [--check]          format the contracts, or say which are not
lint                   lint the contracts; a warning is a failure
lock                   regenerate the locks
"""

from __future__ import annotations

import sys
from contextlib import suppress

from toolkit.compile import compile_contracts
from toolkit.errors import CompileError, L2KitError
from toolkit.toolchain import anvil_path, forge_path, hardhat_command, solc_path
from toolkit.toolchain.folders import say


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        return _run(arguments)
    except L2KitError as error:
        say(f"l2kit: {error}")
        return 1
    except KeyboardInterrupt:
        say("l2kit: interrupted")
        return 130


def _run(arguments: list[str]) -> int:
    match arguments:
        case ["install", "demo" | "test" as level]:
            solc_path()
            anvil_path()
            if level == "test":
                forge_path()
                hardhat_command()
            with suppress(CompileError):  # whoever needs that contract will say it
                compile_contracts()
        case ["fmt", *flags]:
            from toolkit.toolchain.solidity import fmt

            return fmt(flags)
        case ["lint"]:
            from toolkit.toolchain.solidity import lint

            return lint()
        case ["lock"]:
            from toolkit.toolchain.lock import main as lock

            lock()
        case _:
            say((__doc__ or "").strip())
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
