"""Bytes to arrays and back: volumes, OME-Zarr, training sets, weights files."""
