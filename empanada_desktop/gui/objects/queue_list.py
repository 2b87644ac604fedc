"""The rows of the review queue: picture, ids, question, reason, score."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QFont, QKeyEvent, QMouseEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyledItemDelegate, QStyleOptionViewItem

from empanada_desktop.core.geometry import Box
from empanada_desktop.gui.icons import pixmap
from empanada_desktop.gui.objects.crops import SIDE, CropMaker, CropWish
from empanada_desktop.gui.objects.queue_model import Entry, QueueModel
from empanada_desktop.gui.theme import theme

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from empanada_desktop.gui.objects.desk import ObjectsDesk

ROW_HEIGHT, LEFT, TOP = 68, 12, 9
CONTACT = 24
# Question -> ground and words of its chip.
CHIPS = {
    "Join?": ("tint", "tint_text"),
    "Split?": ("warning_fill", "warning"),
    "Real?": ("error_fill", "error"),
    "Edge": ("raised", "second"),
}
STATE_ICONS = {
    "accepted": ("check-circle", "good"),
    "edited": ("paint-brush", "second"),
    "flagged": ("flag", "warning"),
    "deleted": ("trash", "second"),
    "skipped": ("skip-forward", "second"),
}
Index = QModelIndex | QPersistentModelIndex
Keys = Qt.Key
STEPS = {Keys.Key_Up: -1, Keys.Key_Down: 1, Keys.Key_PageUp: -5, Keys.Key_PageDown: 5}
ENDS = (Keys.Key_Home, Keys.Key_End)
EDIT_KEYS = (Keys.Key_E, Keys.Key_Return, Keys.Key_Enter)
OWN_KEYS = (*EDIT_KEYS, *STEPS, *ENDS, Keys.Key_Delete)


class QueueList(QListView):
    """The list; the current item is the model's."""

    chosen = Signal(str)
    edit_asked = Signal()
    delete_asked = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, model: QueueModel, crops: CropMaker) -> None:
        super().__init__()
        self.queue, self.crops = model, crops
        self.setModel(model)
        self.setItemDelegate(_RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Review queue")
        crops.made.connect(self.viewport().update)
        theme.changed.connect(self.viewport().update)

    def show_current(self) -> None:
        """Bring the current item into sight."""
        row = self.queue.row
        if row >= 0:
            self.scrollTo(self.queue.index(row))
            self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Look at the item under the mouse."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        row = self.indexAt(event.position().toPoint()).row()
        if row >= 0:
            self.chosen.emit(self.queue.entries[row].item.key)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Edit the item under the mouse."""
        if event.button() == Qt.MouseButton.LeftButton and self.indexAt(event.position().toPoint()).isValid():
            self.edit_asked.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """Ask for the menu of the item."""
        self.menu_asked.emit(event.globalPos())

    def event(self, event: QEvent) -> bool:
        """These keys belong to the items here, whatever they mean elsewhere in the window."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _is_own(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Up and down look at other items, E and Enter edit, Delete deletes."""
        last = len(self.queue.entries)
        step = (STEPS | {Keys.Key_Home: -last, Keys.Key_End: last}).get(Keys(event.key()))
        if step is not None and self.queue.entries:
            row = min(max(0, self.queue.row + step), len(self.queue.entries) - 1)
            self.chosen.emit(self.queue.entries[row].item.key)
        elif event.key() in EDIT_KEYS:
            self.edit_asked.emit()
        elif event.key() == Keys.Key_Delete:
            self.delete_asked.emit()
        else:
            event.ignore()

    def picture(self, entry: Entry) -> QPixmap | None:
        """The picture of an item; None while it is made."""
        made = _wish(self.queue.desk, entry)
        return None if made is None else self.crops.get(*made)


def _is_own(event: QKeyEvent) -> bool:
    return event.key() in OWN_KEYS and event.modifiers() == Qt.KeyboardModifier.NoModifier


def _wish(desk: "ObjectsDesk", entry: Entry) -> tuple[object, CropWish] | None:
    """What the picture of an item shows, and the key that changes when it would look otherwise."""
    layer, index, image, item = desk.layer, desk.index, desk.workspace.image(), entry.item
    if layer is None or index is None:
        return None
    there = tuple(label_id for label_id in item.ids if label_id in index)
    z, y, x = (round(place) for place in item.place)
    box = index.box(there[0]) if len(there) == len(item.ids) == 1 else _near((z, y, x))
    sizes = tuple(int(index.voxels[row]) for label_id in there if (row := index.find(label_id)) is not None)
    contrast = (0.0, 255.0) if image is None else image.contrast
    key = (layer.id, item.key, item.place, sizes, contrast, layer.seed, _colours(layer.colour_table, there))
    return key, CropWish(
        layer.source, desk.grey(), contrast, (z, y, x), box, there, layer.colour_table, layer.seed
    )  # fmt: skip


def _colours(table: "NDArray[np.uint8]", ids: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(table[label_id]) if label_id < len(table) else -1 for label_id in ids)


def _near(place: tuple[int, int, int]) -> Box:
    """The surroundings of a place between two objects."""
    return Box.of_spans([(at - CONTACT, at + CONTACT) for at in place])


class _RowDelegate(QStyledItemDelegate):
    """Draws an item."""

    def __init__(self, view: QueueList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 - Qt's name
        """The height of a row."""
        return QSize(0, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw picture, ids, question, reason and score."""
        queue, rect = self._view.queue, QRect(option.rect)
        entry = queue.entries[index.row()]
        is_current = entry.item.key == queue.current_key
        painter.save()
        painter.fillRect(rect, theme.colour("selected" if is_current else "panel"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), theme.colour("border"))
        if is_current and self._view.hasFocus():
            painter.fillRect(QRect(rect.left(), rect.top(), 2, rect.height() - 1), theme.colour("accent"))
        self._draw_picture(painter, rect, entry)
        self._draw_words(painter, rect.adjusted(LEFT + SIDE + 11, TOP - 2, -12, -6), entry, is_current)
        painter.restore()

    def _draw_picture(self, painter: QPainter, rect: QRect, entry: Entry) -> None:
        square = QRect(rect.left() + LEFT, rect.top() + TOP, SIDE, SIDE)
        picture = self._view.picture(entry)
        if picture is None:
            painter.fillRect(square, QColor(theme.tokens.canvas))
        else:
            painter.drawPixmap(square.topLeft(), picture)
        painter.setPen(QPen(theme.colour("control_border")))
        painter.drawRect(square.adjusted(0, 0, -1, -1))

    def _draw_words(self, painter: QPainter, room: QRect, entry: Entry, is_current: bool) -> None:
        font, bold = QFont(self._view.font()), QFont(self._view.font())
        bold.setWeight(QFont.Weight.DemiBold)
        line = QRect(room.left(), room.top(), room.width(), 20)
        score = f"{entry.item.score:.2f}"
        painter.setFont(font)
        painter.setPen(theme.colour("second"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight | middle), score)
        line.setRight(line.right() - painter.fontMetrics().horizontalAdvance(score) - 8)
        if entry.state:
            name, token = STATE_ICONS[entry.state]
            painter.drawPixmap(line.right() - 14, line.top() + 3, pixmap(name, theme.colour(token), 14))
            line.setRight(line.right() - 20)
        chip = painter.fontMetrics().horizontalAdvance(entry.item.question) + 14
        painter.setFont(bold)
        painter.setPen(theme.colour("text"))
        title = painter.fontMetrics().elidedText(
            entry.item.title, Qt.TextElideMode.ElideMiddle, line.width() - chip - 8
        )
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft | middle), title)
        left = line.left() + painter.fontMetrics().horizontalAdvance(title) + 8
        painter.setFont(font)
        _draw_chip(painter, QRect(left, line.top() + 1, chip, 18), entry.item.question)
        painter.setPen(theme.colour("text" if is_current else "second"))
        words = QRect(room.left(), line.bottom() + 1, room.width(), room.bottom() - line.bottom())
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(words, int(flags), entry.item.reason)


def _draw_chip(painter: QPainter, rect: QRect, question: str) -> None:
    ground, tone = CHIPS.get(question, CHIPS["Edge"])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour(ground))
    painter.drawRoundedRect(rect, 3, 3)
    painter.setPen(theme.colour(tone))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), question)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
