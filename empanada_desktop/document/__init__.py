"""What is open: layers, selection, view and history; edits come in, signals go out. No windows, no jobs."""

from empanada_desktop.document.document import Document
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer, PointsLayer, Shape, ShapesLayer
from empanada_desktop.document.sources import ArraySource, PlaneLabels, PlaneSource, VolumeSource, open_source
from empanada_desktop.document.strokes import Stroke
from empanada_desktop.document.view import ViewState

__all__ = [
    "ArraySource",
    "Document",
    "EditableSource",
    "ImageLayer",
    "LabelsLayer",
    "Layer",
    "PlaneLabels",
    "PlaneSource",
    "PointsLayer",
    "Shape",
    "ShapesLayer",
    "Stroke",
    "ViewState",
    "VolumeSource",
    "open_source",
]
