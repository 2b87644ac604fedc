"""constraints.txt names every package that the program and its tools need, in the version that is installed."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD = ["hatchling", "editables"]


def locked() -> dict[str, str]:
    """Read constraints.txt: name -> version."""
    lines = (line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def closure(wishes: list[str]) -> set[str]:
    """Follow the requirements that hold on this system and Python, through the installed packages."""
    todo = [Requirement(wish) for wish in wishes]
    done: set[tuple[str, frozenset[str]]] = set()
    while todo:
        wish = todo.pop()
        key = (canonicalize_name(wish.name), frozenset(wish.extras))
        if key in done:
            continue
        done.add(key)
        for text in metadata.requires(wish.name) or []:
            further = Requirement(text)
            extras = wish.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(further)
    return {name for name, _ in done}


@pytest.mark.parametrize("group", ["program", "cluster", "tools"])
def test_every_needed_package_is_locked_and_installed_so(group: str) -> None:
    extras = PROJECT["optional-dependencies"]
    wishes = {"program": PROJECT["dependencies"], "cluster": extras["cluster"], "tools": extras["dev"] + BUILD}[group]
    versions = locked()
    needed = closure(wishes)
    own_platform = {name for name in needed if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    assert sorted(needed - versions.keys() - own_platform) == []
    installed = {name: Version(metadata.version(name)).public for name in needed - own_platform}
    assert {name: version for name, version in installed.items() if version != versions[name]} == {}


def test_nothing_unneeded_is_locked() -> None:
    elsewhere = {"colorama", "importlib-metadata", "zipp"}  # Windows; Python 3.11
    extras = PROJECT["optional-dependencies"]
    needed = closure(PROJECT["dependencies"] + extras["cluster"] + extras["dev"] + BUILD)
    assert sorted(locked().keys() - needed - elsewhere) == []


def test_pins_that_have_a_reason() -> None:
    versions = locked()
    assert versions["torch"] == "2.13.0"
    assert versions["pyside6-essentials"] == versions["shiboken6"] == "6.11.3"


def test_every_package_of_the_program_is_in_the_licence_table() -> None:
    table = (ROOT / "docs" / "third-party.md").read_text()
    needed = closure(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["cluster"])
    missing = [name for name in needed if f"| {name} | {locked().get(name)} |" not in table]
    assert [name for name in missing if not name.startswith(("nvidia-", "cuda-", "triton"))] == []
