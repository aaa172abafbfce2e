"""Fit any scaling law robustly, refit it a million times, and audit what was claimed of it."""

from scaling_fast import arrow, datasets, expr, laws, recipes, stress
from scaling_fast._core import __version__
from scaling_fast.auditing import audit
from scaling_fast.condensed import Condensed
from scaling_fast.errors import (
    CheckpointError,
    ConvergenceError,
    DataError,
    FormulaError,
    InternalError,
    ParameterError,
    ResourceError,
    ScalingError,
)
from scaling_fast.findings import Finding
from scaling_fast.fitted import Certificate, Fit
from scaling_fast.fitting import fit
from scaling_fast.frontier import Approaches, approaches
from scaling_fast.laws import Law, Need, Param
from scaling_fast.losses import (
    Absolute,
    Cauchy,
    Huber,
    LogCosh,
    Pinball,
    ScaledHuber,
    SoftL1,
    Squared,
    StudentT,
    Tukey,
)
from scaling_fast.profiles import Profile, profile
from scaling_fast.resampled import Bootstrap
from scaling_fast.resampling import bootstrap
from scaling_fast.residuals import LogExcess
from scaling_fast.saving import load
from scaling_fast.schemes import (
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
from scaling_fast.starts import Grid

__all__ = [
    "Absolute",
    "Approaches",
    "Bayesian",
    "Blocks",
    "Bootstrap",
    "Cauchy",
    "Certificate",
    "CheckpointError",
    "Clusters",
    "Condensed",
    "ConvergenceError",
    "DataError",
    "Finding",
    "Fit",
    "FormulaError",
    "Grid",
    "Huber",
    "Indices",
    "InternalError",
    "Jackknife",
    "Law",
    "LogCosh",
    "LogExcess",
    "Need",
    "Pairs",
    "Param",
    "ParameterError",
    "Parametric",
    "Pinball",
    "Profile",
    "Residuals",
    "ResourceError",
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
    "approaches",
    "arrow",
    "audit",
    "bootstrap",
    "datasets",
    "expr",
    "fit",
    "laws",
    "load",
    "profile",
    "recipes",
    "stress",
]
