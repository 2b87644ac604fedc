"""Arithmetic on arrays: numpy, scipy and numba in and out; no files, no Qt, no torch."""
