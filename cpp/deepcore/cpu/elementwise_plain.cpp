#include "deepcore/cpu/elementwise_plain.h"

#include <bit>
#include <cstring>

#include "deepcore/core/half.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/plain_math.h"
#include "deepcore/cpu/strided_walk.h"

namespace deepcore {

namespace {

constexpr std::int64_t kGrain = 8192;

// body(call, range) over the elements of the output.
template <class F>
Runner over_elements(const Type& out, F body) {
  const std::int64_t count = out.elements(), tasks = tasks_for(count, kGrain);
  return {{{tasks, [=](const Call& call, std::int64_t task, void*) {
              body(call, piece(count, tasks, task));
            }}}};
}

template <class R, class T, class F>
void map(const T* x, R* y, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<R>(f(x[i]));
}

// ---- unary

template <class T>
void number_loop(Kind kind, const T* x, T* y, std::int64_t n) {
  // clang-format off
  switch (kind) {
    case Kind::kNegative: return map(x, y, n, [](T v) { return plain::kFloating<T> ? static_cast<T>(-v) : plain::subtract(T{0}, v); });
    case Kind::kAbs: return map(x, y, n, plain::absolute<T>);
    case Kind::kSign: return map(x, y, n, plain::sign<T>);
    case Kind::kSquare: return map(x, y, n, [](T v) { return plain::multiply(v, v); });
    case Kind::kRelu: return map(x, y, n, [](T v) { return v < T{0} ? T{0} : v; });
    case Kind::kRelu6:
      return map(x, y, n, [](T v) { return v < T{0} ? T{0} : v > T(6) ? T(6) : v; });
    default: return map(x, y, n, [](T v) { return v; });  // identity; and an integer is whole
  }
  // clang-format on
}

void double_loop(Kind kind, const double* x, double* y, std::int64_t n) {
  // clang-format off
  switch (kind) {
    case Kind::kSqrt: return map(x, y, n, [](double v) { return std::sqrt(v); });
    case Kind::kRsqrt: return map(x, y, n, [](double v) { return 1 / std::sqrt(v); });
    case Kind::kReciprocal: return map(x, y, n, [](double v) { return 1 / v; });
    case Kind::kExp: return map(x, y, n, [](double v) { return std::exp(v); });
    case Kind::kExpm1: return map(x, y, n, [](double v) { return std::expm1(v); });
    case Kind::kLog: return map(x, y, n, [](double v) { return std::log(v); });
    case Kind::kLog1p: return map(x, y, n, [](double v) { return std::log1p(v); });
    case Kind::kLog2: return map(x, y, n, [](double v) { return std::log2(v); });
    case Kind::kLog10: return map(x, y, n, [](double v) { return std::log10(v); });
    case Kind::kSin: return map(x, y, n, [](double v) { return std::sin(v); });
    case Kind::kCos: return map(x, y, n, [](double v) { return std::cos(v); });
    case Kind::kTan: return map(x, y, n, [](double v) { return std::tan(v); });
    case Kind::kAsin: return map(x, y, n, [](double v) { return std::asin(v); });
    case Kind::kAcos: return map(x, y, n, [](double v) { return std::acos(v); });
    case Kind::kAtan: return map(x, y, n, [](double v) { return std::atan(v); });
    case Kind::kSinh: return map(x, y, n, [](double v) { return std::sinh(v); });
    case Kind::kCosh: return map(x, y, n, [](double v) { return std::cosh(v); });
    case Kind::kTanh: return map(x, y, n, [](double v) { return std::tanh(v); });
    case Kind::kAsinh: return map(x, y, n, [](double v) { return std::asinh(v); });
    case Kind::kAcosh: return map(x, y, n, [](double v) { return std::acosh(v); });
    case Kind::kAtanh: return map(x, y, n, [](double v) { return std::atanh(v); });
    case Kind::kSigmoid: return map(x, y, n, plain::sigmoid);
    case Kind::kSoftplus: return map(x, y, n, plain::softplus);
    case Kind::kErf: return map(x, y, n, [](double v) { return std::erf(v); });
    case Kind::kFloor: return map(x, y, n, [](double v) { return std::floor(v); });
    case Kind::kCeil: return map(x, y, n, [](double v) { return std::ceil(v); });
    case Kind::kRound: return map(x, y, n, [](double v) { return std::nearbyint(v); });
    case Kind::kTrunc: return map(x, y, n, [](double v) { return std::trunc(v); });
    default: return number_loop(kind, x, y, n);
  }
  // clang-format on
}

template <class T>
void test_loop(Kind kind, const T* x, bool* y, std::int64_t n) {
  // clang-format off
  switch (kind) {
    case Kind::kLogicalNot: return map(x, y, n, [](T v) { return v == T{0}; });
    case Kind::kIsNan: return map(x, y, n, [](T v) { return v != v; });
    case Kind::kIsInf: return map(x, y, n, [](T v) { return v == v && v - v != v - v; });
    default: return map(x, y, n, [](T v) { return v - v == v - v; });  // finite
  }
  // clang-format on
}

// ---- binary

// A register of a loop: x + i * step.
template <class T>
struct Strided {
  const T* at;
  std::int64_t step;
  T operator[](std::int64_t i) const { return at[i * step]; }
};

template <class R, class T, class F>
void map(Strided<T> a, Strided<T> b, R* y, std::int64_t n, F f) {
  if (a.step == 1 && b.step == 1) {  // said so that the compiler can vectorise it
    for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<R>(f(a.at[i], b.at[i]));
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<R>(f(a[i], b[i]));
  }
}

template <class T>
void arithmetic_loop(Kind kind, Strided<T> a, Strided<T> b, T* y, std::int64_t n) {
  // clang-format off
  switch (kind) {
    case Kind::kAdd: return map(a, b, y, n, plain::add<T>);
    case Kind::kSubtract: return map(a, b, y, n, plain::subtract<T>);
    case Kind::kMultiply: return map(a, b, y, n, plain::multiply<T>);
    case Kind::kFloorDivide: return map(a, b, y, n, plain::floor_divide<T>);
    case Kind::kMod: return map(a, b, y, n, plain::mod<T>);
    case Kind::kPower: return map(a, b, y, n, plain::power<T>);
    case Kind::kMaximum: return map(a, b, y, n, plain::maximum<T>);
    case Kind::kMinimum: return map(a, b, y, n, plain::minimum<T>);
    default: break;
  }
  if constexpr (plain::kFloating<T>) {
    if (kind == Kind::kDivide) return map(a, b, y, n, [](T u, T v) { return u / v; });
    if (kind == Kind::kArctan2) return map(a, b, y, n, [](T u, T v) { return std::atan2(u, v); });
  }
  // clang-format on
}

// Or, and, exclusive or; the shape rules let no other arithmetic through.
void bool_loop(Kind kind, Strided<bool> a, Strided<bool> b, bool* y, std::int64_t n) {
  // clang-format off
  switch (kind) {
    case Kind::kAdd: case Kind::kMaximum: return map(a, b, y, n, [](bool u, bool v) { return u || v; });
    case Kind::kMultiply: case Kind::kMinimum: return map(a, b, y, n, [](bool u, bool v) { return u && v; });
    default: return map(a, b, y, n, [](bool u, bool v) { return u != v; });
  }
  // clang-format on
}

template <class T>
void relation_loop(Kind kind, Strided<T> a, Strided<T> b, bool* y, std::int64_t n) {
  // clang-format off
  switch (kind) {
    case Kind::kEqual: return map(a, b, y, n, [](T u, T v) { return u == v; });
    case Kind::kNotEqual: return map(a, b, y, n, [](T u, T v) { return u != v; });
    case Kind::kLess: return map(a, b, y, n, [](T u, T v) { return u < v; });
    case Kind::kLessEqual: return map(a, b, y, n, [](T u, T v) { return u <= v; });
    case Kind::kGreater: return map(a, b, y, n, [](T u, T v) { return u > v; });
    case Kind::kGreaterEqual: return map(a, b, y, n, [](T u, T v) { return u >= v; });
    case Kind::kLogicalAnd: return map(a, b, y, n, [](T u, T v) { return u != T{0} && v != T{0}; });
    case Kind::kLogicalOr: return map(a, b, y, n, [](T u, T v) { return u != T{0} || v != T{0}; });
    default: return map(a, b, y, n, [](T u, T v) { return (u != T{0}) != (v != T{0}); });
  }
  // clang-format on
}

// ---- select and cast

// By the size of the element alone: T is unsigned.
template <class T>
Runner select_runner(const Types& in, const Type& out) {
  const Walk<3> walk({in[0].shape, in[1].shape, in[2].shape}, out.shape);
  return over_elements(out, [walk](const Call& call, Range r) {
    const bool* condition = call.input<bool>(0);
    const T *a = call.input<T>(1), *b = call.input<T>(2);
    T* y = call.output<T>(0);
    walk.run(r.begin, r.end,
             [&](const auto& from, std::int64_t to, const auto& step, std::int64_t n) {
               for (std::int64_t i = 0; i < n; ++i)
                 y[to + i] = condition[from[0] + i * step[0]] ? a[from[1] + i * step[1]]
                                                              : b[from[2] + i * step[2]];
             });
  });
}

struct Half {
  std::uint16_t bits;
};
struct BHalf {
  std::uint16_t bits;
};

float widen(Half h) { return float16_to_float(h.bits); }
float widen(BHalf h) { return bfloat16_to_float(h.bits); }

// Rounded to odd: a later rounding to fewer bits is then as if made at once.
float to_odd(double x) {
  const float f = static_cast<float>(x);
  if (static_cast<double>(f) == x || x != x) return f;
  std::uint32_t b = std::bit_cast<std::uint32_t>(f);
  if (std::fabs(static_cast<double>(f)) > std::fabs(x)) --b;
  return std::bit_cast<float>(b | 1);
}

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BHalf>) {
    return convert<To>(widen(x));
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BHalf>) {
    float f;
    if constexpr (std::is_same_v<From, float>) {
      f = x;
    } else {
      f = to_odd(static_cast<double>(x));
    }
    return To{std::is_same_v<To, Half> ? float_to_float16(f) : float_to_bfloat16(f)};
  } else {
    return plain::convert<To>(x);
  }
}

