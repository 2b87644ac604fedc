"""The window: what is where, and which deed belongs to which action. What is open lives in the workspace."""

import base64
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QDockWidget, QFileDialog, QMainWindow, QMessageBox, QStackedWidget, QToolBar, QWidget

from empanada_desktop import __version__
from empanada_desktop.errors import AppError, VolumeError
from empanada_desktop.gui.actions import ROWS, SCALES, Actions, Keys
from empanada_desktop.gui.arrangement import Arrangement
from empanada_desktop.gui.computer import Computer, look_at_computer
from empanada_desktop.gui.controls import Column, MessageBar
from empanada_desktop.gui.jobs_strip import JobDeeds, JobsList, JobsStrip
from empanada_desktop.gui.keys_page import KeysPage
from empanada_desktop.gui.notify import DEED, WORK, Notifier, Toast, log_path
from empanada_desktop.gui.palette import Palette
from empanada_desktop.gui.qt_runner import Background
from empanada_desktop.gui.shell import ToolsColumn, TopBar, tools_there
from empanada_desktop.gui.start_page import Deeds, StartPage
from empanada_desktop.gui.status_bar import StatusBar
from empanada_desktop.gui.theme import theme
from empanada_desktop.settings import load_settings, user_folder

if TYPE_CHECKING:
    from empanada_desktop.document import Layer
    from empanada_desktop.document.kept import KeptSession
    from empanada_desktop.gui.moved_files import Wanted
    from empanada_desktop.gui.opening import Opened
    from empanada_desktop.gui.workspace import Workspace

FILTER = "Images (*.tif *.tiff *.h5 *.hdf5 *.hdf *.mrc *.rec *.st *.map *.ali *.png *.jpg *.jpeg *.bmp);;All files (*)"
WARM_UP_MS = 80
EARLIER = "earlier work"
SIZE, LEAST_SIZE = QSize(1680, 1050), QSize(820, 480)


