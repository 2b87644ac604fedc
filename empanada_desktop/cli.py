"""The command line: one sub-command per task, with arguments made from its Params and Inputs."""

import argparse
import signal
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

from empanada_desktop import __version__
from empanada_desktop.core.context import Function
from empanada_desktop.errors import AppError, JobCancelled, SettingsError
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.jobs.batch import Batch, jobs_of
from empanada_desktop.jobs.executor import Executor, InlineExecutor
from empanada_desktop.jobs.leftovers import kept_planes
from empanada_desktop.jobs.progress import TimeLeft, in_words
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks.params import TaskModel
from empanada_desktop.tasks.registry import TASKS, load_task

Item = TypeVar("Item")
Result = TypeVar("Result")

MERGE = "merge-sessions"
EXIT_USER_ERROR = 2
EXIT_CANCELLED = 130


class TerminalContext:
    """Progress on stderr, one line that rewrites itself on a terminal; Ctrl-C cancels at the next check."""

    def __init__(self) -> None:
        self.cancelled = False
        self._time_left = TimeLeft()
        self._rewrites = sys.stderr.isatty()
        self._last = ""

    def cancel(self, *_: object) -> None:
        """Ask the job to stop; a second request stops the program at once."""
        if self.cancelled:
            raise KeyboardInterrupt
        self.cancelled = True
        self._write("Stopping after this plane …", ends=True)

    def stage(self, number: int, count: int) -> None:
        """Count the time left to the end of all stages."""
        self._time_left.stage(number, count)

    def report(self, done: int, total: int, message: str = "") -> None:
        """Show the phase, the steps done and the time left."""
        seconds = self._time_left.seconds(done, total, message)
        left = f" {in_words(seconds)} left." if seconds is not None and done < total else ""
        text = f"{message}, {done} of {total}.{left}" if message else f"{done} of {total}.{left}"
        if self._rewrites or done == total or done % max(1, total // 10) == 0:
            self._write(text, ends=done == total)

    def check_cancelled(self) -> None:
        """Raise JobCancelled after Ctrl-C."""
        if self.cancelled:
            raise JobCancelled

    def map(self, function: Function[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items one after the other."""
        return (function(item, self) for item in items)

    def _write(self, text: str, ends: bool) -> None:
        if text == self._last:
            return
        self._last = text
        if self._rewrites:
            sys.stderr.write("\r\x1b[K" + text + ("\n" if ends else ""))
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns 0, 2 after an error that the user can mend, 130 when cancelled."""
    try:
        return _dispatch(arguments)
    except AppError as error:
        print(f"Error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"Hint: {error.hint}", file=sys.stderr)
        return EXIT_USER_ERROR
    except (JobCancelled, KeyboardInterrupt):
        print("Cancelled.", file=sys.stderr)
        return EXIT_CANCELLED


def _dispatch(arguments: Sequence[str]) -> int:
    verb = next((argument for argument in arguments if not argument.startswith("-")), None)
    options = _parser(verb).parse_args(arguments)
    if options.verb is None:
        _parser(None).print_help()
        return EXIT_USER_ERROR
    if options.verb == MERGE:
        return _merge_sessions(options)
    specs: list[JobSpec] = options.make_specs(options)
    context = TerminalContext()
    previous = signal.signal(signal.SIGINT, context.cancel)
    executor = _executor(getattr(options, "cluster", None))
    try:
        return _run_one(specs[0], executor, context) if len(specs) == 1 else _run_batch(specs, executor, context)
    except (JobCancelled, KeyboardInterrupt):
        kept = sum(map(kept_planes, specs))
        after = f" {kept} planes are kept; the same command goes on from there." if kept else ""
        print(f"Cancelled.{after}", file=sys.stderr)
        return EXIT_CANCELLED
    finally:
        signal.signal(signal.SIGINT, previous)


def _run_one(spec: JobSpec, executor: Executor, context: "TerminalContext") -> int:
    print("\n".join(executor.run(spec, context).lines()))
    return 0


def _run_batch(specs: Sequence[JobSpec], executor: Executor, context: "TerminalContext") -> int:
    """Run jobs one after another; those that fail are told and do not stop the others."""
    batch = Batch(specs)
    for spec, result in batch.carry_out(lambda spec: executor.run(spec, context)):
        volume, out = getattr(spec.inputs, "volume", ""), getattr(spec.inputs, "out", "")
        lines = [f"{out} is there already."] if result is None else result.lines()
        print("\n".join([f"-- {volume}", *lines]), flush=True)
    for spec, error in batch.failed:
        volume = str(getattr(spec.inputs, "volume", ""))
        whose = "" if error.message.startswith(volume) else f"{volume}: "
        print(f"Error: {whose}{error.message}", file=sys.stderr)
        print(f"Hint: {error.hint}", file=sys.stderr)
    return EXIT_USER_ERROR if batch.failed else 0


def _executor(cluster: str | None) -> Executor:
    if cluster is None:
        return InlineExecutor()
    from empanada_desktop.jobs.cluster import ClusterExecutor

    return ClusterExecutor(cluster)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints look like every other error of the program."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(message[:1].upper() + message[1:] + ".", f"{self.prog} --help explains every argument.")


def _parser(verb: str | None) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="empanada-desktop", description="Segment, annotate, proofread and measure electron-microscopy volumes."
    )
    parser.add_argument("--version", action="version", version=f"empanada-desktop {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    # Only the verb that was asked for is imported, unless help or a misspelt verb needs them all.
    for name in [verb] if verb in TASKS else TASKS:
        _add_task(verbs, name)
    _add_run(verbs)
    _add_merge(verbs)
    return parser


def _add_task(verbs: Any, verb: str) -> None:  # noqa: ANN401 - argparse keeps the type private
    module = load_task(verb).module
    parser = verbs.add_parser(verb, help=module.TITLE, description=module.__doc__)
    _add_fields(parser, module.Inputs)
    _add_fields(parser.add_argument_group("parameters"), module.Params)
    if "several_gpus" in module.Params.model_fields:
        _add_cluster(parser)
    parser.set_defaults(make_specs=lambda options: _specs_from(verb, options))


def _add_run(verbs: Any) -> None:  # noqa: ANN401 - argparse keeps the type private
    parser = verbs.add_parser("run", help="Run a job.yaml or a recipe again, on other data too.")
    parser.add_argument("job", type=Path, help="job.yaml, or a result (X.zarr, X.tif) that carries its recipe")
    parser.add_argument("--input", dest="volume", help="volume to use instead of the job's own")
    parser.add_argument("--out", help="where to write instead of the job's own place")
    parser.add_argument("--overwrite", action="store_true", default=None, help="replace an existing result")
    _add_cluster(parser)
    parser.set_defaults(make_specs=lambda options: [_spec_from_file(options)])


def _add_merge(verbs: Any) -> None:  # noqa: ANN401 - argparse keeps the type private
    parser = verbs.add_parser(MERGE, help="Join what two people did in their sessions of one volume.")
    for name in ("first", "second"):
        parser.add_argument(name, help="folder of a session, or the name of a kept one")
    parser.add_argument("--out", required=True, help="folder of the new session, or a name among the kept ones")


def _merge_sessions(options: argparse.Namespace) -> int:
    from empanada_desktop.document.merging import merge_sessions

    print("\n".join(merge_sessions(options.first, options.second, options.out).lines()))
    return 0


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    words = "let the workers of a Dask scheduler do it, such as tcp://10.0.0.5:8786; all see the same disks"
    parser.add_argument("--cluster", metavar="ADDRESS", help=words)


def _spec_from_file(options: argparse.Namespace) -> JobSpec:
    given = {name: getattr(options, name) for name in ("volume", "out", "overwrite")}
    changed = {name: value for name, value in given.items() if value is not None}
    with reading(options.job):
        recipe = _recipe_of_result(options.job)
        if recipe is None:
            return JobSpec.read(options.job, **changed)
        return JobSpec.from_plain({**recipe, "inputs": {**recipe["inputs"], **changed}})


def _recipe_of_result(path: Path) -> dict[str, Any] | None:
    """Return the recipe that a result carries; None where the path is a text file."""
    if path.is_dir():
        from empanada_desktop.io.ome_zarr import read_recipe

        return read_recipe(path)
    if path.suffix.lower() in (".tif", ".tiff") and path.is_file():
        from empanada_desktop.io.tiff import read_tiff_recipe

        return read_tiff_recipe(path)
    return None


def _specs_from(verb: str, options: argparse.Namespace) -> list[JobSpec]:
    module = load_task(verb).module
    given = {name: value for name, value in vars(options).items() if value is not None}
    params, inputs = (
        {name: value for name, value in given.items() if name in record.model_fields}
        for record in (module.Params, module.Inputs)
    )
    chosen = module.Params.checked(params)
    if isinstance(inputs.get("volume"), list):
        return jobs_of(verb, chosen, inputs, inputs["volume"])
    return [JobSpec(verb, chosen, module.Inputs.checked(inputs))]


def _add_fields(parser: Any, record: type[TaskModel]) -> None:  # noqa: ANN401 - parser or group of it
    for name, field in record.model_fields.items():
        kind = _plain_type(field.annotation)
        keywords: dict[str, Any] = {"default": None, "help": _help_text(field), "dest": name}
        if kind is bool:
            keywords["action"] = argparse.BooleanOptionalAction
        else:
            keywords["metavar"] = _extra(field).get("metavar") or _metavar(name, kind)
            keywords["type"] = _reader(kind)
        if _is_positional(field):
            several = "+" if _extra(field).get("several") else None
            parser.add_argument(**keywords | {"metavar": name.upper()}, nargs=several if field.is_required() else "?")
        else:
            parser.add_argument("--" + name.replace("_", "-"), required=field.is_required(), **keywords)


def _is_positional(field: Any) -> bool:  # noqa: ANN401 - pydantic's FieldInfo
    extra = _extra(field)
    return bool(extra.get("positional", field.is_required() and not extra.get("option", False)))


def _extra(field: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's FieldInfo
    return field.json_schema_extra or {}


def _plain_type(annotation: Any) -> Any:  # noqa: ANN401 - a type expression
    if get_origin(annotation) in (Union, types.UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _metavar(name: str, kind: Any) -> str:  # noqa: ANN401 - a type expression
    if get_origin(kind) is Literal:
        return "{" + ",".join(str(choice) for choice in get_args(kind)) + "}"
    if name == "voxel_size":
        return "Z,Y,X"
    return {int: "N", float: "X"}.get(kind, name.upper().replace("_", "-"))


def _help_text(field: Any) -> str:  # noqa: ANN401 - pydantic's FieldInfo
    limits = {type(limit).__name__: limit for limit in field.metadata}
    low, high = getattr(limits.get("Ge"), "ge", None), getattr(limits.get("Le"), "le", None)
    span = f" {low:g} to {high:g}." if low is not None and high is not None else ""
    extra = _extra(field)
    value = extra.get("default", field.default)
    default = "" if field.is_required() or value in (None, ()) else f" Default: {_default_text(value)}."
    return f"{field.description or field.title or ''}{span}{default}".replace("%", "%%")


def _default_text(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _reader(kind: Any) -> Callable[[str], Any]:  # noqa: ANN401 - a type expression
    """Return what turns an argument into what Params.checked takes: numbers come as text, choices as themselves."""
    if get_origin(kind) is Literal:
        choices = {str(choice): choice for choice in get_args(kind)}
        return lambda text: choices.get(text.strip(), text)
    return _split if get_origin(kind) is tuple else str


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("x", ",").split(","))
