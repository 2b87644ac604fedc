"""The room in which objects are mended: the form "Edit objects", what is picked in the views, and the history."""
