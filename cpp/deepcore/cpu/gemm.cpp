// The loops around the tiles are those of Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication" (2008), less the packing of A where it was measured to cost more than it
// saves.
#include "deepcore/cpu/gemm.h"

#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/finish.h"
#include "deepcore/cpu/gemm_plan.h"
#include "deepcore/cpu/gemm_task.h"

namespace deepcore {
namespace {

// Elements of C that one task adds up.
constexpr std::int64_t kSumGrain = 8192;

// Packs a share of B: rows of what is stored, so that memory is read in order.
void pack_shared(const GemmPlan& p, const float* b, float* out, std::int64_t task) {
  const std::int64_t cols = p.kernels->cols;
  if (p.tb) {
    const Range panels = piece(p.panels, p.pack_tasks, task);
    const std::int64_t col = panels.begin * cols, n = std::min(panels.end * cols, p.n) - col;
    p.kernels->pack_b(p.k, n, b + col * p.k, 1, p.k, out + col * p.k, cols * p.k);
  } else {
    const Range rows = piece(p.k, p.pack_tasks, task);
    p.kernels->pack_b(rows.end - rows.begin, p.n, b + rows.begin * p.n, p.n, 1,
                      out + rows.begin * cols, cols * p.k);
  }
}

// Rows of C from their chains.
void add_chains(const GemmPlan& p, const Call& call, Range rows) {
  const float* from = static_cast<const float*>(call.workspace) + p.packed_floats;
  const std::int64_t begin = rows.begin * p.n, end = rows.end * p.n;
  float* to = call.output(0);
  sum_chains(from, p.chain_floats, p.chains, begin, end, to);
  if (p.epilogue == Epilogue{}) return;
  const float* residual = residual_of(p.epilogue, call);
  GemmBlock block{};  // a product over no k that goes on from these sums
  block.m = rows.end - rows.begin;
  block.n = p.n;
  block.a = block.b = to;  // not read
  block.b_padded = true;
  block.to = {to + begin, p.n, true, finish_of(p.epilogue, call),
              residual ? residual + begin : nullptr};
  p.kernels->block(block);
}

}  // namespace

std::int64_t offset_of(std::int64_t index, const Shape& shape, const Dims& strides) {
  std::int64_t offset = 0;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    offset += index % shape[i] * strides[i];
    index /= shape[i];
  }
  return offset;
}

Runner gemm_runner(const Gemm& gemm, const Kernels& table, bool constant_b) {
  const GemmPlan p = plan_gemm(gemm, table, constant_b);
  Runner runner;
  if (p.m == 0 || p.n == 0 || p.batch.elements() == 0) {
    runner.phases.push_back({0, [](const Call&, std::int64_t, void*) {}});
    return runner;
  }
  const auto b_of = [](const GemmPlan& plan, const Call& call) {
    return call.input(plan.swapped ? 0 : 1);
  };
  runner.workspace =
      static_cast<std::size_t>(p.packed_floats + p.chains * p.chain_floats) * sizeof(float);
  if (p.source == GemmSource::kShared) {
    if (p.constant_b) runner.absorbed = kConstantB;
    (p.constant_b ? runner.setup : runner.phases)
        .push_back({p.pack_tasks, [p, b_of](const Call& call, std::int64_t task, void*) {
                      pack_shared(p, b_of(p, call), static_cast<float*>(call.workspace), task);
                    }});
  }
  runner.scratch =
      static_cast<std::size_t>(p.a_floats + p.b_floats + 2 * p.column_floats) * sizeof(float);
  // Rows first: neighbouring tasks, which often run on one thread, read the same panels of B. The
  // chains last: so a thread meets its own part of k again.
  const std::int64_t tasks = p.row_tasks * p.col_tasks;
  const auto run = [p, b_of, tasks](const Call& call, std::int64_t task, void* scratch) {
    const Range rows = p.rows_of(task % tasks % p.row_tasks);
    const Range panels = piece(p.panels, p.col_tasks, task % tasks / p.row_tasks);
    const float* shared = static_cast<const float*>(call.workspace);
    if (p.chains > 1) {
      const std::int64_t chain = task / tasks;
      float* to = static_cast<float*>(call.workspace) + p.packed_floats + chain * p.chain_floats;
      const GemmOperands at{call.input(p.swapped ? 1 : 0), b_of(p, call), to, {}, nullptr};
      return GemmTask(p, at, shared, scratch).run(rows, panels, piece(p.k, p.chains, chain));
    }
    const Range entries = piece(p.batch.elements(), p.entry_tasks, task / tasks);
    const Finish finish = finish_of(p.epilogue, call);
    const float* residual = residual_of(p.epilogue, call);
    for (std::int64_t i = entries.begin; i < entries.end; ++i) {
      const GemmOperands at{call.input(p.swapped ? 1 : 0) + offset_of(i, p.batch, p.a_strides),
                            b_of(p, call) + offset_of(i, p.batch, p.b_strides),
                            call.output(0) + i * p.m * p.n, finish,
                            residual ? residual + i * p.m * p.n : nullptr};
      GemmTask(p, at, shared, scratch).run(rows, panels, {0, p.k});
    }
  };
  if (p.chains == 1) {
    runner.phases.push_back({p.entry_tasks * tasks, run});
  } else if (p.one_task) {
    runner.phases.push_back({1, [p, run](const Call& call, std::int64_t, void* scratch) {
                               for (std::int64_t chain = 0; chain < p.chains; ++chain)
                                 run(call, chain, scratch);
                               add_chains(p, call, {0, p.m});
                             }});
  } else {
    runner.phases.push_back({p.chains * tasks, run});
    const std::int64_t sums = std::min(p.m, tasks_for(p.m * p.n, kSumGrain));
    runner.phases.push_back({sums, [p, sums](const Call& call, std::int64_t task, void*) {
                               add_chains(p, call, piece(p.m, sums, task));
                             }});
  }
  return runner;
}

}  // namespace deepcore
