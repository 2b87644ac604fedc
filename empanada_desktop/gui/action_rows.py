"""A deed of the window as a row of a table (see actions.ROWS): its place in the menus, its keys, when it works."""

from dataclasses import dataclass

SCALES = (100, 125, 150, 200)
PRESETS = {"napari": "napari", "webknossos": "WEBKNOSSOS", "itksnap": "ITK-SNAP"}
MENUS = ("File", "Edit", "View", "Layer", "Segment", "Annotate", "Proofread", "Measure", "Window", "Help")
Keys = tuple[str, ...]


@dataclass(frozen=True)
class ActionRow:
    """One deed: its name, place in the menus, icon, keys (napari's; the others where they differ), and when it works.

    `needs` names what has to be there: "volume", "labels" (a label layer), "undo", "redo", "jobs". `room`: the room
    that carries it out, which is made for it if need be ("": the window). `only_in`: the rooms in which it has its keys
    (none: in all).
    """

    id: str
    title: str
    menu: str
    tip: str
    icon: str = ""
    keys: Keys = ()
    webknossos: Keys | None = None
    itksnap: Keys | None = None
    needs: str = ""
    checkable: bool = False
    ends_group: bool = False
    room: str = ""
    only_in: tuple[str, ...] = ()

    def keys_of(self, preset: str) -> Keys:
        """The keys in one of PRESETS."""
        own = {"webknossos": self.webknossos, "itksnap": self.itksnap}.get(preset)
        return self.keys if own is None else own
