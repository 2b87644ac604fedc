"""Numbers of things in words: one object, but two objects."""


def counted(count: int, thing: str, things: str = "") -> str:
    """Return a number with what is counted, as in "1 voxel" and "3 voxels"; things: the plural where it takes no s."""
    return f"{count} {noun(count, thing, things)}"


def noun(count: int, thing: str, things: str = "") -> str:
    """Return the word that fits a number which is written otherwise, as in "3 500 voxels"."""
    return thing if count == 1 else things or f"{thing}s"
