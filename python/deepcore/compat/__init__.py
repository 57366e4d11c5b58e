"""Stands in for `keras` and `tensorflow` in scripts that import them."""

from deepcore.compat.finder import install as install
from deepcore.compat.finder import uninstall as uninstall
