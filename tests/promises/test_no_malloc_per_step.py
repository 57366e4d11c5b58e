"""No call of the C allocator for a step either: counted in a process that wraps malloc."""

from __future__ import annotations

import shutil
import subprocess
import sys

import alone
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (sys.platform == "linux" and shutil.which("g++")), reason="preloads a counter"
    ),
]

COUNTER = r"""
#include <cstddef>
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
static long count;
long allocator_calls() { return __atomic_load_n(&count, __ATOMIC_RELAXED); }
static void note() { __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED); }
void* malloc(size_t n) { note(); return __libc_malloc(n); }
void* calloc(size_t n, size_t m) { note(); return __libc_calloc(n, m); }
void* realloc(void* p, size_t n) { note(); return __libc_realloc(p, n); }
void* memalign(size_t a, size_t n) { note(); return __libc_memalign(a, n); }
void* aligned_alloc(size_t a, size_t n) { note(); return __libc_memalign(a, n); }
int posix_memalign(void** p, size_t a, size_t n) {
  note();
  *p = __libc_memalign(a, n);
  return *p ? 0 : 12;
}
}
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("counter")
    source, library = folder / "counter.cpp", folder / "libcounter.so"
    source.write_text(COUNTER, encoding="utf-8")
    subprocess.run(["g++", "-O1", "-shared", "-fPIC", source, "-o", library], check=True)
    return str(library)


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("team", [1, 3])
def test_the_allocator_sleeps_between_steps(counter, network, team):
    script = f"""
import ctypes
import numpy as np
import deepcore as dc
from networks import *
calls = ctypes.CDLL({counter!r}).allocator_calls
calls.restype = ctypes.c_long
dc._core.force_team_size({team})
x, y = digits(640)
x = x.reshape(640, 784) if {network!r} == "mlp" else x
model = {network}()
model.fit(x, y, verbose=0)
plan = next(iter(model._steps._steps.values())).plan
order = np.random.default_rng(0).permutation(640)
def counted(steps):
    before = calls()
    assert plan.run_batches([x, y], order, 0, 32, steps) == steps
    return calls() - before
counted(20)
counted(1)
print("one", counted(1))
print("twenty", counted(20))
"""
    found = alone.run(script, LD_PRELOAD=counter)
    one, twenty = int(found["one"]), int(found["twenty"])
    assert one > 0  # the counter counts
    assert twenty - one < 19, (one, twenty)
