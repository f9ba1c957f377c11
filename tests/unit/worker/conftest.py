import signal
import time

import pytest

from lightgrid.worker.interrupt import Interrupter

PATIENCE_S = 20.0


@pytest.fixture
def interrupter():
    numbers = (signal.SIGTERM, signal.SIGURG)
    before = [signal.getsignal(number) for number in numbers]
    stops = []
    interrupter = Interrupter(lambda: stops.append(1))
    interrupter.stops = stops
    interrupter.install(signal.SIGTERM)
    yield interrupter
    interrupter.close()
    deadline_s = time.monotonic() + PATIENCE_S
    while interrupter._is_poking and time.monotonic() < deadline_s:
        time.sleep(0.01)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
