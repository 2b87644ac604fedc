"""The room Proofread: queue and layers, the banner over the views, "Edit objects" and history, the objects below."""

from typing import TYPE_CHECKING

from empanada_desktop.gui.objects.review_queue import ReviewQueue
from empanada_desktop.gui.objects.table import ObjectTable
from empanada_desktop.gui.proofread.controller import ProofreadRoom
from empanada_desktop.gui.proofread.layers_part import LayersPart, QueueAndLayers
from empanada_desktop.gui.rooms import Room

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace


def make_room(workspace: "Workspace") -> Room:
    """Make the room; called when its tab is first chosen."""
    queue = ReviewQueue(workspace)
    own = ProofreadRoom(workspace, queue)
    layers = LayersPart(workspace.document, workspace.window.actions_table)
    tools = dict.fromkeys(("merge", "split", "morph"), own.tool)
    return Room(
        "proofread",
        left=QueueAndLayers(queue, layers),
        left_header=queue.header,
        left_title="Review queue",
        left_icon="list-bullets",
        right=own.dock,
        right_header=own.dock.header,
        bottom=ObjectTable(workspace),
        banner=own.banner,
        tools=tools,
        deeds=own.deeds(),
    )
