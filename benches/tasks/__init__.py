"""The tasks of peers.py, each with its own data, contenders and judge."""

import os
import sys
from pathlib import Path

# scipy on one thread, as stated: spinning BLAS threads slowed L-BFGS-B several times over on busy
# cores, which says nothing of L-BFGS-B. numpy is first imported after these lines.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

# How short curves are drawn, and the best of them by brute force: one home, which tests use too.
sys.path.append(str(Path(__file__).parents[2] / "tests" / "properties"))
