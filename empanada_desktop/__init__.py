"""empanada-desktop: segment, annotate, proofread and measure electron-microscopy volumes."""

__version__ = "0.1.0"
