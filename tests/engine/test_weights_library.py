"""The library: what is there, what is broken, and hostile or mangled files that never get in."""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from empanada_desktop.engine.export import import_weights, load_network, save_weights
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights import find_weights, list_weights, open_weights, scan_library
from empanada_desktop.settings import HOME_VARIABLE, resources_folder

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
Make = Callable[..., PanopticNetwork]
Publish = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture(scope="module")
def published(small_network: Make, publish: Publish, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(small_network("PanopticDeepLab"), tmp_path_factory.mktemp("published"), "Theirs")


@pytest.fixture(scope="module")
def empanada(published: Path) -> Path:
    path = published.with_suffix(".empanada")
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(published, "Theirs.yaml")
        archive.write(published.with_suffix(".pth"), "Theirs.pth")
        archive.writestr("Theirs_quantized.pth", b"something else")
    return path


def names() -> list[str]:
    return [weights.descriptor.name for weights in list_weights()]


def test_bundled_weights_are_whole() -> None:
    bundled = [path for path in (resources_folder() / "weights").glob("*.yaml") if path.name != "catalogue.yaml"]
    for path in bundled:
        weights = open_weights(path, "bundled")
        assert weights.descriptor.sha256
        assert load_network(find_weights(weights.descriptor.name)).config == weights.descriptor.network
    assert [weights.origin for weights in list_weights()].count("bundled") == len(bundled)
    if bundled:
        assert find_weights("bundled").descriptor == list_weights()[0].descriptor


def test_an_unknown_name_lists_what_there_is(published: Path) -> None:
    import_weights(published, "Mine")
    with pytest.raises(WeightsError, match="no weights called 'Yours'") as raised:
        find_weights("Yours")
    assert "Mine" in raised.value.hint


def test_broken_weights_are_left_out_and_named(published: Path, home: Path) -> None:
    import_weights(published, "Whole")
    (home / "Broken.yaml").write_text("name: [", "utf-8")
    (home / "Alone.yaml").write_text((home / "Whole.yaml").read_text("utf-8").replace("Whole", "Alone"), "utf-8")
    (home / "Twin.yaml").write_text((home / "Whole.yaml").read_text("utf-8"), "utf-8")
    (home / "MitoNet_v1.pth").write_bytes(b"not weights")
    (home / "Thumbs.db").write_bytes(b"stray")
    faults = "\n".join(scan_library().faults)
    assert names().count("Whole") == 1
    assert not {"Broken", "Alone", "MitoNet_v1"} & set(names())
    for expected in (
        "Broken.yaml cannot be read",
        "Alone.yaml describes are not beside it",
        "MitoNet_v1.pth is damaged",
    ):
        assert expected in faults
    assert "there are other weights called Whole" in faults
    assert find_weights("Whole").descriptor.name == "Whole"


def test_a_failed_import_leaves_nothing(published: Path, tmp_path: Path, home: Path) -> None:
    damaged = tmp_path / "Damaged.pth"
    content = bytearray(published.with_suffix(".pth").read_bytes())
    content[len(content) // 2] ^= 255
    damaged.write_bytes(content)
    described = yaml.safe_load(published.read_text("utf-8"))
    (tmp_path / "Damaged.yaml").write_text(yaml.safe_dump({**described, "model": "Damaged.pth"}), "utf-8")
    with pytest.raises(WeightsError, match="damaged"):
        import_weights(tmp_path / "Damaged.yaml")
    with pytest.raises(WeightsError, match="cannot be called"):
        import_weights(published, "../outside")
    assert not home.exists() or not list(home.iterdir())


@pytest.mark.parametrize("suffix", [".onnx", ".pt", ""])
def test_other_kinds_of_file_are_refused(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"x{suffix}").write_bytes(b"x")
    with pytest.raises(WeightsError, match="not a file of weights"):
        import_weights(tmp_path / f"x{suffix}")
    with pytest.raises(WeightsError, match="There is no file"):
        import_weights(tmp_path / "missing.yaml")


def test_files_without_a_description_are_refused(published: Path, tmp_path: Path) -> None:
    for suffix in (".pth", ".safetensors"):
        (tmp_path / f"x{suffix}").write_bytes(published.with_suffix(".pth").read_bytes())
        with pytest.raises(WeightsError, match="has no description") as raised:
            open_weights(tmp_path / f"x{suffix}")
        assert "x.yaml" in raised.value.hint


def changed(empanada: Path, folder: Path, **changes: bytes | None) -> Path:
    """Write the .empanada file anew with entries replaced, left out or added."""
    path = folder / "changed.empanada"
    with zipfile.ZipFile(empanada) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        entries = {name: old.read(name) for name in old.namelist()} | changes
        for name, content in entries.items():
            if content is not None:
                new.writestr(name, content)
    return path


def test_hostile_empanada_files_are_refused(empanada: Path, tmp_path: Path) -> None:
    evil = io.BytesIO()
    torch.save({"x": torch.zeros(3)}, evil)
    acts = evil.getvalue().replace(b"collections\nOrderedDict", b"posix\nsystem\n          "[:23])
    for changes, fault in (
        ({"../Theirs.yaml": b"x"}, "points out of it"),
        ({"/tmp/x.pth": b"x"}, "points out of it"),
        ({"Theirs.pth": None}, "does not hold one .yaml and one .pth"),
        ({"Other.yaml": b"x"}, "does not hold one .yaml and one .pth"),
        ({"Theirs.pth": b"\0" * (100 << 20)}, "would expand to"),
        ({"Theirs.pth": b"x"}, "damaged"),
        ({"Theirs.pth": acts}, "damaged|not data|not a file of"),
        ({"Theirs.yaml": b"!!python/object/apply:os.system [ls]"}, "cannot be read"),
    ):
        path = changed(empanada, tmp_path, **changes)
        with pytest.raises(WeightsError, match=fault) as raised:
            import_weights(path)
        assert raised.value.hint
    assert import_weights(changed(empanada, tmp_path)).descriptor.name == "changed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changed.empanada", "home"]


def load_mangled(content: bytes, path: Path, data: st.DataObject) -> None:
    """Loading a file with a few bytes changed is a plain error or does no harm; any other exception fails the test."""
    mangled = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(mangled)
    with suppress(WeightsError):
        network = load_network(open_weights(path))
        assert all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values())


FEW = settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(FEW, max_examples=2000)


def mangle_any(data: st.DataObject, published: Path, empanada: Path, tmp_path: Path) -> None:
    kind = data.draw(st.sampled_from([".pth", ".yaml", ".empanada"]))
    for file in (published, published.with_suffix(".pth")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    whole = empanada if kind == ".empanada" else published.with_suffix(kind)
    load_mangled(whole.read_bytes(), tmp_path / f"Theirs{kind}", data)


@given(data=st.data())
@FEW
def test_mangled_published_files(data: st.DataObject, published: Path, empanada: Path, tmp_path: Path) -> None:
    mangle_any(data, published, empanada, tmp_path)


@pytest.mark.long
@given(data=st.data())
@MANY
def test_many_mangled_published_files(data: st.DataObject, published: Path, empanada: Path, tmp_path: Path) -> None:
    mangle_any(data, published, empanada, tmp_path)


@given(data=st.data())
@FEW
def test_own_files_with_a_changed_byte_never_load(
    data: st.DataObject, published: Path, small_network: Make, tmp_path: Path
) -> None:
    saved = save_weights(small_network("PanopticDeepLab"), open_weights(published).descriptor, tmp_path)
    content = bytearray(saved.file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    saved.file.write_bytes(content)
    with pytest.raises(WeightsError, match="its hash differs"):
        load_network(open_weights(saved.file))
