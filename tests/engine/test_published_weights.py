"""Files like the published ones: loaded into trainable networks, compared with the goldens, imported."""

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from empanada_desktop.engine.export import import_weights, load_network, save_weights
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights import Weights, find_weights, read_tensors, scan_library
from empanada_desktop.settings import HOME_VARIABLE

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
Make = Callable[..., PanopticNetwork]
Publish = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def same_outputs(one: PanopticNetwork, other: PanopticNetwork, tolerance: float = 1e-4) -> bool:
    torch.manual_seed(1)
    image = torch.randn(1, 1, 128, 128)
    pairs = zip(one.predict(image).values(), other.predict(image).values(), strict=True)
    return all(float((a - b).abs().max()) <= tolerance * float(a.abs().max()) for a, b in pairs)


@pytest.mark.parametrize(("short", "architecture"), [("pdl", "PanopticDeepLab"), ("bifpn", "PanopticBiFPN")])
def test_a_file_like_the_published_one_reproduces_the_goldens(
    short: str,
    architecture: str,
    golden_network: Make,
    golden_images: dict[str, torch.Tensor],
    publish: Publish,
    tmp_path: Path,
) -> None:
    described = publish(golden_network(architecture), tmp_path)
    weights = find_weights(str(described.with_suffix(".pth")))
    assert weights.folded
    assert weights.descriptor.network == golden_network(architecture).config
    network = load_network(weights)
    assert {name: t.shape for name, t in network.state_dict().items()} == {
        name: t.shape for name, t in golden_network(architecture).state_dict().items()
    }
    got = network.predict(golden_images["A"])
    names = {"semantic_logits": "A_rs2_sem_logits", "centre_heatmap": "A_ctr_hmp_q", "offsets": "A_offsets_q"}
    with np.load(GOLDENS / f"model_{short}_nc1.npz") as goldens:
        for ours, theirs in names.items():
            golden = goldens[theirs]
            difference = np.abs(got[ours].numpy() - golden) / np.abs(golden).max()
            assert np.count_nonzero(difference > 1e-4) <= (8 if ours == "semantic_logits" else 0), ours


def test_the_tensors_are_those_of_the_scripted_module(small_network: Make, publish: Publish, tmp_path: Path) -> None:
    file = publish(small_network("PanopticDeepLab", n_classes=3), tmp_path).with_suffix(".pth")
    wanted = torch.jit.load(str(file)).state_dict()
    got = read_tensors(file)
    assert list(got) == list(wanted)
    assert all(np.array_equal(got[name], wanted[name].numpy()) for name in wanted)
    assert all(got[name].dtype == wanted[name].numpy().dtype for name in wanted)


def test_published_weights_train(small_network: Make, publish: Publish, tmp_path: Path) -> None:
    network = load_network(find_weights(str(publish(small_network("PanopticDeepLab"), tmp_path))))
    assert all(parameter.requires_grad for parameter in network.parameters())
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == sum(isinstance(m, nn.BatchNorm2d) for m in small_network("PanopticDeepLab").modules())


def test_the_published_yaml_is_understood(small_network: Make, publish: Publish, tmp_path: Path) -> None:
    names = {1: "er", 2: "mito"}
    described = publish(small_network(n_classes=3), tmp_path, "two", class_names=names, thing_list=[2])
    descriptor = find_weights(str(described)).descriptor
    assert descriptor.class_names == names
    assert descriptor.thing_list == [2]
    assert (descriptor.mean, descriptor.std, descriptor.padding_factor) == (0.57571, 0.12765, 128)
    assert (descriptor.name, descriptor.description, descriptor.label_divisor) == ("two", "Made for a test.", 2000)
    assert len(descriptor.sha256) == 64


