"""Forms are the Params classes: every field is there with its limits, resets, and goes through a recipe unharmed."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QSpinBox
from pytestqt.qtbot import QtBot

from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.controls import SliderField
from empanada_desktop.gui.params_form import ParamsForm
from empanada_desktop.tasks.inference_params import PlaneParams, StackParams


@pytest.fixture
def form(qapp: object, qtbot: QtBot) -> ParamsForm:
    form = ParamsForm(StackParams)
    qtbot.addWidget(form)
    form.resize(360, 900)
    form.show()
    return form


def test_every_field_has_a_row_and_the_default(form: ParamsForm) -> None:
    assert list(form.rows) == list(StackParams.model_fields)
    assert form.params() == StackParams()
    assert form.changed_names() == []
    assert list(form.sections)[:2] == ["Input", "Objects"]


def test_limits_come_from_the_class(form: ParamsForm) -> None:
    number = form.rows["segmentation_confidence"].control.widget
    assert isinstance(number, SliderField)
    assert (number.number.minimum(), number.number.maximum()) == (0.1, 0.9)
    size = form.rows["min_size"].control.widget
    assert isinstance(size, QSpinBox)
    size.setValue(5_000_000)
    assert size.value() == 1_000_000
    factor = form.rows["image_downsampling"].control.widget
    assert isinstance(factor, QComboBox)
    assert [factor.itemData(place) for place in range(factor.count())] == [1, 2, 4, 8, 16, 32, 64]
    assert isinstance(form.rows["fill_holes"].control.widget, QCheckBox)
    assert "Default" in form.rows["fill_holes"].control.widget.toolTip()


def test_changing_counts_and_resets(form: ParamsForm, qtbot: QtBot) -> None:
    row = form.rows["centre_confidence"]
    slider = row.control.widget
    assert isinstance(slider, SliderField)
    with qtbot.waitSignal(form.changed) as told:
        slider.slider.setFocus()
        qtbot.keyClick(slider.slider, Qt.Key.Key_Right)
    assert told.args == ["centre_confidence"]
    assert form.changed_names() == ["centre_confidence"]
    assert form.sections["Objects"].note == "1 changed"
    assert row.label.property("changed") == "true"
    row.reset.click()
    assert form.changed_names() == []
    assert form.sections["Objects"].note == ""


def test_a_slider_moves_in_finer_steps_than_it_is_advised(form: ParamsForm) -> None:
    field = form.rows["segmentation_confidence"].control.widget
    assert isinstance(field, SliderField)
    values = set()
    for place in range(field.slider.minimum(), field.slider.maximum() + 1):
        field.slider.setValue(place)
        values.add(round(field.value(), 3))
    assert len(values) == 81
    assert {0.1, 0.5, 0.9} <= values


def test_recipes_go_out_and_come_back(form: ParamsForm, tmp_path: Path) -> None:
    form.set_values({"min_size": 2000, "inference_plane": "yz", "chunk_size": (64, 128, 128), "fill_holes": True})
    wanted = form.params()
    form.save_recipe(tmp_path / "recipe.yaml", "segment-volume")
    form.reset()
    assert form.params() == StackParams()
    form.load_recipe(tmp_path / "recipe.yaml")
    assert form.params() == wanted


def test_a_volume_recipe_fits_the_plane(form: ParamsForm, qtbot: QtBot, tmp_path: Path) -> None:
    form.set_values({"segmentation_confidence": 0.3})
    form.save_recipe(tmp_path / "recipe.yaml", "segment-volume")
    plane = ParamsForm(PlaneParams)
    qtbot.addWidget(plane)
    plane.load_recipe(tmp_path / "recipe.yaml")
    assert plane.values()["segmentation_confidence"] == 0.3


def test_what_is_no_recipe_is_said(form: ParamsForm, tmp_path: Path) -> None:
    path = tmp_path / "notes.yaml"
    path.write_text("- just\n- a list\n")
    with pytest.raises(SettingsError, match="not a recipe"):
        form.load_recipe(path)
    form.set_values({"chunk_size": (4,)})
    with pytest.raises(SettingsError, match="chunk"):
        form.params()


def test_hints_apply(form: ParamsForm) -> None:
    row = form.rows["median_filter_size"]
    row.set_hint("Planes 5 nm apart change little.", lambda: form.set_value("median_filter_size", 7))
    row.apply.click()
    assert form.values()["median_filter_size"] == 7
