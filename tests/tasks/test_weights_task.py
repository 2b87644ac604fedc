"""The verb `weights`: list, info, import."""

from pathlib import Path

import pytest
import torch

from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine.export import save_weights
from empanada_desktop.engine.networks import build_network
from empanada_desktop.errors import SettingsError, WeightsError
from empanada_desktop.io.weights import NetworkConfig, Weights, WeightsDescriptor
from empanada_desktop.settings import HOME_VARIABLE
from empanada_desktop.tasks import weights as task

CONFIG = NetworkConfig(encoder="resnet18", encoder_channels=8, decoder_channels=8)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture
def theirs(tmp_path: Path) -> Weights:
    """A colleague's weights."""
    descriptor = WeightsDescriptor(
        name="Theirs",
        description="For a test.",
        network=CONFIG,
        class_names={1: "mitochondrion"},
        thing_list=[1],
        mean=0.5,
        std=0.2,
        padding_factor=16,
        pixel_size_nm=(4, None),
        licence="CC BY 4.0",
    )
    torch.manual_seed(0)
    return save_weights(build_network(CONFIG), descriptor, tmp_path)


def lines(action: str, weights: str | None = None, name: str | None = None) -> list[str]:
    inputs = task.Inputs.checked({"action": action, "weights": weights})
    return task.run(inputs, task.Params(name=name), QuietContext()).lines()


def test_the_list_says_how_to_get_published_weights(home: Path) -> None:
    text = "\n".join(lines("list"))
    for name in ("MitoNet_v1", "MitoNet_v1_mini", "NucleoNet_base_v2", "DropNet_base_v1"):
        assert f"  {name}: " in text
    assert f"put it here: {home / 'MitoNet_v1.pth'}" in text
    assert "https://zenodo.org/record/6861565/files/MitoNet_v1.pth?download=1" in text


def test_imported_weights_are_listed_and_explained(theirs: Weights, home: Path) -> None:
    assert lines("import", str(theirs.file.with_suffix(".yaml")), "Mine") == [
        f"Imported Mine into the library: {home / 'Mine.safetensors'}"
    ]
    assert any(line.startswith("Mine: mitochondrion (PanopticDeepLab, resnet18, ") for line in lines("list"))
    facts = dict(line.split(": ", 1) for line in lines("info", "Mine"))
    assert facts["Classes"] == "1 mitochondrion"
    assert facts["Pixel size"] == "4 nm and more"
    assert facts["Patches"] == "sides divisible by 16 pixels; images are padded to 16"
    assert facts["Licence"] == "CC BY 4.0"
    assert len(facts["SHA-256"]) == 64
    assert facts["Imported from"] == str(theirs.file.with_suffix(".yaml"))


def test_files_can_be_explained_without_importing(theirs: Weights) -> None:
    assert "Name: Theirs" in lines("info", str(theirs.file))


def test_the_list_names_what_is_broken(theirs: Weights, home: Path) -> None:
    lines("import", str(theirs.file.with_suffix(".yaml")))
    (home / "Theirs.safetensors").unlink()
    assert any(line.startswith("Left out: ") and "Theirs" in line for line in lines("list"))


def test_user_errors_are_plain(theirs: Weights) -> None:
    for action in ("info", "import"):
        with pytest.raises(SettingsError, match="Which weights"):
            lines(action)
    with pytest.raises(WeightsError, match="no weights called 'Nobody'"):
        lines("info", "Nobody")
    with pytest.raises(SettingsError, match="action"):
        lines("delete")
    theirs.file.write_bytes(b"x")
    with pytest.raises(WeightsError, match="its hash differs"):
        lines("info", str(theirs.file))
