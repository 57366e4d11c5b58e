// MatMul: f32 through the packed kernels, the other numbers through plain loops.
#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/finish.h"
#include "deepcore/cpu/gemm.h"

namespace deepcore {
namespace {

// The leading axes of a tensor as C's see them, with their strides in elements.
Dims leading_strides(const Shape& operand, const Shape& batch) {
  Shape lead;
  for (int i = 0; i < operand.rank() - 2; ++i) lead.push_back(operand[i]);
  Dims strides = broadcast_strides(lead, batch);
  for (int i = 0; i < strides.size(); ++i)
    strides[i] *= operand[operand.rank() - 2] * operand[operand.rank() - 1];
  return strides;
}

Gemm gemm_of(const MatMul& op, const Types& in, const Types& out) {
  const Shape &a = in[0].shape, &b = in[1].shape, &c = out[0].shape;
  Gemm g;
  g.m = c[c.rank() - 2];
  g.n = c[c.rank() - 1];
  g.k = op.ta ? a[a.rank() - 2] : a[a.rank() - 1];
  g.ta = op.ta;
  g.tb = op.tb;
  g.epilogue = op.epilogue;
  if (!op.ta && b.elements(0, b.rank() - 2) == 1 &&
      a.elements(0, a.rank() - 2) == c.elements(0, c.rank() - 2)) {
    g.m = c.elements(0, c.rank() - 1);  // one B for all: the batch is more rows
    return g;
  }
  for (int i = 0; i < c.rank() - 2; ++i) g.batch.push_back(c[i]);
  g.a_strides = leading_strides(a, g.batch);
  g.b_strides = leading_strides(b, g.batch);
  return g;
}

// One row of C: N chains side by side over rising k. Integers wrap around, as NumPy's.
template <class T>
void plain_row(const Gemm& g, std::int64_t row, const T* a, const T* b, T* c) {
  const std::int64_t a_row = g.ta ? 1 : g.k, a_k = g.ta ? g.m : 1;
  a += row * a_row;
  c += row * g.n;
  if (g.tb) {
    for (std::int64_t j = 0; j < g.n; ++j) {
      T sum = 0;
      for (std::int64_t k = 0; k < g.k; ++k) sum = multiply_add(a[k * a_k], b[j * g.k + k], sum);
      c[j] = sum;
    }
  } else {
    std::fill_n(c, g.n, T(0));
    for (std::int64_t k = 0; k < g.k; ++k) {
      const T x = a[k * a_k];
      for (std::int64_t j = 0; j < g.n; ++j) c[j] = multiply_add(x, b[k * g.n + j], c[j]);
    }
  }
}

template <class T>
Runner plain_runner(const Gemm& g) {
  const std::int64_t rows = g.batch.elements() * g.m;
  const std::int64_t tasks =
      tasks_for(rows, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, g.n * g.k)));
  Runner runner;
  runner.phases.push_back({tasks, [g, rows, tasks](const Call& call, std::int64_t task, void*) {
                             const Range range = piece(rows, tasks, task);
                             for (std::int64_t r = range.begin; r < range.end; ++r) {
                               const std::int64_t entry = r / g.m;
                               plain_row(g, r % g.m,
                                         call.input<T>(0) + offset_of(entry, g.batch, g.a_strides),
                                         call.input<T>(1) + offset_of(entry, g.batch, g.b_strides),
                                         call.output<T>(0) + entry * g.m * g.n);
                               finish_plain<T>(g.epilogue, call, r * g.n, g.n, g.n);
                             }
                           }});
  return runner;
}

std::optional<Runner> make(const MatMul& op, const Types& in, const Types& out,
                           Constants constants) {
  Gemm gemm = gemm_of(op, in, out);
  const Kind act = op.epilogue.activation;
  const bool exact = act == Kind::kIdentity || act == Kind::kRelu || act == Kind::kRelu6;
  switch (in[0].dtype) {
    case DType::kFloat32:
      if (in[1].shape.rank() == 2) gemm.chains = chains_of(gemm);  // a batch of one is a batch
      return gemm_runner(gemm, kernels(), constants & kConstantB);
    case DType::kFloat64:
      return plain_runner<double>(gemm);
    case DType::kInt32:
      if (exact) return plain_runner<std::int32_t>(gemm);
      return std::nullopt;
    case DType::kInt64:
      if (exact) return plain_runner<std::int64_t>(gemm);
      return std::nullopt;
    case DType::kUInt8:
      if (exact) return plain_runner<std::uint8_t>(gemm);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

void register_matmul(CpuBackend& backend) { backend.on<MatMul>(make); }

}  // namespace deepcore
