"""Colours, sizes and type of the window from one table: QPalette and QSS for dark and light."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from empanada_desktop.settings import resources_folder

GENERIC_FAMILIES = {"sans serif", "sans", "sans-serif", "dejavu sans", ""}
PREFERRED_FAMILIES = ("Inter", "Noto Sans", "Cantarell", "DejaVu Sans")
AXIS_COLOURS = {"x": "#FF7B72", "y": "#F2C14E", "z": "#6AA9FF"}
PLANE_COLOURS = {"xy": AXIS_COLOURS["z"], "xz": AXIS_COLOURS["y"], "yz": AXIS_COLOURS["x"]}
SMALL, TITLE, START = 0.92, 1.25, 2.0


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme, by what they are for; measured contrasts are in tests/gui/test_theme.py."""

    name: str
    window: str
    panel: str
    raised: str
    hover: str
    sunken: str
    border: str
    control_border: str
    text: str
    second: str
    disabled: str
    accent: str
    on_accent: str
    tint: str
    tint_text: str
    selected: str
    warning: str
    warning_fill: str
    error: str
    error_fill: str
    good: str
    canvas: str = "#101114"


DARK = Tokens(
    name="dark",
    window="#17181B",
    panel="#1E2024",
    raised="#2A2D32",
    hover="#34383E",
    sunken="#141518",
    border="#34373D",
    control_border="#666E79",
    text="#E7E9EC",
    second="#AEB4BC",
    disabled="#777E88",
    accent="#34BBA9",
    on_accent="#04211D",
    tint="#17403B",
    tint_text="#5FD6C6",
    selected="#1F453F",
    warning="#F0B44C",
    warning_fill="#3A2F1A",
    error="#FF8A80",
    error_fill="#43211F",
    good="#7CCB8B",
)
LIGHT = Tokens(
    name="light",
    window="#E6E8EA",
    panel="#F4F5F6",
    raised="#FFFFFF",
    hover="#E3E6E9",
    sunken="#DCDFE2",
    border="#CBCFD4",
    control_border="#838B95",
    text="#1B1D20",
    second="#4C535C",
    disabled="#7A818A",
    accent="#0C7D70",
    on_accent="#FFFFFF",
    tint="#D3ECE8",
    tint_text="#0A6E63",
    selected="#C5E6E1",
    warning="#855600",
    warning_fill="#FBEFD2",
    error="#B3261E",
    error_fill="#FBE4E2",
    good="#23703A",
)
# Lines and marks that are drawn over images, in both themes.
OVER_DARK, OVER_WHITE = QColor("#101114"), QColor("#FFFFFF")
THEMES = {"dark": DARK, "light": LIGHT}


class Theme(QObject):
    """The theme that is on; `changed` tells everything that paints by itself."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tokens = DARK

    def use(self, name: str) -> None:
        """Put a theme ("dark", "light", or "system") on the whole program, unless it is on."""
        application = QApplication.instance()
        if name == "system":
            is_light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
            name = "light" if is_light else "dark"
        self.tokens = THEMES.get(name, DARK)
        style = make_style(self.tokens)
        if isinstance(application, QApplication):
            if application.styleSheet() == style:  # every widget there is would be styled anew
                return
            application.setPalette(make_palette(self.tokens))
            application.setStyleSheet(style)
        self.changed.emit()

    def colour(self, token: str) -> QColor:
        """The colour of a token in the theme that is on; a #RRGGBB passes through."""
        return QColor(token if token.startswith("#") else getattr(self.tokens, token))


theme = Theme()


def choose_font(application: QApplication) -> None:
    """Keep the system's font, with tabular figures; where the system names none of its own, take a good one."""
    font = application.font()
    if QFontInfo(font).family().lower() in GENERIC_FAMILIES or font.family().lower() in GENERIC_FAMILIES:
        there = set(QFontDatabase.families())
        family = next((name for name in PREFERRED_FAMILIES if name in there), font.family())
        font.setFamily(family)
        font.setPixelSize(13)
    font.setFeature(QFont.Tag("tnum"), 1)
    application.setFont(font)


