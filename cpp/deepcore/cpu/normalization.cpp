// Runners of row normalization in float32: rows are cut into tasks, whose sums for gamma and beta
// are combined in their order.
#include "deepcore/ops/normalization.h"

#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// Elements a task should have: some 5 us. Rows that are added up in float.
constexpr std::int64_t kGrain = 16384, kBlock = 128;

struct Sizes {
  std::int64_t rows, n;

  explicit Sizes(const Type& x)
      : rows(x.shape.elements(0, x.shape.rank() - 1)), n(x.shape.back()) {}

  NormRows at(const Call& call, Range range, const float* gamma, bool centred,
              double epsilon) const {
    return {range.end - range.begin,     n,      call.input(0) + range.begin * n, gamma,
            static_cast<float>(epsilon), centred};
  }
};

std::optional<Runner> forward(const RowNorm& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const Sizes s(in[0]);
  const std::int64_t tasks =
      tasks_for(s.rows, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, s.n)));
  const bool centred = op.centred, scale = op.scale, shift = op.shift;
  const double epsilon = op.epsilon;
  return Runner{{{tasks, [=](const Call& call, std::int64_t task, void*) {
                    const Range range = piece(s.rows, tasks, task);
                    kernels().norm.normalize(
                        s.at(call, range, scale ? call.input(1) : nullptr, centred, epsilon),
                        shift ? call.input(scale ? 2 : 1) : nullptr,
                        call.output(0) + range.begin * s.n);
                  }}}};
}

std::optional<Runner> backward(const RowNormGrad& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const Sizes s(in[0]);
  const std::int64_t least = kGrain / std::max<std::int64_t>(1, s.n) / kBlock;
  const std::int64_t blocks = (s.rows + kBlock - 1) / kBlock;
  const std::int64_t tasks = std::max<std::int64_t>(
      1, tasks_for(blocks, std::max<std::int64_t>(1, least)));  // sums of no rows are 0 too
  const bool centred = op.centred, scale = op.scale, shift = op.shift;
  const double epsilon = op.epsilon;
  Runner runner;
  runner.scratch = static_cast<std::size_t>(2 * s.n) * sizeof(float);
  runner.workspace = static_cast<std::size_t>(2 * s.n * tasks) * sizeof(double);
  runner.phases.push_back(
      {tasks, [=](const Call& call, std::int64_t task, void* scratch) {
         auto* sums = static_cast<double*>(call.workspace) + 2 * s.n * task;
         std::fill_n(sums, 2 * s.n, 0.0);
         const Range range = piece(blocks, tasks, task);
         float* gx = call.output(0);
         for (std::int64_t b = range.begin; b < range.end; ++b) {
           const Range rows{b * kBlock, std::min(s.rows, (b + 1) * kBlock)};
           kernels().norm.normalize_grad(
               s.at(call, rows, scale ? call.input(2) : nullptr, centred, epsilon),
               call.input(1) + rows.begin * s.n, gx ? gx + rows.begin * s.n : nullptr,
               scale ? sums : nullptr, shift ? sums + s.n : nullptr, static_cast<float*>(scratch));
         }
       }});
  if (!scale && !shift) return runner;
  runner.phases.push_back({1, [=](const Call& call, std::int64_t, void*) {
                             auto* total = static_cast<double*>(call.workspace);
                             for (std::int64_t t = 1; t < tasks; ++t)
                               for (std::int64_t i = 0; i < 2 * s.n; ++i)
                                 total[i] += total[2 * s.n * t + i];
                             float* ggamma = scale ? call.output(1) : nullptr;
                             float* gbeta = shift ? call.output(scale ? 2 : 1) : nullptr;
                             for (std::int64_t i = 0; i < s.n; ++i) {
                               if (ggamma) ggamma[i] = static_cast<float>(total[i]);
                               if (gbeta) gbeta[i] = static_cast<float>(total[s.n + i]);
                             }
                           }});
  return runner;
}

}  // namespace

void register_normalization(CpuBackend& backend) {
  backend.on<RowNorm>(forward);
  backend.on<RowNormGrad>(backward);
}

}  // namespace deepcore
