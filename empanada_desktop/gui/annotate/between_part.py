"""Deeds on the active label: between planes, to the next plane, smoothing; with what they mind."""

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget

from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.annotate.rows import field_row
from empanada_desktop.gui.controls import Column, Segmented, push_button, text_label, whole_box

LARGEST_RADIUS = 20


class BetweenPart(QWidget):
    """Buttons of the deeds; `radius` and `in_3d` are what smoothing minds."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self.radius_box = whole_box()
        self.radius_box.setRange(1, LARGEST_RADIUS)
        self.radius_box.setValue(2)
        self.radius_box.setSuffix(" px")
        self.radius_box.setFixedWidth(76)
        self.radius_box.setAccessibleName("Radius of smoothing")
        self.works_in = Segmented([(False, "Plane"), (True, "3D")], ("Smooth this plane alone.", "Smooth the object."))
        self.works_in.set_value(True)
        self.words = text_label("Draw the label on two planes, then fill those between.", "hint", wraps=True)
        self.setLayout(
            Column(
                field_row("Between", action_button(actions["interpolate"], "Interpolate"), hint=self.words),
                field_row(
                    "Copy to",
                    action_button(actions["copy_previous"], "Previous"),
                    action_button(actions["copy_next"], "Next"),
                ),
                field_row("Smooth in", self.works_in),
                field_row("Radius", self.radius_box, action_button(actions["smooth_object"], "Smooth")),
            )
        )

    @property
    def radius(self) -> int:
        """The size of bumps that smoothing takes away, in pixels."""
        return self.radius_box.value()

    @property
    def in_3d(self) -> bool:
        """Whether smoothing works on the whole object, not on its part in the plane."""
        return bool(self.works_in.value())


def action_button(action: QAction, text: str) -> QPushButton:
    """A button that does what an action does, enabled when it is."""
    button = push_button(text, action.trigger)

    def follow() -> None:
        button.setEnabled(action.isEnabled())
        button.setToolTip(action.toolTip())

    action.changed.connect(follow)
    follow()
    return button
