"""The section "Selection": what there is to know of the objects that are picked."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import LabelsLayer
from empanada_desktop.gui.controls import Column, ElidedLabel, Row, text_label
from empanada_desktop.gui.proofread.facts import PairFacts, area_words, volume_words
from empanada_desktop.gui.proofread.plans import sizes_of

Line = tuple[str, str]
NOTHING = "No objects picked. Click one in a view."
MOST_NAMED = 2


class SelectionPart(QWidget):
    """Names at the left, figures at the right; a sentence while nothing is picked."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: tuple[Line, ...] = ()
        self._nothing = text_label(NOTHING, "hint", wraps=True)
        self._nothing.setContentsMargins(14, 2, 14, 6)
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(14, 0, 12, 6)
        self._rows.setSpacing(0)
        self._labels: list[tuple[ElidedLabel, QLabel]] = []
        layout = Column(self._nothing)
        layout.addLayout(self._rows)
        self.setLayout(layout)

    def show_lines(self, lines: tuple[Line, ...]) -> None:
        """Show other figures."""
        self.lines = lines
        self._nothing.setVisible(not lines)
        while len(self._labels) < len(lines):
            self._add_row()
        for number, (name, figure) in enumerate(self._labels):
            is_used = number < len(lines)
            words, value = lines[number] if is_used else ("", "")
            name.set_text(words)
            figure.setText(value)
            row = name.parentWidget()
            if row is not None:
                row.setVisible(is_used)

    def _add_row(self) -> None:
        name, figure = ElidedLabel(role="second"), text_label()
        figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = Row(name, figure)
        row.setStretch(0, 1)
        holder = QWidget()
        holder.setMinimumHeight(24)
        holder.setLayout(row)
        self._rows.addWidget(holder)
        self._labels.append((name, figure))


def selection_lines(
    layer: LabelsLayer, objects: ObjectIndex, ids: tuple[int, ...], pair: PairFacts | None
) -> tuple[Line, ...]:
    """What to say of the picked objects."""
    total = int(sizes_of(objects, ids).sum())
    rows = [row for label_id in ids[: MOST_NAMED + 1] if (row := objects.find(label_id)) is not None]
    if not rows:
        return ()
    lines: list[Line] = [("Volume together" if len(rows) > 1 else "Volume", volume_words(total, layer.spacing))]
    if len(ids) == 2 and pair is not None:
        lines.insert(0, ("Contact area", _contact_words(layer, pair)))
    if len(rows) <= MOST_NAMED:
        lines += _grey_lines(objects, ids, rows)
    if len(ids) == 2 and pair is not None and pair.stacks:
        lines.append(("Seen in stacks", " and ".join(", ".join(seen) or "none" for seen in pair.stacks)))
    if len(rows) == 1:
        lines += _one_line(layer, objects, rows[0], ids[0])
    return tuple(lines)


def _contact_words(layer: LabelsLayer, pair: PairFacts) -> str:
    if not pair.contact.count:
        return "they do not touch"
    area = pair.contact.area(layer.spacing)
    return f"{pair.contact.count} voxel faces" if area is None else area_words(area)


def _grey_lines(objects: ObjectIndex, ids: tuple[int, ...], rows: list[int]) -> list[Line]:
    greys = [float(objects.mean_grey[row]) for row in rows]
    if any(grey != grey for grey in greys):
        return []
    return [(f"Grey, {' and '.join(map(str, ids))}", " and ".join(f"{grey:.0f}" for grey in greys))]


def _one_line(layer: LabelsLayer, objects: ObjectIndex, row: int, label_id: int) -> list[Line]:
    z, y, x = (round(place) for place in objects.centroids[row].tolist())
    name = layer.class_of(label_id)
    border = "yes" if objects.touches_border[row] else "no"
    class_line = [("Class", name)] if name else []
    return [*class_line, ("Centre z, y, x", f"{z}, {y}, {x}"), ("Touches the border", border)]
