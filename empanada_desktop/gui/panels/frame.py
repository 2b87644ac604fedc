"""The frame of a task's form: messages on top, the form that scrolls, and below it what stays put."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox, QFileDialog, QVBoxLayout, QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.hints import Hint, Situation
from empanada_desktop.gui.controls import Column, MessageBar, rule
from empanada_desktop.gui.fields import Control
from empanada_desktop.gui.form_rows import narrow_combo
from empanada_desktop.gui.panel_area import PanelArea
from empanada_desktop.gui.params_form import ParamsForm
from empanada_desktop.tasks.inference_params import BUNDLED_WEIGHTS
from empanada_desktop.tasks.params import TaskParams

OTHER = "Other file …"
WEIGHTS_FILTER = "Weights (*.yaml *.pth *.safetensors *.empanada)"


class WeightsBox(QComboBox):
    """The weights library as a choice, and any file of weights besides."""

    def __init__(self) -> None:
        super().__init__()
        narrow_combo(self)
        self._last = BUNDLED_WEIGHTS
        self.show_library(())
        self.activated.connect(self._ask)

    def show_library(self, names: Sequence[str]) -> None:
        """List these weights; what is chosen stays chosen."""
        chosen = self.value()
        blocked = self.blockSignals(True)
        self.clear()
        for name in names:
            self.addItem(name, name)
        self.addItem(OTHER, "")
        self.set_value(chosen)
        self.blockSignals(blocked)

    def value(self) -> str:
        """Name or path of the chosen weights."""
        return str(self.currentData() or self._last)

    def set_value(self, name: str) -> None:
        """Choose weights by name or path."""
        self._last = name
        if self.findData(name) < 0:
            self.insertItem(max(0, self.count() - 1), name.rpartition("/")[2], name)
        self.setCurrentIndex(self.findData(name))

    def _ask(self) -> None:
        if self.currentData():
            self._last = self.currentData()
            return
        path, _ = QFileDialog.getOpenFileName(self, "Choose weights", "", WEIGHTS_FILTER)
        self.set_value(path or self._last)


class TaskPanel(QWidget):
    """A form with messages above, fixed rows below, and advice beside the fields that is applied by a click only."""

    def __init__(self, record: type[TaskParams]) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.bar = MessageBar("error")
        self.weights = WeightsBox()
        self.form = ParamsForm(record, {"weights": Control(self.weights, self.weights.value, self.weights.set_value)})
        self.weights.currentIndexChanged.connect(lambda _number: self.form.touch("weights"))
        self.situation = Situation()
        self._proposed: dict[str, Hint] = {}
        self._spoken: set[str] = set()
        self.form.changed.connect(lambda _name: self.advise())
        self.form.setProperty("role", "panel")
        self.footer = QVBoxLayout()
        self.footer.setContentsMargins(12, 8, 12, 12)
        self.footer.setSpacing(8)
        self._scroll = PanelArea(self.form)
        layout = Column(self.bar, self._scroll, rule())
        layout.setStretch(1, 1)
        layout.addLayout(self.footer)
        self.setLayout(layout)

    # Advice

    def axis(self) -> Axis:
        """The orientation of the planes that the network will see."""
        return Axis.XY

    def hints(self) -> list[Hint]:
        """What would be better than the values in the fields."""
        return []

    def use_situation(self, situation: Situation) -> None:
        """Take note of what advice depends on."""
        if situation != self.situation:
            self.situation = situation
            self.advise()

    def propose(self, hint: Hint) -> None:
        """Offer a value until it is taken."""
        self._proposed[hint.field] = hint
        self.advise()

    def reveal(self, section: str, name: str) -> None:
        """Unfold a section and scroll until a field of it is in sight."""
        self.form.sections[section].set_open(True)
        row = self.form.rows[name]
        QTimer.singleShot(0, row, lambda: self._scroll.ensureWidgetVisible(row))  # when the layout knows its height

    def apply(self, hint: Hint) -> None:
        """Take what a hint offers."""
        self._proposed.pop(hint.field, None)
        self.form.set_value(hint.field, hint.value)
        self.advise()

    def advise(self) -> None:
        """Say below each field what would be better, or what its value means."""
        self._name_scales()
        values, rows = self.form.values(), self.form.rows
        offered = [hint for hint in self._proposed.values() if values[hint.field] != hint.value]
        said = {hint.field: hint for hint in [*self.hints(), *offered] if hint.field in rows}
        meanings = {"centre_min_distance": self._distance_words()}
        for name in self._spoken | said.keys() | meanings.keys():
            hint = said.get(name)
            if hint is None:
                rows[name].set_hint(meanings.get(name, ""))
            else:
                rows[name].set_hint(hint.reason, self._applier(hint), hint.deed)
        self._spoken = set(said)

    def _applier(self, hint: Hint) -> Callable[[], None] | None:
        return None if hint.value is None else lambda: self.apply(hint)

    def _pixel(self) -> float | None:
        return self.situation.spacing.zyx[self.axis().in_plane[1]]

    def _distance_words(self) -> str:
        values = self.form.values()
        fine, distance = bool(values["fine_boundaries"]), int(values["centre_min_distance"])
        pixels = distance * int(values["image_downsampling"]) * (1 if fine else 4)
        size = self._pixel()
        kind = "small pixels" if fine else "quarter pixels"
        return f"{distance} {kind} = {pixels} pixels" + (f" = {pixels * size:g} nm" if size else "")

    def _name_scales(self) -> None:
        """Say at each downsampling how large the network's pixels are."""
        box, size = self.form.rows["image_downsampling"].control.widget, self._pixel()
        if not isinstance(box, QComboBox):
            return
        for place in range(box.count()):
            factor = box.itemData(place)
            words = f"{factor}, sees {factor * size:.4g} nm" if size else str(factor)
            if box.itemText(place) != words:
                box.setItemText(place, words)
