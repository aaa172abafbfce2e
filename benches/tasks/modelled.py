"""Refits with lmfit, as its documentation has them: residual, Parameters, minimize."""

from __future__ import annotations

import lmfit
import numpy as np

T1 = ("a", "b", "e", "alpha", "beta")


def refit_t1(n, d, y, start, delta):
    """Huber by scipy's own loss, which `method="least_squares"` passes on; numerical Jacobian.

    (`leastsq` on residuals whose squares are the Huber loss stalls up to 4 % above the optimum.)
    """
    parameters = lmfit.Parameters()
    for name, value in zip(T1, start, strict=True):
        parameters.add(name, value=float(value))

    def residual(p):
        a, b, e, alpha, beta = (p[name].value for name in T1)
        return np.log(np.exp(a - alpha * n) + np.exp(b - beta * d) + np.exp(e)) - y

    tight = {"ftol": 1e-12, "xtol": 1e-12, "gtol": 1e-12, "x_scale": "jac"}
    found = lmfit.minimize(
        residual,
        parameters,
        method="least_squares",
        calc_covar=False,
        loss="huber",
        f_scale=delta,
        **tight,
    )
    return np.array([found.params[name].value for name in T1])


def fit_t3(x, y):
    """E, A, c from the start that curve_fit is given."""
    parameters = lmfit.create_params(E=float(y.min()), A=float(np.ptp(y)), c=0.5)
    found = lmfit.minimize(
        lambda p: p["E"].value + p["A"].value * x ** -p["c"].value - y,
        parameters,
        calc_covar=False,
    )
    return np.array([found.params[name].value for name in ("E", "A", "c")])


def fit_t6(lines, logs, start, options):
    """E, ln A, alpha of log residuals, E held at nought or above; scipy's loss is passed on."""
    parameters = lmfit.Parameters()
    parameters.add("E", value=start[0], min=0)
    parameters.add("a", value=start[1])
    parameters.add("alpha", value=start[2], min=0)
    found = lmfit.minimize(
        lambda p: np.log(p["E"].value + np.exp(p["a"].value - p["alpha"].value * lines)) - logs,
        parameters,
        method="least_squares",
        calc_covar=False,
        ftol=1e-12,
        xtol=1e-12,
        gtol=1e-12,
        **options,
    )
    return np.array([found.params[name].value for name in ("E", "a", "alpha")])
