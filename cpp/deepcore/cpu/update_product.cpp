// UpdateProduct: the tasks of the product, each followed by the optimizer's step on its part of the
// gradient, which is then still in the cache of its core.
#include "deepcore/ops/update_product.h"

#include <algorithm>

#include "deepcore/cpu/gemm.h"
#include "deepcore/cpu/update.h"

namespace deepcore {

namespace {

std::optional<Runner> make(const UpdateProduct& op, const Types& in, const Types&) {
  const Type& p = in[2];
  const UpdatePart update = update_part(*op.update, p);
  if (!update || p.shape.rank() != 2 || in[0].shape.rank() != 2 || in[1].shape.rank() != 2)
    return std::nullopt;
  Gemm gemm;
  gemm.m = p.shape[0];
  gemm.n = p.shape[1];
  gemm.k = in[0].shape[op.ta ? 0 : 1];
  gemm.ta = op.ta;
  gemm.tb = op.tb;
  if (split_gemm_runner(gemm))
    return std::nullopt;  // made of other sums, which are only known late
  const std::size_t inputs = in.size() - 1;
  const std::int64_t n = gemm.n;
  return gemm_runner(gemm, [=](const Call& call, const float* gradient, Range rows, Range cols) {
    constexpr std::size_t kMost = 8;
    const void* from[kMost] = {call.in[2], gradient};
    std::copy_n(call.in + 3, inputs - 2, from + 2);
    const Call step{from, call.out, nullptr, call.fault};
    if (cols.end - cols.begin == n) {
      update(step, {rows.begin * n, rows.end * n});
    } else {
      for (std::int64_t i = rows.begin; i < rows.end; ++i)
        update(step, {i * n + cols.begin, i * n + cols.end});
    }
  });
}

}  // namespace

void register_update_product(CpuBackend& backend) { backend.on<UpdateProduct>(make); }

}  // namespace deepcore
