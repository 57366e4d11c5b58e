#include "deepcore/plan/feed.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "deepcore/core/copy_row.h"
#include "deepcore/core/half.h"

namespace deepcore {

namespace {

struct Half {  // float16 as it lies in memory
  std::uint16_t bits;
};

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<From, Half>)
    return convert<To>(float16_to_float(value.bits));
  else if constexpr (std::is_same_v<To, bool>)
    return value != From(0);
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
    // Out of range is undefined in C++; NaN becomes 0 and the rest saturates.
    return value != value ? To(0)
           : value >= static_cast<From>(std::numeric_limits<To>::max())
               ? std::numeric_limits<To>::max()
           : value <= static_cast<From>(std::numeric_limits<To>::min())
               ? std::numeric_limits<To>::min()
               : static_cast<To>(value);
  else
    return static_cast<To>(value);
}

// Copies the axes from `axis` on of one row; strides are in bytes.
template <class To, class From>
To* copy_axes(const std::byte* from, const Source& source, int axis, To* to) {
  if (axis == source.row.rank()) {
    From value;
    std::memcpy(&value, from, sizeof value);
    *to = convert<To>(value);
    return to + 1;
  }
  const std::int64_t n = source.row[axis], stride = source.strides[axis + 1];
  if (axis + 1 < source.row.rank()) {
    for (std::int64_t i = 0; i < n; ++i)
      to = copy_axes<To, From>(from + i * stride, source, axis + 1, to);
    return to;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    From value;
    std::memcpy(&value, from + i * stride, sizeof value);
    to[i] = convert<To>(value);
  }
  return to + n;
}

// Copies a row of n; `next` is one that comes soon.
template <class To, class From>
void feed_row(const std::byte* from, const Source& source, bool contiguous, std::int64_t n, To* to,
              const std::byte* next) {
  if (!contiguous) {
    copy_axes<To, From>(from, source, 0, to);
  } else if (n == 1) {  // a label
    From value;
    std::memcpy(&value, from, sizeof value);
    *to = convert<To>(value);
    prefetch_line(next);
  } else if constexpr (std::is_same_v<To, From>) {
    copy_row(reinterpret_cast<std::byte*>(to), from, static_cast<std::size_t>(n) * sizeof(To),
             next);
  } else {
    constexpr std::int64_t kOfLine = kLineBytes / sizeof(From);
    for (std::int64_t begin = 0; begin < n; begin += kOfLine) {
      prefetch_line(next + begin * static_cast<std::int64_t>(sizeof(From)));
      for (std::int64_t i = begin; i < std::min(n, begin + kOfLine); ++i) {
        From value;
        std::memcpy(&value, from + i * static_cast<std::int64_t>(sizeof value), sizeof value);
        to[i] = convert<To>(value);
      }
    }
  }
}

template <class F>
auto with_source_type(SourceType type, F&& f) {
  switch (type) {
    case SourceType::kInt8:
      return f(std::int8_t{});
    case SourceType::kInt16:
      return f(std::int16_t{});
    case SourceType::kInt32:
      return f(std::int32_t{});
    case SourceType::kInt64:
      return f(std::int64_t{});
    case SourceType::kBool:  // bytes of 0 and 1
    case SourceType::kUInt8:
      return f(std::uint8_t{});
    case SourceType::kUInt16:
      return f(std::uint16_t{});
    case SourceType::kUInt32:
      return f(std::uint32_t{});
    case SourceType::kUInt64:
      return f(std::uint64_t{});
    case SourceType::kFloat16:
      return f(Half{});
    case SourceType::kFloat64:
      return f(double{});
    default:
      return f(float{});
  }
}

bool is_contiguous(const Source& source, std::int64_t item) {
  for (int axis = source.row.rank() - 1; axis >= 0; --axis) {
    if (source.row[axis] != 1 && source.strides[axis + 1] != item) return false;
    item *= source.row[axis];
  }
  return true;
}

template <class To, class From>
Runner make(const Source& source, std::int64_t batch, const Cursor* cursor) {
  const std::int64_t n = source.row.elements();
  const bool contiguous = is_contiguous(source, sizeof(From));
  // Rows of about 16k elements a task: several microseconds of copying.
  const std::int64_t per_task = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, n));
  const std::int64_t tasks = (batch + per_task - 1) / per_task;
  auto run = [source, batch, cursor, n, contiguous, per_task](const Call& call, std::int64_t task,
                                                              void*) {
    To* to = call.output<To>(0) + task * per_task * n;
    const std::int64_t end = std::min(batch, (task + 1) * per_task);
    const auto row = [&](std::int64_t i) {
      const std::int64_t at = cursor->row + i;
      return static_cast<const std::byte*>(source.data) +
             (cursor->order ? cursor->order[at] : at) * source.strides[0];
    };
    const std::int64_t ahead = rows_ahead(static_cast<std::size_t>(n) * sizeof(From));
    for (std::int64_t i = task * per_task; i < end; ++i, to += n)
      feed_row<To, From>(row(i), source, contiguous, n, to, row(std::min(i + ahead, batch - 1)));
  };
  return {{{tasks, run}}, 0, 0};
}

}  // namespace

Runner feed_runner(const Source& source, const Type& type, const Cursor* cursor) {
  const std::int64_t batch = type.shape[0];
  return dispatch(type.dtype, [&](auto to) {
    return with_source_type(source.type, [&](auto from) {
      return make<decltype(to), decltype(from)>(source, batch, cursor);
    });
  });
}

}  // namespace deepcore
