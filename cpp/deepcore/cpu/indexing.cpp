// Runners of Gather and ScatterAdd. x: (outer, size, inner), indices: (count).
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "deepcore/cpu/backend.h"

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

// Short rows are copied in place of a call of memcpy.
void copy_row(char* to, const char* from, std::size_t bytes) {
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
      std::memcpy(to, from, bytes);
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
  return {{{tasks, [=](const Call& call, std::int64_t task, void*) {
              const Range r = piece(rows, tasks, task);
              char* y = call.output<char>(0) + static_cast<std::size_t>(r.begin) * bytes;
              const char* x = call.input<char>(0);
              std::int64_t i = r.begin % indices.count,
                           base = r.begin / indices.count * indices.size;
              for (std::int64_t row = r.begin; row < r.end; ++row, y += bytes) {
                const std::int64_t k = indices.at(call.in[1], i);
                if (k >= 0) {
                  copy_row(y, x + static_cast<std::size_t>(base + k) * bytes, bytes);
                } else {
                  std::memset(y, 0, bytes);
                  report(call);
                }
                if (++i == indices.count) {
                  i = 0;
                  base += indices.size;
                }
              }
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
