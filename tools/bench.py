"""Measure lightgrid side by side with what could stand in its place.

Usage:
    python tools/bench.py                     every row; an hour
    python tools/bench.py loop latency        these rows
    python tools/bench.py --rivals            with the other systems, which are installed first
    python tools/bench.py --quick             only to see that it works
    python tools/bench.py --json FILE         all that was measured

The rows and what they are held to: docs/performance.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "bench"))

from lightgrid_bench.command import main

if __name__ == "__main__":
    sys.exit(main())
