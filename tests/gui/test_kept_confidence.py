"""Confidence that is kept: what it takes is said before the start; only with it can confidences be changed later."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.gui.panels.fuse_panel import FusePanel
from empanada_desktop.gui.panels.volume_panel import VolumePanel
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.regroup import REGROUPING


def test_confidences_can_be_changed_where_they_were_kept(qtbot: QtBot) -> None:
    panel = FusePanel()
    qtbot.addWidget(panel)
    for kept in (False, True):
        values = StackParams(keep_confidence=kept, segmentation_confidence=0.7).model_dump(mode="json")
        panel.show_result("x.zarr", values)
        widgets = [panel.form.rows[name].control.widget for name in REGROUPING]
        assert [widget.isEnabled() for widget in widgets] == [kept] * len(REGROUPING)
        assert panel.form.values()["segmentation_confidence"] == 0.7
        assert panel.form.changed_names() == []
    panel.form.set_values({"segmentation_confidence": 0.4})
    assert panel.form.changed_names() == ["segmentation_confidence"]


def test_what_the_confidence_takes_is_said_before_the_start(qtbot: QtBot, tmp_path: Path) -> None:
    panel = VolumePanel()
    qtbot.addWidget(panel)
    panel.show_volume("large", (500, 1000, 1000), Spacing(8, 8, 8, "typed"), tmp_path / "x.zarr")
    panel.form.set_values({"ortho_plane": True})

    def disk() -> tuple[str, str]:
        check = next(check for check in panel.preflight.checks if check.name == "Disk")
        return check.words, check.tip

    without = disk()
    panel.form.set_values({"keep_confidence": True})
    assert without[1] == "Up to 120 MB of it stay for fusing anew."
    assert disk()[1] == "Up to 950 MB of it stay for fusing anew."
    assert disk()[0] != without[0]
    panel.form.set_values({"keep_predictions": False})
    assert disk()[1] == "Up to 950 MB of it are free again at the end."
