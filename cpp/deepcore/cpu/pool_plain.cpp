// Pooling by plain loops, sample after sample.
#include "deepcore/cpu/pool_plain.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace deepcore {
namespace {

// Calls f(cells of the window as offsets in x, offset in y) for every window and channel of a
// sample.
template <class F>
void each_window(const PoolShape& s, std::int64_t n, F&& f) {
  std::vector<std::int64_t> cells;
  for (std::int64_t i = 0; i < s.oh; ++i)
    for (std::int64_t j = 0; j < s.ow; ++j)
      for (std::int64_t c = 0; c < s.c; ++c) {
        const Range rows = s.rows(i);
        const std::int64_t first = j * s.window.stride[1] - s.window.pad_low[1];
        cells.clear();
        for (std::int64_t h = rows.begin; h < rows.end; ++h)
          for (std::int64_t w = std::max<std::int64_t>(first, 0);
               w < std::min<std::int64_t>(first + s.size[1], s.w); ++w)
            cells.push_back(((n * s.h + h) * s.w + w) * s.c + c);
        f(cells, ((n * s.oh + i) * s.ow + j) * s.c + c);
      }
}

// The first largest cell, or the first NaN; -1 for a window without cells.
template <class T>
std::int64_t first_largest(const T* x, const std::vector<std::int64_t>& cells) {
  std::int64_t best = -1;
  for (std::int64_t at : cells) {
    if (best >= 0 && x[best] != x[best]) break;
    if (best < 0 || x[at] > x[best] || x[at] != x[at]) best = at;
  }
  return best;
}

template <class T>
T lowest() {
  if constexpr (std::is_floating_point_v<T>) return -std::numeric_limits<T>::infinity();
  return std::numeric_limits<T>::lowest();
}

// A runner that calls f(call, zero of the type, cells, y) for every window; gradients start from 0.
template <class T, class F>
Runner windows(const PoolShape& s, bool gradient, F f) {
  return {.phases = {{s.n, [s, gradient, f](const Call& call, std::int64_t n, void*) {
                        if (gradient)
                          std::fill_n(call.output<T>(0) + n * s.image(), s.image(), T(0));
                        each_window(s, n, [&](const auto& cells, std::int64_t y) {
                          f(call, T(0), cells, y);
                        });
                      }}}};
}

template <class F>
std::optional<Runner> by_type(const PoolShape& s, bool gradient, DType dtype, F f) {
  switch (dtype) {
    case DType::kFloat64:
      return windows<double>(s, gradient, f);
    case DType::kInt32:
      return windows<std::int32_t>(s, gradient, f);
    case DType::kInt64:
      return windows<std::int64_t>(s, gradient, f);
    case DType::kUInt8:
      return windows<std::uint8_t>(s, gradient, f);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Runner> plain_pool(const PoolShape& s, PoolKind kind, DType dtype) {
  if (kind == PoolKind::kMax)
    return by_type(s, false, dtype, [](const Call& call, auto zero, const auto& cells, auto y) {
      using T = decltype(zero);
      const std::int64_t at = first_largest(call.input<T>(0), cells);
      call.output<T>(0)[y] = at < 0 ? lowest<T>() : call.input<T>(0)[at];
    });
  return by_type(s, false, dtype, [](const Call& call, auto sum, const auto& cells, auto y) {
    using T = decltype(sum);
    for (std::int64_t at : cells) sum = static_cast<T>(sum + call.input<T>(0)[at]);
    call.output<T>(0)[y] =
        cells.empty() ? T(0) : static_cast<T>(sum / static_cast<T>(cells.size()));
  });
}

std::optional<Runner> plain_max_pool_take(const PoolShape& s, DType dtype) {
  return by_type(s, false, dtype, [](const Call& call, auto zero, const auto& cells, auto y) {
    using T = decltype(zero);
    const std::int64_t at = first_largest(call.input<T>(0), cells);
    call.output<T>(0)[y] = at < 0 ? T(0) : call.input<T>(1)[at];
  });
}

std::optional<Runner> plain_max_pool_grad(const PoolShape& s, DType dtype) {
  return by_type(s, true, dtype, [](const Call& call, auto zero, const auto& cells, auto y) {
    using T = decltype(zero);
    const std::int64_t at = first_largest(call.input<T>(0), cells);
    if (at >= 0) call.output<T>(0)[at] += call.input<T>(1)[y];
  });
}

std::optional<Runner> plain_average_pool_grad(const PoolShape& s, DType dtype) {
  return by_type(s, true, dtype, [](const Call& call, auto zero, const auto& cells, auto y) {
    using T = decltype(zero);
    for (std::int64_t at : cells)
      call.output<T>(0)[at] += static_cast<T>(call.input<T>(0)[y] / static_cast<T>(cells.size()));
  });
}

}  // namespace deepcore
