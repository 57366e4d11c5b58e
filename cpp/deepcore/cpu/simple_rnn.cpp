// The simple recurrent network over a sequence in float32: a product and a function for each step.
#include <algorithm>

#include "deepcore/cpu/recurrent.h"

namespace deepcore {
namespace {

std::optional<Runner> forward(const SimpleRnn& op, const Types& in, const Types&,
                              Constants constants) {
  if (!runs_recurrent(in[0])) return std::nullopt;
  const std::int64_t u = in[1].shape[0];
  const bool masked = in.size() > 3;
  RecurrentPlan plan(in[0].shape, u, op.reverse, masked, 2 * u);
  plan.add(RecurrentWeights::straight(u, u, 0, u));
  return plan.runner(constants & kConstantWeights,
                     [plan, u, masked, kind = op.activation](RecurrentTask& task) {
                       const Call& call = task.call;
                       const Range rows = task.rows;
                       const std::int64_t count = task.size(), steps = plan.steps;
                       float *h = task.scratch, *product = h + count * u;
                       std::copy_n(call.input(2) + rows.begin * u, count * u, h);
                       const bool* mask = masked ? call.input<bool>(3) : nullptr;
                       SimpleStep step{};
                       step.activation = kind;
                       step.h_row = steps * u;
                       step.h = h;
                       step.product = product;
                       plan.walk(false, [&](std::int64_t t, std::int64_t) {
                         const std::int64_t at = (rows.begin * steps + t) * u;
                         static_cast<RecurrentRows&>(step) = plan.at(task, mask, t);
                         step.x = call.input(0) + at;
                         step.h_out = call.output(0) + at;
                         plan.multiply(task, 0, h, u, product, u, false);
                         kernels().recurrent.simple(step);
                       });
                     });
}

std::optional<Runner> backward(const SimpleRnnGrad& op, const Types& in, const Types&) {
  if (!runs_recurrent(in[0])) return std::nullopt;
  const std::int64_t u = in[1].shape[0];
  const bool masked = in.size() > 3;
  RecurrentPlan plan(in[0].shape, u, op.reverse, masked, 2 * u);
  plan.add(RecurrentWeights::turned(u, u, 0, u));
  return plan.runner(false, [plan, u, masked, kind = op.activation](RecurrentTask& task) {
    const Call& call = task.call;
    const Range rows = task.rows;
    const std::int64_t count = task.size(), steps = plan.steps;
    float *g = task.scratch, *product = g + count * u;
    std::fill_n(g, count * u, 0.0f);
    const bool* mask = masked ? call.input<bool>(3) : nullptr;
    SimpleStepGrad step{};
    step.activation = kind;
    step.h_row = steps * u;
    step.g = g;
    step.product = product;
    plan.walk(true, [&](std::int64_t t, std::int64_t) {
      const std::int64_t at = (rows.begin * steps + t) * u;
      static_cast<RecurrentRows&>(step) = plan.at(task, mask, t);
      step.h = call.input(0) + at;
      step.gh = call.input(2) + at;
      step.gx = call.out[0] ? call.output(0) + at : nullptr;
      kernels().recurrent.simple_grad(step);
      plan.multiply(task, 0, product, u, g, u, true);
    });
    if (call.out[1]) std::copy_n(g, count * u, call.output(1) + rows.begin * u);
  });
}

}  // namespace

void register_simple_rnn(CpuBackend& backend) {
  backend.on<SimpleRnn>(forward);
  backend.on<SimpleRnnGrad>(backward);
}

}  // namespace deepcore
