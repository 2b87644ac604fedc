"""The views at 150 %: every voxel is picked and painted where it is seen; in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

VIEWS = Path(__file__).with_name("test_view_grid.py")


def test_voxels_are_where_they_are_seen_at_150_percent() -> None:
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "QT_SCALE_FACTOR": "1.5"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(VIEWS)]
    outcome = subprocess.run(
        [*command, "-k", "picked or painted or points_and_shapes or selected_only or fitted"],
        env=settings,
        cwd=VIEWS.parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]
    assert " 5 passed" in outcome.stdout or "....." in outcome.stdout
