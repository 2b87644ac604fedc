"""The form Score: one label layer against another, as a table and as what was missed and invented."""

import math
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.chosen import ChosenObjects
from empanada_desktop.document.results import add_layers
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.gui.controls import Column, MessageBar, Row, Section, push_button, rule, text_label
from empanada_desktop.gui.form_rows import FormBody, narrow_combo, plain_row
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.exports import ask_table_path
from empanada_desktop.gui.objects.label_jobs import LabelJobs
from empanada_desktop.io.tables import TableColumn, write_table
from empanada_desktop.jobs.spec import JobSpec

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace
    from empanada_desktop.io.volumes import VolumeRef

FIRST_THRESHOLDS = "0.5, 0.75"
FEWER = "Scoring compares two label layers of one size: open the truth, or make it in Annotate."
MEANINGS = {
    "true objects": "Objects of the truth.",
    "predicted objects": "Objects of the result.",
    "IoU": "Voxels that are object in both, divided by those that are object in either.",
    "PQ": "Panoptic quality at IoU > 0.5: segmentation quality times F1 (Kirillov et al., 2019).",
    "SQ": "Segmentation quality: mean IoU of the matched pairs.",
    "RQ": "Recognition quality: F1 at IoU > 0.5.",
    "AP .5:.95": "Mean of TP / (TP + FP + FN) over IoU 0.5, 0.55 … 0.95.",
}
SHARES = {
    "F1": "2 TP / (2 TP + FP + FN), pairs matched from this IoU on.",
    "precision": "Part of the result's objects that match one of the truth.",
    "recall": "Part of the truth's objects that match one of the result.",
}


class ScoreForm(QWidget):
    """Scores a result against the truth. scored carries the result of the task."""

    scored = Signal(object)

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.desk = ObjectsDesk.of(workspace)
        self.jobs = LabelJobs(self.desk)
        self.message = MessageBar("error")
        self.truth, self.result = QComboBox(), QComboBox()
        self.thresholds = QLineEdit(FIRST_THRESHOLDS)
        self.thresholds.setToolTip("IoU thresholds\nFrom which overlap on an object counts as found, 0 to 1.")
        self.words = text_label(role="hint", wraps=True)
        self.table = _table()
        self.start_button = push_button("Score", self._start, "ruler", "primary")
        self.export_button = push_button("Export", self.export, "export")
        self.show_button = push_button("Show missed and invented", self.show_faults, "eye")
        self.outcome: Any = None
        self._scored: tuple[LabelsLayer, LabelsLayer] | None = None
        self._arrange()
        self._connect()
        self.refresh()

    def _arrange(self) -> None:
        for box in (self.truth, self.result):
            narrow_combo(box)
        fields = Column(
            plain_row("Truth", self.truth),
            plain_row("Result", self.result),
            plain_row("IoU thresholds", self.thresholds),
        )
        found = Column(self.words, self.table, Row(self.show_button, 1), spacing=8)
        found.setContentsMargins(14, 2, 14, 10)
        self.found_section = Section("Scores", _holder(found))
        footer = Row(self.start_button, self.export_button)
        footer.setStretch(0, 1)
        footer.setContentsMargins(12, 8, 12, 12)
        layout = Column(
            self.message, Section("Compare", _holder(fields, FormBody())), self.found_section, 1, rule(), footer
        )
        layout.setStretch(3, 1)
        self.setLayout(layout)

    def _connect(self) -> None:
        document = self.desk.document
        for signal in (document.layer_added, document.layer_removed):
            signal.connect(self.refresh)
        document.layer_changed.connect(lambda _layer, names: self.refresh() if "title" in names else None)
        self.jobs.changed.connect(self.refresh)
        for box in (self.truth, self.result):
            box.activated.connect(lambda _place: self.refresh())

    # Scoring

    def _start(self) -> None:
        try:
            self.start()
        except AppError as problem:
            self.message.say(problem.message, "error", problem.hint)

    def start(self) -> None:
        """Queue the job; SettingsError where the fields do not fit."""
        truth, result = self._layer(self.truth), self._layer(self.result)
        if truth is None or result is None or truth is result:
            raise SettingsError("Choose two different label layers.", FEWER)
        if truth.shape != result.shape:
            raise SettingsError("The two layers have different sizes.", "Compare labels of the same volume.")
        thresholds = [part.strip() for part in self.thresholds.text().split(",") if part.strip()]
        from empanada_desktop.tasks import score

        params = score.Params.checked({"thresholds": thresholds, "max_objects_per_class": result.label_divisor})
        self.message.hide()

        def spec(true_ref: "VolumeRef", found_ref: "VolumeRef") -> JobSpec:
            inputs = score.Inputs(
                truth=str(true_ref.path), truth_dataset=true_ref.dataset,
                prediction=str(found_ref.path), prediction_dataset=found_ref.dataset,
            )  # fmt: skip
            return JobSpec("score", params, inputs)

        self.jobs.start([truth, result], spec, "Score", lambda outcome: self._take(truth, result, outcome))

    def _take(self, truth: LabelsLayer, result: LabelsLayer, outcome: Any) -> None:  # noqa: ANN401 - a ScoreResult
        self.outcome, self._scored = outcome, (truth, result)
        shown = [row for row in outcome.rows() if not str(row["what"]).startswith("plane ")]
        names = [name for name in shown[0] if name != "what"]
        self.table.setColumnCount(len(shown))
        self.table.setRowCount(len(names))
        self.table.setHorizontalHeaderLabels([str(row["what"]) for row in shown])
        self.table.setVerticalHeaderLabels(names)
        for place, name in enumerate(names):
            self.table.verticalHeaderItem(place).setToolTip(meaning_of(name))
            for column, row in enumerate(shown):
                self.table.setItem(place, column, _item(row[name]))
        self.table.setFixedHeight(sum(self.table.rowHeight(row) for row in range(len(names))) + 46)
        self.refresh()
        self.scored.emit(outcome)

    def show_faults(self) -> None:
        """Add layers of what was missed, as outlines, and of what was invented, hatched; one deed."""
        if self.outcome is None or self._scored is None:
            return
        truth, result = self._scored
        layers = [
            _faults(f"Missed in {result.title}", truth, self.outcome.missed, is_hatched=False),
            _faults(f"Invented in {result.title}", result, self.outcome.invented, is_hatched=True),
        ]
        add_layers(self.desk.document, [layer for layer in layers if layer is not None], "Show missed and invented")
        self.desk.document.active = result

    def export(self) -> None:
        """Write the table, the planes too, as CSV or XLSX."""
        outcome = self.outcome
        target = None if outcome is None else ask_table_path(self, "Export scores", "scores")
        if target is not None:
            rows = outcome.rows()
            table = [TableColumn(name, meaning_of(name), [row[name] for row in rows]) for name in rows[0]]
            say = self.desk.workspace.window.toast.say
            self.desk.run(
                lambda: write_table(target, table, title="Scores", notes=outcome.notes),
                lambda _: say(f"Wrote the scores to {target.name}."),
            )

    # What is shown

    def refresh(self, *_what: object) -> None:
        """Show the layers that there are, and what is known of them."""
        layers = [layer for layer in self.desk.document.of_kind(LabelsLayer) if not layer.is_preview]
        for place, box in enumerate((self.truth, self.result)):
            _fill(box, [(layer.title, layer.id) for layer in layers], place)
        has_two = len(layers) > 1
        self.start_button.setEnabled(has_two and not self.jobs.is_running)
        self.start_button.setText(" Scoring" if self.jobs.is_running else " Score")
        self.export_button.setEnabled(self.outcome is not None)
        faults = 0 if self.outcome is None else len(self.outcome.missed) + len(self.outcome.invented)
        self.show_button.setEnabled(bool(faults))
        self.found_section.setVisible(self.outcome is not None or not has_two)
        self.table.setVisible(self.outcome is not None)
        self.show_button.setVisible(self.outcome is not None)
        self.words.setText(self._words() if self.outcome is not None else "" if has_two else FEWER)

    def _words(self) -> str:
        missed, invented = len(self.outcome.missed), len(self.outcome.invented)
        first = f"{self.outcome.thresholds[0]:g}"
        truth, result = self._scored or (None, None)
        against = "" if truth is None or result is None else f"{result.title} against {truth.title}: "
        if not self.outcome.classes and not missed and not invented:
            return f"{against}one of them is a mask; its connected parts are the objects."
        return f"{against}{missed} missed and {invented} invented at IoU {first}."

    def _layer(self, box: QComboBox) -> LabelsLayer | None:
        chosen = box.currentData()
        return next((layer for layer in self.desk.document.of_kind(LabelsLayer) if layer.id == chosen), None)


