"""What holds for all tests."""

import os

# Which back end is faster is measured once for a user's folder, and most tests have a new one. Processes inherit this.
os.environ["EMPANADA_DESKTOP_BACKEND"] = "torch"
