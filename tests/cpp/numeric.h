// What the tests of ops share: tensors from numbers, and a derivative by differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "deepcore/cpu/backend.h"
#include "deepcore/graph/tape.h"
#include "deepcore/ops/gradients.h"
#include "deepcore/ops/ops.h"

namespace deepcore::testing {

using Numbers = std::vector<double>;
using Function = std::function<Tensor(const Tensors&)>;

inline Tensor tensor(const Numbers& values, const Shape& shape, DType dtype = DType::kFloat64) {
  const Type type{dtype, shape};
  const Buffer buffer = Buffer::allocate(type.bytes());
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < values.size(); ++i)
      static_cast<T*>(buffer.data())[i] = static_cast<T>(values[i]);
  });
  return Tensor(type, buffer);
}

inline Numbers numbers(const Tensor& t) {
  Numbers out(static_cast<std::size_t>(t.elements()));
  dispatch(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(t.data<T>()[i]);
  });
  return out;
}

// Evenly spaced numbers of [low, high] in random order, none at 0: no two are so close that a
// difference quotient would step over a tie or a kink.
inline Tensors spread(const std::vector<Shape>& shapes, double low, double high, unsigned seed,
                      DType dtype = DType::kFloat64) {
  std::size_t count = 0;
  for (const Shape& s : shapes) count += static_cast<std::size_t>(s.elements());
  Numbers all(count);
  for (std::size_t i = 0; i < count; ++i)
    all[i] = low + (high - low) * (static_cast<double>(i) + 0.37) / static_cast<double>(count);
  std::shuffle(all.begin(), all.end(), std::mt19937(seed));
  Tensors out;
  std::size_t used = 0;
  for (const Shape& s : shapes) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(used);
    used += static_cast<std::size_t>(s.elements());
    out.push_back(
        tensor(Numbers(first, all.begin() + static_cast<std::ptrdiff_t>(used)), s, dtype));
  }
  return out;
}

// The gradient of sum(f(x) * weights) for each input, made of ordinary ops; zeros where f does not
// care.
inline Tensors gradient(const Function& f, const Tensors& x, const Tensor& weights) {
  Tape tape;
  tape.start();
  for (const Tensor& t : x) tape.watch(t);
  const Tensor y = f(x);
  tape.stop();
  Tensors grads = gradients(tape.records(), {y}, {weights}, x);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!grads[i]) grads[i] = zeros(x[i].type());
  return grads;
}

// d sum(f(x) * weights) / d x[k] by the central difference of fourth order.
inline Numbers difference(const Function& f, const Tensors& x, std::size_t k,
                          const Tensor& weights) {
  const Numbers at = numbers(x[k]), w = numbers(weights);
  const auto value = [&](std::size_t i, double step) {
    Numbers moved = at;
    moved[i] += step;
    Tensors in = x;
    in[k] = tensor(moved, x[k].shape());
    const Numbers y = numbers(f(in));
    return std::inner_product(y.begin(), y.end(), w.begin(), 0.0);
  };
  Numbers out(at.size());
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double h = 1e-3;
    out[i] = (8 * (value(i, h) - value(i, -h)) - (value(i, 2 * h) - value(i, -2 * h))) / (12 * h);
  }
  return out;
}

// The largest difference, relative to the largest number (or to 1, when all are small).
inline double relative_error(const Numbers& a, const Numbers& b) {
  double error = 0, size = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (a[i] == b[i] || std::isnan(a[i])) continue;
    error = std::max(error, std::abs(a[i] - b[i]));
    size = std::max(size, std::abs(b[i]));
  }
  return error / size;
}

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace deepcore::testing
