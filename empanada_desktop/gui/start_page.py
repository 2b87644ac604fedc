"""What a plain start shows: open a volume, try the sample, continue, recent files, this computer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QLineEdit, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from empanada_desktop.gui.controls import (
    Column,
    ElidedLabel,
    IconButton,
    IconLabel,
    MessageBar,
    Row,
    empty,
    push_button,
    rule,
    set_role,
    text_label,
)
from empanada_desktop.gui.theme import START, TITLE, scaled_font, theme
from empanada_desktop.settings import resources_folder

RECOVERED = "recovered"
PAGE_WIDTH, CARD_PICTURE_HEIGHT = 1240, 210
FORMATS = "TIFF, OME-Zarr, HDF5, MRC, PNG, JPEG\nor a folder with one picture per plane"


@dataclass(frozen=True)
class Deeds:
    """What the start page can ask for."""

    open_file: Callable[[], object]
    open_folder: Callable[[], object]
    open_sample: Callable[[], object]
    go_on: Callable[[], object]
    show_earlier: Callable[[], object]
    show_keys: Callable[[], object]


@dataclass(frozen=True)
class RecentFile:
    """One line of the list of recent files."""

    path: str
    title: str
    size: str = ""
    voxel: str = ""
    opened: str = ""


@dataclass(frozen=True)
class Finding:
    """One line about this computer: good or not, what was found, what that means."""

    good: bool
    title: str
    meaning: str


class StartPage(QScrollArea):
    """The page; `chosen` carries the path of a recent file."""

    chosen = Signal(str)

    def __init__(self, deeds: Deeds) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self._deeds = deeds
        self.bar = MessageBar("error")
        self.drop = _DropArea()
        self.go_on_card = _Card("clock-counter-clockwise", "Continue", "")
        self.recent = RecentList()
        self.recent.chosen.connect(self.chosen)
        self.computer = ComputerCard()
        page = QWidget()
        page.setMaximumWidth(PAGE_WIDTH)
        page.setLayout(self._arrange())
        holder = QWidget()
        holder.setLayout(Row(1, page, 1))
        holder.layout().setStretch(1, 100)  # type: ignore[union-attr]
        self.setWidget(holder)
        self.set_last("")

    def set_last(self, title: str, when: str = "", picture: QPixmap | None = None) -> None:
        """Say what Continue would bring back; nothing when there is nothing."""
        self.go_on_card.setVisible(bool(title))
        self.go_on_card.text.setText(f"{title}. {when}".strip())
        if picture is not None:
            self.go_on_card.picture.set_picture(picture, fills=True)

    def set_recovered(self, edits: str) -> None:
        """Offer what was done last, as in "3 edits", after the program ended at once; "": there is nothing of that."""
        self.bar.settle(RECOVERED)
        if edits:
            words = f"{edits} {'was' if edits.startswith('1 ') else 'were'} kept."
            self.bar.say(f"{words} Your files were not changed.", "warning", about=RECOVERED)
            self.bar.offer("Restore", self._deeds.go_on)

    def _arrange(self) -> QVBoxLayout:
        cards = Row(self._open_card(), self._sample_card(), self._go_on(), spacing=16)
        for place in range(3):
            cards.setStretch(place, 1)
        below = Row(self.recent, self.computer, spacing=16)
        below.setStretch(0, 23)
        below.setStretch(1, 10)
        column = Column(self._head(), self.bar, cards, below, 1, spacing=16)
        column.setContentsMargins(24, 32, 24, 24)
        return column

    def _head(self) -> QWidget:
        title = text_label("empanada", "strong")
        scaled_font(title, START, bold=True)
        words = text_label(
            "Segment electron-microscopy images on your own computer. Nothing is sent anywhere.", "second"
        )
        keys = push_button("Keys", self._deeds.show_keys, "keyboard", token="second")
        head = QWidget()
        side = Column(1, keys)
        head.setLayout(Row(Column(title, words, spacing=4), 1, side))
        return head

    def _open_card(self) -> QWidget:
        card = _Card("", "Open a volume", "Files larger than memory open as well: only what you look at is read.")
        card.set_top(self.drop)
        card.add_buttons(
            push_button("Open file", self._deeds.open_file, "folder-open"),
            push_button("Open folder", self._deeds.open_folder, "stack"),
        )
        return card

    def _sample_card(self) -> QWidget:
        text = "Fly brain, 200 × 200 × 200 voxels of 10 nm, with mitochondria to find."
        card = _Card("cube", "Try the sample", text)
        path = resources_folder() / "sample" / "preview.png"
        if path.is_file():
            card.picture.set_picture(QPixmap(str(path)))
        credit = text_label("Image: FlyEM project, CC BY", "hint")
        card.add_buttons(push_button("Open the sample", self._deeds.open_sample, "play"), credit)
        return card

    def _go_on(self) -> QWidget:
        self.go_on_card.add_buttons(
            push_button("Continue where you stopped", self._deeds.go_on, "arrow-right"),
            push_button("Earlier work", self._deeds.show_earlier, "clock-counter-clockwise"),
        )
        return self.go_on_card


class _Picture(QWidget):
    """A picture, whole or filling its place; an icon while there is none."""

    def __init__(self, icon: str) -> None:
        super().__init__()
        self.setFixedHeight(CARD_PICTURE_HEIGHT)
        self._pixmap: QPixmap | None = None
        self._fills = False
        self._icon = IconLabel(icon, "second", 32) if icon else None
        if self._icon is not None:
            self.setLayout(Row(1, self._icon, 1))

    def set_picture(self, picture: QPixmap, fills: bool = False) -> None:
        """Show a picture, whole, or as large as its place if it may be cut off."""
        self._pixmap, self._fills = picture, fills
        if self._icon is not None:
            self._icon.hide()
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the picture on the colour of the views."""
        if self._pixmap is None or self._pixmap.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        place = self.rect().adjusted(1, 1, -1, 0)
        painter.fillRect(place, theme.colour("canvas"))
        painter.setClipRect(place)
        modes = Qt.AspectRatioMode
        size = self._pixmap.size().scaled(
            place.size(), modes.KeepAspectRatioByExpanding if self._fills else modes.KeepAspectRatio
        )
        whole = QRect(QPoint(0, 0), size)
        whole.moveCenter(place.center())
        painter.drawPixmap(whole, self._pixmap)


