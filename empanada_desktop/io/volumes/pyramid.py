"""A volume together with the smaller copies of itself that a Zarr folder holds."""

from collections.abc import Iterator
from pathlib import Path

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import hushed, reading
from empanada_desktop.io.volumes.opening import ZARR_FILES, open_volume
from empanada_desktop.io.volumes.volume import Volume, VolumeRef


def open_levels(ref: VolumeRef) -> list[Volume]:
    """Open a volume and its smaller copies, the largest first; formats without levels give the volume alone.

    A level that cannot be read, or that is no smaller than the one before, ends the list. VolumeError as open_volume.
    """
    volumes = _levels(ref)
    return [volume.as_labels() for volume in volumes] if ref.as_labels else volumes


def _levels(ref: VolumeRef) -> list[Volume]:
    volumes = [open_volume(ref.path, ref.dataset, ref.voxel_size)]
    folder = Path(ref.path)
    if not any((folder / name).is_file() for name in ZARR_FILES):
        return volumes
    for dataset in _smaller(folder, volumes[0].ref.dataset or ""):
        try:
            level = open_volume(ref.path, dataset)
        except VolumeError:
            break
        if level.dtype != volumes[0].dtype or not _is_smaller(level, volumes[-1]):
            level.close()
            break
        volumes.append(level)
    return volumes


def _smaller(folder: Path, dataset: str) -> Iterator[str]:
    """Paths of the levels after the first of an image group, as open_volume takes them."""
    import zarr

    from empanada_desktop.io.volumes.zarr_store import ome_attributes

    with reading(folder), hushed():
        root = zarr.open(str(folder), mode="r")
        node = root[dataset] if dataset and isinstance(root, zarr.Group) and dataset in root else root
        entries = ome_attributes(node.attrs.asdict()).get("multiscales") if isinstance(node, zarr.Group) else None
    if not isinstance(entries, list) or not entries:
        return
    for level in entries[0].get("datasets", [])[1:]:
        yield f"{dataset}/{level['path']}" if dataset else str(level["path"])


def _is_smaller(level: Volume, larger: Volume) -> bool:
    pairs = list(zip(level.shape, larger.shape, strict=True))
    return all(small <= large for small, large in pairs) and any(small < large for small, large in pairs)
