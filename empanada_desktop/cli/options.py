"""From the fields of a verb's Params and Inputs to its options, and what is said of an option that it does not have."""

import argparse
import re
import types
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, Union, get_args, get_origin

from empanada_desktop.cli.overview import alike, either
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.params import TaskModel

# What may go on with a list after a space: no path looks like it, and no option.
NUMBERS = re.compile(r"[\d.,:;x]+")
PLAIN_NUMBERS = re.compile(r"[\d.,x\s]+")


class Parser(argparse.ArgumentParser):
    """A verb's parser, whose complaints look like every other error of the program."""

    def error(self, message: str) -> NoReturn:
        """Raise a SettingsError that says where everything is explained."""
        raise SettingsError(message[:1].upper() + message[1:] + ".", f"{self.prog} --help explains every argument.")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return what the arguments say; SettingsError names what has no place, and what may have been meant."""
        for word in arguments:
            name = word.partition("=")[0]
            if name[:2] == "--" != name and not any(known.startswith(name) for known in self._option_string_actions):
                raise self._unknown(name)
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            raise self._unknown(unknown[0])
        return options

    def _unknown(self, word: str) -> SettingsError:
        verb, more = self.prog.split()[-1], f"{self.prog} --help explains every argument."
        if not word.startswith("-"):
            return SettingsError(f"{verb} has no place for “{word}”.", f"Put quotation marks round spaces. {more}")
        known = [name for name in self._option_string_actions if not name.startswith("--no-") or "--no-" in word]
        meant = either(alike(word, known))
        return SettingsError(f"{verb} has no option {word}.", f"Do you mean {meant}? {more}" if meant else more)


def add_fields(parser: Any, record: type[TaskModel]) -> None:  # noqa: ANN401 - parser or group of it
    """Add an argument for each field."""
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


def with_lists_joined(arguments: Sequence[str], records: Sequence[type[TaskModel]]) -> list[str]:
    """Return the arguments with a list that was typed with spaces, as in --ids 3 4, as the one argument 3,4."""
    lists = {option: between for record in records for option, between in _lists(record).items()}
    joined: list[str] = []
    between = ""  # of the list that the last argument belongs to
    for argument in arguments:
        if between and NUMBERS.fullmatch(argument):
            joined[-1] = f"{joined[-1].rstrip(between)}{between}{argument}"
        elif joined and joined[-1] in lists:
            between = lists[joined[-1]]
            joined.append(argument)
        else:
            between = lists.get(argument.partition("=")[0], "") if "=" in argument else ""
            joined.append(argument)
    return joined


def _lists(record: type[TaskModel]) -> dict[str, str]:
    """Return the options that take several numbers, each with what stands between them."""
    return {
        "--" + name.replace("_", "-"): ";" if ";" in _extra(field).get("metavar", "") else ","
        for name, field in record.model_fields.items()
        if get_origin(_plain_type(field.annotation)) is tuple
    }


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
    if PLAIN_NUMBERS.fullmatch(text):
        return tuple(re.findall(r"[^,x\s]+", text))
    return tuple(part.strip() for part in text.split(","))
