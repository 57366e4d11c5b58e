// Runners of conditional random fields: float32, cut between sequences. float64 goes through
// compose().
#include "deepcore/ops/crf.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// Pairs of tags that a task should see: some 20 us.
constexpr std::int64_t kGrain = 16384;
// Sequences whose gradients of transitions are added up in one place, in their order.
constexpr std::int64_t kBlockRows = 8;

struct Chains {
  std::int64_t batch, steps, k;
  std::optional<DType> tag_dtype;
  std::size_t tags, mask;  // places among the inputs
  bool masked;

  Chains(const Types& in, std::size_t others, bool tagged)
      : batch(in[0].shape[0]),
        steps(in[0].shape[1]),
        k(in[0].shape[2]),
        tags(others),
        mask(others + (tagged ? 1 : 0)),
        masked(in.size() > mask) {
    if (tagged) tag_dtype = in[others].dtype;
  }

  std::int64_t tasks() const {
    return tasks_for(batch, std::max<std::int64_t>(1, kGrain / (steps * k * k + 1)));
  }
  bool counts(const Call& call, std::int64_t row, std::int64_t t) const {
    return !masked || static_cast<const bool*>(call.in[mask])[row * steps + t];
  }
  std::int64_t tag(const Call& call, std::int64_t row, std::int64_t t) const {
    const std::int64_t at = row * steps + t;
    return *tag_dtype == DType::kInt64 ? static_cast<const std::int64_t*>(call.in[tags])[at]
                                       : static_cast<const std::int32_t*>(call.in[tags])[at];
  }
  const float* scores(const Call& call, std::int64_t row, std::int64_t t) const {
    return call.input(0) + (row * steps + t) * k;
  }
};

// Calls body(row) for all sequences.
template <class F>
Runner by_rows(const Chains& chains, std::size_t scratch_floats, F body) {
  const std::int64_t tasks = chains.tasks();
  Runner runner;
  runner.scratch = scratch_floats * sizeof(float);
  runner.phases.push_back(
      {tasks, [batch = chains.batch, tasks, body](const Call& call, std::int64_t task, void* at) {
         const Range rows = piece(batch, tasks, task);
         for (std::int64_t row = rows.begin; row < rows.end; ++row)
           body(call, row, static_cast<float*>(at));
       }});
  return runner;
}

// The score of the tags of one sequence, in double: a sum of T numbers of any size.
double score_of(const Chains& c, const Call& call, std::int64_t row) {
  const float *transitions = call.input(1), *first = call.input(2), *last = call.input(3);
  double total = 0;
  std::int64_t before = -1;
  for (std::int64_t t = 0; t < c.steps; ++t) {
    if (!c.counts(call, row, t)) continue;
    const std::int64_t tag = c.tag(call, row, t);
    if (tag < 0 || tag >= c.k) {
      call.fault->store(static_cast<int>(Fault::kLabelOutOfRange), std::memory_order_relaxed);
      return 0;
    }
    total += before < 0 ? first[tag] : transitions[before * c.k + tag];
    total += c.scores(call, row, t)[tag];
    before = tag;
  }
  return before < 0 ? total : total + last[before];
}

std::optional<Runner> loss(const CrfLoss& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const Chains c(in, 4, op.tagged);
  return by_rows(
      c, static_cast<std::size_t>(2 * c.k), [c](const Call& call, std::int64_t row, float* alpha) {
        float* spare = alpha + c.k;
        double shifts = 0;
        bool begun = false;
        for (std::int64_t t = 0; t < c.steps; ++t) {
          float* message = call.out[1] ? call.output(1) + (row * c.steps + t) * c.k : spare;
          if (!c.counts(call, row, t)) {
            std::fill_n(message, c.k, 0.0f);
            continue;
          }
          if (begun)
            kernels().crf.message(alpha, call.input(1), message, c.k);
          else
            std::copy_n(call.input(2), c.k, message);
          begun = true;
          shifts += kernels().crf.shift(message, c.scores(call, row, t), alpha, c.k);
        }
        double total = 0;
        if (begun) total = shifts + kernels().crf.end(alpha, call.input(3), 1, nullptr, c.k);
        if (c.tag_dtype) total -= score_of(c, call, row);
        if (call.out[0]) call.output(0)[row] = static_cast<float>(total);
      });
}

// The gradients of a block of sequences: those of transitions, first and last come into `sums`.
class Backward {
 public:
  Backward(const Chains& chains, const Call& call, float* sums, float* scratch)
      : c_(chains),
        call_(call),
        transitions_(sums),
        first_(sums + c_.k * c_.k),
        last_(first_ + c_.k),
        alpha_(scratch),
        g_(scratch + c_.k),
        before_(g_ + c_.k) {}

  void run(std::int64_t row) {
    const CrfKernels& crf = kernels().crf;
    const float g = call_.input(5)[row];
    std::int64_t t = step_before(row, c_.steps);
    if (call_.out[0]) std::fill_n(grad(row, 0), c_.steps * c_.k, 0.0f);
    if (t < 0) return;
    load_alpha(row, t);
    crf.end(alpha_, call_.input(3), g, g_, c_.k);
    add(g_, last_);
    for (;;) {
      if (call_.out[0]) std::copy_n(g_, c_.k, grad(row, t));
      const std::int64_t earlier = step_before(row, t);
      if (earlier < 0) break;
      load_alpha(row, earlier);
      crf.pairs(alpha_, call_.input(1), message(row, t), g_, transitions_, before_, c_.k);
      std::swap(g_, before_);
      t = earlier;
    }
    add(g_, first_);
    if (c_.tag_dtype) take_tags(row, g);
  }

