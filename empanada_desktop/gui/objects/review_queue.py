"""The dock of the review queue: how far it is, the items, and the answers; the next one comes by itself."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QActionGroup, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QProgressBar, QPushButton, QStackedWidget, QWidget

from empanada_desktop.document.reviewing import ACCEPTED, DELETED, FLAGGED, SKIPPED, QueueItem
from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, IconButton, IconLabel, Row, push_button, rule, text_label
from empanada_desktop.gui.icons import icon
from empanada_desktop.gui.objects.crops import CropMaker
from empanada_desktop.gui.objects.deeds import ObjectDeeds
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.finding import Finder
from empanada_desktop.gui.objects.queue_list import QueueList
from empanada_desktop.gui.objects.queue_model import SHOWN, SORTS, Entry, QueueModel
from empanada_desktop.gui.shell import dock_header

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

WIDTH = 306
NO_LABELS = "No labels yet. Segment the volume first."
NOT_FOUND = "Nothing to review yet."
ALL_DONE = "All reviewed."
NONE_SHOWN = "No items of this kind."


class ReviewQueue(QWidget):
    """The left dock of Proofread. edit_asked carries the QueueItem that the user wants to mend."""

    edit_asked = Signal(object)

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(WIDTH)
        self.desk = ObjectsDesk.of(workspace)
        self.deeds = ObjectDeeds.of(self.desk)
        self.finder = Finder(self.desk)
        self.model = QueueModel(self.desk)
        self.crops = CropMaker(self, self.desk.threads)
        self.list = QueueList(self.model, self.crops)
        self.isolates = False
        self._looked_at: tuple[str, str] = ("", "")
        self._make_header()
        self._make_progress()
        self._make_footer()
        self.pages = QStackedWidget()
        for page in (self._empty_page(), self.list):
            self.pages.addWidget(page)
        layout = Column(self._progress, rule(), self.pages, rule(), self._footer)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self._connect()
        self.model.refresh()

    # Parts

    def _make_header(self) -> None:
        self.filter_button = IconButton("funnel", "Filter\nWhich items are shown.", lambda: self._below("filter"))
        self.sort_button = IconButton("sort-ascending", "Sort\nWhich item comes first.", lambda: self._below("sort"))
        self.more_button = IconButton("dots-three-vertical", "More", lambda: self._below("more"))
        self.header = dock_header("Review queue", (self.filter_button, self.sort_button, self.more_button))

    def _make_progress(self) -> None:
        self.count, self.order = text_label(), text_label(role="second")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Reviewed")
        layout = Column(Row(self.count, 1, self.order), self.bar, spacing=8)
        layout.setContentsMargins(12, 8, 12, 12)
        self._progress = QWidget()
        self._progress.setLayout(layout)

    def _make_footer(self) -> None:
        self.accept_button = _answer_button("Accept", "A", "check", self.accept, "It is right as it is.")
        self.skip_button = _answer_button("Skip", "S", "skip-forward", self.skip, "Not now: it comes again at the end.")
        self.delete_button = _answer_button("Delete", "", "trash", self.delete, "Make background of the object.")
        line = Row(self.accept_button, self.skip_button, self.delete_button, spacing=8)
        line.setContentsMargins(12, 10, 12, 10)
        self._footer = QWidget()
        self._footer.setLayout(line)

    def _empty_page(self) -> QWidget:
        page = QWidget()
        self._empty = text_label("", "second", wraps=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.find_button = push_button("Find suspicious objects", self.find_suspicious, "magnifying-glass")
        layout = Column(1, self._empty, Row(1, self.find_button, 1), 1, spacing=12)
        layout.setContentsMargins(16, 16, 16, 16)
        page.setLayout(layout)
        return page

    def _connect(self) -> None:
        self.desk.changed.connect(self.model.refresh)
        self.model.told.connect(self._tell)
        self.finder.changed.connect(self._tell)
        self.finder.found.connect(self._found)
        self.list.chosen.connect(self.choose)
        self.list.edit_asked.connect(self.edit)
        self.list.delete_asked.connect(self.delete)
        self.list.menu_asked.connect(lambda place: self.item_menu().popup(place))

    # Looking

    @property
    def current(self) -> Entry | None:
        """The item that is looked at."""
        return self.model.current

    def choose(self, key: str) -> None:
        """Look at an item: the views jump there, its objects are selected."""
        self.model.choose(key)
        self._look()

    def advance(self, but: Iterable[int] = ()) -> None:
        """Go on to the next open item that asks about none of the objects that were just changed."""
        key = self.model.next_key(but)
        if key:
            self.choose(key)

    def back(self) -> None:
        """Go back to the item above."""
        row = self.model.row
        if row > 0:
            self.choose(self.model.entries[row - 1].item.key)

    def _look(self) -> None:
        entry, layer = self.current, self.desk.layer
        if entry is None or layer is None:
            self.desk.set_looked_at(())
            return
        self._looked_at = (layer.id, entry.item.key)
        self.desk.document.select(layer, entry.item.ids)
        if self.isolates:
            self.deeds.isolate(True)
        self.desk.set_looked_at(entry.item.ids)
        self.deeds.look_closer(entry.item.place, entry.item.ids)
        self.list.show_current()

    @property
    def _is_looked_at(self) -> bool:
        entry, layer = self.current, self.desk.layer
        return entry is not None and layer is not None and self._looked_at == (layer.id, entry.item.key)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """The first time that there is something to review, look at it."""
        super().showEvent(event)
        if self.current is not None and not self._is_looked_at:
            self._look()

    # Answers

    def accept(self) -> None:
        """The item is right as it is."""
        self._answer(lambda item: self.deeds.say([item], ACCEPTED))

    def skip(self) -> None:
        """Not now."""
        self._answer(lambda item: self.deeds.say([item], SKIPPED))

    def flag(self) -> None:
        """Somebody else has to look at it."""
        self._answer(lambda item: self.deeds.say([item], FLAGGED))

    def delete(self) -> None:
        """Make background of the item's objects; of two, of those that are selected."""

        def deed(item: QueueItem) -> None:
            layer = self.desk.layer
            chosen = [label_id for label_id in item.ids if layer is not None and label_id in layer.selected]
            self.deeds.delete(chosen or item.ids, {item.key: DELETED})

        self._answer(deed)

    def edit(self) -> None:
        """Mend the item with the tool that its question asks for."""
        entry = self.current
        if entry is not None:
            self._look()
            self.edit_asked.emit(entry.item)

    def _answer(self, deed: Callable[[QueueItem], object]) -> None:
        """Answer the item that is looked at and go on; one that was not looked at is shown first."""
        entry = self.current
        if entry is None or not self._is_looked_at:
            self._look()
            return
        following = self.model.next_key()
        try:
            deed(entry.item)
        except AppError as problem:
            self.desk.workspace.window.tell(problem)
            return
        self.choose(following)

    # Finding

    def find_suspicious(self) -> None:
        """Look for suspicious objects, as a job."""
        self.finder.start()

    def _found(self) -> None:
        self.model.refresh()
        if self.isVisible() and self.current is not None:
            self._look()

    def clear(self) -> None:
        """Empty the queue; undo brings it back."""
        layer = self.desk.layer
        if layer is not None and layer.queue:
            self.desk.document.edit_properties(layer, "Clear the review queue", queue=())

    # Menus

    def _below(self, name: str) -> None:
        menus = {"filter": self.filter_menu, "sort": self.sort_menu, "more": self.more_menu}
        buttons = {"filter": self.filter_button, "sort": self.sort_button, "more": self.more_button}
        button = buttons[name]
        menus[name]().popup(button.mapToGlobal(QPoint(0, button.height())))

    def filter_menu(self) -> QMenu:
        """Which items are shown."""
        menu = self._choices(SHOWN, self.model.shown, lambda name: self.model.show_only(shown=name))
        menu.addSeparator()
        for question in dict.fromkeys(entry.item.question for entry in self.model.every):
            action = menu.addAction(f"Only {question}")
            action.setCheckable(True)
            action.setChecked(question in self.model.questions)
            action.toggled.connect(lambda _on, word=question: self._toggle_question(word))
        return menu

    def _toggle_question(self, question: str) -> None:
        self.model.show_only(questions=self.model.questions ^ {question})

    def sort_menu(self) -> QMenu:
        """Which item comes first."""
        return self._choices(
            {name: words for name, (words, _) in SORTS.items()}, self.model.sorted_by, self.model.sort_by
        )

    def more_menu(self) -> QMenu:
        """Finding anew, isolating, clearing."""
        menu = self._menu()
        menu.addAction(icon("magnifying-glass"), "Find suspicious objects", self.find_suspicious)
        action = menu.addAction("Isolate what is looked at")
        action.setCheckable(True)
        action.setChecked(self.isolates)
        action.toggled.connect(self.set_isolates)
        menu.addSeparator()
        menu.addAction(icon("trash"), "Clear the queue", self.clear)
        return menu

    def set_isolates(self, is_on: bool) -> None:
        """Show other objects faintly while one is reviewed, or not."""
        self.isolates = is_on
        self.deeds.isolate(is_on)

    def item_menu(self) -> QMenu:
        """What can be said to an item."""
        menu = self._menu()
        menu.addAction(icon("check"), "Accept", self.accept)
        menu.addAction(icon("skip-forward"), "Skip", self.skip)
        menu.addAction(icon("paint-brush"), "Edit", self.edit)
        menu.addAction(icon("flag"), "Flag", self.flag)
        menu.addSeparator()
        menu.addAction(icon("trash"), "Delete", self.delete)
        return menu

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu

    def _choices(self, titles: dict[str, str], chosen: str, choose: Callable[[str], object]) -> QMenu:
        menu = self._menu()
        group = QActionGroup(menu)
        for name, title in titles.items():
            action = menu.addAction(title[0].upper() + title[1:])
            action.setCheckable(True)
            action.setChecked(name == chosen)
            group.addAction(action)
            action.triggered.connect(lambda _checked=False, name=name: choose(name))
        return menu

    # Words

    def _tell(self) -> None:
        model, total = self.model, len(self.model.every)
        self.count.setText(f"<b>{model.n_reviewed}</b> of {total} reviewed")
        self.order.setText(SORTS[model.sorted_by][0])
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(model.n_reviewed)
        self._progress.setVisible(bool(total))
        self._footer.setVisible(bool(total))
        self.pages.setCurrentIndex(1 if model.entries else 0)
        has_labels = self.desk.layer is not None
        done = ALL_DONE if model.shown == "open" and not model.questions else NONE_SHOWN
        words = NO_LABELS if not has_labels else self.finder.words or (done if total else NOT_FOUND)
        self._empty.setText(words)
        self.find_button.setVisible(has_labels and not self.finder.is_running)
        self.find_button.setText(" Find again" if total else " Find suspicious objects")
        for button in (self.accept_button, self.skip_button, self.delete_button):
            button.setEnabled(model.current is not None)
        self.list.show_current()


def _answer_button(title: str, key: str, name: str, pressed: Callable[[], object], tip: str) -> QPushButton:
    """A button with an icon, a word and its key."""
    button = QPushButton()
    button.setAccessibleName(title)
    button.setToolTip(f"{title} ({key})\n{tip}" if key else f"{title}\n{tip}")
    parts = [IconLabel(name, "text"), QLabel(title)] + ([text_label(key, "second")] if key else [])
    line: QHBoxLayout = Row(1, *parts, 1, spacing=5)
    for part in parts:
        part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    line.setContentsMargins(0, 0, 0, 0)
    button.setLayout(line)
    button.setMinimumSize(QSize(84, 30))
    button.clicked.connect(lambda: pressed())
    return button
