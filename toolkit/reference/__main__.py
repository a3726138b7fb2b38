"""``python -m toolkit.reference``: write the pages and pictures that are made from the code, as ``make docs`` does."""

from __future__ import annotations

import sys

from toolkit.errors import L2KitError
from toolkit.reference.made import write


def main() -> int:
    """Write what has changed, and name it; returns the exit code."""
    try:
        for path in write():
            print(f"wrote {path}")  # noqa: T201
    except L2KitError as error:
        print(f"l2kit: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
