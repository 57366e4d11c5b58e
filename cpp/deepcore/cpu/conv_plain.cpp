// Convolutions by plain loops, sample after sample; the kernel's gradient a row of cells at a time.
#include "deepcore/cpu/conv_plain.h"

#include <algorithm>

#include "deepcore/cpu/finish.h"

namespace deepcore {
namespace {

template <class T>
Runner conv(const ConvShape& s, const Epilogue& e) {
  const auto run = [s, e](const Call& call, std::int64_t n, void*) {
    const T* x = call.input<T>(0);
    const T* kernel = call.input<T>(1);
    T* y = call.output<T>(0);
    const std::int64_t size = s.oh * s.ow * s.o;
    std::fill_n(y + n * size, size, T(0));
    for_each_product(s, n, [&](auto a, auto b, auto c) { y[c] += x[a] * kernel[b]; });
    if (s.o > 0) finish_plain<T>(e, call, n * size, size, s.o);
  };
  return {.phases = {{s.n, run}}};
}

template <class T>
Runner grad_input(const ConvShape& s) {
  const auto run = [s](const Call& call, std::int64_t n, void*) {
    const T* gy = call.input<T>(0);
    const T* kernel = call.input<T>(1);
    T* gx = call.output<T>(0);
    const std::int64_t size = s.h * s.w * s.c;
    std::fill_n(gx + n * size, size, T(0));
    for_each_product(s, n, [&](auto a, auto b, auto c) { gx[a] += gy[c] * kernel[b]; });
  };
  return {.phases = {{s.n, run}}};
}

template <class T>
Runner grad_filter(const ConvShape& s) {
  const auto run = [s](const Call& call, std::int64_t, void*) {
    const T* x = call.input<T>(0);
    const T* gy = call.input<T>(1);
    T* gw = call.output<T>(0);
    std::fill_n(gw, s.taps() * s.cg * s.o, T(0));
    for (std::int64_t n = 0; n < s.n; ++n)
      for_each_product(s, n, [&](auto a, auto b, auto c) { gw[b] += x[a] * gy[c]; });
  };
  return {.phases = {{1, run}}};
}

template <class F>
std::optional<Runner> by_type(DType dtype, F&& make) {
  switch (dtype) {
    case DType::kFloat64:
      return make(double{});
    case DType::kInt32:
      return make(std::int32_t{});
    case DType::kInt64:
      return make(std::int64_t{});
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Runner> plain_conv(const ConvShape& s, const Epilogue& epilogue, DType dtype) {
  return by_type(dtype, [&](auto zero) { return conv<decltype(zero)>(s, epilogue); });
}

std::optional<Runner> plain_conv_grad_input(const ConvShape& s, DType dtype) {
  return by_type(dtype, [&](auto zero) { return grad_input<decltype(zero)>(s); });
}

std::optional<Runner> plain_conv_grad_filter(const ConvShape& s, DType dtype) {
  return by_type(dtype, [&](auto zero) { return grad_filter<decltype(zero)>(s); });
}

}  // namespace deepcore
