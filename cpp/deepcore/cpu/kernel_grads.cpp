// The gradients of a recurrent layer's kernels in float32: rows of g are packed once, and
// multiplied with the states before them and with the inputs.
#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/gemm.h"
#include "deepcore/cpu/recurrent.h"

namespace deepcore {
namespace {

// Elements of both results: larger ones leave L2, and each is worth a trip of its own.
constexpr std::int64_t kMostCells = 1 << 18;
// Rows of g packed at a time, at most, and the elements of them that L2 holds beside the rest.
constexpr std::int64_t kMostDepth = 192, kPackedCells = 192 * 512;
// Rows of a result whose packed operand lies in L2 as well.
constexpr std::int64_t kBlockRows = 192;
// Tasks that keep a few threads busy, the multiply-adds that one takes at least, and its panels.
constexpr std::int64_t kEnoughTasks = 4, kLeastPanels = 2;
constexpr double kSmallTask = 256e3;
// Elements of the results that one task adds up.
constexpr std::int64_t kSumGrain = 8192;

struct Sizes {
  const GemmKernels* gemm = &kernels().gemm;
  std::int64_t rows, steps, units, features, cols;
  bool reverse;
  std::int64_t chains, col_tasks = 1, panels, depth;

  Sizes(const KernelGrads& op, const Types& in)
      : rows(in[0].shape[0] * in[0].shape[1]),
        steps(in[0].shape[1]),
        units(in[1].shape[2]),
        features(in.size() > 3 ? in[3].shape[1] : 0),
        cols(in[0].shape[2]),
        reverse(op.reverse),
        chains(chains_of_product(units)),
        panels((cols + gemm->cols - 1) / gemm->cols) {
    const double work = static_cast<double>((units + features) * cols) * static_cast<double>(rows);
    while (chains * col_tasks < kEnoughTasks && panels >= 2 * kLeastPanels * col_tasks &&
           work > 2 * kSmallTask * static_cast<double>(chains * col_tasks))
      col_tasks *= 2;
    depth = std::clamp<std::int64_t>(kPackedCells / task_cols(), 32, kMostDepth);
  }

  // As of a product on its own: the bits are the same.
  std::int64_t chains_of_product(std::int64_t m) const {
    Gemm product;
    product.m = m;
    product.n = cols;
    product.k = rows;
    product.ta = true;
    return chains_of(product);
  }
  bool fits() const {
    return rows > 0 && (units + features) * cols <= kMostCells &&
           (features == 0 || chains_of_product(features) == chains);
  }
  std::int64_t task_cols() const { return (panels + col_tasks - 1) / col_tasks * gemm->cols; }
  std::int64_t cells() const { return (units + features) * cols; }
  std::int64_t a_floats() const {
    const std::int64_t most = std::min(kBlockRows, std::max(units, features));
    return (most + gemm->rows - 1) / gemm->rows * gemm->rows * depth;
  }
  std::size_t scratch() const {
    return static_cast<std::size_t>(a_floats() + (task_cols() + units) * depth) * sizeof(float);
  }
};

// A chain of some columns of both results.
class Task {
 public:
  Task(const Sizes& sizes, const Call& call, std::int64_t task, void* scratch)
      : s_(sizes),
        gemm_(*sizes.gemm),
        call_(call),
        rows_(piece(s_.rows, s_.chains, task / s_.col_tasks)),
        a_pack_(static_cast<float*>(scratch)),
        b_pack_(a_pack_ + s_.a_floats()),
        before_(b_pack_ + s_.task_cols() * s_.depth) {
    const Range panels = piece(s_.panels, s_.col_tasks, task % s_.col_tasks);
    col_ = panels.begin * gemm_.cols;
    n_ = std::min(panels.end * gemm_.cols, s_.cols) - col_;
    if (s_.chains == 1) {
      of_states_ = call.output(0);
      of_inputs_ = s_.features > 0 ? call.output(1) : nullptr;
    } else {
      of_states_ = static_cast<float*>(call.workspace) + task / s_.col_tasks * s_.cells();
      of_inputs_ = s_.features > 0 ? of_states_ + s_.units * s_.cols : nullptr;
    }
  }

  void run() {
    for (std::int64_t k = rows_.begin; k < rows_.end; k += s_.depth) {
      const std::int64_t depth = std::min(s_.depth, rows_.end - k);
      gemm_.pack_b(depth, n_, call_.input(0) + k * s_.cols + col_, s_.cols, 1, b_pack_,
                   gemm_.cols * depth);
      const GemmAhead ahead = next(k + depth);
      if (of_states_) {
        gather(k, k + depth);
        multiply(before_, s_.units, k, depth, of_states_, &ahead);
      }
      if (of_inputs_)
        multiply(call_.input(3) + k * s_.features, s_.features, k, depth, of_inputs_, nullptr);
    }
  }

