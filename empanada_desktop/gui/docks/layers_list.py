"""The list of layers: order by dragging, eye, lock, name by double-click; top of the list is drawn last."""

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from empanada_desktop.document import Document, EditableSource, ImageLayer, LabelsLayer, Layer
from empanada_desktop.gui.icons import pixmap
from empanada_desktop.gui.theme import SMALL, theme

ROW_HEIGHT = 42
EYE, LOCK_WIDTH, PICTURE = 34, 28, 30
LAYER = Qt.ItemDataRole.UserRole
KIND_ICONS = {"image": "image", "labels": "palette", "points": "crosshair-simple", "shapes": "polygon"}

Index = QModelIndex | QPersistentModelIndex


class LayersList(QListWidget):
    """Shows a document's layers and changes their order, names, visibility and locks."""

    failed = Signal(object)

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._fills = False
        self.setItemDelegate(_LayerDelegate(self))
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Layers")
        theme.changed.connect(self.viewport().update)
        self.currentItemChanged.connect(self._chosen)
        self.itemChanged.connect(self._renamed)
        self.model().rowsMoved.connect(self._moved)

    def refresh(self) -> None:
        """Show the layers as they are now; rows that stay are kept, for one of them may be under the mouse."""
        self._fills = True
        layers = self._document.layers[::-1]
        if [self.item(row).data(LAYER) for row in range(self.count())] != [layer.id for layer in layers]:
            self.clear()
            for layer in layers:
                item = QListWidgetItem()
                item.setData(LAYER, layer.id)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                self.addItem(item)
        # Only what differs is set: anything else would put the old title over one that is being typed.
        for row, layer in enumerate(layers):
            item, tip = self.item(row), tip_of(layer)
            if item.text() != layer.title:
                item.setText(layer.title)
            if item.toolTip() != tip:
                item.setToolTip(tip)
        active = self._document.active
        chosen = layers.index(active) if active is not None else -1
        if chosen != self.currentRow():
            self.setCurrentRow(chosen)
        self._fills = False

    def layer_of(self, index: Index) -> Layer | None:
        """The layer of a row; None when it is gone."""
        try:
            return self._document.layer(index.data(LAYER))
        except KeyError:
            return None

    def toggle(self, layer: Layer, name: str) -> None:
        """Switch a layer's eye or lock."""
        self._document.change_layer(layer, **{name: not getattr(layer, name)})

    def _chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None and not self._fills:
            self._document.active = self._document.layer(item.data(LAYER))

    def _renamed(self, item: QListWidgetItem) -> None:
        if self._fills:
            return
        layer = self._document.layer(item.data(LAYER))
        if item.text().strip() and item.text() != layer.title:
            self._document.rename_layer(layer, item.text().strip())

    def _moved(self) -> None:
        if self._fills:
            return
        order = [self.item(row).data(LAYER) for row in range(self.count())][::-1]
        before = [layer.id for layer in self._document.layers]
        for place, layer_id in enumerate(order):
            if before[place] != layer_id:
                self._move_one(before, order)
                return

    def _move_one(self, before: list[str], order: list[str]) -> None:
        """One row was dragged: find it and move its layer."""
        for layer_id in before:
            if [other for other in before if other != layer_id] == [other for other in order if other != layer_id]:
                self._document.move_layer(self._document.layer(layer_id), order.index(layer_id))
                return


def tip_of(layer: Layer) -> str:
    """Everything about a layer: what it holds, where it comes from, whether it can be changed."""
    source = getattr(layer, "source", None)
    ref = getattr(source.base if isinstance(source, EditableSource) else source, "ref", None)
    lines = [layer.title, describe(layer), layer.note if layer.note not in describe(layer) else ""]
    lines.append(str(ref.path) if ref is not None else "")
    if layer.locked:
        lines.append("Locked: click the lock to change it.")
    elif isinstance(layer, LabelsLayer) and ref is not None:
        lines.append("Changes are kept with the session; the file stays as it is. Save labels writes another one.")
    return "\n".join(line for line in lines if line)


