// Sums down the columns of what a Program computes, in the pieces and so the bits of Reduce.
#include "deepcore/cpu/column_pieces.h"
#include "deepcore/cpu/summed_program.h"

namespace deepcore {
namespace {

struct ColumnSums {
  SummedProgram job;
  ColumnPieces pieces;

  // totals: (sums, cols), zeroed here.
  void run(const Call& call, std::int64_t piece, void* scratch, double* totals) const {
    const std::int64_t cols = pieces.cols, count = pieces.rows * cols, end = pieces.last(piece);
    std::fill_n(totals, job.sums * cols, 0.0);
    for (std::int64_t row = pieces.first(piece); row < end; row += pieces.chunk) {
      const std::int64_t rows = std::min(pieces.chunk, end - row);
      job.run(call, count, row * cols, rows * cols, scratch,
              [&](int s, const float* x, std::int64_t readable) {
                kernels().reduce.columns[ReduceKernels::kSum](x, rows, cols, cols, readable,
                                                              totals + s * cols);
              });
    }
  }

  void finish(const Call& call, const double* totals) const {
    for (int s = 0; s < job.sums; ++s)
      if (auto* y = call.output(job.plain() + s))
        for (std::int64_t c = 0; c < pieces.cols; ++c)
          y[c] = static_cast<float>(totals[s * pieces.cols + c]);
  }
};

}  // namespace

Runner fused_column_sums(const FusedSum& op, const Types& in, const Shape& shape) {
  const std::int64_t cols = shape.back();
  const ColumnPieces cut(shape.elements() / cols, cols);
  const ColumnSums sums{SummedProgram(op, in, shape, cut.chunk * cols), cut};
  const std::int64_t width = op.sums * cols, pieces = cut.pieces;
  Runner runner;
  runner.workspace = static_cast<std::size_t>(pieces * width) * sizeof(double);
  runner.scratch = sums.job.scratch();
  runner.phases.push_back({pieces, [sums, width](const Call& call, std::int64_t p, void* scratch) {
                             sums.run(call, p, scratch,
                                      static_cast<double*>(call.workspace) + p * width);
                           }});
  runner.phases.push_back({1, [sums, width, pieces](const Call& call, std::int64_t, void*) {
                             auto* totals = static_cast<double*>(call.workspace);
                             for (std::int64_t p = 1; p < pieces; ++p)
                               for (std::int64_t i = 0; i < width; ++i)
                                 totals[i] += totals[p * width + i];
                             sums.finish(call, totals);
                           }});
  return runner;
}

}  // namespace deepcore
