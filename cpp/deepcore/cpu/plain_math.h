// What each elementwise kind means on one number of type T: float64, the integers and bool.
// Integers wrap around as NumPy's, without undefined behaviour: they are computed as unsigned.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "deepcore/ops/program.h"

namespace deepcore::plain {

template <class T>
constexpr bool kFloating = std::is_floating_point_v<T>;

// Wide enough that no product of two is undefined.
template <class T>
struct UnsignedOf {
  using type = std::conditional_t<sizeof(T) == 8, unsigned long long, unsigned>;
};
template <class T>
using Unsigned = typename UnsignedOf<T>::type;

template <class T, class F>
T wrapped(T a, T b, F f) {
  return static_cast<T>(f(static_cast<Unsigned<T>>(a), static_cast<Unsigned<T>>(b)));
}

template <class T>
T add(T a, T b) {
  if constexpr (kFloating<T>) return a + b;
  return wrapped(a, b, [](auto x, auto y) { return x + y; });
}
template <class T>
T subtract(T a, T b) {
  if constexpr (kFloating<T>) return a - b;
  return wrapped(a, b, [](auto x, auto y) { return x - y; });
}
template <class T>
T multiply(T a, T b) {
  if constexpr (kFloating<T>) return a * b;
  return wrapped(a, b, [](auto x, auto y) { return x * y; });
}

// Rounds down; an integer over 0 is 0, as NumPy's.
template <class T>
T floor_divide(T a, T b) {
  if constexpr (kFloating<T>) {
    if (b == 0) return a / b;
    const T m = std::fmod(a, b);
    T q = (a - m) / b;
    if (m != 0 && (m < 0) != (b < 0)) q -= 1;
    if (q == 0) return std::copysign(T{0}, a / b);
    const T f = std::floor(q);
    return q - f > T{0.5} ? f + 1 : f;
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return subtract(T{0}, a);  // the least integer too
      const T q = a / b;
      return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
    } else {
      return static_cast<T>(a / b);
    }
  }
}

// The sign of the divisor; an integer modulo 0 is 0.
template <class T>
T mod(T a, T b) {
  if constexpr (kFloating<T>) {
    const T m = std::fmod(a, b);
    if (m == 0) return std::copysign(T{0}, b);
    return (m < 0) != (b < 0) ? m + b : m;
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return 0;
      const T m = a % b;
      return m != 0 && (m < 0) != (b < 0) ? m + b : m;
    } else {
      return static_cast<T>(a % b);
    }
  }
}

// Integers by squaring; a negative exponent gives the true value cut to an integer (0 for base 0).
template <class T>
T power(T a, T b) {
  if constexpr (kFloating<T>) {
    return std::pow(a, b);
  } else {
    if (b < T{0}) {
      if (a == T{1}) return 1;
      if (add(a, T{1}) == T{0}) return multiply(b, T{1}) % 2 != 0 ? a : T{1};
      return 0;
    }
    T result = 1;
    for (auto n = static_cast<Unsigned<T>>(b); n != 0; n >>= 1) {
      if (n & 1) result = multiply(result, a);
      a = multiply(a, a);
    }
    return result;
  }
}

// NaN in either gives NaN.
template <class T>
T maximum(T a, T b) {
  return a > b || a != a ? a : b;
}
template <class T>
T minimum(T a, T b) {
  return a < b || a != a ? a : b;
}

template <class T>
T sign(T x) {
  return x > T{0} ? T{1} : x < T{0} ? static_cast<T>(-1) : x;
}
template <class T>
T absolute(T x) {
  if constexpr (kFloating<T>) return std::fabs(x);
  return x < T{0} ? subtract(T{0}, x) : x;
}
inline double sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}
inline double softplus(double x) { return maximum(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

// To another type: whole numbers are cut off, saturated, and 0 for NaN; anything but 0 is true.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (kFloating<From> && !kFloating<To>) {
    using Limits = std::numeric_limits<To>;
    // The greatest To may round up; 2^digits is exact.
    const From above = std::ldexp(From{1}, Limits::digits);
    if (!(x == x)) return 0;
    if (x >= above) return Limits::max();
    if (x < static_cast<From>(Limits::min())) return Limits::min();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace deepcore::plain
