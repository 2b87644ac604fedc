"""What is typed: verbs and options that do not exist, lists with spaces between, and the help that is asked for."""

import pytest

from empanada_desktop.cli import main
from empanada_desktop.cli.options import with_lists_joined
from empanada_desktop.cli.overview import GROUPS, OTHERS
from empanada_desktop.cli.terminal import TerminalContext
from empanada_desktop.tasks import merge_labels, segment_volume, split_labels
from empanada_desktop.tasks.registry import TASKS

Capture = pytest.CaptureFixture[str]


def test_every_verb_is_in_a_group_and_in_the_overview(capsys: Capture) -> None:
    assert sorted(verb for verbs in GROUPS.values() for verb in verbs) == sorted([*TASKS, *OTHERS])
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {verb} " in said for verb in (*TASKS, *OTHERS))
    assert main([]) == 2
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("asked", [["-h", "fuse"], ["help", "fuse"], ["fuse", "--help"]])
def test_a_verb_is_explained_however_that_is_asked_for(asked: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(asked)
    assert stop.value.code == 0
    assert "--voxel-votes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["segment-volume", "a", "--votes", "2"], "segment-volume has no option --votes.", "--voxel-votes? "),
        (["segment-volume", "a", "--output=x"], "segment-volume has no option --output.", "--out? "),
        (["fuse", "a", "--center-confidence", ".2"], "fuse has no option --center-confidence.", "--centre-confidence"),
        (["score", "a", "b", "--qqq"], "score has no option --qqq.", "Hint: empanada-desktop score --help explains"),
        (["score", "a", "b", "c"], "score has no place for “c”.", "empanada-desktop score --help"),
        (["segment", "a"], "There is no verb “segment”.", "segment-plane or segment-volume? "),
        (["help", "meassure"], "There is no verb “meassure”.", "Do you mean measure? "),
        (["--overwrite", "fuse"], "The verb stands first, before --overwrite.", "--help lists the verbs"),
        ([__file__], f"There is no verb “{__file__}”.", f"empanada-desktop open {__file__}"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_may_be_meant(
    arguments: list[str], message: str, hint: str, capsys: Capture
) -> None:
    assert main(arguments) == 2
    error, advice = capsys.readouterr().err.splitlines()
    assert error == f"Error: {message}"
    assert hint in advice


def test_what_follows_progress_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """On a terminal, where progress rewrites its line: a result or an error after a phase that was broken off."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    context = TerminalContext()
    for done in (1, 2):
        context.report(done, 3, "Planes")
    context.end_line()
    context.end_line()
    context.report(3, 3, "Planes")
    context.end_line()
    assert [line.split("\x1b[K")[-1][:9] for line in capsys.readouterr().err.split("\n")] == [
        "Planes, 2",
        "Planes, 3",
        "",
    ]


def test_lists_may_be_typed_with_spaces_and_paths_stay_paths() -> None:
    def joined(words: str, module: object = merge_labels) -> list[str]:
        return with_lists_joined(words.split(), (module.Inputs, module.Params))  # type: ignore[attr-defined]

    assert joined("--ids 3 4, 5 7.zarr --out 8") == ["--ids", "3,4,5", "7.zarr", "--out", "8"]
    assert joined("--ids=3 4 --into 3 x.zarr") == ["--ids=3,4", "--into", "3", "x.zarr"]
    assert joined("--points 1,2,3 4,5,6 x.zarr", split_labels) == ["--points", "1,2,3;4,5,6", "x.zarr"]
    words = "v.tif --voxel-size 8 4 4 --region 0:9 0:20 0:20 --min-size 3 4.tif"
    assert joined(words, segment_volume)[1:] == [
        "--voxel-size", "8,4,4", "--region", "0:9,0:20,0:20", "--min-size", "3", "4.tif",
    ]  # fmt: skip
