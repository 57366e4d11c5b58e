// GRU over a sequence in float32: a product and the gates for each step; two products where the
// reset comes before the second.
#include <algorithm>

#include "deepcore/cpu/recurrent.h"

namespace deepcore {
namespace {

std::optional<Runner> forward(const Gru& op, const Types& in, const Types&, Constants constants) {
  if (!runs_recurrent(in[0])) return std::nullopt;
  const std::int64_t u = in[1].shape[0];
  const bool after = op.reset_after;
  const int inputs = after ? 4 : 3;
  const bool masked = static_cast<int>(in.size()) > inputs;
  RecurrentPlan plan(in[0].shape, u, op.reverse, masked, 8 * u);
  plan.add(RecurrentWeights::straight(u, 3 * u, 0, after ? 3 * u : 2 * u));
  if (!after) plan.add(RecurrentWeights::straight(u, 3 * u, 2 * u, u));
  return plan.runner(constants & kConstantWeights, [=](RecurrentTask& task) {
    const Call& call = task.call;
    const Range rows = task.rows;
    const std::int64_t count = task.size(), steps = plan.steps;
    float *h = task.scratch, *reset = h + count * u, *product = reset + count * u,
          *unkept = product + 3 * count * u;
    std::copy_n(call.input(2) + rows.begin * u, count * u, h);
    const bool* mask = masked ? call.input<bool>(inputs) : nullptr;
    const float* bias = after ? call.input(3) : nullptr;
    GruStep step{};
    step.reset_after = after;
    step.h = h;
    step.h_row = steps * u;
    step.reset = reset;
    step.product = product;
    step.product_row = 3 * u;
    step.inner = product + 2 * u;
    step.inner_row = 3 * u;
    plan.walk(false, [&](std::int64_t t, std::int64_t) {
      const std::int64_t at = rows.begin * steps + t;
      static_cast<RecurrentRows&>(step) = plan.at(task, mask, t);
      step.x = call.input(0) + at * 3 * u;
      step.x_row = steps * 3 * u;
      step.gates = call.out[0] ? call.output(0) + at * 3 * u : unkept;
      step.gate_row = call.out[0] ? steps * 3 * u : 3 * u;
      step.h_out = call.out[1] ? call.output(1) + at * u : nullptr;
      step.keep = after && call.out[2] ? call.output(2) + at * u : nullptr;
      plan.multiply(task, 0, h, u, product, 3 * u, false, bias);
      kernels().recurrent.gru_open(step);
      if (!after) plan.multiply(task, 1, reset, u, product + 2 * u, 3 * u, false);
      kernels().recurrent.gru_close(step);
    });
  });
}

std::optional<Runner> backward(const GruGrad& op, const Types& in, const Types&) {
  if (!runs_recurrent(in[0])) return std::nullopt;
  const std::int64_t u = in[1].shape[0];
  const bool after = op.reset_after;
  const int inputs = after ? 6 : 5;
  const bool masked = static_cast<int>(in.size()) > inputs;
  RecurrentPlan plan(in[0].shape, u, op.reverse, masked, 8 * u);
  plan.add(RecurrentWeights::turned(u, 3 * u, 0, after ? 3 * u : 2 * u));
  if (!after) plan.add(RecurrentWeights::turned(u, 3 * u, 2 * u, u));
  return plan.runner(false, [=](RecurrentTask& task) {
    const Call& call = task.call;
    const Range rows = task.rows;
    const std::int64_t count = task.size(), steps = plan.steps;
    float *g = task.scratch, *of_product = g + count * u, *product = of_product + count * u,
          *unread = product + 3 * count * u;
    std::fill_n(g, count * u, 0.0f);
    const bool* mask = masked ? call.input<bool>(inputs) : nullptr;
    GruStepGrad step{};
    step.h_row = steps * u;
    step.g = g;
    step.product = product;
    step.product_row = 3 * u;
    step.of_product = of_product;
    plan.walk(true, [&](std::int64_t t, std::int64_t before) {
      const std::int64_t row = rows.begin * steps;
      static_cast<RecurrentRows&>(step) = plan.at(task, mask, t);
      step.gates = call.input(0) + (row + t) * 3 * u;
      step.gate_row = steps * 3 * u;
      step.gx = call.out[0] ? call.output(0) + (row + t) * 3 * u : unread;
      step.gx_row = call.out[0] ? steps * 3 * u : 3 * u;
      step.gh = call.input(4) + (row + t) * u;
      step.inner = after ? call.input(5) + (row + t) * u : nullptr;
      step.h_before =
          before < 0 ? call.input(3) + rows.begin * u : call.input(2) + (row + before) * u;
      step.before_row = before < 0 ? u : steps * u;
      step.product_out = after && call.out[2] ? call.output(2) + (row + t) * 3 * u : nullptr;
      kernels().recurrent.gru_close_grad(step);
      if (!after) {
        plan.multiply(task, 1, product + 2 * u, 3 * u, of_product, u, false);
        kernels().recurrent.gru_open_grad(step);
      }
      plan.multiply(task, 0, product, 3 * u, g, u, true);
    });
    if (call.out[1]) std::copy_n(g, count * u, call.output(1) + rows.begin * u);
  });
}

}  // namespace

void register_gru(CpuBackend& backend) {
  backend.on<Gru>(forward);
  backend.on<GruGrad>(backward);
}

}  // namespace deepcore
