"""Descriptors: written and read back; faults named."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights import (
    NetworkConfig,
    WeightsDescriptor,
    check_name,
    read_catalogue,
    read_descriptor,
    write_descriptor,
)

VALUES: dict[str, object] = {
    "name": "Test",
    "network": {"architecture": "PanopticBiFPN", "encoder": "resnet18", "n_classes": 3},
    "class_names": {1: "er", 2: "mito"},
    "thing_list": [2],
    "mean": 0.5,
    "std": 0.1,
    "padding_factor": 128,
}


@given(
    st.builds(
        WeightsDescriptor,
        name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,20}", fullmatch=True),
        description=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200),
        network=st.just(NetworkConfig(n_classes=3)),
        class_names=st.just({1: "er", 2: "mitochondria: “all”"}),
        thing_list=st.sampled_from([[], [1], [2, 1]]),
        mean=st.floats(0, 1),
        std=st.floats(0.01, 1),
        padding_factor=st.sampled_from([16, 512]),
        pixel_size_nm=st.sampled_from([None, (4.0, 12.0), (4.0, None)]),
        provenance=st.dictionaries(st.sampled_from(["a", "b"]), st.text("äß:#'\"- ", max_size=9)),
    )
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, descriptor: WeightsDescriptor) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    write_descriptor(path, descriptor)
    assert read_descriptor(path) == descriptor


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "../evil"}, "name: "),
        ({"mean": "many"}, "mean: "),
        ({"mean": float("nan")}, "mean: "),
        ({"std": 0}, "std: "),
        ({"class_names": {1: "er"}}, r"class_names has the classes \[1\], the network \[1, 2\]"),
        ({"class_names": {1: "er", 2: "../mito"}}, "a class cannot be called '../mito'"),
        ({"class_names": {1: "..", 2: "mito"}}, "a class cannot be called"),
        ({"class_names": {1: "", 2: "mito"}}, "a class cannot be called"),
        ({"class_names": {1: "er/rough", 2: "mito"}}, "a class cannot be called"),
        ({"class_names": {1: "zarr.json", 2: "mito"}}, "a class cannot be called"),
        ({"class_names": {1: "mito", 2: "Mito"}}, "two classes have the same name"),
        ({"thing_list": [3]}, "thing_list has classes that class_names lacks"),
        ({"padding_factor": 16}, "padding_factor is not a multiple of 128"),
        ({"network": {"encoder": "vgg"}}, "there is no encoder 'vgg'"),
        ({"network": {"architecture": "UNet"}}, r"network\.architecture: "),
        ({"network": {"encoder": "regnety_200mf", "encoder_channels": 32}}, "ResNets only"),
        ({"network": {"low_level_stages": [2]}}, "low_level_stages"),
        ({"network": {"low_level_stages": [2, 1]}}, "low_level_channels"),
        ({"sha256": "0" * 63}, "sha256: "),
        ({"format": 2}, "format: "),
        ({"surprise": 1}, "surprise: "),
        ({"provenance": {"a": {"b": "c"}}}, "provenance"),
    ],
)
def test_faults_are_named(changes: dict[str, object], fault: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({**VALUES, **changes}), "utf-8")
    with pytest.raises(WeightsError, match=fault) as raised:
        read_descriptor(path)
    assert raised.value.hint
    path.write_text(yaml.safe_dump(VALUES), "utf-8")
    assert read_descriptor(path).class_names == VALUES["class_names"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"!!python/object/apply:os.system ['touch ran']", "cannot be read"),
        (b"name: !!python/name:os.system", "cannot be read"),
        (b"a: [b", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"- a\n- b", "does not describe weights"),
        (b"", "does not describe weights"),
        (b"[" * 5000, "cannot be read"),
        (b"a" * (2 << 20), "too large"),
        (b"name: 2020-13-45", "does not describe weights|cannot be read"),
    ],
)
def test_other_files_are_refused(content: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=fault):
        read_descriptor(path)
    assert not Path("ran").exists()
    with pytest.raises(WeightsError, match="cannot be read"):
        read_descriptor(tmp_path / "missing.yaml")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a" * 81, "a\\b", "x.", "x ", "a\nb", "C:x"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match="cannot be called"):
        check_name(name)
    assert check_name("MitoNet v1.2_mini+") == "MitoNet v1.2_mini+"


def test_the_catalogue_has_the_published_weights() -> None:
    entries = {entry.name: entry for entry in read_catalogue()}
    assert list(entries) == ["MitoNet_v1", "MitoNet_v1_mini", "NucleoNet_base_v2", "DropNet_base_v1"]
    assert {entry.padding_factor for entry in entries.values()} == {16, 128, 512}
    for entry in entries.values():
        assert entry.address.startswith("https://zenodo.org/record")
        assert f"/{entry.file}?" in entry.address
        assert (entry.mean, entry.std) == (0.57571, 0.12765)
        assert abs(entry.size_mb - entry.n_parameters * 4e-6) < 2


def test_a_damaged_catalogue_is_a_plain_error(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text("published: [{name: x}]", "utf-8")
    with pytest.raises(WeightsError, match="is damaged"):
        read_catalogue(path)


def test_configs_are_frozen() -> None:
    with pytest.raises(ValidationError):
        NetworkConfig().encoder = "resnet18"
