"""An equation as text that is both shown and evaluated, so that what is printed is what was computed."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from toolkit.errors import BadInput
from toolkit.gas.levers import confirmations_for

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

ASSUMED = ("rough", "assumed", "as claimed", "mean")
"""Words by which a source says that a number is somebody's guess, a market's, or a mean."""


@dataclass(frozen=True)
class Given:
    """One number of an equation.

    Attributes:
        value: the number; or the name of a row of the receipts, which is then looked up there.
        source: where it is from.
    """

    value: float | str
    source: str

    @property
    def assumed(self) -> bool:
        """Whether nobody fixes it: its source says so by one of `ASSUMED`."""
        return any(word in self.source for word in ASSUMED)


@dataclass(frozen=True)
class Equation:
    """An equation that can be evaluated: ``+ - * /``, brackets, given names, and ``confirmations(share, risk)``.

    Attributes:
        text: in the words of `given`.
        given: every name in it.
    """

    text: str
    given: Mapping[str, Given]

    def value(self, receipts: Mapping[str, int]) -> float:
        """What it gives.

        Args:
            receipts: gas of single transactions by their plain name, as the gas lab measures them.

        Raises:
            BadInput: it names something that is not given, or a row that is not there, or is not such an equation.
        """
        return self._value(ast.parse(self.text, mode="eval").body, receipts)

    @property
    def rows(self) -> list[str]:
        """The receipts' rows that it refers to."""
        return [each.value for each in self.given.values() if isinstance(each.value, str)]

    @property
    def names(self) -> set[str]:
        """The names in it."""
        named = {each.id for each in ast.walk(ast.parse(self.text, mode="eval")) if isinstance(each, ast.Name)}
        return named - {"confirmations"}

    def __str__(self) -> str:
        return f"{self.text} where " + ", ".join(
            f"{name} = {each.value if isinstance(each.value, str) else f'{each.value:,}'} ({each.source})"
            for name, each in self.given.items()
        )

    def _value(self, node: ast.expr, receipts: Mapping[str, int]) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name) if name in self.given:
                return self._look_up(self.given[name].value, receipts)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](self._value(left, receipts), self._value(right, receipts))
            case ast.Call(func=ast.Name(id="confirmations"), args=[share, risk], keywords=[]):
                found = confirmations_for(self._value(share, receipts), self._value(risk, receipts))
                return math.inf if found is None else found
        raise BadInput(f"{ast.unparse(node)!r} in {self.text!r} is not given, or no arithmetic")

    def _look_up(self, value: float | str, receipts: Mapping[str, int]) -> float:
        if not isinstance(value, str):
            return value
        if value not in receipts:
            raise BadInput(f"{self.text!r} needs the receipt {value!r}, which was not measured")
        return receipts[value]
