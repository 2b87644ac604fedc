"""Titles of layers that come from different results, told apart."""

from collections.abc import Collection, Sequence
from itertools import count


def told_apart(titles: Sequence[str], taken: Collection[str], word: str = "volume") -> list[str]:
    """Return titles that belong together so that none is `taken`: "mito", the second time "mito, volume 2"."""
    if not set(titles) & set(taken):
        return list(titles)
    numbered = ([f"{title}, {word} {number}" for title in titles] for number in count(2))
    return next(names for names in numbered if not set(names) & set(taken))
