"""The weights that are there: bundled with the program, in the user's folder, or anywhere by path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights.archives import HINT, extracted, open_archive
from empanada_desktop.io.weights.catalogue import CATALOGUE_FILE, CatalogueEntry, read_catalogue
from empanada_desktop.io.weights.descriptor import WeightsDescriptor, parse_descriptor, read_yaml
from empanada_desktop.io.weights.published import find_beside, infer_network, is_published, published_descriptor
from empanada_desktop.io.weights.tensors import Tensors, read_shapes, read_tensors
from empanada_desktop.settings import resources_folder, user_folder

Origin = Literal["bundled", "user", "file"]
# Stands for the first weights that come with the program, whatever they are called.
BUNDLED = "bundled"


@dataclass(frozen=True)
class Weights:
    """A descriptor and the file with the tensors that it describes.

    `folded` weights are in the published form: batch norms folded into convolutions, other names. `entry` names the
    tensors' file inside an .empanada file.
    """

    descriptor: WeightsDescriptor
    file: Path
    origin: Origin
    folded: bool = False
    entry: str = ""

    def read_tensors(self) -> Tensors:
        """Read the tensors after comparing the file's hash with the descriptor's; WeightsError when they differ."""
        self.verify()
        with self._tensor_file() as path:
            return read_tensors(path)

    def verify(self) -> None:
        """Compare the file with the hash in the descriptor; WeightsError when the file is missing or another."""
        if self.descriptor.sha256 and sha256_of(self.file) != self.descriptor.sha256:
            raise WeightsError(
                f"{self.file} is not the file that {self.descriptor.name} was described with (its hash differs).",
                "Take both files again from where they came, or import the weights anew.",
            )

    @contextmanager
    def _tensor_file(self) -> Iterator[Path]:
        if not self.entry:
            yield self.file
        else:
            with extracted(self.file, {self.entry: "weights.pth"}) as files:
                yield files["weights.pth"]


@dataclass(frozen=True)
class Library:
    """What is there, what is there but broken (in plain sentences), and what could be fetched."""

    weights: list[Weights] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    missing: list[CatalogueEntry] = field(default_factory=list)


def user_weights_folder() -> Path:
    """The folder of the user's own weights, which may not exist yet."""
    return user_folder() / "weights"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal; WeightsError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise WeightsError(f"{path} cannot be read.", "Check that the file is there and may be read.") from problem


def scan_library() -> Library:
    """Look through the bundled and the user's weights; broken ones become faults, never an error."""
    library = Library()
    folders: tuple[tuple[Path, Origin], ...] = (
        (resources_folder() / "weights", "bundled"),
        (user_weights_folder(), "user"),
    )
    for folder, origin in folders:
        for path in sorted(folder.glob("*.yaml")):
            if path.name != CATALOGUE_FILE:
                _add(library, path, origin)
    for entry in read_catalogue():
        _add_published(library, entry)
    return library


def list_weights() -> list[Weights]:
    """All weights of the library that can be used, bundled ones first."""
    return scan_library().weights


def find_weights(name_or_path: str) -> Weights:
    """Find weights by their name in the library, or by the path of a .yaml, .pth, .safetensors or .empanada file.

    "bundled" means the first that come with the program. Published weights get the hash of their file here.
    WeightsError says what there is, or where to get what is missing.
    """
    library = scan_library()
    for weights in library.weights:
        if weights.descriptor.name == name_or_path or (name_or_path == BUNDLED == weights.origin):
            return _with_hash(weights)
    for entry in library.missing:
        if entry.name == name_or_path:
            raise WeightsError(f"The weights {entry.name} are not on this computer.", how_to_get(entry))
    path = Path(name_or_path)
    if path.suffix.lower() in _OPENERS:
        return _with_hash(open_weights(path))
    names = ", ".join(weights.descriptor.name for weights in library.weights) or "none"
    raise WeightsError(
        f"There are no weights called {name_or_path!r}.", f"There are: {names}. A path to a file works as well."
    )


def how_to_get(entry: CatalogueEntry) -> str:
    """What the user has to do to have published weights; the program never downloads by itself."""
    return f"Download {entry.address} and put it here: {user_weights_folder() / entry.file}"


