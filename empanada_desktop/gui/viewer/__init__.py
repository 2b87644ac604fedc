"""Views of a document: planes from three sides and a 3D view in; clicks, picked objects and camera moves out."""
