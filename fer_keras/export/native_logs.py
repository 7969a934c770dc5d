"""TensorFlow's converters write to the terminal from C++; this keeps it readable."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

_logger = logging.getLogger(__name__)
# Of two threads that redirect at once the second would take the first one's file for the terminal.
_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def native_logs_captured() -> Iterator[None]:
    """Send everything written to file descriptor 2 to this module's logger, at level DEBUG.

    The C++ side of TensorFlow knows no Python logging, so the descriptor itself is redirected. It belongs to the
    whole process: what other threads write to stderr meanwhile is captured too.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as captured:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            captured.seek(0)
            _logger.debug("%s", captured.read().decode("utf-8", "replace"))
