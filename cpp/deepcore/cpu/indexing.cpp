// Runners of Gather. x: (outer, size, inner), indices: (count) -> y: (outer, count, inner)
#include <algorithm>
#include <cstring>

#include "deepcore/core/copy_row.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/indices.h"
#include "deepcore/cpu/past_caches.h"

namespace deepcore {
namespace {

constexpr std::int64_t kGrainBytes = 65536;

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
                  report_outside(call);
                }
                if (++i == indices.count) {
                  i = 0;
                  ++of;
                }
              }
              if (past) copied_past();
            }}}};
}

}  // namespace

void register_indexing(CpuBackend& backend) {
  backend.on<Gather>([](const Gather& op, const Types& in, const Types&) {
    return std::optional<Runner>(gather_runner(op, in));
  });
}

}  // namespace deepcore