@pytest.mark.parametrize("suffix", [".yaml", ".pth", ".empanada"])
def test_importing_makes_them_ours(
    suffix: str, small_network: Make, publish: Publish, tmp_path: Path, home: Path
) -> None:
    network = small_network("PanopticDeepLab")
    described = publish(network, tmp_path, "Theirs")
    with zipfile.ZipFile(tmp_path / "Theirs.empanada", "w") as archive:
        archive.write(described, "Theirs.yaml")
        archive.write(described.with_suffix(".pth"), "Theirs.pth")
    imported = import_weights(tmp_path / f"Theirs{suffix}", name="Mine")
    assert imported.file == home / "weights" / "Mine.safetensors"
    found = find_weights("Mine")
    assert (found.origin, found.folded, found.descriptor) == ("user", False, imported.descriptor)
    assert found.descriptor.provenance["imported_from"].endswith(f"Theirs{suffix}")
    assert same_outputs(load_network(found), network)
    assert [weights.descriptor.name for weights in scan_library().weights].count("Mine") == 1
    with pytest.raises(WeightsError, match="has weights called Mine already"):
        import_weights(described, name="Mine")


def test_own_weights_survive_saving_and_importing(small_network: Make, publish: Publish, tmp_path: Path) -> None:
    network = small_network("PanopticBiFPN", n_classes=3, fpn_layers=2)
    described = publish(network, tmp_path, class_names={1: "a", 2: "b"})
    descriptor = find_weights(str(described)).descriptor.model_copy(update={"name": "Ours"})
    for half, tolerance in ((False, 0.0), (True, 2**-11)):
        saved = save_weights(network, descriptor, tmp_path / str(half), half=half)
        loaded = load_network(saved).state_dict()
        for name, tensor in network.state_dict().items():
            assert torch.allclose(loaded[name], tensor, rtol=tolerance, atol=1e-7 if half else 0), name
        reopened = find_weights(str(tmp_path / str(half) / "Ours.yaml"))
        assert reopened.descriptor == saved.descriptor
        assert reopened == find_weights(str(tmp_path / str(half) / "Ours.safetensors"))
    sizes = [(tmp_path / half / "Ours.safetensors").stat().st_size for half in ("True", "False")]
    assert sizes[0] < 0.7 * sizes[1]
    assert import_weights(tmp_path / "True" / "Ours.yaml").descriptor.name == "Ours"


def test_kernels_that_halves_cannot_hold_stay_whole(small_network: Make, publish: Publish, tmp_path: Path) -> None:
    network = small_network()
    descriptor = find_weights(str(publish(network, tmp_path))).descriptor
    with torch.no_grad():
        network.encoder.conv1.weight[0, 0, 0, 0] = 1e6
    saved = save_weights(network, descriptor, tmp_path / "saved")
    tensors = read_tensors(saved.file)
    assert tensors["encoder.conv1.weight"].dtype == np.float32
    assert tensors["encoder.layer1.0.conv1.weight"].dtype == np.float16
    assert tensors["encoder.bn1.running_var"].dtype == np.float32
    assert float(load_network(saved).encoder.conv1.weight.detach()[0, 0, 0, 0]) == 1e6


def test_tensors_that_modules_share_are_stored_once(small_network: Make, publish: Publish, tmp_path: Path) -> None:
    network = small_network()
    descriptor = find_weights(str(publish(network, tmp_path))).descriptor
    stored = read_tensors(save_weights(network, descriptor, tmp_path / "saved").file)
    assert not any(".after_combines.1." in name for name in stored)
    assert sum(t.size for t in stored.values()) < sum(t.numel() for t in network.state_dict().values())


