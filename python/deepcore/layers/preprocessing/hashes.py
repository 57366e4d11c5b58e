"""Hashes of byte strings, many at once: FarmHash's Fingerprint64 and SipHash-2-4.

Strings of one length go through the arithmetic together, as rows of a matrix of bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# (N, length) bytes to (N,) hashes.
Hash = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint64]]
Words = npt.NDArray[np.uint64]
Pair = tuple[Words, Words]

_K0 = np.uint64(0xC3A5C85C97CB3127)
_K1 = np.uint64(0xB492B66FBE98F273)
_K2 = np.uint64(0x9AE16A3B2F90404F)


def fingerprint64(strings: Sequence[bytes]) -> Words:
    """FarmHash's Fingerprint64, as TensorFlow's `to_hash_bucket_fast` takes it.

    Source: G. Pike, "Introducing FarmHash", 2014 (the same function as its farmhashna::Hash64).
    """
    return _by_length(strings, _farm)


def siphash(strings: Sequence[bytes], key: Sequence[int]) -> Words:
    """SipHash-2-4 under a key of two 64-bit integers.

    Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
    """
    k0, k1 = (np.uint64(int(k) & 0xFFFFFFFFFFFFFFFF) for k in key)
    return _by_length(strings, lambda rows: _sip(rows, k0, k1))


def _by_length(strings: Sequence[bytes], function: Hash) -> Words:
    found = np.zeros(len(strings), np.uint64)
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    with np.errstate(over="ignore"):  # arithmetic is modulo 2**64
        for length in np.unique(lengths):
            where = np.flatnonzero(lengths == length)
            joined = b"".join([strings[int(i)] for i in where])
            rows = np.frombuffer(joined, np.uint8).reshape(len(where), int(length))
            found[where] = function(rows)
    return found


def _word(rows: npt.NDArray[np.uint8], at: int, size: int = 8) -> Words:
    """`size` bytes of each row from `at`, little-endian."""
    taken = np.ascontiguousarray(rows[:, at : at + size])
    return taken.view(f"<u{size}")[:, 0].astype(np.uint64)


def _rotate(x: Words, right: int) -> Words:
    return (x >> np.uint64(right)) | (x << np.uint64(64 - right))


# ---- FarmHash


def _mix(x: Words) -> Words:
    return x ^ (x >> np.uint64(47))


def _joined(u: Words, v: Words, mul: Any) -> Words:
    """128 bits to 64."""
    a = _mix((u ^ v) * mul)
    joined: Words = _mix((v ^ a) * mul) * mul
    return joined


def _farm(rows: npt.NDArray[np.uint8]) -> Words:
    length = rows.shape[1]
    if length <= 16:
        return _farm_to_16(rows, length)
    if length <= 32:
        return _farm_to_32(rows, length)
    if length <= 64:
        return _farm_to_64(rows, length)
    return _farm_long(rows, length)


def _farm_to_16(rows: npt.NDArray[np.uint8], length: int) -> Words:
    mul = _K2 + np.uint64(2 * length)
    if length >= 8:
        a, b = _word(rows, 0) + _K2, _word(rows, length - 8)
        return _joined(_rotate(b, 37) * mul + a, (_rotate(a, 25) + b) * mul, mul)
    if length >= 4:
        a = np.uint64(length) + (_word(rows, 0, 4) << np.uint64(3))
        return _joined(a, _word(rows, length - 4, 4), mul)
    if length == 0:
        return np.full(len(rows), _K2)
    first, middle, last = (_word(rows, at, 1) for at in (0, length // 2, length - 1))
    y = first + (middle << np.uint64(8))
    z = np.uint64(length) + (last << np.uint64(2))
    return _mix((y * _K2) ^ (z * _K0)) * _K2


def _farm_to_32(rows: npt.NDArray[np.uint8], length: int) -> Words:
    mul = _K2 + np.uint64(2 * length)
    a, b = _word(rows, 0) * _K1, _word(rows, 8)
    c, d = _word(rows, length - 8) * mul, _word(rows, length - 16) * _K2
    u = _rotate(a + b, 43) + _rotate(c, 30) + d
    return _joined(u, a + _rotate(b + _K2, 18) + c, mul)


def _farm_to_64(rows: npt.NDArray[np.uint8], length: int) -> Words:
    mul = _K2 + np.uint64(2 * length)
    a, b = _word(rows, 0) * _K2, _word(rows, 8)
    c, d = _word(rows, length - 8) * mul, _word(rows, length - 16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _joined(y, a + _rotate(b + _K2, 18) + c, mul)
    e, f = _word(rows, 16) * mul, _word(rows, 24)
    g = (y + _word(rows, length - 32)) * mul
    h = (z + _word(rows, length - 24)) * mul
    return _joined(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)


def _weak(rows: npt.NDArray[np.uint8], at: int, a: Words, b: Words) -> Pair:
    """32 bytes and two seeds to a pair of words."""
    w, x, y, z = (_word(rows, at + 8 * i) for i in range(4))
    a = a + w
    b = _rotate(b + a + z, 21)
    before = a
    a = a + x + y
    return a + z, b + _rotate(a, 44) + before


def _round(
    rows: npt.NDArray[np.uint8], at: int, state: tuple[Words, Words, Words, Pair, Pair], last: Any
) -> tuple[Words, Words, Words, Pair, Pair]:
    """64 bytes into the state; `last` is the multiplier of the closing round, None before it."""
    x, y, z, v, w = state
    mul, nine = (_K1, np.uint64(1)) if last is None else (last, np.uint64(9))
    x = _rotate(x + y + v[0] + _word(rows, at + 8), 37) * mul
    y = _rotate(y + v[1] + _word(rows, at + 48), 42) * mul
    x = x ^ (w[1] * nine)
    y = y + v[0] * nine + _word(rows, at + 40)
    z = _rotate(z + w[0], 33) * mul
    v = _weak(rows, at, v[1] * mul, x + w[0])
    w = _weak(rows, at + 32, z + w[1], y + _word(rows, at + 16))
    return z, y, x, v, w


def _farm_long(rows: npt.NDArray[np.uint8], length: int) -> Words:
    seed = np.full(len(rows), 81, np.uint64)
    zero = np.zeros(len(rows), np.uint64)
    y = seed * _K1 + np.uint64(113)
    z = _mix(y * _K2 + np.uint64(113)) * _K2
    state = (seed * _K2 + _word(rows, 0), y, z, (zero, zero), (zero, zero))
    for at in range(0, (length - 1) // 64 * 64, 64):
        state = _round(rows, at, state, None)
    x, y, z, v, w = state
    mul = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    w = (w[0] + np.uint64((length - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _round(rows, length - 64, (x, y, z, v, w), mul)
    return _joined(_joined(v[0], w[0], mul) + _mix(y) * _K0 + z, _joined(v[1], w[1], mul) + x, mul)


# ---- SipHash


def _sip(rows: npt.NDArray[np.uint8], k0: np.uint64, k1: np.uint64) -> Words:
    n, length = rows.shape
    whole = length // 8 * 8
    # The last word: the bytes that are left, and the length in the top byte.
    padded = np.zeros((n, whole + 8), np.uint8)
    padded[:, :length] = rows
    padded[:, -1] = length & 0xFF
    words = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [np.full(n, np.uint64(c) ^ k) for c, k in zip(words, (k0, k1, k0, k1), strict=True)]
    for at in range(0, whole + 8, 8):
        m = _word(padded, at)
        v[3] = v[3] ^ m
        v = _sip_rounds(v, 2)
        v[0] = v[0] ^ m
    v[2] = v[2] ^ np.uint64(0xFF)
    v = _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _sip_rounds(v: list[Words], count: int) -> list[Words]:
    a, b, c, d = v
    for _ in range(count):
        a, c = a + b, c + d
        b, d = _rotate(b, 51) ^ a, _rotate(d, 48) ^ c
        a, c = _rotate(a, 32) + d, c + b
        d, b = _rotate(d, 43) ^ a, _rotate(b, 47) ^ c
        c = _rotate(c, 32)
    return [a, b, c, d]


# ---- buckets


def key_of(where: str, salt: Any) -> list[int] | None:
    """The two halves of SipHash's key from the argument `salt`.

    Raises:
        ValueError: it is neither an integer nor two of them.
    """
    if salt is None:
        return None
    if isinstance(salt, int | np.integer) and not isinstance(salt, bool):
        return [int(salt), int(salt)]
    if isinstance(salt, tuple | list) and len(salt) == 2:
        return [int(half) for half in salt]
    raise ValueError(f"{where}: salt must be an integer or a pair of integers. Received: {salt=}.")


def buckets(
    strings: Sequence[bytes], count: int, key: Sequence[int] | None
) -> npt.NDArray[np.int64]:
    """A bucket in [0, count) for each string: by SipHash if there is a key, else by FarmHash."""
    found = fingerprint64(strings) if key is None else siphash(strings, key)
    return (found % np.uint64(count)).astype(np.int64)
