"""Scale finder and plane finder: several wishes to the live session, shown side by side, with what to make of them."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from empanada_desktop.core.advice import PlaneLook, compare_planes
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.hints import Hint, sharpest_plane
from empanada_desktop.core.picture import outlined_plane
from empanada_desktop.core.scales import ScaleLook, look_at_scales, suggested_scale, verdict
from empanada_desktop.errors import AppError
from empanada_desktop.gui.finder import Card, Finder
from empanada_desktop.jobs.progress import computing_time
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import Grouping, LivePlane, Prediction

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

FACTORS = (1, 2, 4, 8)
LARGEST_PICTURE = 512


class _Finders(QObject):
    """What both finders do alike: ask, collect, show."""

    prefix = ""

    def __init__(self, workspace: "Workspace", strip: Finder) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self.strip = strip
        self._predictions: dict[str, Prediction] = {}
        self._groupings: dict[str, Grouping] = {}
        self._planes: dict[str, LivePlane] = {}
        self._params = PlaneParams()
        workspace.centre_column.addWidget(strip)
        strip.taken.connect(self._take)

    @abstractmethod
    def _wishes(self, plane: LivePlane) -> dict[str, tuple[LivePlane, PlaneParams]]:
        """What to ask for, by name; `plane` is the one that the active view shows."""

    @abstractmethod
    def _take(self, place: int) -> None:
        """A candidate is taken."""

    @abstractmethod
    def _show(self) -> None:
        """Everything is there: compare."""

    @property
    def is_complete(self) -> bool:
        """Whether every candidate has been looked at."""
        return bool(self._planes) and len(self._groupings) == len(self._planes)

    def start(self) -> None:
        """Ask for every candidate."""
        live = self._workspace.live
        self._params = live.params()

        def failed(problem: AppError) -> None:
            self._workspace.form.plane.bar.say(problem.message, "error", problem.hint)

        live.with_plane(lambda plane: self._ask(self._wishes(plane)), failed)

    def _ask(self, wishes: dict[str, tuple[LivePlane, PlaneParams]]) -> None:
        live = self._workspace.live
        self._planes = {name: plane for name, (plane, _) in wishes.items()}
        self._predictions, self._groupings = {}, {}
        for other in (live.scales, live.planes):
            if other is not None and other is not self:
                other.strip.hide()
        self.strip.show()
        for card in self.strip.cards:
            card.set_words("waits")
        for name, (plane, params) in wishes.items():
            live.controller.wish(plane, params, name)

    def take(
        self, name: str, prediction: Prediction | None, grouping: Grouping | None, problem: BaseException | None
    ) -> None:
        """Take note of what came of a wish."""
        if name not in self._planes:
            return
        card = self.strip.cards[list(self._planes).index(name)]
        if problem is not None:
            card.set_words(problem.message if isinstance(problem, AppError) else "did not work")
        elif prediction is not None:
            self._predictions[name] = prediction
            card.set_words(_network_time(prediction))
        elif grouping is not None and name in self._predictions:  # without, it is a late answer of an earlier look
            self._groupings[name] = grouping
            card.picture.show_rgb(self._picture(grouping))
            if self.is_complete:
                self._show()

    def _picture(self, grouping: Grouping) -> NDArray[np.uint8]:
        plane = grouping.plane
        image = self._workspace.image()
        step = max(1, max(grouping.labels.shape) // LARGEST_PICTURE)
        labels = grouping.labels[::step, ::step]
        if image is None:
            grey: NDArray[Any] = np.zeros(labels.shape)
        else:
            top, left, bottom, right = plane.region or (0, 0, *grouping.labels.shape)
            pixels = image.source.read(0, plane.axis, plane.index, slice(top, bottom), slice(left, right))
            low, high = image.contrast
            grey = np.clip((pixels[::step, ::step].astype(np.float64) - low) / max(high - low, 1e-9), 0, 1)
        return outlined_plane(grey, labels)


def _network_time(prediction: Prediction) -> str:
    return computing_time(prediction.seconds) if prediction.ran else "had run already"


def _standing(axis: Axis, best: str) -> str:
    """How an orientation compares, where they do not look alike and `best` is the one that clearly does better."""
    if not best:
        return "Not clearly better"
    return "Does best" if axis.value == best else "Does worse"


class ScaleFinder(_Finders):
    """The plane at downsampling 1, 2, 4 and 8."""

    def __init__(self, workspace: "Workspace") -> None:
        names = [str(factor) for factor in FACTORS]
        strip = Finder("Scale finder", "", names, [f"Use {name}" for name in names])
        super().__init__(workspace, strip)

    def _wishes(self, plane: LivePlane) -> dict[str, tuple[LivePlane, PlaneParams]]:
        self.strip.words.setText(f"plane {plane.axis} {plane.index}, the same weights at four scales")
        return {
            f"scale {factor}": (plane, self._params.model_copy(update={"image_downsampling": factor}))
            for factor in FACTORS
        }

    def _show(self) -> None:
        looks = look_at_scales({factor: self._groupings[f"scale {factor}"].labels for factor in FACTORS})
        suggested = suggested_scale(looks)
        for place, factor in enumerate(FACTORS):
            self.strip.cards[place].show_card(self._card(factor, looks, suggested))
        if suggested is not None:
            words = f"The scale finder suggests {suggested}: it agrees best with its neighbours."
            hint = Hint("image_downsampling", words, suggested, f"Take {suggested}")
            for panel in (self._workspace.form.plane, self._workspace.form.volume):
                panel.propose(hint)

    def _card(self, factor: int, looks: dict[int, ScaleLook], suggested: int | None) -> Card:
        look = looks[factor]
        axis = self._planes[f"scale {factor}"].axis
        size = self._workspace.document.spacing.zyx[axis.in_plane[1]]
        good, words = verdict(factor, looks)
        tiny = f", {look.tiny} of them tiny" if look.tiny else ""
        lines = (
            ("Objects", f"{look.objects}{tiny}"),
            ("Typical diameter", f"{look.diameter:.0f} px" if look.objects else "–"),
            ("Network time", _network_time(self._predictions[f"scale {factor}"])),
        )
        in_use = self._workspace.form.plane.form.values()["image_downsampling"] == factor
        about = f"{size * factor:g} nm per pixel" if size else "times smaller"
        return Card(str(factor), about, lines, words, good, in_use, factor == suggested)

    def _take(self, place: int) -> None:
        for panel in (self._workspace.form.plane, self._workspace.form.volume):
            panel.form.set_value("image_downsampling", FACTORS[place])
        if self.is_complete:
            self._show()


class PlaneFinder(_Finders):
    """The planes through the crosshair in all three orientations."""

    def __init__(self, workspace: "Workspace") -> None:
        names = [axis.value for axis in Axis]
        strip = Finder("Plane finder", "", names, [f"Use {name}" for name in names])
        super().__init__(workspace, strip)

    def _wishes(self, plane: LivePlane) -> dict[str, tuple[LivePlane, PlaneParams]]:
        crosshair = self._workspace.document.view.crosshair
        self.strip.words.setText("the planes through the crosshair, the same settings")
        return {f"plane {axis}": (LivePlane(plane.ref, axis, crosshair[axis.normal]), self._params) for axis in Axis}

    def _propose(self, best: str, alike: bool) -> None:
        """Offer what follows for the volume; planes through stretched voxels never speak for ortho-plane."""
        form = self._workspace.form.volume
        if alike and sharpest_plane(self._workspace.document.spacing) is None:
            form.propose(Hint("ortho_plane", "The three planes look alike: all three together find more.", True))
        elif best:
            form.propose(Hint("inference_plane", f"The plane finder does best in {best}.", best, f"Take {best}"))

    def _looks(self) -> dict[str, PlaneLook]:
        looks = {}
        for name, grouping in self._groupings.items():
            confidence = self._predictions[name].confidence.astype(np.float64) / 255
            found = grouping.labels > 0
            sure = float(confidence[found].mean()) if found.any() else 0.0
            looks[name.removeprefix("plane ")] = PlaneLook(sum(grouping.objects.values()), float(found.mean()), sure)
        return looks

    def _show(self) -> None:
        looks = self._looks()
        best, words, alike = compare_planes(looks)
        self.strip.words.setText(words)
        self._propose(best, alike)
        in_use = self._workspace.form.volume.form.values()["inference_plane"]
        for place, axis in enumerate(Axis):
            look = looks[axis.value]
            lines = (
                ("Objects", str(look.objects)),
                ("Area covered", f"{look.covered:.1%}"),
                ("Mean confidence inside", f"{look.certainty:.2f}"),
            )
            said = "Looks like the others" if alike else _standing(axis, best)
            good = alike or best in ("", axis.value)
            time = _network_time(self._predictions[f"plane {axis}"])
            card = Card(axis.value, time, lines, said, good, in_use == axis.value, axis.value == best)
            self.strip.cards[place].show_card(card)

    def _take(self, place: int) -> None:
        self._workspace.form.volume.form.set_value("inference_plane", list(Axis)[place].value)
        if self.is_complete:
            self._show()
