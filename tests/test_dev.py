"""dev.py's decisions, without a network and without touching the real environment."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A fresh copy of dev.py's module that works on an empty folder."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "ready")
    monkeypatch.setattr(module, "UNFINISHED", tmp_path / ".venv" / "unfinished")
    (tmp_path / "constraints.txt").write_text("numpy==2.4.6\ntorch==2.13.0\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return module


class Machine:
    """Stands in for subprocess: notes every command, fails those it is told to, makes the environment's folder."""

    def __init__(self, venv: Path, failing: Sequence[str] = (), broken: Sequence[str] = ()) -> None:
        self.venv, self.failing, self.broken = venv, failing, broken
        self.commands: list[str] = []

    def call(self, command: Sequence[str], **_: object) -> int:
        line = " ".join(str(part) for part in command)
        self.commands.append(line)
        if any(part in line for part in self.failing):
            return 1
        if "-m venv" in line:
            for place in ("bin/python", "Scripts/python.exe"):
                (self.venv / place).parent.mkdir(parents=True, exist_ok=True)
                (self.venv / place).touch()
            (self.venv / "pyvenv.cfg").write_text("version = 3.11.7\n")
        return 0

    def run(self, command: Sequence[str], **_: object) -> SimpleNamespace:
        line = " ".join(str(part) for part in command)
        known = (self.venv / "bin" / "python").exists() or not line.startswith(str(self.venv))
        return SimpleNamespace(
            returncode=0 if known and not any(part in line for part in self.broken) else 1, stdout=""
        )

    def made(self, what: str) -> int:
        return sum(what in line for line in self.commands)


@pytest.fixture
def machine(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    stand_in = Machine(dev.VENV)
    monkeypatch.setattr(dev.subprocess, "call", stand_in.call)
    monkeypatch.setattr(dev.subprocess, "run", stand_in.run)
    monkeypatch.setattr(dev, "nvidia_answers", lambda: False)
    monkeypatch.setattr(dev, "check_libraries", lambda may_install: None)
    monkeypatch.setattr(dev.sys, "platform", "linux")
    return stand_in


def test_only_the_standard_library_is_imported() -> None:
    tree = ast.parse((ROOT / "dev.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_pythons_pass(dev: ModuleType, version: tuple[int, int]) -> None:
    assert dev.version_fault(version) == ""


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 14)])
def test_other_pythons_get_one_clear_line(dev: ModuleType, version: tuple[int, int]) -> None:
    fault = dev.version_fault(version)
    assert f"{version[0]}.{version[1]}" in fault
    assert "3.11, 3.12 or 3.13" in fault
    assert "\n" not in fault