 private:
  // The states before the rows [begin, end).
  void gather(std::int64_t begin, std::int64_t end) {
    const float *h = call_.input(1), *h0 = call_.input(2);
    const std::int64_t u = s_.units;
    float* to = before_;
    const auto copy = [&](const float* from, std::int64_t count) {
      to = std::copy_n(from, count * u, to);
    };
    for (std::int64_t r = begin; r < end;) {
      const std::int64_t sample = r / s_.steps, first = sample * s_.steps, last = first + s_.steps,
                         stop = std::min(end, last);
      if (s_.reverse) {
        copy(h + (r + 1) * u, std::min(stop, last - 1) - r);
        if (stop == last) copy(h0 + sample * u, 1);
      } else {
        if (r == first) copy(h0 + sample * u, 1);
        const std::int64_t from = std::max(r - 1, first);
        copy(h + from * u, stop - 1 - from);
      }
      r = stop;
    }
  }

  // c (m, n) += a' b for `depth` rows of a (rows, m) from row k on; from 0 for the chain's first.
  void multiply(const float* a, std::int64_t m, std::int64_t k, std::int64_t depth, float* c,
                const GemmAhead* ahead) {
    for (std::int64_t row = 0; row < m; row += kBlockRows) {
      GemmBlock block{};
      block.m = std::min(kBlockRows, m - row);
      block.n = n_;
      block.k = depth;
      gemm_.pack_a(block.m, depth, a + row, 1, m, a_pack_);
      block.a = a_pack_;
      block.a_row = 1;
      block.a_k = gemm_.rows;
      block.a_panel = gemm_.rows * depth;
      block.b = b_pack_;
      block.b_k = gemm_.cols;
      block.b_panel = gemm_.cols * depth;
      block.b_padded = true;
      block.to.c = c + row * s_.cols + col_;
      block.to.c_row = s_.cols;
      block.to.accumulate = k > rows_.begin;
      block.ahead = ahead && ahead->rows > 0 && row == 0 ? ahead : nullptr;
      gemm_.block(block);
    }
  }

  // The rows after these, to be fetched meanwhile.
  GemmAhead next(std::int64_t k) const {
    if (s_.col_tasks > 1 || k >= rows_.end) return {};
    const std::int64_t depth = std::min(s_.depth, rows_.end - k),
                       tiles = (s_.units + gemm_.rows - 1) / gemm_.rows * s_.panels;
    GemmAhead ahead{tiles};
    const auto soon = [&](int input, std::int64_t width) {
      const std::int64_t floats = depth * width / tiles;
      if (width > 0) ahead.areas[ahead.count++] = {call_.input(input) + k * width, floats, floats};
    };
    soon(0, s_.cols);
    soon(1, s_.units);
    soon(3, s_.features);
    return ahead;
  }

  const Sizes& s_;
  const GemmKernels& gemm_;
  const Call& call_;
  Range rows_;
  std::int64_t col_, n_;
  float *of_states_, *of_inputs_;
  float *a_pack_, *b_pack_, *before_;
};

// Cells of both results, one behind the other, from their chains.
void add_chains(const Sizes& s, const Call& call, Range cells) {
  const auto* from = static_cast<const float*>(call.workspace);
  const auto add = [&](float* to, std::int64_t first, std::int64_t count) {
    const std::int64_t begin = std::max<std::int64_t>(cells.begin - first, 0),
                       end = std::min(cells.end - first, count);
    if (to && begin < end) sum_chains(from + first, s.cells(), s.chains, begin, end, to);
  };
  const std::int64_t of_states = s.units * s.cols;
  add(call.output(0), 0, of_states);
  if (s.features > 0) add(call.output(1), of_states, s.cells() - of_states);
}

std::optional<Runner> make(const KernelGrads& op, const Types& in, const Types&) {
  if (!runs_recurrent(in[0])) return std::nullopt;
  const Sizes sizes(op, in);
  if (!sizes.fits()) return std::nullopt;
  Runner runner;
  runner.scratch = sizes.scratch();
  runner.phases.push_back(
      {sizes.chains * sizes.col_tasks, [sizes](const Call& call, std::int64_t task, void* scratch) {
         Task(sizes, call, task, scratch).run();
       }});
  if (sizes.chains == 1) return runner;
  runner.workspace = static_cast<std::size_t>(sizes.chains * sizes.cells()) * sizeof(float);
  const std::int64_t sums = tasks_for(sizes.cells(), kSumGrain);
  runner.phases.push_back({sums, [sizes, sums](const Call& call, std::int64_t task, void*) {
                             add_chains(sizes, call, piece(sizes.cells(), sums, task));
                           }});
  return runner;
}

}  // namespace

void register_kernel_grads(CpuBackend& backend) { backend.on<KernelGrads>(make); }

}  // namespace deepcore
