"""What importing costs beyond numpy and polars, each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

from tasks.common import Row, alternate, compared

SCRIPT = """
import time, numpy, polars
begin = time.perf_counter()
import {module}
print(time.perf_counter() - begin)
"""


def seconds(module: str) -> float:
    command = [sys.executable, "-c", SCRIPT.format(module=module)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def imports(*, test: bool) -> list[Row]:
    """Time both imports; the seconds are those inside the interpreter."""
    modules = ("scaling_fast", "scipy.optimize")
    _, inside = alternate(
        [lambda _block, module=module: seconds(module) for module in modules], 1 if test else 7
    )
    return compared(
        [
            Row("import", f"import {module}", "import", 1, 1, None, 0, taken)
            for module, taken in zip(modules, inside, strict=True)
        ]
    )
