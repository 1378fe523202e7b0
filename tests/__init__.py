"""The tests. Workers of pytest share the cores, so threads of BLAS would only wait for each other; said before NumPy is imported."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