template <class F>
auto dispatch_all(DType dtype, F f) {
  if (dtype == DType::kFloat16) return f(Half{});
  if (dtype == DType::kBFloat16) return f(BHalf{});
  return dispatch(dtype, f);
}

Runner copy_runner(const Type& out) {
  const std::size_t size = size_of(out.dtype);
  return over_elements(out, [size](const Call& call, Range r) {
    const std::size_t at = static_cast<std::size_t>(r.begin) * size;
    std::memmove(call.output<char>(0) + at, call.input<char>(0) + at,
                 static_cast<std::size_t>(r.end - r.begin) * size);
  });
}

bool is_half(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

}  // namespace

std::optional<Runner> plain_unary(Kind kind, const Types& in, const Type& out) {
  if (kind == Kind::kIdentity || kind == Kind::kStopGradient) return copy_runner(out);
  if (is_half(in[0].dtype)) return std::nullopt;
  return dispatch(in[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    return over_elements(out, [kind](const Call& call, Range r) {
      const T* x = call.input<T>(0) + r.begin;
      const std::int64_t n = r.end - r.begin;
      if (gives_bool(kind)) return test_loop(kind, x, call.output<bool>(0) + r.begin, n);
      T* y = call.output<T>(0) + r.begin;
      if constexpr (std::is_same_v<T, double>) {
        double_loop(kind, x, y, n);
      } else {
        number_loop(kind, x, y, n);
      }
    });
  });
}

