"""Small data sets to learn and test with."""

from deepcore.datasets import digits as digits
from deepcore.datasets import mnist as mnist
