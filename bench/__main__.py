"""Run benchmarks and write what they found: `python -m bench [NAME ...]`."""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import bench
from bench import report

FRAME = {"__main__", "report", "reference", "reference_child", "stand_ins", "processes", "event_loop"}


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all; prints each table and writes it to docs/benchmarks.md."""
    names = [module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in FRAME]
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Measure, and write docs/benchmarks.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of: {', '.join(names)}; all when left out")
    parser.add_argument("--record-long-tests", type=Path, metavar="JUNIT", help=argparse.SUPPRESS)
    parser.add_argument(
        "--reference",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="measure against a checkout of the reference: folders that hold its packages",
    )
    parser.add_argument("--part", help="with --reference: grouping, matching, network-bifpn …; all when left out")
    parser.add_argument("--planes", type=int, help="with --reference: how deep the volumes are; few when left out")
    options = parser.parse_args(arguments)
    if options.reference:
        return _measure_against(options.reference, options.part, options.planes)
    if options.record_long_tests:
        report.record_long_tests(options.record_long_tests)
        return 0
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(names)}")
    for name in options.names or names:
        _measure(name)
    return 0


def _measure_against(folders: Sequence[Path], part: str | None, n_planes: int | None) -> int:
    from bench import reference

    for name in [part] if part else reference.PARTS:
        title = reference.PARTS[name][0]
        sys.stdout.write(f"-- {title}\n")
        sys.stdout.flush()
        rows = reference.run(folders, name, n_planes)
        sys.stdout.write(f"{report.table(rows)}\n\n")
        report.write_reference_part(name, title, rows, list(reference.PARTS), n_planes=n_planes)
    return 0


def _measure(name: str) -> None:
    module = importlib.import_module(f"bench.{name}")
    sys.stdout.write(f"-- {module.TITLE}\n")
    sys.stdout.flush()
    table = report.table(module.run())
    sys.stdout.write(f"{table}\n\n")
    command = f"`python3 dev.py bench {name}`: {report.circumstances()}"
    report.write_section(f"bench {name}", module.TITLE, f"{command}\n\n{table}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
