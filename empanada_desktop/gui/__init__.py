"""The window: PySide6 and pyqtgraph live here and nowhere else; a document and a job queue come in, pixels go out."""
