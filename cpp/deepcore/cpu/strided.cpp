#include "deepcore/cpu/strided.h"

#include <algorithm>
#include <cstring>

#include "deepcore/core/copy_row.h"
#include "deepcore/cpu/past_caches.h"

namespace deepcore {
namespace {

constexpr std::int64_t kPiece = 32768;          // elements of a row in one item
constexpr std::int64_t kStrip = 16;             // 16 rows read from 16 cache lines: they stay in L1
constexpr std::int64_t kCachedBytes = 4 << 20;  // what is larger comes from farther than L2
constexpr std::int64_t kSquaresAhead = 4;
constexpr std::int64_t kTaskBytes = 65536;  // a few us

std::int64_t up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Walks an index over all axes but the last `skip`, keeping both offsets.
class Odometer {
 public:
  Odometer(const Dims& size, const Dims& from, const Dims& to, int skip, std::int64_t index)
      : size_(size), from_(from), to_(to), axes_(size.size() - skip) {
    for (int i = axes_ - 1; i >= 0; --i) {
      at_[i] = index % size[i];
      index /= size[i];
      from_offset += at_[i] * from[i];
      to_offset += at_[i] * to[i];
    }
  }
  void next() {
    for (int i = axes_ - 1; i >= 0; --i) {
      from_offset += from_[i];
      to_offset += to_[i];
      if (++at_[i] < size_[i]) return;
      from_offset -= size_[i] * from_[i];
      to_offset -= size_[i] * to_[i];
      at_[i] = 0;
    }
  }

  std::int64_t from_offset = 0, to_offset = 0;

