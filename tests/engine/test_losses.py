import math

import pytest
import torch
from torch.nn import functional as F

from empanada_desktop.engine.losses import (
    LossWeights,
    bootstrapped_cross_entropy,
    classes_at,
    foreground_offsets,
    panoptic_loss,
    pixel_cross_entropy,
    soft_dice,
)


def test_binary_cross_entropy_is_the_formula() -> None:
    logits = torch.tensor([[[[2.0, -1.0]]]])
    classes = torch.tensor([[[1, 0]]])
    expected = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))]
    assert pixel_cross_entropy(logits, classes).flatten().tolist() == pytest.approx(expected)


def test_multi_class_cross_entropy_is_the_formula() -> None:
    logits = torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1)
    total = sum(math.exp(value) for value in (1, 2, 4))
    found = pixel_cross_entropy(logits, torch.tensor([[[1]]]))
    assert float(found) == pytest.approx(-math.log(math.exp(2) / total))


def test_bootstrapping_averages_the_hardest_fifth() -> None:
    logits = torch.linspace(-3, 3, 100).reshape(1, 1, 10, 10)
    classes = torch.zeros(1, 10, 10, dtype=torch.long)
    hardest = F.softplus(logits.flatten()[-20:]).mean()
    assert float(bootstrapped_cross_entropy(logits, classes, 0.2)) == pytest.approx(float(hardest))
    everything = F.softplus(logits).mean()
    assert float(bootstrapped_cross_entropy(logits, classes, 1.0)) == pytest.approx(float(everything))


def test_offsets_count_inside_the_foreground_only() -> None:
    predicted = torch.ones(1, 2, 2, 2)
    wanted = torch.tensor([3.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 2, 2)
    classes = torch.tensor([[[1, 0], [0, 0]]])
    assert float(foreground_offsets(predicted, wanted, classes)) == pytest.approx(2 + 1)
    assert float(foreground_offsets(predicted, wanted, torch.zeros_like(classes))) == 0


def test_points_read_the_pixel_under_them_as_nearest_sampling_does() -> None:
    torch.manual_seed(0)
    classes = torch.randint(0, 3, (2, 8, 12))
    coordinates = torch.rand(2, 50, 2)
    sampled = F.grid_sample(
        classes[:, None].float(), 2 * coordinates[:, :, None] - 1, mode="nearest", align_corners=False
    )
    assert torch.equal(classes_at(classes, coordinates), sampled[:, 0, :, 0].long())


@pytest.mark.parametrize("channels", [1, 3])
def test_dice_is_0_when_perfect_and_1_when_wrong(channels: int) -> None:
    classes = torch.zeros(1, 16, 16, dtype=torch.long)
    classes[:, :8] = 1
    if channels == 3:
        classes[:, :4] = 2
    truth = F.one_hot(classes, 3).movedim(-1, 1).float()
    right = (truth[:, 1:2] if channels == 1 else truth) * 200 - 100
    assert float(soft_dice(right, classes)) == pytest.approx(0, abs=1e-4)
    assert float(soft_dice(right.roll(8, dims=2), classes)) == pytest.approx(1, abs=0.02)


def test_terms_are_weighed_and_added() -> None:
    torch.manual_seed(1)
    outputs = {
        "semantic_logits": torch.randn(2, 1, 16, 16),
        "centre_heatmap": torch.rand(2, 1, 16, 16),
        "offsets": torch.randn(2, 2, 16, 16),
        "point_logits": torch.randn(2, 1, 30),
        "point_coordinates": torch.rand(2, 30, 2),
    }
    targets = {
        "classes": torch.randint(0, 2, (2, 16, 16)),
        "heatmap": torch.rand(2, 1, 16, 16),
        "offsets": torch.randn(2, 2, 16, 16),
    }
    total, terms = panoptic_loss(outputs, targets, LossWeights())
    assert set(terms) == {"semantic", "heatmap", "offsets", "points"}
    assert float(terms["heatmap"]) == pytest.approx(
        float((outputs["centre_heatmap"] - targets["heatmap"]).square().mean())
    )
    expected = terms["semantic"] + 200 * terms["heatmap"] + 0.01 * terms["offsets"] + terms["points"]
    assert float(total) == pytest.approx(float(expected))
    more, with_dice = panoptic_loss(outputs, targets, LossWeights(overlap=2.0))
    assert float(more - total) == pytest.approx(2 * float(with_dice["overlap"]), rel=1e-4)