 private:
  std::int64_t step_before(std::int64_t row, std::int64_t t) const {
    do --t;
    while (t >= 0 && !c_.counts(call_, row, t));
    return t;
  }
  const float* message(std::int64_t row, std::int64_t t) const {
    return call_.input(4) + (row * c_.steps + t) * c_.k;
  }
  float* grad(std::int64_t row, std::int64_t t) const {
    return call_.output(0) + (row * c_.steps + t) * c_.k;
  }
  void load_alpha(std::int64_t row, std::int64_t t) {
    kernels().crf.shift(message(row, t), c_.scores(call_, row, t), alpha_, c_.k);
  }
  void add(const float* g, float* to) const {
    for (std::int64_t j = 0; j < c_.k; ++j) to[j] += g[j];
  }
  void take_tags(std::int64_t row, float g) {
    std::int64_t before = -1;
    for (std::int64_t t = 0; t < c_.steps; ++t) {
      if (!c_.counts(call_, row, t)) continue;
      const std::int64_t tag = c_.tag(call_, row, t);
      if (tag < 0 || tag >= c_.k) return;  // told by the loss
      if (call_.out[0]) grad(row, t)[tag] -= g;
      (before < 0 ? first_[tag] : transitions_[before * c_.k + tag]) -= g;
      before = tag;
    }
    last_[before] -= g;
  }

  const Chains& c_;
  const Call& call_;
  float *transitions_, *first_, *last_;
  float *alpha_, *g_, *before_;
};

std::optional<Runner> loss_grad(const CrfLossGrad& op, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const Chains c(in, 6, op.tagged);
  const std::int64_t blocks = (c.batch + kBlockRows - 1) / kBlockRows;
  const std::int64_t sums = c.k * c.k + 2 * c.k;
  Runner runner;
  runner.workspace = static_cast<std::size_t>(blocks * sums) * sizeof(float);
  runner.scratch = static_cast<std::size_t>(3 * c.k) * sizeof(float);
  runner.phases.push_back({blocks, [c, sums](const Call& call, std::int64_t block, void* scratch) {
                             float* to = static_cast<float*>(call.workspace) + block * sums;
                             std::fill_n(to, sums, 0.0f);
                             Backward backward(c, call, to, static_cast<float*>(scratch));
                             const std::int64_t begin = block * kBlockRows;
                             for (std::int64_t i = begin; i < std::min(begin + kBlockRows, c.batch);
                                  ++i)
                               backward.run(i);
                           }});
  runner.phases.push_back({1, [c, blocks, sums](const Call& call, std::int64_t, void*) {
                             const auto* from = static_cast<const float*>(call.workspace);
                             const std::int64_t sizes[] = {c.k * c.k, c.k, c.k};
                             for (int o = 0; o < 3; from += sizes[o++]) {
                               if (!call.out[o + 1]) continue;
                               float* to = call.output(o + 1);
                               std::fill_n(to, sizes[o], 0.0f);
                               for (std::int64_t b = 0; b < blocks; ++b)
                                 for (std::int64_t j = 0; j < sizes[o]; ++j)
                                   to[j] += from[b * sums + j];
                             }
                           }});
  return runner;
}

std::optional<Runner> best_path(const Viterbi&, const Types& in, const Types&) {
  if (in[0].dtype != DType::kFloat32) return std::nullopt;
  const Chains c(in, 4, false);
  // Three vectors and, as integers of the same size, where each tag of each step came from.
  const auto floats = static_cast<std::size_t>((3 + c.steps) * c.k);
  return by_rows(c, floats, [c](const Call& call, std::int64_t row, float* best) {
    const CrfKernels& crf = kernels().crf;
    float *message = best + c.k, *ends = message + c.k;
    auto* from = reinterpret_cast<std::int32_t*>(ends + c.k);
    double shifts = 0;
    std::int64_t latest = -1;
    for (std::int64_t t = 0; t < c.steps; ++t) {
      if (!c.counts(call, row, t)) continue;
      if (latest >= 0)
        crf.best(best, call.input(1), message, from + t * c.k, c.k);
      else
        std::copy_n(call.input(2), c.k, message);
      shifts += crf.shift(message, c.scores(call, row, t), best, c.k);
      latest = t;
    }
    std::int64_t tag = 0;
    if (latest >= 0) {
      for (std::int64_t j = 0; j < c.k; ++j) ends[j] = best[j] + call.input(3)[j];
      tag = std::max_element(ends, ends + c.k) - ends;
    }
    if (call.out[1]) call.output(1)[row] = latest < 0 ? 0 : static_cast<float>(shifts + ends[tag]);
    if (!call.out[0]) return;
    std::int32_t* tags = call.output<std::int32_t>(0) + row * c.steps;
    std::fill_n(tags, c.steps, 0);
    for (std::int64_t t = latest; t >= 0;) {
      tags[t] = static_cast<std::int32_t>(tag);
      std::int64_t earlier = t - 1;
      while (earlier >= 0 && !c.counts(call, row, earlier)) --earlier;
      if (earlier >= 0) tag = from[t * c.k + tag];
      t = earlier;
    }
  });
}

}  // namespace

void register_crf(CpuBackend& backend) {
  backend.on<CrfLoss>(loss);
  backend.on<CrfLossGrad>(loss_grad);
  backend.on<Viterbi>(best_path);
}

}  // namespace deepcore
