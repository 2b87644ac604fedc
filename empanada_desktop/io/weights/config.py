"""The shape of a network, written down without torch."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from empanada_desktop.io.weights.encoders import ENCODER_NAMES, REGNETS, RESNET_STEM

Architecture = Literal["PanopticDeepLab", "PanopticBiFPN"]


class NetworkConfig(BaseModel):
    """The shape of a network: enough to build it, and small enough to travel inside a descriptor.

    The defaults are the sizes of the published networks; smaller values give lighter networks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = "PanopticDeepLab"
    encoder: str = "resnet50"
    n_classes: int = Field(1, ge=1, le=255, description="semantic channels: 1 for one class, else background + classes")
    encoder_channels: int = Field(
        RESNET_STEM, ge=8, le=256, description="channels of a ResNet's stem; 64 is the standard"
    )
    instance_decoder: bool = Field(True, description="a decoder of its own for centres and offsets")

    stage4_stride: Literal[16, 32] = Field(16, description="DeepLab: image pixels per pixel of the deepest stage")
    decoder_channels: int = Field(256, ge=8, le=1024, description="DeepLab: channels of the decoder")
    low_level_stages: tuple[int, ...] = Field((1,), description="DeepLab: encoder stages joined in, deepest first")
    low_level_channels: tuple[int, ...] = Field((32,), description="DeepLab: channels each of them is reduced to")
    instance_ratio: float = Field(0.5, gt=0, le=2, description="DeepLab: the same for the instance decoder, times this")
    atrous_rates: tuple[int, int, int] = Field((2, 4, 6), description="DeepLab: dilations of the pyramid pooling")
    aspp_channels: int | None = Field(
        None, ge=8, le=1024, description="DeepLab: channels of the pyramid pooling; the decoder's if left out"
    )
    aspp_dropout: float = Field(0.5, ge=0, lt=1, description="DeepLab: dropout after the pyramid pooling")

    fpn_channels: int = Field(128, ge=8, le=1024, description="BiFPN: channels of the pyramid")
    fpn_layers: int = Field(3, ge=1, le=12, description="BiFPN: how often the pyramid is run through")
    fpn_depthwise: bool = Field(True, description="BiFPN: depthwise separable fusion convolutions")

    point_layers: int = Field(3, ge=1, le=8, description="PointRend: hidden layers of the point head")
    training_points: int = Field(1024, ge=1, description="PointRend: points per image in training")
    oversample_ratio: int = Field(3, ge=1, description="PointRend: candidates per training point")
    importance_ratio: float = Field(0.75, ge=0, le=1, description="PointRend: share of points at uncertain places")
    subdivision_points: int = Field(8192, ge=1, description="PointRend: points refined in each subdivision step")

    @property
    def size_factor(self) -> int:
        """Image sides must be divisible by this many pixels."""
        return self.stage4_stride if self.architecture == "PanopticDeepLab" else 128

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.encoder not in ENCODER_NAMES:
            raise ValueError(f"there is no encoder {self.encoder!r}; choose one of {', '.join(ENCODER_NAMES)}")
        if self.encoder in REGNETS and self.encoder_channels != RESNET_STEM:
            raise ValueError("encoder_channels can be chosen for ResNets only")
        stages = self.low_level_stages
        if not stages or not all(1 <= stage <= 4 for stage in stages) or stages[-1] != 1:
            raise ValueError("low_level_stages are between 4 and 1, and the last one is 1 (a quarter of the side)")
        if len(stages) != len(self.low_level_channels) or min(self.low_level_channels) * self.instance_ratio < 1:
            raise ValueError("low_level_channels needs a number of channels for each of low_level_stages")
        return self
