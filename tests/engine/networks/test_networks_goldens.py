"""Both networks against numbers that the reference computed from the same weights."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from empanada_desktop.engine.networks import PanopticNetwork

GOLDENS = Path(__file__).parents[2] / "data" / "goldens"
NETWORKS = {"pdl": "PanopticDeepLab", "bifpn": "PanopticBiFPN"}
Make = Callable[..., PanopticNetwork]
Images = dict[str, torch.Tensor]


def assert_close(name: str, got: object, golden: NDArray[np.float64]) -> None:
    """Relative to the largest value; where PointRend draws the line between equally uncertain pixels is left open."""
    assert np.shape(got) == golden.shape, name
    tolerance = 6e-4 if golden.dtype == np.float16 else 1e-4
    difference = np.abs(np.asarray(got, np.float64) - golden) / max(np.abs(golden.astype(np.float64)).max(), 1e-30)
    ties = 8 if "sem_logits" in name else 0
    assert np.count_nonzero(difference > tolerance) <= ties, f"{name}: {difference.max():.2e}"


def statistics(*maps: torch.Tensor) -> NDArray[np.float64]:
    rows = [[float(m.double().mean()), float(m.double().std()), float(m.abs().max())] for m in maps]
    return np.squeeze(np.array(rows))


@torch.inference_mode()
def intermediate_maps(network: PanopticNetwork, image: torch.Tensor) -> dict[str, object]:
    maps = network.encoder(image)
    semantic, instance = network.decode(maps)
    return {
        "A_enc_stats": statistics(*maps),
        "A_enc_p3_c0": maps[2][0, 0],
        "A_enc_p5_c0": maps[4][0, 0],
        "A_sx_stats": statistics(semantic),
        "A_ix_stats": statistics(instance),
        "A_sx_c0": semantic[0, 0],
        "A_ix_c0": instance[0, 0],
        "A_sem_coarse": network.semantic_head(semantic),
    }


def outputs(network: PanopticNetwork, image: torch.Tensor) -> dict[str, object]:
    quarter = network.predict(image)
    return {
        "A_rs2_sem_logits": quarter["semantic_logits"],
        "A_ctr_hmp_q": quarter["centre_heatmap"],
        "A_offsets_q": quarter["offsets"],
    }


def outputs_of_one_class(network: PanopticNetwork, images: Images) -> dict[str, object]:
    full, large = network.predict(images["A"], 3, True), network.predict(images["B"])
    return {
        "A_rs3_sem_logits": full["semantic_logits"],
        "A_ctr_hmp_full": full["centre_heatmap"],
        "A_offsets_full": full["offsets"],
        "B_rs2_sem_logits_f16": large["semantic_logits"],
        "B_ctr_hmp_q": large["centre_heatmap"],
        "B_offsets_q": large["offsets"],
    }


@pytest.mark.parametrize("short", NETWORKS)
@pytest.mark.parametrize("n_classes", [1, 3])
def test_every_golden_array_is_reproduced(
    short: str, n_classes: int, golden_network: Make, golden_images: Images
) -> None:
    network = golden_network(NETWORKS[short], n_classes)
    got = intermediate_maps(network, golden_images["A"]) | outputs(network, golden_images["A"])
    if n_classes == 1:
        got |= outputs_of_one_class(network, golden_images)
    with np.load(GOLDENS / f"model_{short}_nc{n_classes}.npz") as goldens:
        assert len(goldens.files) == (17 if n_classes == 1 else 11)
        for name in goldens.files:
            assert_close(name, got[name], goldens[name])


@pytest.mark.parametrize("short", NETWORKS)
def test_keys_shapes_and_their_order_are_those_of_the_reference(short: str, golden_network: Make) -> None:
    state = golden_network(NETWORKS[short]).state_dict()
    listed = json.loads((GOLDENS / f"keys_{short}.json").read_text())
    assert {name: [list(t.shape), str(t.dtype).removeprefix("torch.")] for name, t in state.items()} == listed
    assert list(state) == list(listed)


@pytest.mark.parametrize(("short", "n_parameters"), [("pdl", 55_158_486), ("bifpn", 27_350_786)])
def test_number_of_parameters(short: str, n_parameters: int, golden_network: Make) -> None:
    assert sum(p.numel() for p in golden_network(NETWORKS[short]).parameters()) == n_parameters