def scaled_font(widget: QWidget, factor: float, bold: bool = False) -> QFont:
    """The widget's font, `factor` times as large."""
    font = QFont(QApplication.font())
    if font.pixelSize() > 0:
        font.setPixelSize(max(9, round(font.pixelSize() * factor)))
    else:
        font.setPointSizeF(font.pointSizeF() * factor)
    if bold:
        font.setWeight(QFont.Weight.DemiBold)
    widget.setFont(font)
    return font


def make_palette(tokens: Tokens) -> QPalette:
    """The palette that Fusion draws with wherever the style sheet says nothing."""
    palette = QPalette()
    role = QPalette.ColorRole
    plain = {
        role.Window: tokens.window,
        role.WindowText: tokens.text,
        role.Base: tokens.sunken,
        role.AlternateBase: tokens.panel,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.disabled,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.error,
        role.Highlight: tokens.accent,
        role.Accent: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.Link: tokens.tint_text,
        role.Light: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.sunken,
        role.Shadow: tokens.canvas,
    }
    for which, value in plain.items():
        palette.setColor(which, QColor(value))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.disabled))
    return palette


def make_style(tokens: Tokens) -> str:
    """The style sheet; every colour in it comes from the table."""
    pictures = (resources_folder() / "style").as_posix()
    return STYLE.replace("@pictures", pictures).replace("@name", tokens.name).translate({}) % _by_token(tokens)


def _by_token(tokens: Tokens) -> dict[str, str]:
    return {name: getattr(tokens, name) for name in Tokens.__dataclass_fields__}