def test_versions_agree_with_pyproject(dev: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest, untried = (".".join(map(str, version)) for version in (dev.OLDEST, dev.FIRST_UNTRIED))
    assert project["requires-python"] == f">={oldest},<{untried}"


def test_an_old_python_borrows_a_fitting_one(
    dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev.sys, "version_info", (3, 10, 4))
    machine.broken = ["python3.13"]
    assert dev.base_python() == "python3.12"
    machine.broken = ["python3.1"]
    with pytest.raises(dev.SetupError, match=r"this is 3\.10"):
        dev.base_python()


def test_torch_is_the_cpu_build_unless_nvidia_answers(dev: ModuleType) -> None:
    assert dev.torch_choices("linux", False, "2.13.0") == ["torch==2.13.0+cpu", "torch==2.13.0"]
    assert dev.torch_choices("linux", True, "2.13.0") == ["torch===2.13.0", "torch==2.13.0"]
    assert (
        dev.torch_choices("darwin", False, "2.13.0") == dev.torch_choices("win32", True, "2.13.0") == ["torch==2.13.0"]
    )


@pytest.mark.parametrize(
    ("code", "answer", "expected"), [(0, "GPU 0: NVIDIA H100 (UUID: x)\n", True), (0, "", False), (9, "GPU", False)]
)
def test_nvidia_driver_is_asked(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, code: int, answer: str, expected: bool
) -> None:
    monkeypatch.setattr(dev.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    reply = SimpleNamespace(returncode=code, stdout=answer)
    monkeypatch.setattr(dev.subprocess, "run", lambda *_, **__: reply)
    assert dev.nvidia_answers() is expected


def test_a_silent_or_absent_driver_is_a_no(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev.shutil, "which", lambda _: None)
    assert not dev.nvidia_answers()

    def hangs(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 20)

    monkeypatch.setattr(dev.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(dev.subprocess, "run", hangs)
    assert not dev.nvidia_answers()


def test_first_start_installs_and_second_does_nothing(dev: ModuleType, machine: Machine) -> None:
    dev.prepare_environment()
    assert [machine.made(what) for what in ("-m venv", "torch==2.13.0+cpu", "hatchling", "-e ")] == [1, 1, 1, 1]
    pip = [line for line in machine.commands if " pip " in line]
    assert "torch" in pip[0]
    assert all(f"-c {dev.ROOT / 'constraints.txt'}" in line for line in pip)
    before = len(machine.commands)
    dev.prepare_environment()
    assert len(machine.commands) == before


def test_changed_wishes_update_in_place(dev: ModuleType, machine: Machine) -> None:
    dev.prepare_environment()
    (dev.ROOT / "constraints.txt").write_text("torch==2.13.0\n")
    dev.prepare_environment()
    assert machine.made("-m venv") == 1
    assert machine.made("-e ") == 2


def test_without_a_cpu_build_the_general_one_is_taken_and_said(
    dev: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.failing = ["torch==2.13.0+cpu"]
    dev.prepare_environment()
    assert any(line.endswith("torch==2.13.0") for line in machine.commands)
    assert "no CPU-only build" in capsys.readouterr().out


def test_a_killed_setup_is_made_anew(dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(command: Sequence[str], **_: object) -> int:
        if "-e" in command:
            raise KeyboardInterrupt
        return machine.call(command)

    monkeypatch.setattr(dev.subprocess, "call", killed)
    with pytest.raises(KeyboardInterrupt):
        dev.prepare_environment()
    assert not dev.STAMP.exists()
    monkeypatch.setattr(dev.subprocess, "call", machine.call)
    dev.prepare_environment()
    assert machine.made("-m venv --clear") == 2
    assert dev.STAMP.exists()
    assert not dev.UNFINISHED.exists()


def test_a_failed_download_is_tried_again_in_place(dev: ModuleType, machine: Machine) -> None:
    machine.failing = ["-e "]
    with pytest.raises(dev.SetupError, match="start again"):
        dev.prepare_environment()
    assert not dev.STAMP.exists()
    machine.failing = []
    dev.prepare_environment()
    assert machine.made("-m venv") == 1
    assert dev.STAMP.exists()


def test_missing_venv_module_is_installed_as_root(
    dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.broken = ["import ensurepip"]
    monkeypatch.setattr(dev.subprocess, "check_output", lambda *_, **__: "3.11\n")
    monkeypatch.setattr(dev.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0, raising=False)
    dev.prepare_environment()
    assert machine.made("apt-get update") == 1
    assert machine.made("apt-get install -y --no-install-recommends python3.11-venv") == 1


def test_without_root_the_line_to_type_is_printed(
    dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.broken = ["import ensurepip"]
    monkeypatch.setattr(dev.subprocess, "check_output", lambda *_, **__: "3.11\n")
    monkeypatch.setattr(dev.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(dev.SetupError):
        dev.prepare_environment()
    assert "  sudo apt-get install -y --no-install-recommends python3.11-venv\n" in capsys.readouterr().out
    assert machine.commands == []


def test_libraries_are_looked_for_before_apt(dev: ModuleType) -> None:
    def load(name: str) -> None:
        if name in ("libEGL.so.1", "libdbus-1.so.3"):
            raise OSError(name)

    assert dev.missing_packages(dev.HEADLESS_LIBRARIES, load) == ["libegl1", "libdbus-1-3"]
    assert dev.missing_packages(dev.HEADLESS_LIBRARIES, lambda _: None) == []


def test_a_display_asks_for_more_libraries(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []
    monkeypatch.setattr(dev, "missing_packages", lambda libraries: asked.append(set(libraries)) or [])
    for display in ("", ":0"):
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        dev.check_libraries(may_install=False)
    assert asked == [set(dev.HEADLESS_LIBRARIES), {*dev.HEADLESS_LIBRARIES, *dev.WINDOW_LIBRARIES}]


def test_run_opens_the_window_only_where_there_is_a_display(
    dev: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for display, options, expected in ((":0", [], "open --sample"), ("", [], "demo"), (":0", ["--headless"], "demo")):
        monkeypatch.setenv("DISPLAY", display)
        assert dev.main(["run", *options]) == 0
        assert machine.commands[-1].endswith(f"-m empanada_desktop {expected}")
        assert ("without" in capsys.readouterr().out) == (expected == "demo")


def test_lint_failures_fail_the_test_run(dev: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.failing = ["-m mypy"]
    assert dev.test(dev.VENV / "bin" / "python", [], long=False) == 1
    assert "FAILED: mypy" in capsys.readouterr().out
    assert machine.made("-m not long") == 1
    machine.failing = []
    assert dev.test(dev.VENV / "bin" / "python", ["-k", "tiff"], long=True) == 0
    assert [line.endswith("-k tiff") for line in machine.commands if "-m long or not long" in line] == [True]


def test_tests_run_beside_the_other_steps_and_say_everything_after_them(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    begun = tmp_path / "begun"
    said = "print('dots'); print('1 failed'); print(sys.dont_write_bytecode)"
    tests = f"import pathlib, sys; pathlib.Path({str(begun)!r}).touch(); {said}; sys.exit(3)"
    waiting = f"import pathlib, time\nwhile not pathlib.Path({str(begun)!r}).exists():\n  time.sleep(0.01)"
    beside = dev.Beside([sys.executable, "-c", tests], tmp_path / "output.txt")
    subprocess.run([sys.executable, "-c", waiting], timeout=60, check=True)
    print("ok")  # noqa: T201 - what a step says
    assert beside.show() == 3
    assert capsys.readouterr().out.split() == ["ok", "dots", "1", "failed", "False"]


def test_continuous_integration_runs_the_same_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if "dev.py" in line] == ["exec python3 dev.py test"]
    assert "python3 dev.py run" in (ROOT / "README.md").read_text()
