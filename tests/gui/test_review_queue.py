"""The review queue in its room, with real mouse and key events, on what was really found in the sample."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu

from empanada_desktop.document.reviewing import QueueItem, state_of
from empanada_desktop.gui.objects.review_queue import ReviewQueue

from .objects_at_hand import Opened
from .person import CONTROL, Person


class Queue(Opened):
    """The queue of the room Proofread, filled."""

    def __init__(self, person: Person, folder: Path) -> None:
        super().__init__(person, folder)
        self.desk = self.enter("proofread")
        found = person.workspace.rooms["proofread"].left.findChild(ReviewQueue)
        assert found is not None
        self.queue, self.model, self.list = found, found.model, found.list

    def find(self) -> None:
        """Press the button of the empty queue and wait."""
        self.person.click(self.queue.find_button)
        self.person.until(lambda: self.model.entries)
        self.person.until(lambda: not self.queue.finder.is_running)

    def items(self) -> list[QueueItem]:
        return [entry.item for entry in self.model.entries]

    @property
    def current(self) -> QueueItem:
        assert self.queue.current is not None
        return self.queue.current.item

    def click_row(self, row: int) -> None:
        self.list.scrollTo(self.model.index(row))
        place = self.list.visualRect(self.model.index(row)).center()
        self.person.qtbot.mouseClick(self.list.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def popup_entry(self, title: str) -> None:
        self.person.until(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        self.person.menu_entry(menu, title)

    def status(self, label_id: int) -> str:
        table = self.desk.model
        row = table.row_of(label_id)
        assert row is not None
        return table.words(row, table.place_of("status"))


@pytest.fixture
def queue(person: Person, tmp_path: Path) -> Queue:
    return Queue(person, tmp_path)


def it_begins_with_the_most_suspicious(queue: Queue) -> None:
    scores = [item.score for item in queue.items()]
    assert len(scores) > 3
    assert scores == sorted(scores, reverse=True)
    assert queue.queue.count.text() == f"<b>0</b> of {len(scores)} reviewed"
    first = queue.items()[0]
    assert queue.current == first
    assert set(queue.layer.selected) == set(first.ids)
    assert queue.document.view.crosshair == tuple(min(199, round(at)) for at in first.place)
    assert queue.status(first.ids[0]) == "Reviewing"
    assert all(item.reason for item in queue.items())


def pictures_show_the_objects(queue: Queue) -> None:
    entry = queue.model.entries[0]
    queue.list.viewport().repaint()
    queue.person.until(lambda: queue.queue.crops.is_idle)
    picture = queue.list.picture(entry)
    assert picture is not None
    image = picture.toImage()
    pixels = [image.pixelColor(x, y) for x in range(0, 100, 2) for y in range(0, 100, 2)]
    assert any(pixel.saturation() > 60 for pixel in pixels), "the object's colour"
    assert any(pixel.saturation() == 0 and 20 < pixel.value() < 240 for pixel in pixels), "the image round it"
    assert any(pixel.lightness() > 250 for pixel in pixels), "its outline"


def accepting_brings_the_next(queue: Queue) -> None:
    items = queue.items()
    queue.person.key(Qt.Key.Key_A)
    assert queue.layer.decisions[items[0].key] == "accepted"
    assert queue.layer.review == dict.fromkeys(items[0].ids, "accepted")
    assert queue.current == items[1]
    assert set(queue.layer.selected) == set(items[1].ids)
    assert queue.queue.count.text() == f"<b>1</b> of {len(items)} reviewed"
    assert items[0] not in queue.items()
    queue.person.click(queue.queue.accept_button)
    assert queue.layer.decisions[items[1].key] == "accepted"
    assert queue.current == items[2]


def undo_brings_items_back(queue: Queue) -> None:
    every = [entry.item for entry in queue.model.every]
    queue.person.key(Qt.Key.Key_Z, CONTROL)
    assert queue.current == every[1]
    assert every[1].key not in queue.layer.decisions
    queue.person.key(Qt.Key.Key_Z, CONTROL)
    assert queue.current == every[0]
    assert queue.layer.review == {}
    queue.document.redo()
    assert queue.layer.decisions == {every[0].key: "accepted"}
    queue.document.undo()


def skipping_puts_an_item_last(queue: Queue) -> None:
    items = queue.items()
    queue.click_row(0)
    queue.person.key(Qt.Key.Key_S)
    assert queue.items() == [*items[1:], items[0]]
    assert queue.current == items[1]
    assert queue.model.n_reviewed == 0
    queue.document.undo()
    assert queue.items() == items


def rows_are_chosen_by_mouse_and_keys(queue: Queue) -> None:
    items = queue.items()
    queue.click_row(2)
    assert queue.current == items[2]
    queue.person.key(Qt.Key.Key_Down)
    assert queue.current == items[3]
    queue.person.key(Qt.Key.Key_Home)
    assert queue.current == items[0]


def editing_asks_for_the_tool(queue: Queue) -> None:
    asked: list[QueueItem] = []
    queue.queue.edit_asked.connect(asked.append)
    queue.click_row(1)
    queue.person.key(Qt.Key.Key_E)
    queue.person.key(Qt.Key.Key_Return)
    assert asked == [queue.items()[1]] * 2


def filters_and_sorts(queue: Queue) -> None:
    items = queue.items()
    question = items[-1].question
    queue.person.click(queue.queue.filter_button)
    queue.popup_entry(f"Only {question}")
    assert queue.items() == [item for item in items if item.question == question]
    queue.person.click(queue.queue.filter_button)
    queue.popup_entry(f"Only {question}")
    queue.person.click(queue.queue.sort_button)
    queue.popup_entry("By id")
    assert [item.ids for item in queue.items()] == sorted(item.ids for item in items)
    queue.person.click(queue.queue.sort_button)
    queue.popup_entry("Most suspicious first")
    assert [item.score for item in queue.items()] == [item.score for item in items]


def deleting_is_one_deed(queue: Queue) -> None:
    items = queue.items()
    row = next(row for row, item in enumerate(items) if len(item.ids) == 1)
    queue.click_row(row)
    before, label_id = queue.voxels(), items[row].ids[0]
    queue.person.click(queue.queue.delete_button)
    queue.person.until(lambda: label_id not in queue.desk.model.objects.ids)
    assert not (queue.voxels() == label_id).any()
    assert queue.layer.decisions == {items[row].key: "deleted"}
    gone = [item.key for item in queue.items()]
    assert items[row].key not in gone
    queue.document.undo()
    queue.person.until(lambda: label_id in queue.desk.model.objects.ids)
    np.testing.assert_array_equal(queue.voxels(), before)
    assert queue.layer.decisions == {}
    queue.person.until(lambda: queue.items() == items)


def what_was_mended_counts_as_reviewed(queue: Queue) -> None:
    item = next(item for item in queue.items() if len(item.ids) == 1)
    queue.person.until(lambda: queue.model.n_reviewed == 0)
    other = 10008 if item.ids[0] != 10008 else 10003
    queue.queue.deeds.merge((item.ids[0], other), item.ids[0])
    queue.person.until(lambda: state(queue, item) == "edited")
    assert queue.model.n_reviewed > 0
    queue.document.undo()
    queue.person.until(lambda: queue.model.n_reviewed == 0)


def state(queue: Queue, item: QueueItem) -> str:
    return next(entry.state for entry in queue.model.every if entry.item.key == item.key)


def finding_again_remembers(queue: Queue) -> None:
    items = queue.items()
    queue.queue.choose(items[0].key)
    queue.person.key(Qt.Key.Key_A)
    queue.person.click(queue.queue.more_button)
    queue.popup_entry("Find suspicious objects")
    queue.person.until(lambda: not queue.queue.finder.is_running)
    assert queue.model.n_reviewed == 1
    assert state(queue, items[0]) == "accepted"


def test_going_through_the_queue(queue: Queue) -> None:
    assert queue.queue.find_button.isVisible()
    queue.find()
    it_begins_with_the_most_suspicious(queue)
    pictures_show_the_objects(queue)
    accepting_brings_the_next(queue)
    undo_brings_items_back(queue)
    skipping_puts_an_item_last(queue)
    rows_are_chosen_by_mouse_and_keys(queue)
    editing_asks_for_the_tool(queue)
    filters_and_sorts(queue)
    deleting_is_one_deed(queue)
    what_was_mended_counts_as_reviewed(queue)
    finding_again_remembers(queue)


def test_the_queue_comes_back_with_the_session(queue: Queue) -> None:
    queue.find()
    items = queue.items()
    queue.person.key(Qt.Key.Key_A)
    queue.window.close_volume()
    queue.person.until(lambda: queue.window.stack.currentWidget() is queue.window.start)
    queue.window.go_on()
    queue.person.until(lambda: queue.person.layers == ["medulla", "mito"])
    layer = queue.person.labels("mito")
    assert [item.key for item in layer.queue] == [item.key for item in items]
    assert layer.decisions == {items[0].key: "accepted"}
    queue.enter("proofread")
    queue.person.until(lambda: queue.model.n_reviewed == 1)
    assert len(queue.model.every) == len(items)


def test_an_item_whose_objects_changed_is_edited() -> None:
    item = QueueItem((5, 7), "Join?", "contact", "", 0.5, (0.0, 0.0, 0.0), (10, 20))
    assert state_of(item, {}, {5: 10, 7: 20}) == ""
    assert state_of(item, {}, {5: 30}) == "edited"
    assert state_of(item, {}, {5: 10, 7: 19}) == "edited"
    assert state_of(item, {item.key: "skipped"}, {5: 10, 7: 20}) == "skipped"
    assert state_of(item, {item.key: "accepted"}, {}) == "accepted"
    assert QueueItem.from_plain(item.to_plain()) == item
