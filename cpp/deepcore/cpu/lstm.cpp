// LSTM over a sequence in float32: a product and the gates for each step.
#include <algorithm>

#include "deepcore/cpu/lstm_units.h"
#include "deepcore/cpu/recurrent.h"

namespace deepcore {
namespace {

std::optional<Runner> forward(const Lstm& op, const Types& in, const Types&, Constants constants) {
  if (!runs_recurrent(in[0])) return std::nullopt;
  const std::int64_t u = in[1].shape[0];
  const bool masked = in.size() > 4, constant = constants & kConstantWeights;
  if (lstm_goes_by_units(in[0].shape[0], u)) return lstm_by_units(op, in, constant);
  RecurrentPlan plan(in[0].shape, u, op.reverse, masked, 6 * u);
  plan.add(RecurrentWeights::straight(u, 4 * u, 0, 4 * u));
  return plan.runner(constant, [plan, u, masked](RecurrentTask& task) {
    const Call& call = task.call;
    const Range rows = task.rows;
    const std::int64_t count = task.size(), steps = plan.steps;
    float *h = task.scratch, *c = h + count * u, *product = c + count * u;
    std::copy_n(call.input(2) + rows.begin * u, count * u, h);
    std::copy_n(call.input(3) + rows.begin * u, count * u, c);
    const bool* mask = masked ? call.input<bool>(4) : nullptr;
    LstmStep step{};
    step.gate_row = steps * 4 * u;
    step.gate_step = step.state_row = u;
    step.h_row = steps * u;
    step.h = h;
    step.c = c;
    step.product = product;
    plan.walk(false, [&](std::int64_t t, std::int64_t) {
      const std::int64_t gate_at = (rows.begin * steps + t) * 4 * u,
                         at = (rows.begin * steps + t) * u;
      static_cast<RecurrentRows&>(step) = plan.at(task, mask, t);
      step.x = call.input(0) + gate_at;
      step.gates = call.out[0] ? call.output(0) + gate_at : nullptr;
      step.h_out = call.out[1] ? call.output(1) + at : nullptr;
      step.c_out = call.out[2] ? call.output(2) + at : nullptr;
      task.soon(step.x, step.gate_row, 4 * u);
      if (step.gates != step.x) task.soon(step.gates, step.gate_row, 4 * u);
      task.soon(step.h_out, step.h_row, u);
      task.soon(step.c_out, step.h_row, u);
      plan.multiply(task, 0, h, u, product, 4 * u, false);
      kernels().recurrent.lstm(step);
    });
  });
}

std::optional<Runner> backward(const LstmGrad& op, const Types& in, const Types&) {
  if (!runs_recurrent(in[0])) return std::nullopt;
  const std::int64_t u = in[1].shape[0];
  const int inputs = op.cell_grad ? 6 : 5;
  const bool masked = static_cast<int>(in.size()) > inputs, cell_grad = op.cell_grad;
  RecurrentPlan plan(in[0].shape, u, op.reverse, masked, 6 * u);
  plan.add(RecurrentWeights::turned(u, 4 * u, 0, 4 * u));
  return plan.runner(false, [=](RecurrentTask& task) {
    const Call& call = task.call;
    const Range rows = task.rows;
    const std::int64_t count = task.size(), steps = plan.steps;
    float *g = task.scratch, *gc = g + count * u, *product = gc + count * u;
    std::fill_n(g, 2 * count * u, 0.0f);
    const bool* mask = masked ? call.input<bool>(inputs) : nullptr;
    LstmStepGrad step{};
    step.gate_row = steps * 4 * u;
    step.h_row = steps * u;
    step.g = g;
    step.gc = gc;
    step.product = product;
    plan.walk(true, [&](std::int64_t t, std::int64_t before) {
      const std::int64_t row = rows.begin * steps;
      static_cast<RecurrentRows&>(step) = plan.at(task, mask, t);
      step.gates = call.input(0) + (row + t) * 4 * u;
      step.gx = call.out[0] ? call.output(0) + (row + t) * 4 * u : nullptr;
      step.c = call.input(2) + (row + t) * u;
      step.gh = call.input(4) + (row + t) * u;
      step.gc_in = cell_grad ? call.input(5) + (row + t) * u : nullptr;
      step.c_before =
          before < 0 ? call.input(3) + rows.begin * u : call.input(2) + (row + before) * u;
      step.before_row = before < 0 ? u : steps * u;
      kernels().recurrent.lstm_grad(step);
      if (before >= 0) {
        const std::int64_t on = before - t;
        task.soon(step.gates + on * 4 * u, step.gate_row, 4 * u);
        if (step.gx && step.gx != step.gates) task.soon(step.gx + on * 4 * u, step.gate_row, 4 * u);
        if (before + on >= 0 && before + on < steps)
          task.soon(step.c_before + on * u, step.h_row, u);
        task.soon(step.gh + on * u, step.h_row, u);
      }
      plan.multiply(task, 0, product, 4 * u, g, u, true);
    });
    if (call.out[1]) std::copy_n(g, count * u, call.output(1) + rows.begin * u);
    if (call.out[2]) std::copy_n(gc, count * u, call.output(2) + rows.begin * u);
  });
}

}  // namespace

void register_lstm(CpuBackend& backend) {
  backend.on<Lstm>(forward);
  backend.on<LstmGrad>(backward);
}

}  // namespace deepcore
