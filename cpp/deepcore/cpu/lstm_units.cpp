#include "deepcore/cpu/lstm_units.h"

#include <algorithm>
#include <memory>

#include "deepcore/cpu/recurrent.h"

namespace deepcore {
namespace {

// Units of a part at least: with fewer, a step takes no longer than its barrier.
constexpr std::int64_t kUnitsAPart = 64, kMostParts = 8;

std::int64_t parts_of(std::int64_t units) {
  std::int64_t parts = 1;
  while (parts < kMostParts && units >= 2 * parts * kUnitsAPart) parts *= 2;
  return parts;
}

}  // namespace

bool lstm_goes_by_units(std::int64_t batch, std::int64_t units) {
  const std::int64_t parts = parts_of(units);
  return batch > 0 && batch < kLeastRows && parts > 1 && units % (parts * kernels().gemm.cols) == 0;
}

Runner lstm_by_units(const Lstm& op, const Types& in, bool constant_weights) {
  const std::int64_t u = in[1].shape[0], parts = parts_of(u), n = u / parts;
  const bool masked = in.size() > 4;
  RecurrentPlan plan(in[0].shape, u, op.reverse, masked, 4 * n);
  for (std::int64_t part = 0; part < parts; ++part) {
    RecurrentWeights weights = RecurrentWeights::straight(u, 4 * u, part * n, 4 * n);
    weights.ranges = 4;  // a part of each gate
    weights.apart = u;
    plan.add(weights);
  }
  const auto shared = std::make_shared<const RecurrentPlan>(plan);
  Runner runner = plan.packing(constant_weights);
  // Behind the weights: h before and after the step, by turns, and c.
  const std::int64_t floats = plan.batch * u;
  runner.workspace += static_cast<std::size_t>(3 * floats) * sizeof(float);
  std::int64_t round = 0;
  plan.walk(false, [&](std::int64_t t, std::int64_t) {
    const bool first = round == 0, odd = round++ % 2 != 0;
    runner.phases.push_back(
        {parts, [=](const Call& call, std::int64_t part, void* scratch) {
           const RecurrentPlan& plan = *shared;
           const std::int64_t unit = part * n, steps = plan.steps;
           float* states = static_cast<float*>(call.workspace) + plan.packed_floats();
           const float* before = first ? call.input(2) : states + (odd ? 0 : floats);
           float *after = states + (odd ? floats : 0), *c = states + 2 * floats;
           for (std::int64_t r = 0; r < plan.batch; ++r) {  // what a masked row keeps
             const std::int64_t at = r * u + unit;
             std::copy_n(before + at, n, after + at);
             if (first) std::copy_n(call.input(3) + at, n, c + at);
           }
           RecurrentTask task = plan.task(call, {0, plan.batch}, scratch);
           LstmStep step{};
           static_cast<RecurrentRows&>(step) =
               plan.at(task, masked ? call.input<bool>(4) : nullptr, t);
           step.units = n;
           step.x = call.input(0) + t * 4 * u + unit;
           step.product = task.scratch;
           step.h = after + unit;
           step.c = c + unit;
           step.state_row = u;
           step.gates = call.out[0] ? call.output(0) + t * 4 * u + unit : nullptr;
           step.gate_row = steps * 4 * u;
           step.gate_step = u;
           step.h_out = call.out[1] ? call.output(1) + t * u + unit : nullptr;
           step.c_out = call.out[2] ? call.output(2) + t * u + unit : nullptr;
           step.h_row = steps * u;
           plan.multiply(task, static_cast<std::size_t>(part), before, u, step.product, 4 * n,
                         false);
           kernels().recurrent.lstm(step);
         }});
  });
  return runner;
}

}  // namespace deepcore
