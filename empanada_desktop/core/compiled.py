"""Where compiled functions are kept: beside their sources, or in a place that can be written to."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def provide_cache() -> None:
    """Choose a folder for compiled functions where they cannot be kept beside their sources.

    Without any, numba would refuse to compile at all. Processes that are started later use the same folder.
    """
    if VARIABLE in os.environ or _may_keep(Path(__file__).parent):
        return
    from empanada_desktop.settings import user_folder

    lasting = user_folder() / "compiled"
    os.environ[VARIABLE] = str(lasting if _can_write(lasting) else _passing_folder())


def _may_keep(sources: Path) -> bool:
    """Whether Python's own cache folder beside the sources can be written to, or made."""
    cache = sources / "__pycache__"
    return os.access(cache if cache.exists() else sources, os.W_OK) and (cache.is_dir() or not cache.exists())


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _passing_folder() -> Path:
    """A folder for this run alone: what lies in a place that all may write to is not to be trusted."""
    folder = Path(tempfile.mkdtemp(prefix="empanada-compiled-"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
