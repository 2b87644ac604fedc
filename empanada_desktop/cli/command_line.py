"""Which verb was asked for, its job or jobs, and how they end: with lines, with an error and a hint, or cancelled."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from empanada_desktop import __version__
from empanada_desktop.cli.options import Parser, add_fields, with_lists_joined
from empanada_desktop.cli.overview import MERGE, OTHERS, PROGRAM, RUN, no_such_verb, overview
from empanada_desktop.cli.terminal import TerminalContext, say
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import AppError, JobCancelled, SettingsError
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.jobs.batch import Batch, jobs_of
from empanada_desktop.jobs.executor import Executor, InlineExecutor
from empanada_desktop.jobs.leftovers import kept_planes
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks.registry import TASKS, load_task

EXIT_USER_ERROR = 2
EXIT_CANCELLED = 130
HELP = ("-h", "--help", "help")


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
    if not arguments or (arguments[0] in HELP and len(arguments) == 1):
        say(overview())
        return 0 if arguments else EXIT_USER_ERROR
    if arguments[0] == "--version":
        say(f"{PROGRAM} {__version__}")
        return 0
    verb, *rest = arguments
    if verb in HELP:  # of a verb that is named behind it
        verb, rest = rest[0], ["--help"]
    return _carry_out(verb, rest)


def _carry_out(verb: str, arguments: Sequence[str]) -> int:
    parser = _parser(verb)
    if verb in TASKS:
        module = load_task(verb).module
        arguments = with_lists_joined(arguments, (module.Inputs, module.Params))
    options = parser.parse(arguments)
    if verb == MERGE:
        return _merge_sessions(options)
    specs = [_spec_from_file(options)] if verb == RUN else _specs_from(verb, options)
    return _run(specs, _executor(getattr(options, "cluster", None)))


def _run(specs: Sequence[JobSpec], executor: Executor) -> int:
    context = TerminalContext()
    previous = signal.signal(signal.SIGINT, context.cancel)
    try:
        return _run_one(specs[0], executor, context) if len(specs) == 1 else _run_batch(specs, executor, context)
    except (JobCancelled, KeyboardInterrupt):
        context.end_line()
        kept = sum(map(kept_planes, specs))
        are = "is" if kept == 1 else "are"
        after = f" {counted(kept, 'plane')} {are} kept; the same command goes on from there." if kept else ""
        print(f"Cancelled.{after}", file=sys.stderr)
        return EXIT_CANCELLED
    finally:
        context.end_line()
        signal.signal(signal.SIGINT, previous)


def _run_one(spec: JobSpec, executor: Executor, context: "TerminalContext") -> int:
    result = executor.run(spec, context)
    context.end_line()
    say("\n".join(result.lines()))
    return 0


def _run_batch(specs: Sequence[JobSpec], executor: Executor, context: "TerminalContext") -> int:
    """Run jobs one after another; those that fail are told and do not stop the others."""
    batch = Batch(specs)
    for spec, result in batch.carry_out(lambda spec: executor.run(spec, context)):
        volume, out = getattr(spec.inputs, "volume", ""), getattr(spec.inputs, "out", "")
        lines = [f"{out} is there already."] if result is None else result.lines()
        context.end_line()
        say("\n".join([f"-- {volume}", *lines]))
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


def _parser(verb: str) -> Parser:
    """Return the parser of a verb, of whose modules only its own is imported; SettingsError where there is none."""
    if verb.startswith("-"):
        raise SettingsError(f"The verb stands first, before {verb}.", f"{PROGRAM} --help lists the verbs.")
    if verb not in TASKS and verb not in (RUN, MERGE):
        raise no_such_verb(verb)
    parser = Parser(prog=f"{PROGRAM} {verb}", description=OTHERS.get(verb))
    if verb == RUN:
        _describe_run(parser)
    elif verb == MERGE:
        _describe_merge(parser)
    else:
        _describe_task(parser, verb)
    return parser


def _describe_task(parser: Parser, verb: str) -> None:
    module = load_task(verb).module
    parser.description = module.__doc__
    add_fields(parser, module.Inputs)
    add_fields(parser.add_argument_group("parameters"), module.Params)
    if "several_gpus" in module.Params.model_fields:
        _add_cluster(parser)


def _describe_run(parser: Parser) -> None:
    parser.add_argument("job", type=Path, help="job.yaml, or a result (X.zarr, X.tif) that carries its recipe")
    parser.add_argument("--input", dest="volume", help="volume to use instead of the job's own")
    parser.add_argument("--out", help="where to write instead of the job's own place")
    parser.add_argument("--overwrite", action="store_true", default=None, help="replace an existing result")
    _add_cluster(parser)


def _describe_merge(parser: Parser) -> None:
    for name in ("first", "second"):
        parser.add_argument(name, help="folder of a session, or the name of a kept one")
    parser.add_argument("--out", required=True, help="folder of the new session, or a name among the kept ones")


def _merge_sessions(options: argparse.Namespace) -> int:
    from empanada_desktop.document.merging import merge_sessions

    say("\n".join(merge_sessions(options.first, options.second, options.out).lines()))
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
