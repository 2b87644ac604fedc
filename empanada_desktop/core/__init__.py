"""Arithmetic on arrays: numpy, scipy and numba in and out; no files, no Qt, no torch."""

from empanada_desktop.core.compiled import provide_cache

provide_cache()  # before any function of this package is compiled