class _Card(QFrame):
    """A frame with a picture, a title, a sentence and buttons."""

    def __init__(self, icon: str, title: str, text: str) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.picture = _Picture(icon)
        heading = text_label(title, "strong")
        scaled_font(heading, TITLE, bold=True)
        self.text = text_label(text, "second", wraps=True)
        self.text.setMinimumHeight(36)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._buttons = Row(spacing=8)
        words = Column(heading, self.text, self._buttons, spacing=8)
        words.setContentsMargins(16, 12, 16, 16)
        self._column = Column(self.picture, rule(), words)
        self.setLayout(self._column)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_top(self, widget: QWidget) -> None:
        """Put something else where the picture is."""
        self.picture.hide()
        self._column.insertWidget(0, widget)

    def add_buttons(self, *widgets: QWidget) -> None:
        """Put buttons at the bottom."""
        for widget in widgets:
            self._buttons.addWidget(widget, 1)


class _DropArea(QWidget):
    """The place that says that files may be dropped; the whole window takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(CARD_PICTURE_HEIGHT)
        self._frame = QFrame()
        self._frame.setProperty("role", "drop")
        icon = IconLabel("file-arrow-up", "tint_text", 32)
        title = text_label("Drop a file or a folder here", "strong")
        formats = text_label(FORMATS, "second")
        for label in (title, formats):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._frame.setLayout(Column(1, Row(1, icon, 1), title, formats, 1, spacing=10))
        outer = Column(self._frame)
        outer.setContentsMargins(12, 12, 12, 12)
        self.setLayout(outer)

    def set_over(self, is_over: bool) -> None:
        """Light up while something is held over the window."""
        set_role(self._frame, "true" if is_over else "false", "over")


class RecentList(QFrame):
    """The files that were open lately."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        heading = text_label("Recent", "strong")
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search recent files")
        self._search.setFixedWidth(190)
        self._search.textChanged.connect(self._narrow)
        top = Row(heading, 1, self._search)
        top.setContentsMargins(14, 8, 10, 8)
        self._rows = Column()
        self._lines: list[_RecentLine] = []
        self._empty = text_label("Nothing yet. What you open is listed here.", "second")
        self._empty.setContentsMargins(14, 12, 14, 14)
        self.setLayout(Column(top, rule(), self._rows, self._empty, 1))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def show_files(self, files: Sequence[RecentFile]) -> None:
        """List the files; lines that stay are kept, for one of them may be under the mouse."""
        if [line.file.path for line in self._lines] != [file.path for file in files]:
            for line in self._lines:
                self._rows.removeWidget(line)
                line.deleteLater()
            self._lines = [_RecentLine(self.chosen.emit) for _ in files]
            for line in self._lines:
                self._rows.addWidget(line)
        for line, file in zip(self._lines, files, strict=True):
            line.show_file(file)
        self._empty.setVisible(not files)
        self._search.setVisible(len(files) > 3)

    def _narrow(self, text: str) -> None:
        for line in self._lines:
            line.setVisible(text.lower() in line.file.path.lower())


