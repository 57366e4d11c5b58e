// Moments in float32: pieces of rows, combined in their order (Chan, Golub & LeVeque 1983).
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/column_pieces.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {

namespace {

std::optional<Runner> moments_runner(const Moments&, const Types& in, const Types&) {
  const Shape& shape = in[0].shape;
  if (in[0].dtype != DType::kFloat32 || shape.elements() == 0) return std::nullopt;
  const std::int64_t cols = shape.back();
  const ColumnPieces pieces(shape.elements() / cols, cols);
  Runner runner;
  runner.workspace = static_cast<std::size_t>(2 * cols * pieces.pieces) * sizeof(double);
  runner.phases.push_back({pieces.pieces, [pieces, cols](const Call& call, std::int64_t p, void*) {
                             auto* mean = static_cast<double*>(call.workspace) + 2 * p * cols;
                             const std::int64_t first = pieces.first(p) * cols;
                             kernels().reduce.moments(
                                 call.input(0) + first, pieces.last(p) - pieces.first(p), cols,
                                 cols, pieces.rows * cols - first, mean, mean + cols);
                           }});
  runner.phases.push_back({1, [pieces, cols](const Call& call, std::int64_t, void*) {
                             auto* mean = static_cast<double*>(call.workspace);
                             double* m2 = mean + cols;
                             for (std::int64_t p = 1; p < pieces.pieces; ++p) {
                               const double* other = mean + 2 * p * cols;
                               const auto before = static_cast<double>(pieces.first(p));
                               const auto after = static_cast<double>(pieces.last(p));
                               const double share = (after - before) / after;
                               for (std::int64_t c = 0; c < cols; ++c) {
                                 const double delta = other[c] - mean[c];
                                 mean[c] += delta * share;
                                 m2[c] += other[cols + c] + delta * delta * before * share;
                               }
                             }
                             const double n = static_cast<double>(pieces.rows);
                             for (std::int64_t c = 0; c < cols; ++c) {
                               if (auto* y = call.output(0)) y[c] = static_cast<float>(mean[c]);
                               if (auto* y = call.output(1)) y[c] = static_cast<float>(m2[c] / n);
                             }
                           }});
  return runner;
}

}  // namespace

void register_moments(CpuBackend& backend) { backend.on<Moments>(moments_runner); }

}  // namespace deepcore
