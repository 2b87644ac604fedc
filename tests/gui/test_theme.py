"""Colours can be read, on everything that text stands on and in both themes; and everything can be drawn larger."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QColor

from empanada_desktop.gui.actions import SCALES
from empanada_desktop.gui.theme import THEMES, Tokens, make_palette, make_style
from empanada_desktop.settings import load_settings

from .person import Person

TEXT_ON = ("window", "panel", "raised", "sunken", "selected")


def luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    shade = QColor(colour)
    return 0.2126 * linear(shade.redF()) + 0.7152 * linear(shade.greenF()) + 0.0722 * linear(shade.blueF())


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", THEMES.values(), ids=list(THEMES))
def test_text_can_be_read(tokens: Tokens) -> None:
    for ground in TEXT_ON:
        assert contrast(tokens.text, getattr(tokens, ground)) >= 4.5, ground
    for ground in ("window", "panel"):
        assert contrast(tokens.second, getattr(tokens, ground)) >= 4.5
        assert contrast(tokens.disabled, getattr(tokens, ground)) >= 3
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5
    assert contrast(tokens.tint_text, tokens.tint) >= 4.5
    assert contrast(tokens.warning, tokens.panel) >= 4.5
    assert contrast(tokens.text, tokens.error_fill) >= 4.5


@pytest.mark.parametrize("tokens", THEMES.values(), ids=list(THEMES))
def test_the_style_sheet_has_every_colour(qapp: object, tokens: Tokens) -> None:
    style = make_style(tokens)
    assert "%(" not in style
    assert tokens.accent in style
    assert make_palette(tokens).window().color() == QColor(tokens.window)


def test_the_size_of_everything_is_chosen_and_holds_from_the_next_start(person: Person, home: Path) -> None:
    person.menu("View", "Size 150 %")
    assert load_settings().scale == 1.5
    assert "150 %" in person.window.toast.text()
    checked = [percent for percent in SCALES if person.window.actions_table[f"scale_{percent}"].isChecked()]
    assert checked == [150]
    assert ratio() == 1.5
    assert ratio(QT_SCALE_FACTOR="2") == 2, "who starts it has the last word"
    person.menu("View", "Size 100 %")
    assert ratio() == 1


START = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from empanada_desktop.gui import app
opened = app.open_window
def look(*arguments):
    window = opened(*arguments)
    def close():
        sys.stdout.write(str(window.devicePixelRatioF()))
        window.close()
        QApplication.instance().quit()
    QTimer.singleShot(0, close)
    return window
app.open_window = look
app.main()
"""


def ratio(**variables: str) -> float:
    """Pixels of the screen for one of the window, in the program started anew."""
    environment = {name: value for name, value in os.environ.items() if name != "QT_SCALE_FACTOR"} | variables
    outcome = subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    return float(outcome.stdout)
