// Runners of Gather and ScatterAdd. x: (outer, size, inner), indices: (count).
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "deepcore/core/copy_row.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/past_caches.h"

namespace deepcore {
namespace {

constexpr std::int64_t kGrainBytes = 65536;

struct Indices {
  DType dtype;
  std::int64_t count, size;  // how many, and of an axis this long

  // The position meant by index i, negative ones from the end; -1 when outside.
  std::int64_t at(const void* indices, std::int64_t i) const {
    std::int64_t k;
    switch (dtype) {
      case DType::kInt64:
        k = static_cast<const std::int64_t*>(indices)[i];
        break;
      case DType::kInt32:
        k = static_cast<const std::int32_t*>(indices)[i];
        break;
      default:
        k = static_cast<const std::uint8_t*>(indices)[i];
    }
    if (k < 0) k += size;
    return k >= 0 && k < size ? k : -1;
  }
};

void report(const Call& call) {
  call.fault->store(static_cast<int>(Fault::kIndexOutOfRange), std::memory_order_relaxed);
}

// Copies a row of some bytes, `next` being one that comes soon.
void take_row(std::byte* to, const std::byte* from, std::size_t bytes, const std::byte* next) {
  switch (bytes) {
    case 1:
      *to = *from;
      return;
    case 4:
      std::memcpy(to, from, 4);
      return;
    case 8:
      std::memcpy(to, from, 8);
      return;
    default:
      copy_row(to, from, bytes, next);
  }
}

// y: (outer, count, inner)
Runner gather_runner(const Gather& op, const Types& in) {
  const Shape& x = in[0].shape;
  const Indices indices{in[1].dtype, in[1].elements(), x[op.axis]};
  const std::int64_t rows = x.elements(0, op.axis) * indices.count;
  const auto bytes =
      static_cast<std::size_t>(x.elements(op.axis + 1, x.rank())) * size_of(in[0].dtype);
  if (rows == 0 || bytes == 0) return {{{0, nullptr}}};
  const std::int64_t per_task =
      std::max<std::int64_t>(1, kGrainBytes / static_cast<std::int64_t>(bytes + 8));
  const std::int64_t tasks = tasks_for(rows, per_task);
  const std::int64_t ahead = bytes < kLineBytes ? 0 : rows_ahead(bytes);
  const auto floats = static_cast<std::int64_t>(bytes / sizeof(float));
  const bool large = bytes % kLineBytes == 0 && past_caches(rows * floats, floats);
  return {{{tasks, [=](const Call& call, std::int64_t task, void*) {
              const Range r = piece(rows, tasks, task);
              std::byte* y = call.output<std::byte>(0) + static_cast<std::size_t>(r.begin) * bytes;
              const bool past = large && begins_line(y);
              const auto* x = call.input<std::byte>(0);
              const auto row = [&](std::int64_t of, std::int64_t k) {
                return x + static_cast<std::size_t>(of * indices.size + k) * bytes;
              };
              std::int64_t i = r.begin % indices.count, of = r.begin / indices.count;
              for (std::int64_t to = r.begin; to < r.end; ++to, y += bytes) {
                const std::int64_t k = indices.at(call.in[1], i);
                if (k >= 0) {
                  const std::int64_t next =
                      ahead > 0 ? indices.at(call.in[1], std::min(i + ahead, indices.count - 1))
                                : k;
                  (past ? copy_row_past : take_row)(y, row(of, k), bytes,
                                                    row(of, next >= 0 ? next : k));
                } else {
                  std::memset(y, 0, bytes);
                  report(call);
                }
                if (++i == indices.count) {
                  i = 0;
                  ++of;
                }
              }
              if (past) copied_past();
            }}}};
}

template <class T>
void add_row(T* to, const T* from, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_floating_point_v<T>) {
      to[i] += from[i];
    } else {  // wraps around
      to[i] =
          static_cast<T>(static_cast<std::uint64_t>(to[i]) + static_cast<std::uint64_t>(from[i]));
    }
  }
}

// g: (outer, count, inner) -> y: (outer, size, inner). A task owns a stretch of destination rows of
// one outer position: it clears them, reads every index and adds what falls into them, in index
// order.
template <class T>
Runner scatter_runner(const ScatterAdd& op, const Types& in) {
  const Indices indices{in[1].dtype, in[1].elements(), op.shape[op.axis]};
  const std::int64_t outer = op.shape.elements(0, op.axis);
  const std::int64_t inner = op.shape.elements(op.axis + 1, op.shape.rank());
  if (op.shape.elements() == 0 && (outer == 0 || inner == 0 || indices.count == 0))
    return {{{0, nullptr}}};
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
                const T* g = call.input<T>(0) + item / stretches * indices.count * inner;
                T* y = call.output<T>(0) + item / stretches * indices.size * inner;
                std::fill_n(y + owned.begin * inner, (owned.end - owned.begin) * inner, T{});
                for (std::int64_t i = 0; i < indices.count; ++i) {
                  const std::int64_t k = indices.at(call.in[1], i);
                  bad = bad || k < 0;
                  if (k >= owned.begin && k < owned.end)
                    add_row(y + k * inner, g + i * inner, inner);
                }
              }
              if (bad) report(call);
            }}}};
}

}  // namespace

void register_indexing(CpuBackend& backend) {
  using Result = std::optional<Runner>;
  backend.on<Gather>([](const Gather& op, const Types& in, const Types&) -> Result {
    return gather_runner(op, in);
  });
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
