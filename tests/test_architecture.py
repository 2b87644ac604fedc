"""The house rules that a machine can check: who imports whom, door signs, names, sizes, and what a start loads."""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "empanada_desktop"
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))

NAMES_FOR_ANYTHING = {"utils", "util", "helpers", "helper", "common", "misc"}
MAY_PRINT = {"command_line.py", "terminal.py"}
HEAVY = ("torch", "matplotlib", "PySide6", "pyqtgraph")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions() -> Iterator[tuple[str, int]]:
    """Yield every function's place and its length in lines without decorators and docstring."""
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                header = node.body[0].lineno - node.lineno
                yield f"{relative(path)}:{node.lineno} {node.name}", header + node.end_lineno - first.lineno + 1


def test_the_tests_that_show_the_absence_of_defects_are_there() -> None:
    named = set(re.findall(r"`(test_\w+|tests/[\w/]+)`", (ROOT / "docs" / "reference-defects.md").read_text()))
    there = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) > 20
    assert not {name for name in named if name not in there and not (ROOT / name).is_dir()}


def test_import_contracts_hold() -> None:
    code = "from importlinter.cli import lint_imports_command as run; run()"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout[-3000:] + outcome.stderr[-1000:]


@pytest.mark.parametrize("package", PACKAGES, ids=relative)
def test_every_package_has_a_door_sign(package: Path) -> None:
    assert ast.get_docstring(tree(package / "__init__.py")), f"{relative(package)}/__init__.py says nothing"


def test_no_module_is_named_after_nothing() -> None:
    offenders = [
        relative(path) for path in MODULES if NAMES_FOR_ANYTHING & set(path.relative_to(ROOT).with_suffix("").parts)
    ]
    assert offenders == []


def test_only_the_command_line_prints() -> None:
    offenders = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        if path.name not in MAY_PRINT
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert offenders == []


def test_voxels_of_a_layer_are_written_behind_the_one_door() -> None:
    """Outside document/ nobody writes into a layer's source, so that whatever changes it is an edit that undoes."""

    def writes(node: ast.AST) -> bool:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        )
        places = [target.value for target in targets if isinstance(target, ast.Subscript)]
        return any(isinstance(place, ast.Attribute) and place.attr.endswith("source") for place in places)

    def offenders(paths: list[Path]) -> list[str]:
        found = [(path, node) for path in paths for node in ast.walk(tree(path)) if writes(node)]
        return [f"{relative(path)}:{node.lineno}" for path, node in found]  # type: ignore[attr-defined]

    assert not offenders([path for path in MODULES if PACKAGE / "document" not in path.parents])
    assert offenders([PACKAGE / "document" / "strokes.py"]), "the test sees nothing any more"


def test_functions_are_small() -> None:
    lengths = dict(functions())
    longest = sorted(lengths.items(), key=lambda item: -item[1])[:8]
    assert statistics.median(lengths.values()) <= 10, longest
    assert statistics.quantiles(lengths.values(), n=20)[-1] <= 40, longest


@pytest.mark.parametrize("module", ["empanada_desktop.cli", "empanada_desktop.io.volumes"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split() == []
