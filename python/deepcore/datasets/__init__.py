"""Small data sets to learn and test with."""

from deepcore.datasets import digits as digits
from deepcore.datasets import mnist as mnist
from deepcore.datasets import multi30k as multi30k
from deepcore.datasets import polarity as polarity
from deepcore.datasets import semantic_roles as semantic_roles
