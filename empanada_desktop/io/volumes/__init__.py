"""Image volumes of any format, opened lazily: a path goes in, a Volume (shape, dtype, voxel size, slices) comes out."""

from empanada_desktop.io.volumes.opening import list_datasets, open_volume
from empanada_desktop.io.volumes.volume import DatasetInfo, Volume, VolumeRef

__all__ = ["DatasetInfo", "Volume", "VolumeRef", "list_datasets", "open_volume"]
