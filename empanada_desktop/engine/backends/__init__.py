"""What runs a network: torch anywhere, OpenVINO on the processor, chosen by a measurement."""

from empanada_desktop.engine.backends.card import card_backend
from empanada_desktop.engine.backends.choice import choose_backend
from empanada_desktop.engine.backends.maps import Backend, Maps, TorchBackend

__all__ = ["Backend", "Maps", "TorchBackend", "card_backend", "choose_backend"]