def meaning_of(name: str) -> str:
    """What a score means."""
    return MEANINGS.get(name) or SHARES.get(name.partition(" at ")[0], "What was scored.")


def _faults(title: str, layer: LabelsLayer, ids: tuple[int, ...], is_hatched: bool) -> LabelsLayer | None:
    if not ids:
        return None
    return LabelsLayer(
        title=title, source=ChosenObjects(layer.source, ids, is_hatched), spacing=layer.spacing, seed=layer.seed,
        label_divisor=layer.label_divisor, class_names=layer.class_names, colour_table=layer.colour_table,
        style="fill" if is_hatched else "outline", opacity=0.8, locked=True,
    )  # fmt: skip


def _table() -> QTableWidget:
    table = QTableWidget()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.setShowGrid(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.verticalHeader().setDefaultSectionSize(24)
    table.setAccessibleName("Scores")
    return table


def _item(value: float) -> QTableWidgetItem:
    words = "–" if isinstance(value, float) and math.isnan(value) else f"{value:.3f}"
    item = QTableWidgetItem(str(value) if isinstance(value, int) else words)
    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def _fill(box: QComboBox, choices: list[tuple[str, str]], first: int) -> None:
    """Offer layers; what is chosen stays chosen, otherwise the layers are proposed in their order."""
    if [(box.itemText(place), box.itemData(place)) for place in range(box.count())] == choices:
        return
    chosen = box.currentData()
    box.clear()
    for title, layer_id in choices:
        box.addItem(title, layer_id)
    found = box.findData(chosen)
    box.setCurrentIndex(found if found >= 0 else min(first, len(choices) - 1))


def _holder(layout: QVBoxLayout, holder: QWidget | None = None) -> QWidget:
    holder = holder or QWidget()
    holder.setProperty("role", "panel")
    holder.setLayout(layout)
    return holder
