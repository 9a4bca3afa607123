"""Ending a command in an orderly way when the system asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Ended", "raising_on_signals"]

#: Interrupt (Ctrl-C), termination, a closed terminal, and Ctrl-Break on Windows.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Ended(KeyboardInterrupt):
    """A signal that ends the command: temporary files are removed and programs that were started are stopped."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def raising_on_signals() -> Iterator[None]:
    """Raise `Ended` at the first signal and ignore the next ones, so that they do not interrupt the tidying up.

    Signals that are ignored already, as SIGHUP under ``nohup``, or that have a handler of the caller's, stay as they
    are; so does everything outside the main thread, where Python sets no handlers.
    """
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {number: signal.getsignal(number) for number in numbers}
    changed = [number for number in numbers if before[number] in (signal.SIG_DFL, signal.default_int_handler)]

    def end(number: int, frame: FrameType | None) -> None:
        for other in changed:
            signal.signal(other, signal.SIG_IGN)
        raise Ended(number)

    try:
        for number in changed:
            signal.signal(number, end)
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
