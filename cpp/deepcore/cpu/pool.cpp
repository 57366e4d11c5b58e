// Pooling and its gradients: float32 row by row in registers, the other types by plain loops.
#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/pool_plain.h"
#include "deepcore/cpu/pool_shape.h"

namespace deepcore {
namespace {

// Calls f(kernel's row, offset of its first row of x, offset of its row of y) for a band's windows.
template <class F>
void each_row(const PoolShape& s, const PoolBand& band, F&& f) {
  for (std::int64_t i = band.out.begin; i < band.out.end; ++i) {
    const Range rows = s.rows(i);
    const PoolRow row = {rows.end - rows.begin, s.w, s.c, s.ow, s.size[1], s.window.stride[1],
                         s.window.pad_low[1]};
    f(row, band.n * s.image() + rows.begin * s.row(), (band.n * s.oh + i) * s.out_row());
  }
}

Runner forward(const PoolShape& s, PoolKind kind) {
  const PoolBands bands(s, false);
  return {.phases = {{bands.count(), [s, bands, kind](const Call& call, std::int64_t task, void*) {
                        const PoolKernels& k = kernels().pool;
                        const auto run = kind == PoolKind::kMax ? k.max : k.average;
                        each_row(s, bands[task], [&](const PoolRow& row, auto x, auto y) {
                          run(row, call.input(0) + x, call.output(0) + y);
                        });
                      }}}};
}

Runner take(const PoolShape& s) {
  const PoolBands bands(s, false);
  return {.phases = {{bands.count(), [s, bands](const Call& call, std::int64_t task, void*) {
                        each_row(s, bands[task], [&](const PoolRow& row, auto x, auto y) {
                          kernels().pool.max_take(row, call.input(0) + x, call.input(1) + x,
                                                  call.output(0) + y);
                        });
                      }}}};
}

// f(row, offset in x, offset in y) adds the gradient of one row of windows.
template <class F>
Runner gradient(const PoolShape& s, F f) {
  const PoolBands bands(s, true);
  return {.phases = {{bands.count(), [s, bands, f](const Call& call, std::int64_t task, void*) {
                        const PoolBand band = bands[task];
                        float* gx = call.output(0) + band.n * s.image();
                        std::fill(gx + band.in.begin * s.row(), gx + band.in.end * s.row(), 0.0f);
                        each_row(s, band,
                                 [&](const PoolRow& row, auto x, auto y) { f(call, row, x, y); });
                      }}}};
}

}  // namespace

void register_pool(CpuBackend& backend) {
  backend.on<Pool>([](const Pool& op, const Types& in, const Types& out) -> std::optional<Runner> {
    const PoolShape s = pool_shape(in[0].shape, out[0].shape, op.size, op.window);
    if (in[0].dtype == DType::kFloat32) return forward(s, op.kind);
    return plain_pool(s, op.kind, in[0].dtype);
  });
  backend.on<MaxPoolTake>(
      [](const MaxPoolTake& op, const Types& in, const Types& out) -> std::optional<Runner> {
        const PoolShape s = pool_shape(in[0].shape, out[0].shape, op.size, op.window);
        if (in[0].dtype == DType::kFloat32) return take(s);
        return plain_max_pool_take(s, in[0].dtype);
      });
  backend.on<MaxPoolGrad>(
      [](const MaxPoolGrad& op, const Types& in, const Types&) -> std::optional<Runner> {
        const PoolShape s = pool_shape(in[0].shape, in[1].shape, op.size, op.window);
        if (in[0].dtype != DType::kFloat32) return plain_max_pool_grad(s, in[0].dtype);
        return gradient(s, [](const Call& call, const PoolRow& row, auto x, auto y) {
          kernels().pool.max_grad(row, call.input(0) + x, call.input(1) + y, call.output(0) + x);
        });
      });
  backend.on<AveragePoolGrad>(
      [](const AveragePoolGrad& op, const Types& in, const Types&) -> std::optional<Runner> {
        const PoolShape s = pool_shape(op.input, in[0].shape, op.size, op.window);
        if (in[0].dtype != DType::kFloat32) return plain_average_pool_grad(s, in[0].dtype);
        return gradient(s, [](const Call& call, const PoolRow& row, auto x, auto y) {
          kernels().pool.average_grad(row, call.input(0) + y, call.output(0) + x);
        });
      });
}

}  // namespace deepcore
