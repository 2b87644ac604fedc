"""The frame of a task's form: messages on top, the form that scrolls, and below it what stays put."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QScrollArea, QVBoxLayout, QWidget

from empanada_desktop.gui.controls import Column, MessageBar, rule
from empanada_desktop.gui.params_form import Control, ParamsForm
from empanada_desktop.tasks.inference_params import BUNDLED_WEIGHTS
from empanada_desktop.tasks.params import TaskParams

OTHER = "Other file …"
WEIGHTS_FILTER = "Weights (*.yaml *.pth *.safetensors *.empanada)"


class WeightsBox(QComboBox):
    """The weights library as a choice, and any file of weights besides."""

    def __init__(self) -> None:
        super().__init__()
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
    """A form with messages above and fixed rows below."""

    def __init__(self, record: type[TaskParams]) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.bar = MessageBar("error")
        self.weights = WeightsBox()
        self.form = ParamsForm(record, {"weights": Control(self.weights, self.weights.value, self.weights.set_value)})
        self.weights.currentIndexChanged.connect(lambda _number: self.form.touch("weights"))
        self.form.setProperty("role", "panel")
        self.footer = QVBoxLayout()
        self.footer.setContentsMargins(12, 8, 12, 12)
        self.footer.setSpacing(8)
        scroll = QScrollArea()
        scroll.setProperty("role", "panel")
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        layout = Column(self.bar, scroll, rule())
        layout.setStretch(1, 1)
        layout.addLayout(self.footer)
        self.setLayout(layout)
