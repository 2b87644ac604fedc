"""Side by side with the reference: the same weights, the same machine, one thread, runs in turn.

`python3 dev.py bench --reference PATH [PATH]` with the folders that hold a checkout of the reference (its packages
`empanada` and `empanada_napari`). It runs in a process of its own. All times are processor time, which other work on
the machine disturbs less than the time on the wall; on a free core they are the same.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bench import Row
from bench.reference_child import _timed
from bench.stand_ins import StackOfDiscs

ROOT = Path(__file__).resolve().parents[1]
SIDE = 512
RUNS = 3
LONG = 12.0  # seconds after which the reference's runs are enough
CASES = ((512, 200), (1024, 1000))
MATCHED_PLANES = 8
AIMS = {
    ("PanopticBiFPN", 1024): 5.0,
    ("PanopticBiFPN", 512): 2.2,
    ("PanopticDeepLab", 1024): 3.4,
    ("PanopticDeepLab", 512): 1.7,
}
STACKS = {
    (512, 200): 4,
    (1024, 1000): 3,
}  # planes: few, since the reference takes 20 minutes for 64; --planes asks for more
STACK_RUNS = 2


class Child:
    """The reference's process."""

    def __init__(self, folders: Sequence[Path]) -> None:
        for package in ("empanada", "empanada_napari"):
            if not any((folder / package).is_dir() for folder in folders):
                names = ", ".join(map(str, folders))
                raise SystemExit(f"There is no folder {package} in {names}: name the folders of a checkout.")
        command = [sys.executable, "-m", "bench.reference_child", *map(str, folders)]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=one_thread)

    def ask(self, deed: str, **values: object) -> dict[str, Any]:
        """Have a deed done and return its answer."""
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps({"deed": deed, **values}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The reference has ended; what it said is above. Are the folders right?")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.close()
        self._process.wait()


class Networks:
    """Full-size networks with the same made-up weights on both sides."""

    def __init__(self, child: Child, folder: Path) -> None:
        self.child, self.folder = child, folder
        self._made: set[str] = set()

    def weights(self, architecture: str) -> Any:  # noqa: ANN401
        """Our weights file; the reference's TorchScript file is made beside it."""
        from empanada_desktop.io.weights import find_weights

        if architecture not in self._made:
            our_weights(self.folder, architecture)
            files = {"state": str(self.folder / f"{architecture}.npz"), "out": self.scripted(architecture)}
            self.child.ask("make_network", architecture=architecture, **files)
            self._made.add(architecture)
        return find_weights(str(self.folder / f"{architecture}.yaml"))

    def scripted(self, architecture: str) -> str:
        """The reference's own file."""
        return str(self.folder / f"{architecture}.pth")


def our_weights(folder: Path, architecture: str) -> Any:  # noqa: ANN401
    """Write made-up weights of a full-size network, and its state for the reference."""
    from empanada_desktop.engine.export import save_weights
    from empanada_desktop.engine.networks import build_network
    from empanada_desktop.io.weights import NetworkConfig, WeightsDescriptor

    config = NetworkConfig.model_validate({"architecture": architecture})
    network = build_network(config)
    fill(network)
    np.savez(folder / f"{architecture}.npz", **{name: tensor.numpy() for name, tensor in network.state_dict().items()})
    norms = {"mean": 0.57571, "std": 0.12765, "padding_factor": config.size_factor}
    facts = {"name": architecture, "network": config, "class_names": {1: "mito"}, "thing_list": [1], **norms}
    return save_weights(network, WeightsDescriptor.model_validate(facts), folder, half=False)


def fill(network: Any) -> None:  # noqa: ANN401
    """Give every tensor values that depend on its name and shape only, of a size that keeps the signal alive."""
    import torch

    state = network.state_dict()
    for name in sorted(state):
        if not name.endswith("num_batches_tracked"):
            state[name].copy_(torch.from_numpy(_values(name, tuple(state[name].shape))))


def _values(name: str, shape: tuple[int, ...]) -> Any:  # noqa: ANN401
    normal = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(shape)
    leaf = name.rpartition(".")[2]
    if leaf in ("running_mean", "bias"):
        return 0.1 * normal
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(normal)
    return 1 + 0.1 * normal if leaf == "weights" or len(shape) == 1 else np.sqrt(2 / np.prod(shape[1:])) * normal


def in_turn(
    theirs: Callable[[], float],
    ours: dict[str, Callable[[], object]],
    runs: int = RUNS,
    warm_up: Callable[[], object] | None = None,
) -> tuple[float, dict[str, float]]:
    """Medians of processor seconds: the reference's and each of ours, in turn, `runs` times.

    Each side runs less often where it takes long. `warm_up` compiles and fills caches; without it ours all run once.
    """
    for work in [warm_up] if warm_up is not None else ours.values():
        work()
    theirs_seconds, seconds = list[float](), {name: list[float]() for name in ours}
    for _ in range(runs):
        if sum(theirs_seconds) < LONG:
            theirs_seconds.append(theirs())
        for name, work in ours.items():
            if sum(seconds[name]) < LONG:
                seconds[name].append(_timed(work)[0])
    return statistics.median(theirs_seconds), {name: statistics.median(values) for name, values in seconds.items()}


def rows(what: str, theirs: float, ours: dict[str, float], note: str, aims: dict[str, str]) -> Iterator[Row]:
    """The reference's time, and for each of ours its time and how many times as fast it is."""
    yield Row(f"{what}: reference", theirs * 1000, "ms", note)
    for name, seconds in ours.items():
        yield Row(f"{what}: {name}", seconds * 1000, "ms", f"**{theirs / seconds:.2f} ×**{aims.get(name, '')}")


# What is measured


def network(architecture: str, child: Child, folder: Path) -> Iterator[Row]:
    """One plane through the network, PointRend included."""
    networks = Networks(child, folder)
    image = (np.random.default_rng(0).random((1, 1, SIDE, SIDE), np.float32) - 0.57571) / np.float32(0.12765)
    np.save(folder / "image.npy", image)
    aims = {"PanopticDeepLab": " (aim 1.3)", "PanopticBiFPN": " (aim 1.5)"}
    forms = _forms(networks.weights(architecture), image)
    asked = {"architecture": architecture, "image": str(folder / "image.npy")}
    child.ask("run_network", **asked)
    theirs, ours = in_turn(lambda: child.ask("run_network", **asked)["seconds"], forms)
    note = f"TorchScript file, {SIDE}², {RUNS} runs in turn; ours differs by {_difference(forms, folder):.0e}"
    aim = {"OpenVINO": aims[architecture], "OpenVINO, 8 bits": " (aim 2.3)"}
    yield from rows(f"{architecture}, ResNet50", theirs, ours, note, aim)


def _forms(weights: Any, image: Any) -> dict[str, Callable[[], Any]]:  # noqa: ANN401
    """Our network run by each back end, from the image to logits, heatmap and offsets."""
    import torch

    from empanada_desktop.engine.backends.maps import TorchBackend, fuse_batch_norms
    from empanada_desktop.engine.backends.openvino_runtime import OpenVinoBackend, to_graph
    from empanada_desktop.engine.backends.quantising import quantise
    from empanada_desktop.engine.export import load_network

    pixels = torch.from_numpy(image)
    network = load_network(weights)
    fuse_batch_norms(network)
    backends = {
        "OpenVINO": OpenVinoBackend(to_graph(network), 1),
        "OpenVINO, 8 bits": OpenVinoBackend(quantise(network, [pixels], True, 1), 1, "int8"),
        "torch": TorchBackend(network, torch.device("cpu")),
    }
    refine = network.semantic_pr.refine

    def run(backend: Any) -> Any:  # noqa: ANN401
        with torch.inference_mode():
            maps = backend.run(pixels)
            return refine(maps.semantic, maps.features, 2), maps.heatmap, maps.offsets

    return {name: lambda backend=backend: run(backend) for name, backend in backends.items()}


def _difference(forms: dict[str, Callable[[], Any]], folder: Path) -> float:
    """The largest difference of heatmap and offsets from the reference's, as a share of their largest value."""
    _, heatmap, offsets = forms["OpenVINO"]()
    with np.load(folder / "image.npy.theirs.npz") as theirs:
        pairs = ((heatmap.numpy(), theirs["ctr_hmp"]), (offsets.numpy(), theirs["offsets"]))
        return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


def grouping(child: Child, folder: Path) -> Iterator[Row]:
    """From maps to a panoptic plane."""
    from empanada_desktop.engine.postprocess import panoptic_plane

    for side, count in CASES:
        for fine in (False, True)[: 1 + (side == SIDE)]:  # at 1024² the reference takes minutes for fine boundaries
            discs = StackOfDiscs(side, count, 1)
            logits, heatmap, offsets = discs.full_maps(0) if fine else discs.quarter_maps(0)
            semantic, step = 1 / (1 + np.exp(-logits)), 1 if fine else 4

            def work(
                semantic: Any = semantic,  # noqa: ANN401
                heatmap: Any = heatmap[0],  # noqa: ANN401
                offsets: Any = offsets,  # noqa: ANN401
                fine: bool = fine,
                step: int = step,
            ) -> Any:  # noqa: ANN401
                return panoptic_plane(semantic, heatmap, offsets, things=[1], fine_boundaries=fine, step=step)

            answers: list[dict[str, Any]] = []

            def theirs(asked: dict[str, Any], answers: list[dict[str, Any]] = answers) -> float:
                answers.append(child.ask("group", **asked))
                return float(answers[-1]["seconds"])

            asked = {"side": side, "count": count, "fine": fine}
            median, ours = in_turn(lambda asked=asked, theirs=theirs: theirs(asked), {"ours": work}, 3)
            found = len(np.unique(work())) - 1
            note = f"{answers[-1]['objects']} objects found, ours {found}; {len(answers)} runs in turn"
            kind = "fine boundaries" if fine else "coarse boundaries"
            yield from rows(f"Grouping and merging, {side}², {kind}", median, ours, note, {})


def matching(child: Child, folder: Path) -> Iterator[Row]:
    """From panoptic planes to the objects of a stack, a plane's share."""
    from empanada_desktop.core.components import split_components
    from empanada_desktop.core.tracking import StackTracker

    for side, count in CASES:
        planes = StackOfDiscs(side, count, MATCHED_PLANES).panoptic(10_000)

        def work(planes: Any = planes) -> Any:  # noqa: ANN401
            tracker = StackTracker()
            for plane in planes:
                tracker.add_plane(*split_components(plane, [1], 10_000))
            return tracker.finish()

        asked = {"side": side, "count": count, "n_planes": MATCHED_PLANES}
        answer = child.ask("match", **asked)
        theirs, ours = in_turn(lambda asked=asked: child.ask("match", **asked)["seconds"], {"ours": work}, 3)
        note = f"a plane of {MATCHED_PLANES}; {answer['objects']} objects, ours {len(work().objects.classes)}"
        each = {name: seconds / MATCHED_PLANES for name, seconds in ours.items()}
        yield from rows(f"Components and matching, {side}², {count} objects", theirs / MATCHED_PLANES, each, note, {})


def whole(
    architecture: str, case: tuple[int, int], child: Child, folder: Path, n_planes: int | None = None
) -> Iterator[Row]:
    """From a volume to its objects: the reference into an array, ours into an OME-Zarr file with pyramid and recipe.

    `n_planes`: how deep the volume is; a few planes when left out.
    """
    networks = Networks(child, folder)
    networks.weights(architecture)
    (side, count), few = case, STACKS[case]
    n_planes = n_planes or few
    asked = {"architecture": architecture, "side": side, "count": count, "n_planes": n_planes}
    found: list[int] = []

    def theirs(asked: dict[str, Any] = asked, found: list[int] = found) -> float:
        answer = child.ask("segment", file=networks.scripted(architecture), **asked)
        found.append(answer["objects"])
        return float(answer["seconds"]) / asked["n_planes"]

    counts: list[int] = []
    where: dict[str, object] = {"backend": "openvino", "use_gpu": False}
    segmentation_job(folder, architecture, StackOfDiscs(side, count, few), where)()  # compiles, fills caches
    segment = segmentation_job(folder, architecture, StackOfDiscs(side, count, n_planes), where)
    forms = {"OpenVINO": lambda segment=segment, counts=counts: counts.append(segment())}
    median, ours = in_turn(theirs, forms, STACK_RUNS, lambda: None)
    each = {name: seconds / n_planes for name, seconds in ours.items()}
    note = f"a plane of {n_planes}; {found[-1]} objects, ours {counts[-1]}; {len(found)} runs in turn"
    aim = {"OpenVINO": f" (aim {AIMS[architecture, side]:g})"}
    yield from rows(f"{architecture}, {side}², {count} objects a plane", median, each, note, aim)


def on_card(child: Child, folder: Path, n_planes: int | None = None, use_gpu: bool = True) -> Iterator[Row]:
    """As whole, on the graphics card that both use: planes a second by the clock, after a run that prepares."""
    import torch

    if use_gpu and not torch.cuda.is_available():
        yield Row("planes a second", math.nan, "1/s", "not measured: there was no graphics card")
        return
    networks, where = Networks(child, folder), {"use_gpu": use_gpu, "threads": 0}
    for architecture, case in product(("PanopticBiFPN", "PanopticDeepLab"), STACKS):
        networks.weights(architecture)
        side, count = case
        depth = n_planes or STACKS[case]
        asked = {"architecture": architecture, "side": side, "count": count, "n_planes": depth, "use_gpu": use_gpu}
        segment = segmentation_job(folder, architecture, StackOfDiscs(side, count, depth), where)
        theirs, ours = list[float](), list[float]()
        for _ in range(1 + STACK_RUNS):
            theirs.append(child.ask("segment", file=networks.scripted(architecture), **asked)["elapsed"])
            started = time.perf_counter()
            segment()
            ours.append(time.perf_counter() - started)
        slow, fast = (depth / statistics.median(each[1:]) for each in (theirs, ours))
        title = f"{architecture}, {side}², {count} objects a plane"
        yield Row(f"{title}: reference", slow, "1/s", f"planes a second of {depth}, {STACK_RUNS} runs in turn")
        yield Row(f"{title}: ours", fast, "1/s", f"**{fast / slow:.2f} ×** (aim 3)")


def segmentation_job(
    folder: Path, architecture: str, discs: StackOfDiscs, where: dict[str, object]
) -> Callable[[], int]:
    """The whole task with the weights in `folder`; what the network says is replaced by discs after it has run."""
    import tifffile

    from empanada_desktop.core.context import QuietContext
    from empanada_desktop.tasks import segment_volume

    volume = folder / f"{discs.side}.tif"
    tifffile.imwrite(volume, discs.grey(), metadata={"axes": "ZYX"})

    def run() -> int:
        out = folder / f"{architecture}{discs.side}.zarr"
        values = {"weights": str(folder / f"{architecture}.yaml"), "threads": 1, "min_extent": 2}
        params = segment_volume.Params.checked({**values, **where})
        inputs = segment_volume.Inputs(volume=str(volume), out=str(out), overwrite=True)
        with recorded(discs):
            return sum(segment_volume.run(inputs, params, QuietContext()).objects.values())

    return run


class recorded:  # noqa: N801 - used like a function
    """While it holds, every predictor runs its network and then says discs, plane after plane."""

    def __init__(self, discs: StackOfDiscs) -> None:
        self.discs, self.index = discs, 0

    def __enter__(self) -> None:
        from empanada_desktop.engine.predictor import PlaneOutputs, Predictor

        self._real = Predictor.begin_many

        def begin_many(predictor: Any, planes: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            finish = self._real(predictor, planes, *arguments, **options)
            first, self.index = self.index, self.index + len(planes)

            def answer() -> list[PlaneOutputs]:
                return [self._discs_of(first + number) for number in range(len(finish()))]

            return answer

        Predictor.begin_many = begin_many  # type: ignore[method-assign]

    def _discs_of(self, index: int) -> Any:  # noqa: ANN401
        from empanada_desktop.engine.predictor import PlaneOutputs

        logits, heatmap, offsets = self.discs.quarter_maps(index)
        return PlaneOutputs(1 / (1 + np.exp(-logits)), heatmap[0], offsets, 4, 1)

    def __exit__(self, *_: object) -> None:
        from empanada_desktop.engine.predictor import Predictor

        Predictor.begin_many = self._real  # type: ignore[method-assign]


PARTS: dict[str, tuple[str, Callable[[Child, Path], Iterator[Row]]]] = {
    "grouping": ("Grouping and merging against the reference's", grouping),
    "matching": ("Matching planes against the reference's", matching),
    "network-bifpn": ("The BiFPN network against the reference's", partial(network, "PanopticBiFPN")),
    "network-deeplab": ("The DeepLab network against the reference's", partial(network, "PanopticDeepLab")),
    **{
        f"whole-{short}-{case[0]}": (
            f"Segmenting {case[0]}² planes with {short} against the reference",
            partial(whole, name, case),
        )
        for short, name in (("bifpn", "PanopticBiFPN"), ("deeplab", "PanopticDeepLab"))
        for case in STACKS
    },
    "card": ("On a graphics card, against the reference", on_card),
}


def run(folders: Sequence[Path], part: str, n_planes: int | None = None) -> list[Row]:
    """Measure one part against the reference in `folders`; `n_planes` counts where whole volumes are segmented."""
    work = PARTS[part][1]
    if n_planes and (part == "card" or part.startswith("whole-")):
        work = partial(work, n_planes=n_planes)
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        os.environ["EMPANADA_DESKTOP_HOME"] = name
        child = Child([folder.resolve() for folder in folders])
        try:
            import torch

            torch.set_num_threads(1)
            return [_told(row) for row in work(child, Path(name))]
        finally:
            child.close()


def _told(row: Row) -> Row:
    sys.stderr.write(f"{row.name}: {row.value:.0f} {row.unit} {row.note}\n")
    return row
