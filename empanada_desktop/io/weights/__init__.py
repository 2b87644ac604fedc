"""Weights: descriptors, the files of tensors behind them (nobody's code is run), and the library of what is there."""

from empanada_desktop.io.weights.catalogue import CatalogueEntry, read_catalogue
from empanada_desktop.io.weights.config import Architecture, NetworkConfig
from empanada_desktop.io.weights.descriptor import (
    WeightsDescriptor,
    check_class_names,
    check_name,
    read_descriptor,
    write_descriptor,
)
from empanada_desktop.io.weights.encoders import ENCODER_NAMES
from empanada_desktop.io.weights.library import (
    Library,
    Weights,
    find_weights,
    how_to_get,
    list_weights,
    open_weights,
    scan_library,
    sha256_of,
    user_weights_folder,
)
from empanada_desktop.io.weights.tensors import Tensors, read_shapes, read_tensors, write_safetensors

__all__ = [
    "ENCODER_NAMES",
    "Architecture",
    "CatalogueEntry",
    "Library",
    "NetworkConfig",
    "Tensors",
    "Weights",
    "WeightsDescriptor",
    "check_class_names",
    "check_name",
    "find_weights",
    "how_to_get",
    "list_weights",
    "open_weights",
    "read_catalogue",
    "read_descriptor",
    "read_shapes",
    "read_tensors",
    "scan_library",
    "sha256_of",
    "user_weights_folder",
    "write_descriptor",
    "write_safetensors",
]
