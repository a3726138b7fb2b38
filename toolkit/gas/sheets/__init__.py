"""The gas lab's tables: pure functions from what was measured, and from prices, to sheets of figures.

    techniques      every technique at every size, in gas and in money, against L1
    breakeven       from how many payments on a technique is cheaper than plain L1, and than batch pay
    exits           ways out: everybody helping, alone, without operators, against a liar
    properties      deposit, time, capital, trust, data, whether it outlives its operator
    deployment      contracts, apart, and spread over payments
    storage         SimpleStorage on L1 and as a rollup's data; storage_claims: what articles say of it
    fees            calldata or blobs, free execution, blob base fee, reserve price
    claims          popular claims and their verdicts
    levers          block size, block time, confirmations, consensus, energy
    timing          what this machine's clock showed

`book` is all of them but the last, in this order. The sheet "exits" is made by `ways_out`; `exits` and `break_evens`
are what charts take.
"""

from toolkit.gas.sheets.book import book
from toolkit.gas.sheets.breakeven import BreakEven, break_even, breakeven, interpolated
from toolkit.gas.sheets.claims import claims
from toolkit.gas.sheets.deployment import CONTRACTS, deployment
from toolkit.gas.sheets.exits import break_evens, exits
from toolkit.gas.sheets.fees import fees, posting
from toolkit.gas.sheets.grid import Grid, grids
from toolkit.gas.sheets.levers import levers
from toolkit.gas.sheets.money import ETH_USD, GAS_PRICE, Rates
from toolkit.gas.sheets.profile import PROFILES, TRUST, Profile, Way
from toolkit.gas.sheets.properties import properties, ways_out
from toolkit.gas.sheets.storage import storage, storage_claims
from toolkit.gas.sheets.techniques import techniques
from toolkit.gas.sheets.timing import timing

__all__ = [
    "CONTRACTS",
    "ETH_USD",
    "GAS_PRICE",
    "PROFILES",
    "TRUST",
    "BreakEven",
    "Grid",
    "Profile",
    "Rates",
    "Way",
    "book",
    "break_even",
    "break_evens",
    "breakeven",
    "claims",
    "deployment",
    "exits",
    "fees",
    "grids",
    "interpolated",
    "levers",
    "posting",
    "properties",
    "storage",
    "storage_claims",
    "techniques",
    "timing",
    "ways_out",
]