 private:
  const Dims &size_, &from_, &to_;
  int axes_;
  std::int64_t at_[kMaxRank] = {};
};

// How far to read ahead, for a row of so many bytes that is followed by others `step` bytes apart:
// a long row goes on by itself.
std::int64_t bytes_ahead(std::int64_t bytes, std::int64_t step) {
  constexpr std::int64_t kFar = 6144;
  return bytes > kFar ? kFar : rows_ahead(static_cast<std::size_t>(bytes)) * step;
}

template <class T>
void move_row(const T* from, std::int64_t from_step, T* to, std::int64_t to_step, std::int64_t n) {
  if (from_step == 1 && to_step == 1) {
    // A call of memcpy costs more than a short loop.
    if (n > 16) {
      std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
    } else {
      for (std::int64_t i = 0; i < n; ++i) to[i] = from[i];
    }
  } else if (from_step == 0 && to_step == 1) {
    std::fill_n(to, n, *from);
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  }
}

// A row that memory holds, and what lies `ahead` bytes behind it is asked for.
template <class T>
void move_far_row(const T* from, T* to, std::int64_t n, std::int64_t ahead, bool past) {
  const auto* source = reinterpret_cast<const std::byte*>(from);
  auto* target = reinterpret_cast<std::byte*>(to);
  const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
  past = past && bytes % kLineBytes == 0 && begins_line(to);
  (past ? copy_row_past : copy_row)(target, source, bytes, source + ahead);
}

// Do all rows begin lines, if the first does?
template <class T>
bool lines_apart(const Dims& strides) {
  return std::all_of(strides.begin(), strides.end() - 1, [](std::int64_t step) {
    return step * static_cast<std::int64_t>(sizeof(T)) % std::int64_t{kLineBytes} == 0;
  });
}

// A square of kStrip rows and columns turned over, through memory of its own: the rows of a large
// array lie in few sets of the caches. What is `ahead` of it is asked for.
template <class T>
void turn_square(const T* from, std::int64_t from_step, T* to, std::int64_t to_step,
                 std::int64_t ahead, bool past) {
  T square[kStrip][kStrip];
  for (std::int64_t c = 0; c < kStrip; ++c) {
    prefetch_line(reinterpret_cast<const std::byte*>(from + ahead + c * from_step));
    std::memcpy(square[c], from + c * from_step, sizeof square[c]);
  }
  for (std::int64_t r = 0; r < kStrip; ++r) {
    T row[kStrip];
    for (std::int64_t c = 0; c < kStrip; ++c) row[c] = square[c][r];
    const auto* whole = reinterpret_cast<const std::byte*>(row);
    if (past) {
      copy_row_past(reinterpret_cast<std::byte*>(to + r * to_step), whole, sizeof row, whole);
    } else {
      std::memcpy(to + r * to_step, row, sizeof row);
    }
  }
}

// f(T{}) for the unsigned integer of `element` bytes.
template <class F>
void by_size(std::size_t element, F f) {
  switch (element) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

}  // namespace

StridedCopy::StridedCopy(std::size_t element, const Dims& size, const Layout& from,
                         const Layout& to)
    : element_(element), from_begin_(from.begin), to_begin_(to.begin) {
  std::int64_t total = 1;
  for (int i = 0; i < size.size(); ++i) {
    total *= size[i];
    if (size[i] == 1) continue;
    const int last = size_.size() - 1;
    if (last >= 0 && from_[last] == from.strides[i] * size[i] &&
        to_[last] == to.strides[i] * size[i]) {
      size_[last] *= size[i];
      from_[last] = from.strides[i];
      to_[last] = to.strides[i];
    } else {
      size_.push_back(size[i]);
      from_.push_back(from.strides[i]);
      to_.push_back(to.strides[i]);
    }
  }
  if (total == 0) return;  // no items
  if (size_.empty()) {
    size_.push_back(1);
    from_.push_back(1);
    to_.push_back(1);
  }
  const int last = size_.size() - 1;
  const std::int64_t bytes = total * static_cast<std::int64_t>(element);
  const bool repeats = last > 0 && from_[last - 1] == 0;  // and then finds its rows nearby
  far_ = bytes > kCachedBytes && !repeats;
  past_ = past_caches(bytes / static_cast<std::int64_t>(sizeof(float)), 0);
  if (to_[last] == 1 && from_[last] != 1 && from_[last] != 0)
    for (int i = 0; i < last; ++i)
      if (from_[i] == 1 && size_[i] >= 4) {
        for (Dims* d : {&size_, &from_, &to_}) {
          d->insert(last, (*d)[i]);
          d->erase(i);
        }
        strips_ = true;
        break;
      }
  items_ = strips_ ? total / size_[last] / size_[last - 1] * up(size_[last - 1], kStrip)
                   : total / size_[last] * up(size_[last], kPiece);
}

std::int64_t StridedCopy::tasks() const {
  if (items_ == 0) return 0;
  const int last = size_.size() - 1;
  const std::int64_t elements =
      strips_ ? size_[last] * std::min(size_[last - 1], kStrip) : std::min(size_[last], kPiece);
  const std::int64_t bytes = elements * static_cast<std::int64_t>(element_);
  return tasks_for(items_, std::max<std::int64_t>(1, kTaskBytes / bytes));
}

template <class T>
void StridedCopy::run_rows(const T* from, T* to, Range items) const {
  const int last = size_.size() - 1;
  const std::int64_t pieces = up(size_[last], kPiece);
  Odometer at(size_, from_, to_, 1, items.begin / pieces);
  const std::int64_t row = size_[last] * static_cast<std::int64_t>(sizeof(T));
  const std::int64_t ahead =
      bytes_ahead(row, last > 0 ? from_[last - 1] * static_cast<std::int64_t>(sizeof(T)) : 0);
  const bool far = far_ && from_[last] == 1 && to_[last] == 1 && row >= std::int64_t{kLineBytes};
  std::int64_t p = items.begin % pieces;
  for (std::int64_t item = items.begin; item < items.end; ++item) {
    const std::int64_t first = p * kPiece, n = std::min(kPiece, size_[last] - first);
    const T* source = from + at.from_offset + first * from_[last];
    T* target = to + at.to_offset + first * to_[last];
    if (far) {
      move_far_row(source, target, n, ahead, past_);
    } else {
      move_row(source, from_[last], target, to_[last], n);
    }
    if (++p == pieces) {
      p = 0;
      at.next();
    }
  }
  if (far && past_) copied_past();
}

template <class T>
void StridedCopy::run_strips(const T* from, T* to, Range items) const {
  const int last = size_.size() - 1;
  const std::int64_t rows = size_[last - 1], cols = size_[last], strips = up(rows, kStrip);
  const std::int64_t from_step = from_[last], to_step = to_[last - 1];
  const bool past =
      past_ && sizeof(T) * kStrip % kLineBytes == 0 && begins_line(to) && lines_apart<T>(to_);
  Odometer at(size_, from_, to_, 2, items.begin / strips);
  std::int64_t s = items.begin % strips;
  for (std::int64_t item = items.begin; item < items.end; ++item) {
    const std::int64_t r0 = s * kStrip, r1 = std::min(r0 + kStrip, rows);
    for (std::int64_t c0 = 0; c0 < cols; c0 += kStrip) {
      const std::int64_t c1 = std::min(c0 + kStrip, cols);
      const T* source = from + at.from_offset + r0 + c0 * from_step;
      T* target = to + at.to_offset + r0 * to_step + c0;
      if (r1 - r0 == kStrip && c1 - c0 == kStrip) {
        turn_square(source, from_step, target, to_step,
                    std::min(kSquaresAhead * kStrip, cols - c1) * from_step, past);
        continue;
      }
      for (std::int64_t r = 0; r < r1 - r0; ++r)
        for (std::int64_t c = 0; c < c1 - c0; ++c)
          target[r * to_step + c] = source[r + c * from_step];
    }
    if (++s == strips) {
      s = 0;
      at.next();
    }
  }
  if (past) copied_past();
}

void StridedCopy::run(const void* from, void* to, Range items) const {
  if (items.begin == items.end) return;
  by_size(element_, [&](auto zero) {
    using T = decltype(zero);
    const T* source = static_cast<const T*>(from) + from_begin_;
    T* target = static_cast<T*>(to) + to_begin_;
    if (strips_) {
      run_strips(source, target, items);
    } else {
      run_rows(source, target, items);
    }
  });
}

Phase StridedCopy::phase(int input) const {
  const std::int64_t n = tasks();
  return {n, [copy = *this, n, input](const Call& call, std::int64_t task, void*) {
            copy.run(call.in[input], call.out[0], piece(copy.items(), n, task));
          }};
}

void fill(void* to, std::int64_t n, const void* value, std::size_t element) {
  by_size(element, [&](auto zero) {
    using T = decltype(zero);
    T v;
    std::memcpy(&v, value, sizeof v);
    std::fill_n(static_cast<T*>(to), n, v);
  });
}

}  // namespace deepcore
