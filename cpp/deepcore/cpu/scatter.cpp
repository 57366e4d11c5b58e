// Runners of ScatterAdd. x: (outer, count, inner), indices: (count) -> y: (outer, size, inner).
// What meets in a row is added in the order of the indices; a wide row that one index asks for is
// copied, the signs of its zeros too.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "deepcore/core/copy_row.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/past_caches.h"
#include "deepcore/cpu/taken_rows.h"

namespace deepcore {
namespace {

constexpr std::int64_t kGrainBytes = 65536;

struct Geometry {
  Indices indices;
  std::int64_t outer, inner;
};

template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a + b;
  return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));  // wraps
}

template <class T>
void add_row(T* to, const T* from, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = sum_of(to[i], from[i]);
}

// A task owns a stretch of rows of one outer position: it clears them, reads every index and adds
// what falls into them.
template <class T>
Runner clear_and_add(const Geometry& g) {
  const auto [indices, outer, inner] = g;
  // Reading an index costs about as much as moving 4 elements: no more stretches than pay for that.
  const std::int64_t work = indices.size * inner + indices.count * inner;
  const std::int64_t scan = std::max<std::int64_t>(kGrainBytes / 4, indices.count * 4);
  const std::int64_t stretches =
      std::max<std::int64_t>(1, std::min(indices.size, tasks_for(work, scan, 16)));
  const std::int64_t items = outer * stretches;
  const std::int64_t tasks = tasks_for(
      items, std::max<std::int64_t>(1, scan / std::max<std::int64_t>(1, work / stretches)));
  return {{{tasks, [=](const Call& call, std::int64_t task, void*) {
              const Range r = piece(items, tasks, task);
              bool bad = false;
              for (std::int64_t item = r.begin; item < r.end; ++item) {
                const Range owned = piece(indices.size, stretches, item % stretches);
                const T* x = call.input<T>(0) + item / stretches * indices.count * inner;
                T* y = call.output<T>(0) + item / stretches * indices.size * inner;
                std::fill_n(y + owned.begin * inner, (owned.end - owned.begin) * inner, T{});
                for (std::int64_t i = 0; i < indices.count; ++i) {
                  const std::int64_t k = indices.at(call.in[1], i);
                  bad = bad || k < 0;
                  if (k >= owned.begin && k < owned.end)
                    add_row(y + k * inner, x + i * inner, inner);
                }
              }
              if (bad) report_outside(call);
            }}}};
}

// Writes rows once each, as sums of those that were taken or zeros.
template <class T>
struct RowWriter {
  std::size_t bytes;   // of a row
  std::int64_t width;  // of a row
  bool past;           // the caches
  T* spare;            // a row

  static std::byte* raw(T* p) { return reinterpret_cast<std::byte*>(p); }
  static const std::byte* raw(const T* p) { return reinterpret_cast<const std::byte*>(p); }

  void clear(T* y, std::int64_t rows) const {
    const std::size_t n = static_cast<std::size_t>(rows) * bytes;
    if (past) {
      clear_past(raw(y), n);
    } else {
      std::memset(y, 0, n);
    }
  }
  // row(t) is what is to be added for t, soon(t) what comes some turns later.
  template <class Row, class Soon>
  void sum(T* y, const Taken* t, const Taken* last, const Row& row, const Soon& soon) const {
    if (last - t == 1)
      return (past ? copy_row_past : copy_row)(raw(y), raw(row(t)), bytes, raw(soon(t)));
    T* sum = past ? spare : y;
    copy_row(raw(sum), raw(row(t)), bytes, raw(soon(t)));
    for (++t; t < last; ++t) {
      prefetch_row(raw(soon(t)), bytes);
      add_row(sum, row(t), width);
    }
    if (past) copy_row_past(raw(y), raw(sum), bytes, raw(sum));
  }
};

// A task owns stretches of rows, and writes them in their order.
template <class T>
Runner write_in_order(const Geometry& g) {
  const auto [indices, outer, inner] = g;
  const std::int64_t size = indices.size, width = inner, given = indices.count * inner;
  const std::size_t bytes = static_cast<std::size_t>(width) * sizeof(T);
  const auto floats = static_cast<std::int64_t>(bytes / sizeof(float));
  const bool large = bytes % kLineBytes == 0 && past_caches(outer * size * floats, floats);
  const std::int64_t ahead = rows_ahead(bytes);
  const std::int64_t moved = (size + indices.count) * static_cast<std::int64_t>(bytes);
  const TakenRows taken(indices, tasks_for(moved, kGrainBytes));
  const std::int64_t stretches = taken.stretches(), items = outer * stretches;
  Runner runner;
  runner.workspace = taken.workspace();
  runner.scratch = large ? bytes : 0;
  runner.phases = taken.sorting(1);
  const std::int64_t tasks =
      tasks_for(items, std::max<std::int64_t>(1, kGrainBytes * stretches / moved));
  runner.phases.push_back(
      {tasks, [=](const Call& call, std::int64_t task, void* scratch) {
         if (call.fault->load(std::memory_order_relaxed) != 0) return;
         const Range r = piece(items, tasks, task);
         const bool past = large && begins_line(call.out[0]);
         const RowWriter<T> writer{bytes, width, past, static_cast<T*>(scratch)};
         for (std::int64_t item = r.begin; item < r.end; ++item) {
           const T* x = call.input<T>(0) + item / stretches * given;
           T* y = call.output<T>(0) + item / stretches * size * width;
           const auto row = [=](const Taken* t) { return x + t->position * width; };
           const auto soon = [&](const Taken* t) { return row(taken.soon(call, t, ahead)); };
           taken.walk(
               call, item % stretches,
               [&](std::int64_t to, const Taken* t, const Taken* last) {
                 writer.sum(y + to * width, t, last, row, soon);
               },
               [&](std::int64_t first, std::int64_t end) {
                 writer.clear(y + first * width, end - first);
               });
         }
         if (past) copied_past();
       }});
  return runner;
}

template <class T>
Runner scatter_runner(const ScatterAdd& op, const Types& in) {
  const Geometry g{{in[1].dtype, in[1].elements(), op.shape[op.axis]},
                   op.shape.elements(0, op.axis),
                   op.shape.elements(op.axis + 1, op.shape.rank())};
  if (op.shape.elements() == 0 && (g.outer == 0 || g.inner == 0 || g.indices.count == 0))
    return {{{0, nullptr}}};
  const bool lines = g.inner * static_cast<std::int64_t>(sizeof(T)) >= std::int64_t{kLineBytes};
  return lines && TakenRows::fits(g.indices) ? write_in_order<T>(g) : clear_and_add<T>(g);
}

}  // namespace

void register_scatter(CpuBackend& backend) {
  using Result = std::optional<Runner>;
  backend.on<ScatterAdd>([](const ScatterAdd& op, const Types& in, const Types&) -> Result {
    switch (in[0].dtype) {
      case DType::kFloat32:
        return scatter_runner<float>(op, in);
      case DType::kFloat64:
        return scatter_runner<double>(op, in);
      case DType::kInt32:
        return scatter_runner<std::int32_t>(op, in);
      case DType::kInt64:
        return scatter_runner<std::int64_t>(op, in);
      case DType::kUInt8:
        return scatter_runner<std::uint8_t>(op, in);
      default:
        return std::nullopt;
    }
  });
}

}  // namespace deepcore