class _RecentLine(QFrame):
    """One recent file; a click opens it."""

    def __init__(self, chosen: Callable[[str], object]) -> None:
        super().__init__()
        self._chosen = chosen
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._title, self._path = text_label("", "strong"), ElidedLabel("", "hint")
        self._facts = [text_label("", "second") for _ in range(3)]
        grid = QGridLayout(self)
        grid.setContentsMargins(14, 6, 14, 6)
        grid.addLayout(Column(self._title, self._path, spacing=1), 0, 0)
        for place, (label, room) in enumerate(zip(self._facts, (3, 3, 2), strict=True), 1):
            grid.addWidget(label, 0, place)
            grid.setColumnStretch(place, room)
        grid.setColumnStretch(0, 7)

    def show_file(self, file: RecentFile) -> None:
        """Show a file and what is known of it."""
        self.file = file
        self.setToolTip(f"Open {file.path}")
        self._title.setText(file.title)
        self._path.set_text(short(file.path))
        for label, text in zip(self._facts, (file.size, file.voxel, file.opened), strict=True):
            label.setText(text)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Open the file."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self._chosen(self.file.path)


def short(path: str) -> str:
    """A path as people write it: ~ for the user's own folder."""
    home = Path.home()
    return f"~/{Path(path).relative_to(home).as_posix()}" if Path(path).is_relative_to(home) else path


class ComputerCard(QFrame):
    """What was found on this computer, and what it means for the work."""

    refresh = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._when = text_label("checking …", "second")
        again = IconButton("arrows-clockwise", "Look again", self.refresh.emit, 14)
        top = Row(text_label("This computer", "strong"), 1, self._when, again)
        top.setContentsMargins(14, 8, 8, 8)
        self._rows = Column(spacing=10)
        self._rows.setContentsMargins(14, 12, 14, 14)
        self.setLayout(Column(top, rule(), self._rows, 1))

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """List what was found."""
        empty(self._rows)
        for finding in findings:
            self._rows.addWidget(_finding_line(finding))
        self._when.setText("checked just now")


def _finding_line(finding: Finding) -> QWidget:
    icon = IconLabel("check-circle" if finding.good else "info", "good" if finding.good else "second")
    title: QLabel = text_label(finding.title, "strong", wraps=True)
    meaning = text_label(finding.meaning, "second", wraps=True)
    line = QWidget()
    row = Row(icon, Column(title, meaning, spacing=1), spacing=10)
    row.setStretch(1, 1)
    row.setAlignment(icon, Qt.AlignmentFlag.AlignTop)
    line.setLayout(row)
    return line
