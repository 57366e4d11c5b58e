// Runners of connectionist temporal classification: float32, cut between sequences. float64 goes
// through compose().
#include "deepcore/ops/ctc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// States that a task should see: some 10 us.
constexpr std::int64_t kGrain = 2048;
constexpr float kNever = -std::numeric_limits<float>::infinity();
// In front of vectors of states: what the first two are entered from.
constexpr std::int64_t kFront = 2;

struct Shapes {
  std::int64_t batch, steps, classes, labels, states;
  int blank;
  bool wide_labels;

  Shapes(const Types& in, int b)
      : batch(in[0].shape[0]),
        steps(in[0].shape[1]),
        classes(in[0].shape[2]),
        labels(in[1].shape[1]),
        states(2 * labels + 1),
        blank(b),
        wide_labels(in[1].dtype == DType::kInt64) {}

  std::int64_t tasks() const {
    return tasks_for(batch, std::max<std::int64_t>(1, kGrain / (steps * states + 1)));
  }
  std::int64_t label(const Call& call, std::int64_t row, std::int64_t i) const {
    const std::int64_t at = row * labels + i;
    return wide_labels ? call.input<std::int64_t>(1)[at] : call.input<std::int32_t>(1)[at];
  }
  // The scratch of one sequence: three vectors of states with room in front, and two without.
  std::size_t scratch() const {
    return static_cast<std::size_t>(3 * (kFront + states) + 2 * states) * sizeof(float);
  }
};

// One sequence: its lengths, and vectors of its states.
struct Sequence {
  const Shapes& shapes;
  const Call& call;
  std::int64_t row;
  float *before, *g, *g_before, *skip, *emitted;
  std::int64_t labels, steps, states;

  Sequence(const Shapes& p, const Call& c, std::int64_t r, float* scratch)
      : shapes(p),
        call(c),
        row(r),
        before(scratch + kFront),
        g(before + p.states + kFront),
        g_before(g + p.states + kFront),
        skip(g_before + p.states),
        emitted(skip + p.states) {
    const auto within = [&](int input, std::int64_t most) {
      return std::clamp<std::int64_t>(call.input<std::int32_t>(input)[row], 0, most);
    };
    labels = within(2, shapes.labels);
    steps = within(3, shapes.steps);
    states = 2 * labels + 1;
    std::fill_n(scratch, kFront, kNever);
  }

  // The class of a state. Labels have been checked.
  std::int64_t class_of(std::int64_t s) const {
    return s % 2 == 0 ? shapes.blank : shapes.label(call, row, s / 2);
  }
  // Where states may be entered from two before. False, and a fault, when a label is none.
  bool prepare() {
    for (std::int64_t i = 0; i < labels; ++i) {
      const std::int64_t label = shapes.label(call, row, i);
      if (label < 0 || label >= shapes.classes) {
        call.fault->store(static_cast<int>(Fault::kLabelOutOfRange), std::memory_order_relaxed);
        return false;
      }
    }
    std::fill_n(skip, states, kNever);
    for (std::int64_t s = 3; s < states; s += 2)
      if (class_of(s) != class_of(s - 2)) skip[s] = 0;
    return true;
  }
  void emit(std::int64_t t) {
    const float* log_p = call.input(0) + (row * shapes.steps + t) * shapes.classes;
    for (std::int64_t s = 0; s < states; ++s) emitted[s] = log_p[class_of(s)];
  }
  // The alphas of a step, before the first one those that open.
  void load_before(const float* alphas, std::int64_t t) {
    if (t > 0) {
      std::copy_n(alphas + (t - 1) * shapes.states, states, before);
      return;
    }
    // As if state 0 had been reached from the left: it and the first label are entered.
    std::fill_n(before, states, kNever);
    before[0] = 0;
  }
  // log p of the end states of some alphas.
  double end(const float* alphas) const {
    const double last = alphas[states - 1], label = labels > 0 ? alphas[states - 2] : kNever;
    const double top = std::max(last, label);
    return top == kNever ? top : top + std::log(std::exp(last - top) + std::exp(label - top));
  }
};