STYLE = """
* { outline: none; }
QMainWindow, QDialog { background: %(window)s; }
QDialog#palette { background: %(panel)s; border: 1px solid %(control_border)s; }
QMainWindow::separator { background: %(window)s; width: 4px; height: 4px; }
QMainWindow::separator:hover { background: %(accent)s; }
QToolTip { background: %(raised)s; color: %(text)s; border: 1px solid %(control_border)s; padding: 4px 6px; }
QMenuBar { background: %(window)s; padding: 2px 8px; }
QMenuBar::item { padding: 4px 8px; background: transparent; border-radius: 4px; }
QMenuBar::item:selected { background: %(hover)s; }
QMenu { background: %(panel)s; border: 1px solid %(control_border)s; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 10px; border-radius: 4px; }
QMenu::item:selected { background: %(selected)s; }
QMenu::item:disabled { color: %(disabled)s; }
QMenu::separator { height: 1px; background: %(border)s; margin: 4px 6px; }
QMenu::icon { padding-left: 6px; }
QToolBar { background: %(window)s; border: none; border-bottom: 1px solid %(border)s; spacing: 2px; padding: 0; }
QToolBar#tools { border-bottom: none; border-right: 1px solid %(border)s; padding: 4px 3px; spacing: 4px; }
QToolBar#side { border-bottom: none; border-right: 1px solid %(border)s; padding: 8px 0; spacing: 0; }
QToolBar#jobs { border-bottom: none; border-top: 1px solid %(border)s; padding: 0; background: %(panel)s; }
QToolBar::separator { background: %(border)s; width: 1px; height: 1px; margin: 10px 8px; }
QToolBar#tools::separator { margin: 6px 4px; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 4px 7px; }
QToolButton:hover { background: %(hover)s; }
QToolButton:checked { background: %(tint)s; color: %(tint_text)s; }
QToolButton:disabled { color: %(disabled)s; }
QToolButton:focus { border: 1px solid %(accent)s; }
QToolButton[role="icon"] { padding: 3px; }
QToolButton[role="tab"] { padding: 0 14px; border-radius: 0; border: none; border-bottom: 2px solid transparent; }
QToolButton[role="tab"]:checked { background: transparent; color: %(text)s; font-weight: 600;
  border-bottom: 2px solid %(accent)s; }
QToolButton[role="tab"]:checked:disabled { color: %(disabled)s; border-bottom: 2px solid transparent; }
QToolButton[role="tab"]:!checked { color: %(second)s; }
QToolButton[role="tab"]:!checked:disabled { color: %(disabled)s; }
QToolButton::menu-indicator { image: none; }
QDockWidget { border: none; }
QWidget[role="panel"], QScrollArea[role="panel"] { background: %(panel)s; }
QFrame[role="header"] { background: %(panel)s; border: none; border-bottom: 1px solid %(border)s; }
QFrame[role="card"] { background: %(panel)s; border: 1px solid %(border)s; border-radius: 4px; }
QFrame[role="well"] { background: %(sunken)s; border: 1px solid %(border)s; border-radius: 4px; }
QFrame[role="drop"] { background: %(sunken)s; border: 1px dashed %(control_border)s; border-radius: 2px; }
QFrame[role="drop"][over="true"] { border: 2px dashed %(accent)s; background: %(tint)s; }
QFrame[role="rule"] { background: %(border)s; border: none; }
QFrame[role="bar"] { background: %(tint)s; border-radius: 4px; }
QFrame[role="bar"] QLabel { color: %(tint_text)s; }
QFrame[role="warning"] { background: %(warning_fill)s; border: 1px solid %(warning)s; border-radius: 4px; }
QFrame[role="error"] { background: %(error_fill)s; border: 1px solid %(error)s; border-radius: 4px; }
QFrame[role="toast"] { background: %(raised)s; border: 1px solid %(control_border)s; border-radius: 4px; }
QLabel { background: transparent; }
QLabel:disabled { color: %(disabled)s; }
QLabel[role="second"] { color: %(second)s; }
QLabel[role="hint"] { color: %(second)s; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="good"] { color: %(good)s; }
QLabel[role="warning"] { color: %(warning)s; }
QLabel[role="error"] { color: %(error)s; }
QLabel[role="chip"] { background: %(raised)s; border: 1px solid %(border)s; border-radius: 4px; padding: 3px 8px; }
QLabel[changed="true"] { color: %(text)s; }
QLabel[changed="false"] { color: %(second)s; }
QPushButton { background: %(raised)s; border: 1px solid %(control_border)s; border-radius: 4px; padding: 0 12px;
  min-height: 26px; }
QPushButton:hover { background: %(hover)s; }
QPushButton:pressed { background: %(sunken)s; }
QPushButton:focus { border: 2px solid %(accent)s; padding: 0 11px; min-height: 24px; }
QPushButton:disabled { color: %(disabled)s; border-color: %(border)s; background: %(panel)s; }
QPushButton[role="primary"] { background: %(accent)s; color: %(on_accent)s; border: 1px solid %(accent)s;
  font-weight: 600; min-height: 30px; }
QPushButton[role="primary"]:hover { border-color: %(text)s; }
QPushButton[role="primary"]:focus { border: 2px solid %(text)s; min-height: 28px; }
QPushButton[role="primary"]:disabled { background: %(raised)s; color: %(disabled)s; border-color: %(border)s; }
QPushButton[role="link"] { background: transparent; border: none; color: %(tint_text)s; padding: 0 4px;
  font-weight: 600; min-height: 20px; }
QPushButton[role="link"]:hover { text-decoration: underline; }
QPushButton[role="link"]:focus { border: 1px solid %(accent)s; }
QPushButton[role="flat"] { background: transparent; border-color: transparent; color: %(second)s; }
QPushButton[role="flat"]:hover { background: %(hover)s; color: %(text)s; }
QPushButton[role="flat"]:focus { border: 2px solid %(accent)s; }
QPushButton[role="segment"] { border-radius: 0; border-right: none; background: transparent; color: %(second)s;
  min-height: 22px; padding: 0 6px; }
QPushButton[role="segment"]:hover { background: %(hover)s; }
QPushButton[role="segment"][place="first"], QPushButton[role="segment"][place="only"] {
  border-top-left-radius: 4px; border-bottom-left-radius: 4px; }
QPushButton[role="segment"][place="last"], QPushButton[role="segment"][place="only"] {
  border-right: 1px solid %(control_border)s; border-top-right-radius: 4px; border-bottom-right-radius: 4px; }
QPushButton[role="segment"]:checked { background: %(tint)s; color: %(tint_text)s; font-weight: 600; }
QPushButton[role="segment"]:disabled { color: %(disabled)s; }
QPushButton[role="section"] { background: transparent; border: none; border-radius: 0; text-align: left;
  font-weight: 600; padding: 0 4px; min-height: 24px; }
QPushButton[role="section"]:focus { border: 1px solid %(accent)s; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QKeySequenceEdit, QPlainTextEdit {
  background: %(panel)s; border: 1px solid %(control_border)s; border-radius: 4px; padding: 0 7px; min-height: 22px;
  selection-background-color: %(accent)s; selection-color: %(on_accent)s; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus {
  border: 2px solid %(accent)s; padding: 0 6px; min-height: 20px; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {
  color: %(disabled)s; border-color: %(border)s; }
QAbstractSpinBox QLineEdit, QComboBox QLineEdit, QKeySequenceEdit QLineEdit { background: transparent; border: none;
  padding: 0; min-height: 0; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; height: 0; border: none; }
QComboBox { combobox-popup: 0; padding-right: 22px; }
QComboBox::drop-down { border: none; width: 22px; }
QComboBox::down-arrow { image: url(@pictures/caret-@name.svg); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: %(panel)s; border: 1px solid %(control_border)s; padding: 2px;
  selection-background-color: %(selected)s; selection-color: %(text)s; }
QCheckBox { spacing: 8px; background: transparent; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid %(control_border)s; border-radius: 3px;
  background: %(panel)s; }
QCheckBox::indicator:checked { background: %(accent)s; border-color: %(accent)s;
  image: url(@pictures/check-@name.svg); }
QCheckBox::indicator:focus { border: 1px solid %(accent)s; }
QCheckBox:disabled { color: %(disabled)s; }
QSlider { background: transparent; min-height: 20px; }
QSlider::groove:horizontal { height: 3px; background: %(control_border)s; border-radius: 1px; }
QSlider::sub-page:horizontal { background: %(accent)s; border-radius: 1px; }
QSlider::handle:horizontal { background: %(text)s; width: 12px; height: 12px; margin: -5px 0; border-radius: 6px; }
QSlider::handle:horizontal:focus { background: %(accent)s; border: 1px solid %(text)s; width: 10px; height: 10px; }
QSlider::handle:horizontal:disabled { background: %(disabled)s; }
QSlider::sub-page:horizontal:disabled { background: %(border)s; }
QProgressBar { background: %(control_border)s; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }
QProgressBar::chunk { background: %(accent)s; border-radius: 2px; }
QListView, QTableView, QTreeView { background: %(panel)s; border: none; selection-background-color: %(selected)s;
  selection-color: %(text)s; gridline-color: %(border)s; }
QTableView::item { border-bottom: 1px solid %(border)s; padding: 0 8px; }
QTableView::item:selected { background: %(selected)s; color: %(text)s; }
QHeaderView::section { background: %(panel)s; color: %(second)s; border: none;
  border-bottom: 1px solid %(border)s; padding: 0 8px; height: 26px; }
QTableCornerButton::section { background: %(panel)s; border: none; }
QScrollArea { border: none; background: transparent; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar::handle:vertical { background: %(control_border)s; border-radius: 3px; min-height: 24px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle:horizontal { background: %(control_border)s; border-radius: 3px; min-width: 24px; margin: 2px; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {
  background: none; border: none; width: 0; height: 0; }
QStatusBar { background: %(window)s; border-top: 1px solid %(border)s; }
QStatusBar::item { border: none; }
QSplitter::handle { background: %(window)s; }
QTabBar::tab { background: %(window)s; padding: 5px 12px; border: none; color: %(second)s; }
QTabBar::tab:selected { background: %(panel)s; color: %(text)s; border-bottom: 2px solid %(accent)s; }
"""
