// Sums along the last axes of what a Program computes, in the pieces and so the bits of Reduce.
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/reduce_axes.h"
#include "deepcore/cpu/summed_program.h"

namespace deepcore {
namespace {

constexpr std::int64_t kGrain = 32768;  // elements a task should take at least
constexpr std::int64_t kChunk = 2048;   // of a sum at a time: they stay in L1

void sum_rows(const float* x, std::int64_t rows, std::int64_t n, double* totals) {
  kernels().reduce.rows[ReduceKernels::kSum](x, rows, n, totals);
}

// Several rows at a time.
Runner short_rows(const FusedSum& op, const Types& in, const Shape& shape, std::int64_t run) {
  const std::int64_t rows = shape.elements() / run,
                     at_once = std::max<std::int64_t>(1, kChunk / run), chunk = at_once * run;
  const std::int64_t tasks = tasks_for(rows, std::max<std::int64_t>(1, kGrain / run));
  const SummedProgram job(op, in, shape, chunk);
  Runner runner;
  runner.scratch = job.scratch();
  runner.phases.push_back({tasks, [=](const Call& call, std::int64_t task, void* scratch) {
                             const Range r = piece(rows, tasks, task);
                             for (std::int64_t row = r.begin; row < r.end; row += at_once) {
                               const std::int64_t n = std::min(at_once, r.end - row);
                               job.fetch(call, row * run + chunk,
                                         std::min(row * run + 2 * chunk, rows * run));
                               job.run(call, rows * run, row * run, n * run, scratch,
                                       [&](int s, const float* x, std::int64_t) {
                                         double totals[kChunk];
                                         sum_rows(x, n, run, totals);
                                         if (auto* y = call.output(job.plain() + s))
                                           std::copy_n(totals, n, y + row);
                                       });
                             }
                           }});
  return runner;
}

// A row in pieces, which are added up when all are there.
Runner long_rows(const FusedSum& op, const Types& in, const Shape& shape, const Dims& axes) {
  const ReduceAxes merged(shape, axes);
  const ReducePieces cut(merged);
  const std::int64_t rows = merged.outer, run = merged.run, partials = cut.partials;
  const std::int64_t segment = cut.segment, items = rows * partials;
  const SummedProgram job(op, in, shape, kChunk);
  Runner runner;
  runner.workspace = static_cast<std::size_t>(items * op.sums) * sizeof(double);
  runner.scratch = job.scratch();
  const std::int64_t tasks = tasks_for(items, std::max<std::int64_t>(1, kGrain / segment));
  runner.phases.push_back({tasks, [=](const Call& call, std::int64_t task, void* scratch) {
                             const Range r = piece(items, tasks, task);
                             for (std::int64_t item = r.begin; item < r.end; ++item) {
                               double* totals =
                                   static_cast<double*>(call.workspace) + item * job.sums;
                               std::fill_n(totals, job.sums, 0.0);
                               const std::int64_t row = item / partials,
                                                  first = item % partials * segment;
                               const std::int64_t end = std::min(first + segment, run);
                               for (std::int64_t i = first; i < end; i += kChunk) {
                                 const std::int64_t n = std::min(kChunk, end - i);
                                 job.fetch(call, row * run + i + kChunk,
                                           std::min(row * run + i + 2 * kChunk, rows * run));
                                 job.run(call, rows * run, row * run + i, n, scratch,
                                         [&](int s, const float* x, std::int64_t) {
                                           double blocks[kChunk / kRowBlock + 1] = {};
                                           sum_rows(x, n / kRowBlock, kRowBlock, blocks);
                                           sum_rows(x + n / kRowBlock * kRowBlock, 1, n % kRowBlock,
                                                    blocks + n / kRowBlock);
                                           for (std::int64_t b = 0; b <= n / kRowBlock; ++b)
                                             totals[s] += blocks[b];
                                         });
                               }
                             }
                           }});
  runner.phases.push_back({1, [=](const Call& call, std::int64_t, void*) {
                             const auto* totals = static_cast<const double*>(call.workspace);
                             for (int s = 0; s < job.sums; ++s)
                               if (auto* y = call.output(job.plain() + s))
                                 for (std::int64_t row = 0; row < rows; ++row) {
                                   double total = 0;
                                   for (std::int64_t p = 0; p < partials; ++p)
                                     total += totals[(row * partials + p) * job.sums + s];
                                   y[row] = static_cast<float>(total);
                                 }
                           }});
  return runner;
}

}  // namespace

Runner fused_row_sums(const FusedSum& op, const Types& in, const Shape& shape) {
  Dims axes;
  for (int i = shape.rank() - op.trailing; i < shape.rank(); ++i) axes.push_back(i);
  const std::int64_t run = shape.elements(shape.rank() - op.trailing, shape.rank());
  return run <= kChunk ? short_rows(op, in, shape, run) : long_rows(op, in, shape, axes);
}

}  // namespace deepcore
