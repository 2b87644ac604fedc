"""What the chosen tool minds, one page per tool."""

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QWidget

from empanada_desktop.document.painting import Painter
from empanada_desktop.gui.annotate.brush_page import BrushPage, SmartPage
from empanada_desktop.gui.annotate.rows import field_row
from empanada_desktop.gui.controls import Column, Segmented, fraction_box, text_label
from empanada_desktop.gui.rooms import Pages

TITLES = {
    "brush": "Brush",
    "eraser": "Eraser",
    "fill": "Fill",
    "pick": "Pick",
    "polygon": "Polygon",
    "smart": "Smart brush",
    "points": "Points",
    "shapes": "Shapes",
}
WORDS = {
    "cursor": "Click moves the crosshair and picks the object to paint.",
    "hand": "Drag moves the picture. With a brush in hand, hold Space.",
    "box": "Draw a box in a view.",
    "pick": "Click an object to paint on with its label.",
    "polygon": "Click corners; double-click or Enter fills, Backspace takes a corner back, Esc gives up.",
    "points": "Click adds a point, drag moves it, Del takes it away.",
    "shapes": "Drag draws a rectangle or line; a polygon is clicked. Drag moves a shape, Del takes it away.",
}
LARGEST_FILL = 2_000_000_000


class ToolPart(QWidget):
    """Shows the page of the tool that is on; `titled` carries its name."""

    titled = Signal(str)

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self.title = "Tool"
        self._painter = painter
        self.brush, self.smart = BrushPage(painter), SmartPage(painter)
        self.fill, self.shapes = FillPage(painter), ShapesPage()
        self.protect = QCheckBox("All other objects")
        self.protect.setToolTip("Paint over background only, and erase the active label only.")
        self._protect_row = field_row("Protect", self.protect, 1)
        self.protect.clicked.connect(lambda is_on: painter.change(keeps_others=is_on))
        self._pages = Pages()
        for page in (self.brush, self.smart, self.fill, self.shapes):
            self._pages.add_page(page)
        self.words = text_label(role="hint", wraps=True)
        self.words.setContentsMargins(14, 2, 14, 6)
        self.setLayout(Column(self._pages, self._protect_row, self.words))
        painter.settings_changed.connect(self.refresh)
        self.refresh()

    def show_tool(self, name: str) -> None:
        """Show what a tool minds."""
        pages: Mapping[str, QWidget] = {
            "brush": self.brush,
            "eraser": self.brush,
            "smart": self.smart,
            "fill": self.fill,
            "shapes": self.shapes,
        }
        self._pages.show_page(pages.get(name))
        self._protect_row.setVisible(name in ("brush", "eraser", "smart", "polygon", "fill"))
        self.words.setText(WORDS.get(name, ""))
        self.words.setVisible(name in WORDS)
        self.title = TITLES.get(name, "Tool")
        self.titled.emit(self.title)

    def refresh(self, *_: object) -> None:
        """Show whether other objects are protected."""
        self.protect.setChecked(self._painter.settings.keeps_others)


class FillPage(QWidget):
    """Where a fill goes, and when it is too much."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self._painter = painter
        self.works_in = Segmented(
            [(False, "Plane"), (True, "3D")], ("Fill in the plane alone.", "Fill in all planes that hang together.")
        )
        self.limit = fraction_box(0)
        self.limit.setRange(1, LARGEST_FILL)
        self.limit.setGroupSeparatorShown(True)
        self.limit.setSuffix(" voxels")
        self.limit.setFixedWidth(150)
        words = text_label("What is larger is left as it is, and said.", "hint", wraps=True)
        self.setLayout(Column(field_row("Works in", self.works_in), field_row("At most", self.limit, 1, hint=words)))
        self.works_in.chosen.connect(lambda in_3d: painter.change(fills_in_3d=bool(in_3d)))
        self.limit.editingFinished.connect(lambda: painter.change(fill_limit=round(self.limit.value())))
        painter.settings_changed.connect(self.refresh)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show what is minded."""
        self.works_in.set_value(self._painter.settings.fills_in_3d)
        self.limit.setValue(self._painter.settings.fill_limit)


class ShapesPage(QWidget):
    """Which shape is drawn; `chosen` carries "rectangle", "polygon" or "line"."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.kind = Segmented([("rectangle", "Rectangle"), ("polygon", "Polygon"), ("line", "Line")])
        self.setLayout(Column(field_row("Draw", self.kind)))
        self.kind.chosen.connect(lambda kind: self.chosen.emit(str(kind)))
