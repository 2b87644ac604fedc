"""The pinned Qt bindings keep Python's reference counts.

PySide6 6.12.0 loses one reference to True with every Signal.emit() and one to None with every call from Qt into Python,
which ends CPython 3.11 after some 570 emits. This test runs in a process of its own, for the defect kills it.
"""

import subprocess
import sys

import pytest

CALLS = 20_000
NOISE = 1_000

PROBE = f"""
import sys
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal

class Source(QObject):
    changed = Signal(int)
    received = 0

    def count(self, value):
        self.received += 1

    def customEvent(self, event):
        self.received += 1

application = QCoreApplication([])
source = Source()
source.changed.connect(source.count)
before = sys.getrefcount(True), sys.getrefcount(None)
for number in range({CALLS}):
    source.changed.emit(number)
    QCoreApplication.sendEvent(source, QEvent(QEvent.Type.User))
print(source.received, sys.getrefcount(True) - before[0], sys.getrefcount(None) - before[1])
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="True and None are immortal since Python 3.12: nothing to lose")
def test_emits_and_callbacks_keep_reference_counts() -> None:
    outcome = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, f"the process ended with {outcome.returncode}: {outcome.stderr[-500:]}"
    received, lost_true, lost_none = (int(word) for word in outcome.stdout.split())
    assert received == 2 * CALLS
    assert abs(lost_true) < NOISE
    assert abs(lost_none) < NOISE
