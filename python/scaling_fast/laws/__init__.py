"""Laws: `Law` and `Param`, and the catalogue as data, one file a family."""

from scaling_fast.laws.broken import bnsl
from scaling_fast.laws.catalogue import as_law, get, names
from scaling_fast.laws.chinchilla import chinchilla
from scaling_fast.laws.kaplan import kaplan
from scaling_fast.laws.law import Law
from scaling_fast.laws.param import Param
from scaling_fast.laws.powers import power, power_offset

__all__ = [
    "Law",
    "Param",
    "as_law",
    "bnsl",
    "chinchilla",
    "get",
    "kaplan",
    "names",
    "power",
    "power_offset",
]