def open_weights(path: Path, origin: Origin = "file") -> Weights:
    """Open weights by the path of a .yaml, .pth, .safetensors or .empanada file, reading no tensors yet.

    WeightsError when the file is missing, damaged, hostile or of another kind.
    """
    if path.suffix.lower() not in _OPENERS:
        raise WeightsError(f"{path} is not a file of weights.", f"Choose one that ends in {', '.join(_OPENERS)}.")
    if not path.is_file():
        raise WeightsError(f"There is no file {path}.", "Check the path.")
    return _OPENERS[path.suffix.lower()](path, origin)


def _open_yaml(path: Path, origin: Origin) -> Weights:
    content = read_yaml(path)
    if is_published(content):
        return _published(path.stem, content, find_beside(path, content), origin)
    descriptor = parse_descriptor(content, str(path))
    file = path.with_name(Path(descriptor.file).name or path.stem + ".safetensors")
    if not file.is_file():
        raise WeightsError(f"The weights that {path} describes are not beside it.", f"Put {file.name} there.")
    return Weights(descriptor, file, origin)


def _open_safetensors(path: Path, origin: Origin) -> Weights:
    described = path.with_suffix(".yaml")
    if not described.is_file():
        raise WeightsError(f"{path} has no description.", f"Put its {described.name} beside it.")
    return _open_yaml(described, origin)


def _open_pth(path: Path, origin: Origin) -> Weights:
    for described in (path.with_suffix(".yaml"), *sorted(path.parent.glob("*.yaml"))):
        content = read_yaml(described) if described.is_file() else {}
        if is_published(content) and find_beside(described, content) == path:
            return _published(described.stem, content, path, origin)
    for entry in read_catalogue():
        if entry.file == path.name:
            return _from_catalogue(entry, path, origin)
    raise WeightsError(f"{path} has no description.", f"Put the {path.stem}.yaml that belongs to it beside it.")


def _open_empanada(path: Path, origin: Origin) -> Weights:
    with open_archive(path) as archive:
        described = [name for name in archive.namelist() if name.lower().endswith((".yaml", ".yml"))]
        tensors = [name for name in archive.namelist() if name.lower().endswith(".pth") and "quantized" not in name]
    if len(described) != 1 or len(tensors) != 1:
        raise WeightsError(f"{path} does not hold one .yaml and one .pth that is not quantised.", HINT)
    with extracted(path, {described[0]: "weights.yaml", tensors[0]: "weights.pth"}) as files:
        content = read_yaml(files["weights.yaml"])
        opened = _published(path.stem, content, files["weights.pth"], origin)
    return replace(opened, file=path, entry=tensors[0])


_OPENERS = {".yaml": _open_yaml, ".pth": _open_pth, ".safetensors": _open_safetensors, ".empanada": _open_empanada}


def _published(name: str, content: dict[str, Any], file: Path, origin: Origin) -> Weights:
    descriptor = published_descriptor(content, name, infer_network(read_shapes(file)))
    return Weights(descriptor, file, origin, folded=True)


def _from_catalogue(entry: CatalogueEntry, file: Path, origin: Origin) -> Weights:
    known = entry.model_dump(include=set(WeightsDescriptor.model_fields) - {"file"})
    known["provenance"] = {"address": entry.address}
    known["network"] = infer_network(read_shapes(file))
    return Weights(parse_descriptor(known, str(file)), file, origin, folded=True)


def _add(library: Library, path: Path, origin: Origin) -> None:
    try:
        weights = _open_yaml(path, origin)
    except WeightsError as fault:
        library.faults.append(f"{fault.message} {fault.hint}")
        return
    if any(other.descriptor.name == weights.descriptor.name for other in library.weights):
        library.faults.append(f"{path}: there are other weights called {weights.descriptor.name}; these are left out.")
    else:
        library.weights.append(weights)


def _add_published(library: Library, entry: CatalogueEntry) -> None:
    file = user_weights_folder() / entry.file
    if any(weights.descriptor.name == entry.name for weights in library.weights):
        return
    if not file.is_file():
        library.missing.append(entry)
        return
    try:
        library.weights.append(_from_catalogue(entry, file, "user"))
    except WeightsError as fault:
        library.faults.append(f"{fault.message} {fault.hint}")


def _with_hash(weights: Weights) -> Weights:
    if weights.descriptor.sha256:
        return weights
    return replace(weights, descriptor=weights.descriptor.model_copy(update={"sha256": sha256_of(weights.file)}))
