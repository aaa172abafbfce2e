"""Fit any scaling law robustly, refit it a million times, and audit what was claimed of it."""

from scaling_fast import (
    allocation,
    arrow,
    datasets,
    downstream,
    errors,
    expr,
    laws,
    stress,
    training,
)
from scaling_fast._core import __version__
from scaling_fast.allocation import approaches, optimum
from scaling_fast.auditing import audit
from scaling_fast.comparison.run import compare
from scaling_fast.errors import (
    # Their home is `sf.errors`; the short names stay reachable, so that `except sf.DataError` works.
    CheckpointError as CheckpointError,
)
from scaling_fast.errors import (
    ConvergenceError as ConvergenceError,
)
from scaling_fast.errors import (
    DataError as DataError,
)
from scaling_fast.errors import (
    FormulaError as FormulaError,
)
from scaling_fast.errors import (
    InternalError as InternalError,
)
from scaling_fast.errors import (
    ParameterError as ParameterError,
)
from scaling_fast.errors import (
    ResourceError as ResourceError,
)
from scaling_fast.errors import (
    ScalingError,
)
from scaling_fast.fitting.result import Fit
from scaling_fast.fitting.run import fit
from scaling_fast.fitting.starts import Grid
from scaling_fast.laws import Law, Need, Param
from scaling_fast.loading import load
from scaling_fast.losses import (
    Absolute,
    Cauchy,
    Huber,
    LogCosh,
    LogExcess,
    Pinball,
    ScaledHuber,
    SoftL1,
    Squared,
    StudentT,
    Tukey,
)
from scaling_fast.profiles.run import profile
from scaling_fast.resampling.result import Bootstrap
from scaling_fast.resampling.run import bootstrap
from scaling_fast.resampling.schemes import (
    Bayesian,
    Blocks,
    Clusters,
    Indices,
    Jackknife,
    Pairs,
    Parametric,
    Residuals,
    Strata,
    Subsample,
    Weights,
    Wild,
)
from scaling_fast.resampling.streaming.summary import BootstrapSummary

__all__ = [
    "Absolute",
    "Bayesian",
    "Blocks",
    "Bootstrap",
    "BootstrapSummary",
    "Cauchy",
    "Clusters",
    "Fit",
    "Grid",
    "Huber",
    "Indices",
    "Jackknife",
    "Law",
    "LogCosh",
    "LogExcess",
    "Need",
    "Pairs",
    "Param",
    "Parametric",
    "Pinball",
    "Residuals",
    "ScaledHuber",
    "ScalingError",
    "SoftL1",
    "Squared",
    "Strata",
    "StudentT",
    "Subsample",
    "Tukey",
    "Weights",
    "Wild",
    "__version__",
    "allocation",
    "approaches",
    "arrow",
    "audit",
    "bootstrap",
    "compare",
    "datasets",
    "downstream",
    "errors",
    "expr",
    "fit",
    "laws",
    "load",
    "optimum",
    "profile",
    "stress",
    "training",
]
