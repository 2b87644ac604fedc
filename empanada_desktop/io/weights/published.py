"""Published weights (.pth + .yaml, or both in an .empanada file): their descriptor in our terms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights.config import NetworkConfig
from empanada_desktop.io.weights.descriptor import WeightsDescriptor, parse_descriptor
from empanada_desktop.io.weights.encoders import REGNETS, RESNETS, encoder_widths

Shapes = Mapping[str, tuple[int, ...]]
HINT = "Only PanopticDeepLab and PanopticBiFPN weights with PointRend can be read."


def infer_network(shapes: Shapes) -> NetworkConfig:
    """Tell the network's shape from the shapes of its tensors, folded or not; WeightsError when it is none of ours.

    What no tensor shows is taken as in the reference: dilations 2, 4, 6, and a stage-4 stride of 16 in DeepLab with a
    ResNet, 32 with a RegNet.
    """
    try:
        is_bifpn = any(name.startswith("semantic_fpn.") for name in shapes)
        values = _bifpn_values(shapes) if is_bifpn else _deeplab_values(shapes)
        head = shapes["semantic_head.head.1.weight"]
        values["n_classes"] = head[0]
        values["instance_decoder"] = any(name.startswith("instance_decoder.") for name in shapes)
        values["point_layers"] = 1 + max(_indices(shapes, r"semantic_pr\.point_head\.fc_layers\.(\d+)\."))
        return NetworkConfig.model_validate(values)
    except (KeyError, ValueError, IndexError, StopIteration, ZeroDivisionError) as problem:
        raise WeightsError("These weights belong to a network of another kind.", HINT) from problem


def published_descriptor(content: Mapping[str, Any], name: str, network: NetworkConfig) -> WeightsDescriptor:
    """Turn the values of a published .yaml into a descriptor; WeightsError names what is missing."""
    norms = content.get("norms") or {}
    values = {
        "name": name,
        "description": " ".join(str(content.get("description") or "").split()),
        "network": network,
        "class_names": _class_names(content),
        "thing_list": content.get("thing_list"),
        "label_divisor": _label_divisor(content),
        "mean": norms.get("mean") if isinstance(norms, Mapping) else None,
        "std": norms.get("std") if isinstance(norms, Mapping) else None,
        "padding_factor": content.get("padding_factor", network.size_factor),
    }
    return parse_descriptor(values, f"The .yaml of {name}")


def published_file_name(content: Mapping[str, Any]) -> str:
    """The file name of the .pth that a published .yaml points to, without its folders or address."""
    where = str(content.get("model") or "")
    return PurePosixPath(urlsplit(where).path.replace("\\", "/")).name


def is_published(content: Mapping[str, Any]) -> bool:
    """Whether values come from a published .yaml rather than from a descriptor of ours."""
    return "norms" in content and "network" not in content


def find_beside(yaml_path: Path, content: Mapping[str, Any]) -> Path:
    """The .pth that belongs to a published .yaml; WeightsError says where to put it when it is not there."""
    named = published_file_name(content)
    for candidate in (yaml_path.with_name(named) if named else None, yaml_path.with_suffix(".pth")):
        if candidate is not None and candidate.is_file():
            return candidate
    address = str(content.get("model") or "")
    where = f"Download {address} and put it" if address.startswith("http") else f"Put {named or 'its .pth'}"
    raise WeightsError(
        f"The weights that {yaml_path} describes are not beside it.", f"{where} into {yaml_path.parent}."
    )


def _class_names(content: Mapping[str, Any]) -> object:
    names = content.get("class_names")
    # Old files list the names in the order of their labels.
    return dict(enumerate(names, start=1)) if isinstance(names, list) else names


def _label_divisor(content: Mapping[str, Any]) -> object:
    finetune = content.get("FINETUNE")
    parameters = finetune.get("engine_params") if isinstance(finetune, Mapping) else None
    return parameters.get("label_divisor", 1000) if isinstance(parameters, Mapping) else 1000


def _deeplab_values(shapes: Shapes) -> dict[str, Any]:
    encoder = _encoder_values(shapes)
    stages, channels = zip(*_low_levels(shapes, "semantic_decoder", encoder), strict=True)
    pooled = _first(shapes, r"semantic_decoder\.aspp\.project\.0(\.0)?\.weight")[0]
    decoder_channels = shapes["semantic_head.head.1.weight"][1]
    values: dict[str, Any] = {
        "architecture": "PanopticDeepLab",
        "stage4_stride": 32 if encoder["encoder"] in REGNETS else 16,
        "decoder_channels": decoder_channels,
        "aspp_channels": None if pooled == decoder_channels else pooled,
        "low_level_stages": stages,
        "low_level_channels": channels,
    }
    if any(name.startswith("instance_decoder.") for name in shapes):
        values["instance_ratio"] = _low_levels(shapes, "instance_decoder", encoder)[0][1] / channels[0]
    return {**encoder, **values}


def _bifpn_values(shapes: Shapes) -> dict[str, Any]:
    combine = r"semantic_fpn\.bifpns\.0\.top_down_fpn\.after_combines\.0\.0\.sepconv\."
    return {
        **_encoder_values(shapes),
        "architecture": "PanopticBiFPN",
        "fpn_channels": shapes["semantic_head.head.1.weight"][1],
        "fpn_layers": 1 + max(_indices(shapes, r"semantic_fpn\.bifpns\.(\d+)\.")),
        "fpn_depthwise": any(re.match(combine, name) for name in shapes),
    }


def _low_levels(shapes: Shapes, decoder: str, encoder: dict[str, Any]) -> list[tuple[int, int]]:
    """Encoder stage and reduced channels of each projection of a DeepLab decoder."""
    widths = encoder_widths(encoder["encoder"], encoder["encoder_channels"])
    count = 1 + max(_indices(shapes, rf"{decoder}\.project\.(\d+)\."))
    weights = [_first(shapes, rf"{decoder}\.project\.{i}\.0(\.0)?\.weight") for i in range(count)]
    return [(1 + widths.index(weight[1]), weight[0]) for weight in weights]


def _encoder_values(shapes: Shapes) -> dict[str, Any]:
    if any(name.startswith("encoder.stem.") for name in shapes):
        return {"encoder": _regnet_name(shapes), "encoder_channels": 64}
    depths = tuple(1 + max(_indices(shapes, rf"encoder\.layer{stage}\.(\d+)\.")) for stage in range(1, 5))
    is_bottleneck = any(name.startswith("encoder.layer1.0.conv3.") for name in shapes)
    name = next(key for key, shape in RESNETS.items() if shape == (depths, is_bottleneck))
    return {"encoder": name, "encoder_channels": _first(shapes, r"encoder\.conv1(\.0)?\.weight")[0]}


def _regnet_name(shapes: Shapes) -> str:
    stages = range(1, 5)
    depths = [max(_indices(shapes, rf"encoder\.stage{stage}\.block(\d+)\.")) for stage in stages]
    widths = [_first(shapes, rf"encoder\.stage{s}\.block1\.bottleneck\.c\.0\.weight")[0] for s in stages]
    return next(name for name, rule in REGNETS.items() if rule.stages()[:2] == (widths, depths))


def _indices(shapes: Iterable[str], pattern: str) -> list[int]:
    return [int(match.group(1)) for name in shapes if (match := re.match(pattern, name))]


def _first(shapes: Shapes, pattern: str) -> tuple[int, ...]:
    return next(shape for name, shape in shapes.items() if re.fullmatch(pattern, name))
