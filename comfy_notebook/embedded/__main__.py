"""`python -m comfy_notebook.embedded`."""

from __future__ import annotations

import os
import sys

from .cli import main

_BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

if __name__ == "__main__":
    # Jobs run side by side, a thread each. Threads that BLAS starts on its own only wait for theirs:
    # on two busy cores a picture took nine seconds in place of one. Read when numpy is imported.
    for name in _BLAS:
        os.environ.setdefault(name, "1")
    sys.exit(main())
