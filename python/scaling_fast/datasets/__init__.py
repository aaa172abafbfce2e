"""Public scaling-law measurements, and simulated ones: load, about, names, simulate."""

from scaling_fast.datasets.fetch import load
from scaling_fast.datasets.index import About, about, names
from scaling_fast.datasets.simulated import simulate

__all__ = ["About", "about", "load", "names", "simulate"]
