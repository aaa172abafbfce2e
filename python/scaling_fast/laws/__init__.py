"""Laws: `Law`, `Param` and `Need`, and the catalogue as data, one file per family."""

from scaling_fast.laws._chinchilla import chinchilla, chinchilla_tied, gadre
from scaling_fast.laws._farseer import farseer
from scaling_fast.laws._kaplan import kaplan, kaplan_c, kaplan_d, kaplan_n, kaplan_steps
from scaling_fast.laws._precision import precision, precision_ptq
from scaling_fast.laws.broken import bnsl, hinge_power
from scaling_fast.laws.catalogue import as_law, get, names
from scaling_fast.laws.downstream import coverage_power, exp_error, logistic, metric_artefact
from scaling_fast.laws.experts import abnar, clark, krajewski, ludziejewski
from scaling_fast.laws.law import Law
from scaling_fast.laws.logarithms import log_power, log_quadratic, logarithmic
from scaling_fast.laws.need import Need
from scaling_fast.laws.param import Param
from scaling_fast.laws.powers import double_power, m3, power, power_log, power_offset, shifted_power
from scaling_fast.laws.progress import algorithmic_progress
from scaling_fast.laws.repetition import data_constrained
from scaling_fast.laws.saturating import exp_saturation, hill, m4, stretched_exp
from scaling_fast.laws.training import annealing, step_law_batch, step_law_lr, transfer

__all__ = [
    "Law",
    "Need",
    "Param",
    "abnar",
    "algorithmic_progress",
    "annealing",
    "as_law",
    "bnsl",
    "chinchilla",
    "chinchilla_tied",
    "clark",
    "coverage_power",
    "data_constrained",
    "double_power",
    "exp_error",
    "exp_saturation",
    "farseer",
    "gadre",
    "get",
    "hill",
    "hinge_power",
    "kaplan",
    "kaplan_c",
    "kaplan_d",
    "kaplan_n",
    "kaplan_steps",
    "krajewski",
    "log_power",
    "log_quadratic",
    "logarithmic",
    "logistic",
    "ludziejewski",
    "m3",
    "m4",
    "metric_artefact",
    "names",
    "power",
    "power_log",
    "power_offset",
    "precision",
    "precision_ptq",
    "shifted_power",
    "step_law_batch",
    "step_law_lr",
    "stretched_exp",
    "transfer",
]
