// Runners of softmax, log-softmax and the cross-entropies of class labels: float32 rows, cut
// between rows. float64 goes through compose().
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// Exponentials a task should have to do, those of a row's ragged end included: some 2 us.
constexpr std::int64_t kGrain = 2048, kLanes = 16;
// Labels translated at a time.
constexpr std::int64_t kBlock = 256;

struct Rows {
  std::int64_t count, n;

  explicit Rows(const Type& x) : n(x.shape.back()) {
    count = x.shape.elements(0, x.shape.rank() - 1);
  }
  std::int64_t tasks() const {
    const std::int64_t row = (n + kLanes - 1) / kLanes * kLanes;
    return tasks_for(count, std::max<std::int64_t>(1, kGrain / std::max(row, kLanes)));
  }
};

// A phase of row ranges: body(call, range).
template <class F>
Runner by_rows(Rows rows, F body) {
  const std::int64_t tasks = rows.tasks();
  return {{{tasks, [rows, tasks, body](const Call& call, std::int64_t task, void*) {
              body(call, piece(rows.count, tasks, task));
            }}}};
}

struct Labels {
  DType dtype;
  std::optional<std::int64_t> ignore;
  std::int64_t classes;

  std::int64_t at(const void* labels, std::int64_t i) const {
    switch (dtype) {
      case DType::kInt64:
        return static_cast<const std::int64_t*>(labels)[i];
      case DType::kInt32:
        return static_cast<const std::int32_t*>(labels)[i];
      default:
        return static_cast<const std::uint8_t*>(labels)[i];
    }
  }

  // Calls body(first row, count, labels) for blocks of the range, with kIgnoredLabel and kBadLabel
  // where they apply; a bad one is a fault.
  template <class F>
  void blocks(const Call& call, Range range, F body) const {
    std::int64_t block[kBlock];
    bool bad = false;
    for (std::int64_t r = range.begin; r < range.end; r += kBlock) {
      const std::int64_t count = std::min(kBlock, range.end - r);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t label = at(call.in[1], r + i);
        const bool known = label >= 0 && label < classes;
        block[i] = ignore && label == *ignore ? kIgnoredLabel : known ? label : kBadLabel;
        bad = bad || block[i] == kBadLabel;
      }
      body(r, count, block);
    }
    if (bad)
      call.fault->store(static_cast<int>(Fault::kLabelOutOfRange), std::memory_order_relaxed);
  }
};

Runner logits_loss(Rows rows, Labels labels) {
  return by_rows(rows, [rows, labels](const Call& call, Range range) {
    labels.blocks(call, range, [&](std::int64_t r, std::int64_t count, const std::int64_t* label) {
      kernels().softmax.cross_entropy(call.input(0) + r * rows.n, label, call.output(0) + r, count,
                                      rows.n);
    });
  });
}

Runner probability_loss(Rows rows, Labels labels) {
  return by_rows({rows}, [rows, labels](const Call& call, Range range) {
    labels.blocks(call, range, [&](std::int64_t r, std::int64_t count, const std::int64_t* label) {
      float p[kBlock];
      for (std::int64_t i = 0; i < count; ++i)
        p[i] = label[i] < 0 ? std::numeric_limits<float>::quiet_NaN()
                            : call.input(0)[(r + i) * rows.n + label[i]];
      float* loss = call.output(0) + r;
      kernels().softmax.clipped_loss(p, loss, count);
      for (std::int64_t i = 0; i < count; ++i)
        if (label[i] == kIgnoredLabel) loss[i] = 0;
    });
  });
}

Runner logits_grad(Rows rows, Labels labels) {
  return by_rows(rows, [rows, labels](const Call& call, Range range) {
    labels.blocks(call, range, [&](std::int64_t r, std::int64_t count, const std::int64_t* label) {
      kernels().softmax.cross_entropy_grad(call.input(0) + r * rows.n, label, call.input(2) + r,
                                           call.output(0) + r * rows.n, count, rows.n);
    });
  });
}

// -g / p at the label, where the clip lets p through.
Runner probability_grad(Rows rows, Labels labels) {
  return by_rows(rows, [rows, labels](const Call& call, Range range) {
    labels.blocks(call, range, [&](std::int64_t r, std::int64_t count, const std::int64_t* label) {
      const float* g = call.input(2) + r;
      for (std::int64_t i = 0; i < count; ++i) {
        float* gx = call.output(0) + (r + i) * rows.n;
        const bool bad = label[i] == kBadLabel;
        std::fill_n(gx, rows.n, bad ? std::numeric_limits<float>::quiet_NaN() : 0.0f);
        if (label[i] < 0) continue;
        const float p = call.input(0)[(r + i) * rows.n + label[i]];
        if (p >= 1e-7f && p <= 1.0f - 1e-7f) gx[label[i]] = -g[i] / p;
      }
    });
  });
}

bool is_f32(const Types& in) { return in[0].dtype == DType::kFloat32; }

}  // namespace

void register_softmax(CpuBackend& backend) {
  using Result = std::optional<Runner>;
  backend.on<Softmax>([](const Softmax&, const Types& in, const Types&) -> Result {
    if (!is_f32(in)) return std::nullopt;
    return by_rows(Rows(in[0]), [n = Rows(in[0]).n](const Call& call, Range r) {
      kernels().softmax.softmax(call.input(0) + r.begin * n, call.output(0) + r.begin * n,
                                r.end - r.begin, n);
    });
  });
  backend.on<LogSoftmax>([](const LogSoftmax&, const Types& in, const Types&) -> Result {
    if (!is_f32(in)) return std::nullopt;
    return by_rows(Rows(in[0]), [n = Rows(in[0]).n](const Call& call, Range r) {
      kernels().softmax.log_softmax(call.input(0) + r.begin * n, call.output(0) + r.begin * n,
                                    r.end - r.begin, n);
    });
  });
  backend.on<SoftmaxGrad>([](const SoftmaxGrad&, const Types& in, const Types&) -> Result {
    if (!is_f32(in)) return std::nullopt;
    return by_rows(Rows(in[0]), [n = Rows(in[0]).n](const Call& call, Range r) {
      const std::int64_t at = r.begin * n;
      kernels().softmax.softmax_grad(call.input(0) + at, call.input(1) + at, call.output(0) + at,
                                     r.end - r.begin, n);
    });
  });
  backend.on<SparseCrossEntropy>(
      [](const SparseCrossEntropy& op, const Types& in, const Types&) -> Result {
        if (!is_f32(in)) return std::nullopt;
        const Rows rows(in[0]);
        const Labels labels{in[1].dtype, op.ignore, rows.n};
        return op.from_logits ? logits_loss(rows, labels) : probability_loss(rows, labels);
      });
  backend.on<SparseCrossEntropyGrad>(
      [](const SparseCrossEntropyGrad& op, const Types& in, const Types&) -> Result {
        if (!is_f32(in)) return std::nullopt;
        const Rows rows(in[0]);
        const Labels labels{in[1].dtype, op.ignore, rows.n};
        return op.from_logits ? logits_grad(rows, labels) : probability_grad(rows, labels);
      });
}

}  // namespace deepcore