def test_a_published_file_in_the_users_folder_is_found(
    small_network: Make, publish: Publish, tmp_path: Path, home: Path
) -> None:
    with pytest.raises(WeightsError, match="MitoNet_v1 are not on this computer") as missing:
        find_weights("MitoNet_v1")
    folder = home / "weights"
    assert f"put it here: {folder / 'MitoNet_v1.pth'}" in missing.value.hint
    folder.mkdir(parents=True)
    network = small_network("PanopticDeepLab")
    publish(network, tmp_path, "MitoNet_v1").with_suffix(".pth").rename(folder / "MitoNet_v1.pth")
    found = find_weights("MitoNet_v1")
    assert found.descriptor.class_names == {1: "mito"}
    assert found.descriptor.padding_factor == 16
    assert same_outputs(load_network(found), network)
    assert "MitoNet_v1" not in [entry.name for entry in scan_library().missing]


def edited(weights: Weights, **changes: object) -> Path:
    """Change the descriptor of saved weights, leaving the tensors."""
    described = weights.file.with_suffix(".yaml")
    content = yaml.safe_load(described.read_text("utf-8"))
    described.write_text(yaml.safe_dump({**content, **changes}), "utf-8")
    return described


@pytest.fixture
def saved(small_network: Make, publish: Publish, tmp_path: Path) -> Weights:
    described = publish(small_network("PanopticDeepLab"), tmp_path, "Ours")
    return save_weights(small_network("PanopticDeepLab"), find_weights(str(described)).descriptor, tmp_path / "saved")


def test_another_networks_tensors_are_refused(saved: Weights) -> None:
    shape = saved.descriptor.network.model_dump(mode="json")
    for changes, fault in (
        ({"decoder_channels": 16}, "has the wrong shape of"),
        ({"encoder": "resnet34"}, "lacks encoder.layer1.2.conv1.weight, .* and [0-9]+ more"),
        ({"instance_decoder": False}, "has, unlike the network, instance_decoder"),
    ):
        path = edited(saved, network={**shape, **changes})
        with pytest.raises(WeightsError, match=fault):
            load_network(find_weights(str(path)))


def test_another_file_under_the_same_name_is_noticed(saved: Weights, small_network: Make) -> None:
    other = save_weights(small_network("PanopticDeepLab", aspp_channels=16), saved.descriptor, saved.file.parent / "x")
    other.file.replace(saved.file)
    with pytest.raises(WeightsError, match="its hash differs"):
        load_network(find_weights(str(saved.file)))


def test_values_that_are_no_numbers_are_refused(saved: Weights, small_network: Make) -> None:
    network = small_network("PanopticDeepLab")
    with torch.no_grad():
        network.ins_xy.head[1].bias[0] = torch.nan
    broken = save_weights(network, saved.descriptor, saved.file.parent)
    with pytest.raises(WeightsError, match=r"no numbers in ins_xy\.head\.1\.bias"):
        load_network(broken)


@pytest.mark.parametrize("missing", ["class_names", "thing_list", "norms"])
def test_a_yaml_that_lacks_something_is_named(
    missing: str, small_network: Make, publish: Publish, tmp_path: Path
) -> None:
    described = publish(small_network(), tmp_path)
    content = yaml.safe_load(described.read_text("utf-8"))
    content[missing] = {} if missing == "norms" else None
    described.write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(WeightsError, match="mean" if missing == "norms" else missing):
        find_weights(str(described))


def test_tensors_of_something_else_are_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(nn.Linear(3, 4)), str(tmp_path / "linear.pth"))
    (tmp_path / "linear.yaml").write_text("norms: {mean: .5, std: .1}\nmodel: linear.pth\n", "utf-8")
    with pytest.raises(WeightsError, match="network of another kind"):
        find_weights(str(tmp_path / "linear.yaml"))


def test_a_missing_pth_says_where_it_goes(tmp_path: Path) -> None:
    (tmp_path / "MitoNet.yaml").write_text("norms: {mean: .5}\nmodel: https://zenodo.org/a/M.pth?download=1\n", "utf-8")
    with pytest.raises(WeightsError, match="not beside it") as missing:
        find_weights(str(tmp_path / "MitoNet.yaml"))
    assert missing.value.hint == f"Download https://zenodo.org/a/M.pth?download=1 and put it into {tmp_path}."