std::optional<Runner> plain_binary(Kind kind, const Types& in, const Type& out) {
  if (is_half(in[0].dtype)) return std::nullopt;
  const Walk<2> walk({in[0].shape, in[1].shape}, out.shape);
  return dispatch(in[0].dtype, [&](auto zero) {
    using T = decltype(zero);
    return over_elements(out, [kind, walk](const Call& call, Range r) {
      walk.run(r.begin, r.end,
               [&](const auto& from, std::int64_t to, const auto& step, std::int64_t n) {
                 const Strided<T> a{call.input<T>(0) + from[0], step[0]},
                     b{call.input<T>(1) + from[1], step[1]};
                 if (gives_bool(kind))
                   return relation_loop(kind, a, b, call.output<bool>(0) + to, n);
                 if constexpr (std::is_same_v<T, bool>) {
                   bool_loop(kind, a, b, call.output<bool>(0) + to, n);
                 } else {
                   arithmetic_loop(kind, a, b, call.output<T>(0) + to, n);
                 }
               });
    });
  });
}

std::optional<Runner> plain_select(const Types& in, const Type& out) {
  switch (size_of(out.dtype)) {
    case 1:
      return select_runner<std::uint8_t>(in, out);
    case 2:
      return select_runner<std::uint16_t>(in, out);
    case 4:
      return select_runner<std::uint32_t>(in, out);
    default:
      return select_runner<std::uint64_t>(in, out);
  }
}

std::optional<Runner> plain_cast(const Types& in, const Type& out) {
  if (in[0].dtype == out.dtype) return copy_runner(out);
  return dispatch_all(in[0].dtype, [&](auto from) {
    return dispatch_all(out.dtype, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      return over_elements(out, [](const Call& call, Range r) {
        const From* x = call.input<From>(0);
        To* y = call.output<To>(0);
        for (std::int64_t i = r.begin; i < r.end; ++i) y[i] = convert<To>(x[i]);
      });
    });
  });
}

}  // namespace deepcore
