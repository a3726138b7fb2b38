"""The errors of the library and of the contracts."""

from __future__ import annotations

import inspect

from toolkit import errors as library
from toolkit.reference import contracts
from toolkit.reference.markdown import code, docstring, page, table

_ABOUT = (
    "Whatever goes wrong on purpose is an `L2KitError` with one sentence for people; the command prints that sentence "
    "on stderr and exits with 1. What a contract refuses arrives as `Reverted`, with the contract's own error in it."
)


def errors() -> str:
    """The page of all errors."""
    of_library = [
        [f"`{name}`", docstring(inspect.getdoc(value)).split("\n\n")[0]]
        for name, value in vars(library).items()
        if inspect.isclass(value) and issubclass(value, library.L2KitError)
    ]
    of_contracts = ([f"`{name}`", notice, whose] for name, notice, whose in contracts.errors())
    return page(
        "Errors",
        _ABOUT,
        [
            "## Of the library (`toolkit.errors`)",
            code(inspect.cleandoc((library.__doc__ or "").split("\n\n")[1])),
            table(["error", "what it means"], of_library),
            "## Of the contracts",
            table(["error", "what it means", "of"], of_contracts),
        ],
    )
