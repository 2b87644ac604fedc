"""Colours can be read: contrast of text on everything that it stands on, in both themes."""

import pytest
from PySide6.QtGui import QColor

from empanada_desktop.gui.theme import THEMES, Tokens, make_palette, make_style

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
