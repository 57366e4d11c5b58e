#!/usr/bin/env bash
# Sets up what is missing and passes all tests: GoogleTest under ctest, then pytest. Extra words go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/need.sh gtest/gtest.h libgtest-dev

venv=${DEEPCORE_VENV:-.venv}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --upgrade "pip>=25.1"
"$venv/bin/pip" install -q . --group test cmake ninja

# The C++ tests, without the Python extension.
"$venv/bin/cmake" -S . -B build/cpp -G Ninja -DCMAKE_MAKE_PROGRAM="$(readlink -f "$venv")/bin/ninja" \
  -DDEEPCORE_PYTHON=OFF -DDEEPCORE_TESTS=ON -DDEEPCORE_WERROR=ON
"$venv/bin/cmake" --build build/cpp
"$venv/bin/ctest" --test-dir build/cpp --output-on-failure

"$venv/bin/python" -m pytest "$@"
