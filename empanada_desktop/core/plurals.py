"""Numbers of things in words: one object, but two objects."""


def counted(count: int, thing: str, things: str = "") -> str:
    """Return a number with what is counted, as in "1 voxel" and "3 voxels"; things: the plural where it takes no s."""
    return f"{count} {thing if count == 1 else things or thing + 's'}"
