"""What a view keeps of its picture: after moves and small changes it shows what a fresh one would."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.colours import palette
from empanada_desktop.document.sources import ArraySource
from empanada_desktop.gui.viewer import drawing, kernels
from empanada_desktop.gui.viewer import loader as loader_module
from empanada_desktop.gui.viewer.canvas import Look, PlaneCanvas
from empanada_desktop.gui.viewer.composing import DrawnImage, DrawnLabels, DrawnLayer, backend
from empanada_desktop.gui.viewer.drawn_layers import packed
from empanada_desktop.gui.viewer.loader import Request, TileLoader
from empanada_desktop.gui.viewer.plane_picture import shift
from empanada_desktop.gui.viewer.tiles import TileGrid

SHAPE = (4, 700, 900)
MakeCanvas = Callable[[], PlaneCanvas]


@pytest.fixture(params=[drawing, kernels], ids=["numpy", "compiled"])
def _functions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "functions", request.param)


@pytest.fixture
def layers() -> list[DrawnLayer]:
    random = np.random.default_rng(3)
    image = random.integers(0, 255, SHAPE).astype(np.uint8)
    cells = np.kron(random.integers(0, 40, (4, 28, 36)), np.ones((1, 25, 25))).astype(np.uint32)
    labels = DrawnLabels(
        2, ArraySource(cells), np.zeros(0, np.uint8), 0, packed(palette()), selected=np.array([5, 9], np.uint32)
    )
    return [DrawnImage(1, ArraySource(image), (20.0, 230.0)), labels]


@pytest.fixture
def make_canvas(qtbot: QtBot, layers: list[DrawnLayer]) -> Iterator[MakeCanvas]:
    loader = TileLoader()

    def make() -> PlaneCanvas:
        canvas = PlaneCanvas(Axis.XY, loader)
        qtbot.addWidget(canvas)
        canvas.resize(301, 240)
        canvas.set_volume(SHAPE, Spacing(10, 10, 12))
        canvas.set_layers(layers)
        with qtbot.waitExposed(canvas):
            canvas.show()
        return canvas

    yield make
    loader.close()


def settle(qtbot: QtBot, canvas: PlaneCanvas) -> None:
    canvas.repaint()
    qtbot.waitUntil(lambda: canvas.is_complete and canvas._loader.is_idle())
    canvas.repaint()


def pixels_of(image: QImage) -> NDArray[np.uint32]:
    data = np.frombuffer(image.convertToFormat(QImage.Format.Format_RGB32).constBits(), np.uint32)
    return data.reshape(image.height(), image.width()).copy()


def on_screen(canvas: PlaneCanvas) -> NDArray[np.uint32]:
    """What was painted piece by piece, unlike grab(), which paints everything anew."""
    QApplication.processEvents()
    return pixels_of(canvas.screen().grabWindow(canvas.winId()).toImage())


@pytest.mark.usefixtures("_functions")
@pytest.mark.parametrize("zoom", [0.43, 1.0, 2.7, 9.0])
def test_a_moved_picture_is_the_one_composed_anew(qtbot: QtBot, make_canvas: MakeCanvas, zoom: float) -> None:
    moved, fresh = make_canvas(), make_canvas()
    random = np.random.default_rng(round(zoom * 10))
    y, x = 350.0, 450.0
    moved.set_look(Look((0, y, x), zoom))
    settle(qtbot, moved)
    for step in range(12):
        # Whole pixels as a drag has them, and fractions as the keyboard's zoom leaves them; once out of sight.
        down, right = random.integers(-60, 60, 2) if step % 2 else random.uniform(-9, 9, 2)
        y, x = y + down / zoom + 300 / zoom * (step == 7), x + right / zoom
        look = Look((0, y, x), zoom)
        moved.set_look(look)
        if step % 4 != 2:  # sometimes two moves come before a painting
            settle(qtbot, moved)
            fresh.set_look(Look((0, 0, 0), zoom / 2))
            fresh.set_look(look)
            settle(qtbot, fresh)
            fresh._redraw()
            settle(qtbot, fresh)
            np.testing.assert_array_equal(moved._pixels, fresh._pixels)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """No tile is read before this is set."""
    opened = threading.Event()
    read = loader_module.read_displayed

    def read_when_open(*where: Any) -> NDArray[Any]:
        opened.wait(10)
        return read(*where)

    monkeypatch.setattr(loader_module, "read_displayed", read_when_open)
    return opened


@pytest.mark.parametrize("meanwhile", ["moved", "crosshair"])
def test_what_came_before_its_news_shows_everywhere(
    qtbot: QtBot, make_canvas: MakeCanvas, gate: threading.Event, meanwhile: str
) -> None:
    canvas = make_canvas()
    canvas.set_look(Look((0, 350, 450), 1.0))
    canvas.repaint()
    assert not canvas.is_complete
    gate.set()
    while not canvas._loader.is_idle():  # the tiles are there; the event that tells of them waits
        time.sleep(0.001)
    if meanwhile == "moved":
        canvas.set_look(Look((0, 350, 443), 1.0))
        canvas.repaint()
    else:
        canvas.repaint(10, 10, 20, 20)
    settle(qtbot, canvas)
    shown = on_screen(canvas)
    canvas._redraw()
    canvas.repaint()
    np.testing.assert_array_equal(shown, on_screen(canvas))
    assert len(np.unique(shown)) > 100


def test_a_tile_that_comes_while_composing_is_shown(
    qtbot: QtBot, make_canvas: MakeCanvas, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = make_canvas()
    compose = canvas._composer.compose

    def slowly(*composed: Any) -> None:
        compose(*composed)
        gate.set()
        while not canvas._loader.is_idle():
            time.sleep(0.001)

    monkeypatch.setattr(canvas._composer, "compose", slowly)
    canvas.set_look(Look((0, 350, 450), 1.0))
    canvas.repaint()
    settle(qtbot, canvas)
    assert len(np.unique(on_screen(canvas))) > 100


def test_moved_pixels_that_stay_are_not_composed_again(
    qtbot: QtBot, make_canvas: MakeCanvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = make_canvas()
    canvas.set_look(Look((0, 350, 450), 1.0))
    settle(qtbot, canvas)
    composed: list[int] = []
    compose = canvas._composer.compose

    def count(out: NDArray[np.uint32], rect: tuple[int, int, int, int], *others: object) -> None:
        composed.append((rect[1] - rect[0]) * (rect[3] - rect[2]))
        compose(out, rect, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(canvas._composer, "compose", count)
    canvas.set_look(Look((0, 350 + 10, 450 - 7), 1.0))
    canvas.repaint()
    assert 0 < sum(composed) < 301 * 13 + 240 * 10


def test_changed_voxels_show_where_the_picture_has_moved_to(
    qtbot: QtBot, make_canvas: MakeCanvas, layers: list[DrawnLayer]
) -> None:
    canvas = make_canvas()
    canvas.set_look(Look((0, 350, 450), 2.0))
    settle(qtbot, canvas)
    box = Box((0, 340, 440), (1, 352, 455))
    labels = layers[1]
    assert isinstance(labels.source, ArraySource)
    labels.source[box.slices] = 77
    grid = TileGrid.of(labels.source, 0, Axis.XY)
    keys = list(canvas._loader.cache.touching(2, box, lambda _key: grid))
    canvas._loader.refresh([Request(key, grid, labels.source, True) for key in keys], box)
    canvas.set_look(Look((0, 340, 460), 2.0))
    settle(qtbot, canvas)
    shown = on_screen(canvas)
    canvas._redraw()
    np.testing.assert_array_equal(shown, on_screen(canvas))


def test_the_crosshair_leaves_nothing_behind(qtbot: QtBot, make_canvas: MakeCanvas) -> None:
    canvas = make_canvas()
    canvas.set_look(Look((0, 350, 450), 1.0))
    settle(qtbot, canvas)
    for place in ((0, 300, 400), (0, 301, 400), (0, 301, 480), (0, 390, 470), None, (0, 400, 380)):
        canvas.set_crosshair(place)
        shown = on_screen(canvas)
        np.testing.assert_array_equal(shown, pixels_of(canvas.grab().toImage()), f"{place}")


def test_shifting_pixels_in_place() -> None:
    pixels = np.arange(48, dtype=np.uint32).reshape(6, 8)
    for down, right in ((2, 3), (-2, 3), (1, -4), (-3, -1), (0, 5), (4, 0), (0, 0)):
        moved = pixels.copy()
        shift(moved, down, right)
        rows, columns = slice(max(0, -down), 6 - max(0, down)), slice(max(0, -right), 8 - max(0, right))
        before = pixels[max(0, down) : 6 + min(0, down), max(0, right) : 8 + min(0, right)]
        np.testing.assert_array_equal(moved[rows, columns], before)
