"""The filter box of the object table: "volume > 0.01 and status = queued", "mito", "10012, 10019"."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.errors import SettingsError

Mask = NDArray[np.bool_]
TOKENS = re.compile(r"\s*(?:(<=|>=|==|!=|<>|≤|≥|≠|=|<|>|\(|\)|,)|\"([^\"]*)\"|([^\s<>=!≤≥≠(),\"]+)|(\"))")
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, "≤": operator.le, ">": operator.gt, ">=": operator.ge, "≥": operator.ge,
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<>": operator.ne, "≠": operator.ne,
}  # fmt: skip
EQUALITIES = ("=", "==", "!=", "<>", "≠")
JOINERS = ("and", "or", "not")
YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
MOST_DIGITS = 18  # no id has more, and no integer of 64 bits holds more
EXAMPLE = "Write it as in: volume > 0.01 and status = queued."


@dataclass(frozen=True)
class Field:
    """A column as the filter sees it: numbers, yes or no, or (with `words`) places in a list of words.

    unit: what may stand behind a number. is_found: whether a word alone, without a column, looks here.
    """

    values: NDArray[Any]
    words: tuple[str, ...] | None = None
    unit: str = ""
    is_found: bool = False


Fields = Mapping[str, Field]


def filter_mask(text: str, fields: Fields, count: int) -> Mask:
    """Return which of `count` objects a filter leaves; fields: by their names in lower case, "id" among them.

    SettingsError in plain words where the text is no filter.
    """
    if not text.strip():
        return np.ones(count, np.bool_)
    return _Reader(_tokens(text), fields, count).read()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in TOKENS.finditer(text):
        sign, quoted, word, stray = match.groups()
        if stray is not None:
            raise SettingsError(
                "A quotation mark is missing.", 'Words stand between two of them: class = "outer wall".'
            )
        if sign is not None:
            found.append(_Token("sign", sign))
        elif quoted is not None:
            found.append(_Token("quoted", quoted))
        elif word.lower() in JOINERS:
            found.append(_Token("joiner", word.lower()))
        else:
            found.append(_Token("word", word))
    return found


class _Reader:
    """Reads tokens by the grammar: either := both {or both}; both := one {and one}; one := not one | (either) | …"""

    def __init__(self, tokens: list[_Token], fields: Fields, count: int) -> None:
        self._tokens, self._fields, self._count = tokens, fields, count
        self._at = 0

    def read(self) -> Mask:
        mask = self._either()
        rest = self._next()
        if rest is not None:
            words = "A bracket is closed that was never opened." if rest.text == ")" else f"“{rest.text}” is too much."
            raise SettingsError(words, EXAMPLE)
        return mask

    def _either(self) -> Mask:
        mask = self._both()
        while self._take("or"):
            mask = mask | self._both()
        return mask

    def _both(self) -> Mask:
        mask = self._one()
        while self._take("and"):
            mask = mask & self._one()
        return mask

    def _one(self) -> Mask:
        if self._take("not"):
            return ~self._one()
        if self._take("("):
            mask = self._either()
            if not self._take(")"):
                raise SettingsError("A closing bracket is missing.", EXAMPLE)
            return mask
        return self._statement()

    def _statement(self) -> Mask:
        words = self._words()
        if not words:
            found = self._next()
            where = f"before “{found.text}”" if found is not None else "at the end"
            raise SettingsError(f"Something is missing {where}.", EXAMPLE)
        sign = self._next()
        if sign is None or sign.text not in COMPARISONS:
            return self._alone(words)
        self._at += 1
        return self._comparison(" ".join(words), sign.text)

    def _comparison(self, name: str, sign: str) -> Mask:
        field = self._field(name)
        values = [value for value in self._list() if value]
        if not values:
            raise SettingsError(f"What shall {name} be compared with?", EXAMPLE)
        if len(values) > 1 and sign not in EQUALITIES:
            raise SettingsError(f"“{sign}” compares with one value.", EXAMPLE)
        masks = [_compared(name, field, "=" if sign in EQUALITIES else sign, value) for value in values]
        mask: Mask = np.logical_or.reduce(masks)
        return ~mask if sign in EQUALITIES[2:] else mask

    def _alone(self, words: list[str]) -> Mask:
        """Ids, the name of a column of yes and no, or words that stand in a column of words."""
        lists = [words, *(value.split() for value in self._rest_of_list())]
        flat = [word for part in lists for word in part]
        if all(word.isdigit() for word in flat):
            ids = [int(word) for word in flat if len(word) <= MOST_DIGITS]
            return np.isin(self._fields["id"].values, np.array(ids, np.int64))
        text = " ".join(flat)
        field = self._fields.get(text.lower())
        if field is not None and field.values.dtype == np.bool_:
            return field.values
        masks = [_holding(field, text) for field in self._fields.values() if field.is_found]
        mask: Mask = np.logical_or.reduce([np.zeros(self._count, np.bool_), *masks])
        if field is not None and not mask.any():
            raise SettingsError(f"{text} alone says nothing.", f"Compare it: {text} > 1.")
        return mask

    def _field(self, name: str) -> Field:
        field = self._fields.get(name.lower())
        if field is None:
            raise SettingsError(f"There is no column “{name}”.", f"Columns: {', '.join(self._fields)}.")
        return field

    def _list(self) -> list[str]:
        return [" ".join(self._words()), *self._rest_of_list()]

    def _rest_of_list(self) -> list[str]:
        rest = []
        while self._take(","):
            rest.append(" ".join(self._words()))
        return rest

    def _words(self) -> list[str]:
        words = []
        while (token := self._next()) is not None and token.kind in ("word", "quoted"):
            words.append(token.text)
            self._at += 1
        return words

    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, text: str) -> bool:
        token = self._next()
        is_it = token is not None and token.kind in ("sign", "joiner") and token.text == text
        self._at += is_it
        return is_it


def _compared(name: str, field: Field, sign: str, value: str) -> Mask:
    if field.words is not None:
        return _worded(name, field, sign, value)
    if field.values.dtype == np.bool_:
        return _answered(name, field, sign, value)
    number = _number(name, field, value)
    with np.errstate(invalid="ignore"):
        mask: Mask = COMPARISONS[sign](field.values, number)
    return mask


def _worded(name: str, field: Field, sign: str, value: str) -> Mask:
    if sign != "=":
        raise SettingsError(f"{name} holds words.", f"Write {name} = {value} or {name} != {value}.")
    wanted = value.lower()
    known = [place for place, word in enumerate(field.words or ()) if word.lower() == wanted]
    if not known and wanted not in ("–", "-", "none"):
        choices = ", ".join(word for word in field.words or () if word)
        raise SettingsError(f"No {name} is called “{value}”.", f"There are: {choices}." if choices else "")
    places = known or [place for place, word in enumerate(field.words or ()) if not word]
    return np.isin(field.values, places)


def _answered(name: str, field: Field, sign: str, value: str) -> Mask:
    if sign != "=" or value.lower() not in YES + NO:
        raise SettingsError(f"{name} is yes or no.", f"Write {name} = yes or {name} = no.")
    return np.asarray(field.values == (value.lower() in YES))


def _number(name: str, field: Field, value: str) -> float:
    text, unit = value.lower(), field.unit.lower()
    for ending in (unit, unit.replace("µ", "u").replace("³", "3").replace("²", "2")):
        text = text.removesuffix(ending).strip() if ending else text
    try:
        return float(text.replace(" ", ""))
    except ValueError:
        said = f" in {field.unit}" if field.unit else ""
        raise SettingsError(f"“{value}” is no number.", f"{name} is compared with a number{said}.") from None


def _holding(field: Field, text: str) -> Mask:
    """Objects whose word begins with the text, in a column of words."""
    wanted = text.lower()
    places = [place for place, word in enumerate(field.words or ()) if word and word.lower().startswith(wanted)]
    return np.isin(field.values, places)
