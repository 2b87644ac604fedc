"""What the command line can do: the verbs in groups, and what somebody may have meant who misspelt one."""

import difflib
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.registry import TASKS, load_task

PROGRAM = "empanada-desktop"
OPEN, RUN, MERGE = "open", "run", "merge-sessions"
# Verbs that are no tasks.
OTHERS = {
    OPEN: "Open the window, with a volume or without.",
    RUN: "Run a job.yaml or a recipe again, on other data too.",
    MERGE: "Join what two people did in their sessions of one volume.",
}
GROUPS = {
    "Segment": ("segment-volume", "segment-plane", "fuse"),
    "Look at what was found": ("count-labels", "measure", "review", "score"),
    "Correct it": (
        "merge-labels",
        "split-labels",
        "delete-labels",
        "morph-labels",
        "filter-labels",
        MERGE,
    ),
    "Hand it on": ("export-planes", "export-meshes", "cut-tiles", "merge-tiles"),
    "Networks": ("weights", "train", "finetune", "quantise"),
    "The program": (OPEN, RUN, "demo"),
}
ALIKE = 0.7
MOST_NAMED = 3
WIDTH = 100


def overview() -> str:
    """Return what stands above and below the list of verbs, and the list."""
    titles = OTHERS | {verb: load_task(verb).module.TITLE for verb in TASKS}
    groups = [_group(name, {verb: titles[verb] for verb in verbs}) for name, verbs in GROUPS.items()]
    return "\n\n".join(
        [
            f"usage: {PROGRAM} VERB …     without a verb the window opens",
            "Segment, annotate, proofread and measure electron-microscopy volumes.",
            *groups,
            f"{PROGRAM} VERB --help explains a verb, {PROGRAM} --version tells the version.",
        ]
    )


def _group(name: str, titles: Mapping[str, str]) -> str:
    column = max(map(len, TASKS)) + 4
    lines = (
        textwrap.fill(f"  {verb:<{column}}{title}", WIDTH, subsequent_indent=" " * (column + 2))
        for verb, title in titles.items()
    )
    return "\n".join([f"{name}:", *lines])


def no_such_verb(verb: str) -> SettingsError:
    """Return the error for a verb that does not exist, with those that are spelt like it."""
    if Path(verb).exists():
        return SettingsError(f"There is no verb “{verb}”.", f"To see that file: {PROGRAM} open {verb}")
    meant = either(alike(verb, [*TASKS, *OTHERS]))
    hint = f"Do you mean {meant}? " if meant else ""
    return SettingsError(f"There is no verb “{verb}”.", f"{hint}{PROGRAM} --help lists the verbs.")


def alike(word: str, names: Iterable[str]) -> list[str]:
    """Return which names are spelt like a word, or share a part of it between dashes; the closest first."""
    names = list(names)
    parts = _parts(word)
    sharing = [name for name in names if parts & _parts(name)]
    return list(dict.fromkeys([*difflib.get_close_matches(word, names, MOST_NAMED, ALIKE), *sharing]))[:MOST_NAMED]


def _parts(name: str) -> set[str]:
    return {part for part in name.split("-") if part not in ("", "no")}


def either(names: list[str]) -> str:
    """Return names as a choice: "a, b or c"; "" for none."""
    return " or ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])