// Calls body(row, scratch) for all sequences.
template <class F>
Runner by_rows(const Shapes& shapes, std::size_t scratch, F body) {
  const std::int64_t tasks = shapes.tasks(), batch = shapes.batch;
  Runner runner;
  runner.scratch = scratch;
  runner.phases.push_back({tasks, [=](const Call& call, std::int64_t task, void* at) {
                             const Range rows = piece(batch, tasks, task);
                             for (std::int64_t row = rows.begin; row < rows.end; ++row)
                               body(call, row, static_cast<float*>(at));
                           }});
  return runner;
}

std::optional<Runner> loss(const CtcLoss& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const Shapes p(in, op.blank);
  // Without anyone to read the alphas they take turns behind the rest of the scratch.
  const std::size_t own = static_cast<std::size_t>(p.states) * sizeof(float);
  return by_rows(p, p.scratch() + own, [p](const Call& call, std::int64_t row, float* scratch) {
    Sequence sequence(p, call, row, scratch);
    float* const alphas = call.out[1] ? call.output(1) + row * p.steps * p.states : nullptr;
    float* const spare = scratch + p.scratch() / sizeof(float);
    double total = sequence.labels == 0 ? 0 : kNever;
    if (alphas) std::fill_n(alphas, p.steps * p.states, 0.0f);
    if (!sequence.prepare()) return;
    double shifts = 0;
    for (std::int64_t t = 0; t < sequence.steps; ++t) {
      float* now = alphas ? alphas + t * p.states : spare;
      if (t == 0 || alphas)
        sequence.load_before(alphas, t);
      else
        std::copy_n(spare, sequence.states, sequence.before);
      sequence.emit(t);
      shifts += kernels().ctc.step(sequence.before, sequence.skip, sequence.emitted, now,
                                   sequence.states);
      if (t + 1 == sequence.steps) total = shifts + sequence.end(now);
    }
    if (call.out[0]) call.output(0)[row] = static_cast<float>(-total);
  });
}

std::optional<Runner> loss_grad(const CtcLossGrad& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const Shapes p(in, op.blank);
  return by_rows(p, p.scratch(), [p](const Call& call, std::int64_t row, float* scratch) {
    Sequence sequence(p, call, row, scratch);
    float* out = call.output(0) + row * p.steps * p.classes;
    std::fill_n(out, p.steps * p.classes, 0.0f);
    if (sequence.steps == 0 || !sequence.prepare()) return;
    const float* alphas = call.input(4) + row * p.steps * p.states;
    const float* ends = alphas + (sequence.steps - 1) * p.states;
    const double end = sequence.end(ends);
    if (end == kNever) return;  // impossible
    const float scale = -call.input(5)[row];
    const std::int64_t states = sequence.states;
    std::fill_n(sequence.g, states, 0.0f);
    for (std::int64_t s = std::max<std::int64_t>(0, states - 2); s < states; ++s)
      sequence.g[s] = static_cast<float>(std::exp(ends[s] - end)) * scale;
    for (std::int64_t t = sequence.steps - 1; t >= 0; --t) {
      for (std::int64_t s = 0; s < states; ++s)
        out[t * p.classes + sequence.class_of(s)] += sequence.g[s];
      if (t == 0) break;
      sequence.load_before(alphas, t);
      std::fill_n(sequence.g_before - kFront, kFront + states, 0.0f);
      kernels().ctc.step_grad(sequence.before, sequence.skip, sequence.g, sequence.g_before,
                              states);
      std::swap(sequence.g, sequence.g_before);
    }
  });
}

}  // namespace

void register_ctc(CpuBackend& backend) {
  backend.on<CtcLoss>(loss);
  backend.on<CtcLossGrad>(loss_grad);
}

}  // namespace deepcore
