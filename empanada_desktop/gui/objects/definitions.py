"""What the figures mean: every quantity that Measure knows, its unit, and how it is measured."""

import html

from PySide6.QtWidgets import QDialog, QTextBrowser, QWidget

from empanada_desktop.core.measure_columns import columns
from empanada_desktop.gui.controls import Column, Row, push_button

TITLE = "What the figures mean"
VOXELS = (
    "Lengths are the voxel size times voxels. The form says where the voxel size is from: the file, with the tag that "
    "told it, or typed by you. Where it is not known, voxels are taken for cubes and lengths are in px."
)
FILES = "A CSV file brings a second one with these definitions, an XLSX file a second sheet."


def definitions_text() -> str:
    """All definitions as HTML, in space and in a plane."""
    parts = [f"<p>{VOXELS}</p><p>{FILES}</p>"]
    for heading, in_plane in (("In 3D", False), ("In one plane", True)):
        rows = [
            f"<p><b>{html.escape(each.title)}</b>{f' ({each.unit})' if each.unit else ''}<br>"
            f"{html.escape(each.definition)}</p>"
            for each in columns("µm", in_plane=in_plane, with_grey=True)
        ]
        parts += [f"<h3>{heading}</h3>", *rows]
    return "".join(parts)


class DefinitionsPage(QDialog):
    """A page to read beside the figures."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setWindowTitle(TITLE)
        self.resize(560, 640)
        self.text = QTextBrowser()
        self.text.setHtml(definitions_text())
        layout = Column(self.text, Row(1, push_button("Close", self.accept)), spacing=12)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setStretch(0, 1)
        self.setLayout(layout)
