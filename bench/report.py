"""Tables of measured figures, for the terminal and for docs/benchmarks.md."""

import math
import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from bench import Row

REFERENCE = "bench reference "  # how the keys of the parts of `bench --reference` begin
ABOUT_REFERENCE = "Processor time of one thread, medians of runs in turn; × is how many times as fast as the reference."
ABOUT_WHOLE = "The networks run with made-up weights; then both sides go on with the same maps of discs."
BENCHMARKS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def table(rows: Sequence[Row]) -> str:
    """Set rows as a Markdown table, figures to three significant digits."""
    lines = ["| what | value | unit | note |", "|---|---:|---|---|"]
    return "\n".join(lines + [f"| {row.name} | {figure(row.value)} | {row.unit} | {row.note} |" for row in rows])


def figure(value: float) -> str:
    """Round to three significant digits; whole numbers stay whole, and what was not measured is a dash."""
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def circumstances() -> str:
    """Say when and on what the figures were taken: date, processor, cores, threads, load, Python."""
    threads = os.environ.get("OMP_NUM_THREADS", "not limited")
    load = f", load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {processor()}, {os.cpu_count()} cores{load}; OMP_NUM_THREADS {threads}; "
        f"Python {platform.python_version()}, {platform.system()}."
    )


def processor() -> str:
    """Name the processor as the system does."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def write_section(key: str, title: str, body: str, path: Path = BENCHMARKS) -> None:
    """Put a section in the place of the one with the same key, or at the end; all other text stays."""
    text = path.read_text() if path.exists() else "# Benchmarks\n"
    opening, closing = f"<!-- {key} -->", f"<!-- end of {key} -->"
    section = f"{opening}\n## {title}\n\n{body}\n{closing}"
    if opening in text and closing in text:
        before, rest = text.split(opening, 1)
        text = before + section + rest.split(closing, 1)[1]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_reference_part(
    name: str,
    title: str,
    rows: Sequence[Row],
    parts: Sequence[str],
    path: Path = BENCHMARKS,
    n_planes: int | None = None,
) -> None:
    """Write the section of one of `parts` of `bench --reference`; they stand together, in that order.

    `n_planes`: the depth that was asked for with --planes.
    """
    asked = f" --planes {n_planes}" if n_planes else ""
    about = f"{ABOUT_REFERENCE} {ABOUT_WHOLE}" if name.startswith("whole") else ABOUT_REFERENCE
    command = f"`python3 dev.py bench --reference PATH --part {name}{asked}`: {circumstances()} {about}"
    write_section(REFERENCE + name, title, f"{command}\n\n{table(rows)}\n", path)
    gather_sections(REFERENCE, parts, path)


def gather_sections(prefix: str, names: Sequence[str], path: Path = BENCHMARKS) -> None:
    """Put the sections whose keys begin with `prefix` where the first of them stands, in the order of `names`."""
    text = path.read_text()
    pattern = re.compile(
        rf"<!-- {re.escape(prefix)}(?P<name>[^\n]+?) -->\n.*?<!-- end of {prefix}(?P=name) -->\n*", re.DOTALL
    )
    found = {match["name"]: match[0].rstrip() for match in pattern.finditer(text)}
    first = pattern.search(text)
    if first is None:
        return
    before, after = text[: first.start()], pattern.sub("", text[first.start() :])
    order = [*(name for name in names if name in found), *(name for name in found if name not in names)]
    together = "\n\n".join(found[name] for name in order)
    path.write_text(f"{before}{together}\n\n{after}".rstrip() + "\n")


def record_long_tests(junit: Path, path: Path = BENCHMARKS) -> None:
    """Note the outcome of `dev.py test --long` from pytest's JUnit file."""
    suite = next(ElementTree.parse(junit).iter("testsuite")).attrib
    bad = int(suite["failures"]) + int(suite["errors"])
    passed = int(suite["tests"]) - bad - int(suite["skipped"])
    outcome = f"{passed} passed, {bad} failed, {suite['skipped']} skipped in {float(suite['time']):.0f} s."
    write_section("long tests", "All tests with their full counts", f"{outcome} {circumstances()}\n", path)
