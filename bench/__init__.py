"""Measurements. In: modules of this package with TITLE and run() -> list[Row]; out: tables in docs/benchmarks.md.

`python3 dev.py bench` runs all of them, `python3 dev.py bench NAME ...` those named.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """One measured figure: what, how much, in which unit, and what a reader has to know about it."""

    name: str
    value: float
    unit: str
    note: str = ""