class MainWindow(QMainWindow):
    """The one window of the program. `warms_up`: whether processes are started before they are needed."""

    def __init__(self, warms_up: bool = False) -> None:
        super().__init__()
        self.warms_up = warms_up
        self.setWindowTitle("empanada")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        # Without a least size of its own it could not be made narrower than the parts are before they make room.
        self.setMinimumSize(LEAST_SIZE)
        self.resize(self._first_size())
        self.settings = load_settings()
        self.notifier = Notifier(self, self.save_session)
        self.background = Background(self, self.tell, _import_workspace)
        self.actions_table = Actions(self)
        self.workspace: Workspace | None = None
        self.computer: Computer | None = None
        self._closing_deed = ""
        self._has_ended = False
        self.toast = Toast(self)
        self._make_parts()
        self._arrange()
        self.actions_table.connect_all(self._deeds())
        self.actions_table.use_keys(self.settings.keys, keys_of(self.settings.changed_keys))
        self.show_start()
        self._restore_geometry()
        QTimer.singleShot(WARM_UP_MS, self.warm_up)

    # Parts

    def _make_parts(self) -> None:
        self.top = TopBar(self.actions_table)
        self.tools = ToolsColumn(self.actions_table, tools_there(self.top.tabs))
        self.start = StartPage(
            Deeds(self.ask_file, self.ask_folder, self.open_sample, self.go_on, self.show_earlier, self.show_keys)
        )
        self.bar = MessageBar("error")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.start)
        self.strip = JobsStrip(self._job_deed("cancel"), self._job_deed("pause"), self._job_deed("run_again"))
        self.jobs_list = JobsList(
            JobDeeds(self._job_deed("cancel"), self._job_deed("show_result"), self._job_deed("run_again"))
        )
        self.status = StatusBar()
        self.arrangement = Arrangement(self)

    def _arrange(self) -> None:
        self.menus = self.actions_table.fill_menus(self.menuBar())
        self.actions_table.show_rooms(self.menus, [tab.name for tab in self.top.tabs])
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.top)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tools)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.arrangement.tabs)
        centre = QWidget()
        centre.setLayout(Column(self.bar, self.stack))
        self.setCentralWidget(centre)
        self.jobs_bar = QToolBar("Jobs")
        self.jobs_bar.setObjectName("jobs")
        self.jobs_bar.setMovable(False)
        both = QWidget()
        both.setLayout(Column(self.jobs_list, self.strip))
        self.jobs_bar.addWidget(both)
        self.jobs_list.hide()
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, self.jobs_bar)
        self.setStatusBar(self.status)
        for bar in (self.top, self.tools, self.arrangement.tabs, self.jobs_bar):
            bar.toggleViewAction().setEnabled(False)
            bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.top.tab_chosen.connect(self.choose_tab)
        self.strip.toggled.connect(self.actions_table["jobs_list"].trigger)
        self.start.chosen.connect(self.open_path)
        self.start.computer.refresh.connect(self.look_at_computer)

    def _deeds(self) -> dict[str, Callable[[], object]]:
        own: dict[str, Callable[[], object]] = {
            "open_file": self.ask_file,
            "open_folder": self.ask_folder,
            "open_sample": self.open_sample,
            "continue": self.go_on,
            "earlier": self.show_earlier,
            "close_volume": self.close_volume,
            "quit": self.close,
            "palette": self.show_palette,
            "keys": self.show_keys,
            "keys_help": self.show_keys,
            "figures_help": self.show_figures,
            "theme_dark": lambda: self.use_theme("dark"),
            "theme_light": lambda: self.use_theme("light"),
            **{f"scale_{percent}": partial(self.use_scale, percent) for percent in SCALES},
            "jobs_list": self.toggle_jobs,
            "dock_layers": self.arrangement.toggle_left,
            "dock_form": self._toggle_form,
            "reset_window": self.reset_window,
            "open_log": self.open_log,
            "about": self.show_about,
        }
        return own | {row.id: self._workspace_deed(row.id) for row in ROWS if row.id not in own}

    def _workspace_deed(self, name: str) -> Callable[[], object]:
        def do() -> None:
            if self.workspace is not None:
                self.workspace.do(name)

        return do

    def _job_deed(self, name: str) -> Callable[[str], object]:
        def do(job_id: str) -> None:
            if self.workspace is not None:
                self.workspace.jobs.do(name, job_id)

        return do

    # After the first paint

    def warm_up(self) -> None:
        """Load in a thread what opening a volume will need, and look at the computer."""
        self.background.run(_start_facts, self._show_start_facts)
        self.look_at_computer()

    def look_at_computer(self) -> None:
        """Find out what this computer has, in a thread."""
        self.background.run(look_at_computer, self._show_computer)

    def _show_computer(self, computer: Computer) -> None:
        self.computer = computer
        self.top.device.setText(computer.device)
        self.arrangement.fit(self.width())
        self.start.computer.show_findings(computer.findings())
        if self.workspace is not None:
            self.workspace.computer_changed(computer)

    def _show_start_facts(self, facts: "StartFacts") -> None:
        self.start.recent.show_files(facts.recent)
        self.start.set_last(facts.last, facts.last_when, QPixmap(facts.picture) if facts.picture else None)
        self.actions_table["continue"].setEnabled(bool(facts.last))
        self.start.set_recovered(facts.steps)

    # Opening

    def ask_file(self) -> None:
        """Ask for a file and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open a volume or an image", "", FILTER)
        if path:
            self.open_path(path)

    def ask_folder(self) -> None:
        """Ask for a folder of planes or an OME-Zarr, and open it."""
        path = QFileDialog.getExistingDirectory(self, "Open a folder of planes or an OME-Zarr")
        if path:
            self.open_path(path)

    def open_sample(self) -> None:
        """Open the sample that comes with the program."""
        from empanada_desktop.gui.opening import sample_path

        self._attempt(lambda: self.open_path(str(sample_path())))

    def open_path(self, path: str, dataset: str | None = None) -> None:
        """Open a file or folder; whatever is wrong with it is said, and the window stays as it was."""
        from empanada_desktop.gui.opening import prepare

        self.bar.hide()
        self.status.showMessage(f"Opening {Path(path).name} …")
        self.background.run(lambda: prepare(path, dataset), self._opened, self.failed)

    def _opened(self, opened: "Opened") -> None:
        self.status.clearMessage()
        if opened.choices:
            self._ask_dataset(opened)
            return
        self.ensure_workspace().opener.take(opened, self._taken)

    def _taken(self) -> None:
        self.show_workspace()
        self._refresh_start()  # what was open before can be continued

    def offer_work_on(self, path: str) -> None:
        """Look whether own work on a file was kept in an earlier session, in a thread, and offer it."""
        from empanada_desktop.document.kept import work_on

        self.background.run(lambda: work_on(path), self._offer_work)

    def _offer_work(self, kept: "KeptSession | None") -> None:
        """Say that work on the opened file was kept in a session that nobody has open."""
        from empanada_desktop.gui.opening import in_words

        if kept is not None:
            words = f"Your work on {kept.title} was kept {in_words(kept.saved)}."
            said = self.bar.text() if self.bar.isVisible() else ""
            self.bar.say(words, "warning" if said else "bar", said, about=EARLIER)
            self.bar.offer("Bring it back", lambda: self.go_on_with(kept.folder))

    def _ask_dataset(self, opened: "Opened") -> None:
        from empanada_desktop.gui.opening import DatasetDialog

        dialog = DatasetDialog(self, opened)
        dialog.chosen.connect(lambda dataset: self.open_path(opened.path, dataset))
        dialog.open()

    def go_on(self, wanted: "Wanted | None" = None) -> None:
        """Bring back what was open last, or in an earlier session; its files are opened in a thread."""
        from empanada_desktop.gui.moved_files import Wanted

        self.bar.hide()
        self.status.showMessage("Bringing back what was open …")
        session = wanted or Wanted()
        self.background.run(lambda: None, lambda _: self.ensure_workspace().session.restore(session, self._restored))

    def go_on_with(self, folder: Path) -> None:
        """Bring back the session in a folder."""
        from empanada_desktop.gui.moved_files import Wanted

        self.go_on(Wanted(folder))

    def show_earlier(self) -> None:
        """List the sessions that hold own work."""
        from empanada_desktop.gui.earlier_work import EarlierWork

        dialog = EarlierWork(self)
        dialog.chosen.connect(lambda folder: self.go_on_with(Path(folder)))
        dialog.open()

    def _restored(self) -> None:
        self.status.clearMessage()
        if self.workspace is not None:
            self.show_workspace(self.workspace.document.view.workspace)

    def failed(self, problem: BaseException) -> None:
        """Something in a thread failed: the window stays as it was, and the reason is said."""
        self.status.clearMessage()
        self.tell(problem, about=WORK)

    def ensure_workspace(self) -> "Workspace":
        """The workspace; made when something is opened for the first time."""
        if self.workspace is None:
            from empanada_desktop.gui.workspace import Workspace

            self.workspace = Workspace(self)
            self.stack.addWidget(self.workspace.centre)
            self._restore_state()
            self.arrangement.take_workspace()
            if self.computer is not None:
                self.workspace.computer_changed(self.computer)
            self._show_frame(self.stack.currentWidget() is not self.start)
        return self.workspace

    # What is shown

    def show_start(self) -> None:
        """Show the start page."""
        self.stack.setCurrentWidget(self.start)
        self._show_frame(False)
        self.status.clear_all()
        self.setWindowTitle("empanada")
        self.enable_actions()

    def show_workspace(self, room: str = "") -> None:
        """Show what is open, in a room, otherwise in the one that was shown last."""
        if self.workspace is not None:
            self.stack.setCurrentWidget(self.workspace.centre)
            self._show_frame(True)
            self.choose_tab(room or self.settings.window.get("tab", "segment"))
            self.enable_actions()
            # Keys are for the views then, Space above all, not for what Qt finds to be the next control.
            self.workspace.grid.canvas(self.workspace.grid.active_axis).setFocus()

    def _show_frame(self, is_shown: bool) -> None:
        for part in (self.tools, self.jobs_bar):
            part.setVisible(is_shown)
        self.arrangement.show(is_shown)
        self.top.set_tabs_enabled(is_shown)

    def _docks(self) -> list[QDockWidget]:
        return [] if self.workspace is None else [self.workspace.left_dock, self.workspace.right_dock]

    def choose_tab(self, name: str) -> None:
        """Swap the docks; document, camera and undo stay."""
        name = name if name in [tab.name for tab in self.top.tabs] else "segment"
        self._note_place(tab=name)
        self.top.set_tab(name)
        if self.workspace is not None:
            self.arrangement.show_room(name)
            self.workspace.session.note_room(name)
            self.enable_actions()

    def enable_actions(self) -> None:
        """Enable what can work now."""
        needs = {} if self.workspace is None else self.workspace.needs()
        if self.stack.currentWidget() is self.start:
            needs = {}
        self.actions_table.enable(needs, "" if self.workspace is None else self.workspace.rooms.current)
        self.actions_table["theme_dark"].setChecked(theme.tokens.name == "dark")
        self.actions_table["theme_light"].setChecked(theme.tokens.name == "light")
        for percent in SCALES:
            self.actions_table[f"scale_{percent}"].setChecked(round(self.settings.scale * 100) == percent)
        self.actions_table["jobs_list"].setChecked(not self.jobs_list.isHidden())
        for dock in self._docks():
            self.actions_table[f"dock_{dock.objectName()}"].setChecked(not dock.isHidden())
        form_shown = self.workspace is not None and self.workspace.right_dock.isVisible()
        self.toast.keep_clear(self.workspace.right_dock.width() if form_shown and self.workspace else 0)

    def use_theme(self, name: str) -> None:
        """Change the colours."""
        self.settings = replace(self.settings, theme=name)
        theme.use(name)
        self.enable_actions()

    def use_scale(self, percent: int) -> None:
        """Draw everything larger from the next start on: Qt asks for it before there is a window."""
        self.settings = replace(self.settings, scale=percent / 100)
        self.keep_settings()
        self.enable_actions()
        self.toast.say(f"Everything is drawn at {percent} % when the program is started again.")

    def toggle_jobs(self) -> None:
        """Open or close the list of jobs."""
        self.jobs_list.setVisible(self.jobs_list.isHidden())
        self.enable_actions()

    def _toggle_form(self) -> None:
        if self.workspace is not None and self.workspace.right.shown is not None:
            self.workspace.right_dock.setVisible(self.workspace.right_dock.isHidden())

    def reset_window(self) -> None:
        """Put every part back."""
        if self.workspace is not None:
            self.workspace.place_docks()
        self.jobs_list.hide()
        self.resize(self._first_size())
        self.arrangement.reset()
        self.enable_actions()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the parts the room that there is now."""
        super().resizeEvent(event)
        self.arrangement.fit(self.width())
        self.toast.place()

    def _first_size(self) -> QSize:
        """The size that the window was drawn for, as far as the screen has room for it."""
        frame = QSize(0, 40)
        return SIZE.boundedTo(self.screen().availableSize() - frame).expandedTo(LEAST_SIZE)

    # Messages

    def tell(self, problem: BaseException, about: str = DEED) -> None:
        """Say what went wrong: in the bar where the user can mend it, as a report where it is our mistake.

        `about` names what it is about, for `bar.settle` when that has come right; what is about a deed goes as soon as
        the user does something else.
        """
        if isinstance(problem, OSError):
            problem = VolumeError(f"{problem.filename or 'A file'}: {problem.strerror or problem}.", "Check the disk.")
        if isinstance(problem, AppError):
            self.bar.say(problem.message, "error", problem.hint, about)
        else:
            self.notifier.error(problem)

    def _attempt(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except AppError as problem:
            self.tell(problem)

    # Dialogs

    def show_palette(self) -> None:
        """Open the command palette."""
        self.palette_popup = Palette(self, self.actions_table)
        self.palette_popup.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.palette_popup.open_over(self)

    def show_keys(self) -> None:
        """Open the page of keys."""
        page = KeysPage(self, self.actions_table, self._keep_keys)
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page.open()

    def show_figures(self) -> None:
        """Open the page that says how objects are measured."""
        from empanada_desktop.gui.objects.definitions import DefinitionsPage

        page = DefinitionsPage(self)
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page.open()

    def _keep_keys(self, preset: str, custom: dict[str, Keys]) -> None:
        changed = {name: "".join(keys[:1]) for name, keys in custom.items()}
        self.settings = replace(self.settings, keys=preset, changed_keys=changed)
        self.keep_settings()
        if self.workspace is not None:
            self.workspace.use_preset(preset)

    def open_log(self) -> None:
        """Open the folder of the log."""
        log_path().parent.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_path().parent)))

    def show_about(self) -> None:
        """Say what this is."""
        QMessageBox.about(
            self,
            "About empanada",
            f"<b>empanada-desktop {__version__}</b><p>Segments electron-microscopy volumes on your own computer. "
            "BSD-3-Clause.<p>Sample volume: FlyEM project, HHMI Janelia, CC BY. Icons: Phosphor (MIT).",
        )

    # Dropping files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self.start.drop.set_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is held over the window any more."""
        self.start.drop.set_over(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open what was dropped."""
        self.start.drop.set_over(False)
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.open_path(url.toLocalFile())

    # Ending

    def close_volume(self) -> None:
        """Keep the session and close what is open, then show the start page."""
        self.bar.hide()
        if self.workspace is not None:
            self.workspace.clear(self._closed)
        else:
            self.show_start()

    def _closed(self) -> None:
        self.show_start()
        self._refresh_start()

    def _refresh_start(self) -> None:
        self.background.run(_start_facts, self._show_start_facts)

    def save_session(self) -> AppError | None:
        """Keep what is open for Continue; returns what failed."""
        return None if self.workspace is None else self.workspace.save_session()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask when jobs run or work would be lost; then keep the session and end everything that was started.

        A system that ends may close what was closed already: once is enough.
        """
        if self._has_ended:
            return
        running = 0 if self.workspace is None else self.workspace.jobs.unfinished()
        if (running and self._ask_about_jobs(running) == "stay") or not self._may_leave():
            event.ignore()
            return
        self._has_ended = True
        self._keep_place()
        if self.workspace is not None:
            self.workspace.end()
        self.background.close()
        event.accept()

    def _may_leave(self) -> bool:
        """Keep the session; where own work cannot be kept, the user says what becomes of it."""
        from empanada_desktop.document.snapshot import own_work

        while (problem := self.save_session()) is not None and self.workspace is not None:
            own = own_work(self.workspace.document.layers)
            answer = self.ask_about_lost(problem, own) if own else "leave"
            if answer != "again":
                return answer == "leave"
        return True

    def ask_about_lost(self, problem: AppError, own: "Sequence[Layer]") -> str:
        """Ask what becomes of layers that cannot be kept: "again", "stay" (the reason is then said) or "leave"."""
        titles = ", ".join(f"“{layer.title}”" for layer in own)
        box = QMessageBox(self)
        box.setObjectName("lost-question")
        box.setText(f"{titles} would be lost.")
        hint = "Free space on that disk and try again, or stay and save the layer to another one."
        box.setInformativeText(f"{problem.message} {hint}")
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        again = box.addButton("Try again", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Close anyway", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec()
        if box.clickedButton() is stay:
            self.tell(problem, about="session")
            return "stay"
        return "again" if box.clickedButton() is again else "leave"

    def _ask_about_jobs(self, running: int) -> str:
        """Ask what becomes of running jobs: "stay" or "cancel"."""
        box = QMessageBox(self)
        box.setObjectName("close-question")
        box.setText(f"{running} job{'s' if running > 1 else ''} running.")
        words = "Closing the window cancels them. Planes that are finished are kept, and can be gone on with."
        box.setInformativeText(words)
        stay = box.addButton("Keep running", QMessageBox.ButtonRole.RejectRole)
        box.addButton("Cancel jobs and close", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(stay)
        box.exec()
        return "stay" if box.clickedButton() is stay else "cancel"

    def keep_settings(self) -> None:
        """Write what the window remembers; where that is impossible it is said, and holds until the window closes."""
        try:
            self.settings.save()
        except OSError as problem:
            logging.getLogger("empanada_desktop").warning("settings were not kept: %s", problem)
            words = f"Settings could not be kept in {user_folder()}: {problem.strerror or problem}."
            self.bar.say(words, "warning", "They hold until the window is closed.")

    def _note_place(self, **places: str) -> None:
        self.settings = replace(self.settings, window={**self.settings.window, **places})

    def _keep_place(self) -> None:
        left = "shown" if self.arrangement.wants_left else "hidden"
        self._note_place(geometry=_plain(self.saveGeometry()), left=left)
        if self.workspace is not None and self.stack.currentWidget() is not self.start:
            self._note_place(state=_plain(self.saveState()))
        self.keep_settings()

    def _restore_geometry(self) -> None:
        self.restoreGeometry(_bytes(self.settings.window.get("geometry", "")))

    def _restore_state(self) -> None:
        self.restoreState(_bytes(self.settings.window.get("state", "")))
        self.arrangement.wants_left = self.settings.window.get("left") != "hidden"


def keys_of(changed: dict[str, str]) -> dict[str, Keys]:
    """The keys that the user chose, as the table of actions takes them."""
    return {name: (key,) if key else () for name, key in changed.items()}


def _plain(data: QByteArray) -> str:
    return base64.b64encode(data.data()).decode()


def _bytes(text: str) -> QByteArray:
    return QByteArray.fromBase64(text.encode())


class StartFacts:
    """What the start page tells of earlier work."""

    def __init__(self) -> None:
        from empanada_desktop.gui.opening import last_picture, last_session, recent_files

        self.recent = recent_files()
        self.last, self.last_when, self.steps = last_session()
        self.picture = last_picture()


def _start_facts() -> StartFacts:
    return StartFacts()


def _import_workspace() -> None:
    import empanada_desktop.gui.workspace  # noqa: F401 - loaded here, in a thread, so that opening is quick