def describe(layer: Layer) -> str:
    """Say in a few words what a layer holds."""
    if layer.is_preview:
        return f"{layer.note}, not kept yet" if layer.note else "not kept yet"
    if isinstance(layer, ImageLayer):
        return f"{_size(layer.shape)} {layer.source.dtype}{_voxel(layer)}"
    if isinstance(layer, LabelsLayer):
        return layer.note or f"{_size(layer.shape)} labels"
    return layer.kind


def _size(shape: tuple[int, int, int]) -> str:
    if len(set(shape)) == 1:
        return f"{shape[0]}³"
    return " × ".join(map(str, shape if shape[0] > 1 else shape[1:]))


def _voxel(layer: ImageLayer) -> str:
    sizes = layer.spacing.zyx
    if not layer.spacing.is_known:
        return ", voxel size unknown"
    words = f"{sizes[0]:g}" if len(set(sizes)) == 1 else ", ".join(f"{size:g}" for size in sizes if size)
    return f", {words} nm"


class _LayerDelegate(QStyledItemDelegate):
    """Draws a layer's row and takes clicks on its eye and lock."""

    def __init__(self, view: LayersList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 - Qt's name
        """The height of a row."""
        return QSize(0, ROW_HEIGHT)

    def updateEditorGeometry(  # noqa: N802 - Qt's name
        self, editor: QWidget, option: QStyleOptionViewItem, _index: Index
    ) -> None:
        """Edit the name where it stands."""
        rect: QRect = option.rect
        editor.setGeometry(rect.adjusted(EYE + PICTURE + 6, 6, -LOCK_WIDTH, -8))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw eye, kind, title, description and lock."""
        layer = self._view.layer_of(index)
        if layer is None:
            return
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.colour("selected"))
        tone = "text" if layer.visible else "disabled"
        eye = pixmap("eye" if layer.visible else "eye-slash", theme.colour(tone), 16)
        painter.drawPixmap(rect.left() + 10, rect.top() + 13, eye)
        self._paint_kind(painter, QRect(rect.left() + EYE, rect.top() + 7, 28, 28), layer)
        self._paint_words(painter, rect, layer, tone)
        if layer.locked:
            lock = pixmap("lock-simple", theme.colour("second"), 14)
            painter.drawPixmap(rect.right() - 22, rect.top() + 14, lock)
        painter.restore()

    def _paint_kind(self, painter: QPainter, square: QRect, layer: Layer) -> None:
        painter.setPen(QPen(theme.colour("control_border")))
        painter.setBrush(theme.colour("sunken"))
        painter.drawRoundedRect(square, 3, 3)
        colour = QColor(theme.colour("tint_text" if layer.kind == "labels" else "second"))
        painter.drawPixmap(square.topLeft() + QPoint(6, 6), pixmap(KIND_ICONS[layer.kind], colour, 16))

    def _paint_words(self, painter: QPainter, rect: QRect, layer: Layer, tone: str) -> None:
        words = rect.adjusted(EYE + PICTURE + 8, 3, -LOCK_WIDTH, -3)
        top, bottom = QRect(words), QRect(words)
        top.setBottom(words.center().y())
        bottom.setTop(words.center().y() + 1)
        metrics = painter.fontMetrics()
        title = metrics.elidedText(layer.title, Qt.TextElideMode.ElideMiddle, top.width())
        painter.setPen(theme.colour(tone))
        painter.drawText(top, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, title)
        small = painter.font()
        if small.pixelSize() > 0:
            small.setPixelSize(round(small.pixelSize() * SMALL))
        painter.setFont(small)
        painter.setPen(theme.colour("second" if layer.visible else "disabled"))
        about = painter.fontMetrics().elidedText(describe(layer), Qt.TextElideMode.ElideRight, bottom.width())
        painter.drawText(bottom, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, about)

    def editorEvent(  # noqa: N802 - Qt's name
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Switch the eye or the lock where it is clicked."""
        layer = self._view.layer_of(index)
        if isinstance(event, QMouseEvent) and layer is not None and event.button() == Qt.MouseButton.LeftButton:
            rect: QRect = option.rect
            place = event.position().x() - rect.left()
            name = "visible" if place < EYE else "locked" if place > rect.width() - LOCK_WIDTH else ""
            if name and event.type() in (QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick):
                self._view.toggle(layer, name)
                return True
            if name:
                return True
        return super().editorEvent(event, model, option, index)
