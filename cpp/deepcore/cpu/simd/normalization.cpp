// Rows of mean 0 and spread 1, and their gradient: statistics, then the row once more from L1.
// y = (x - mean) / sqrt(mean((x - mean)^2) + epsilon) gamma + beta; x, y: (rows, n)
#include "deepcore/cpu/kernels/normalization.h"

#include "deepcore/cpu/simd/row_sums.h"

namespace deepcore::DEEPCORE_ISA {

struct Spread {
  F32 mean, inverse;
};

DC_INLINE Spread spread_of(const NormRows& in, const float* x) {
  const double n = (double)in.n;
  float mean = 0;
  if (in.centred)
    mean = (float)(row_sum(in.n, [&](int64_t i, int m) DC_LAMBDA { return load_n(x + i, m); }) / n);
  const F32 centre = set(mean);
  const double squares = row_sum(in.n, [&](int64_t i, int m) DC_LAMBDA {
    const F32 d = load_n(x + i, m) - centre;
    const F32 kept = m == kLanes ? d : select(first_n(m), d, zero());
    return kept * kept;
  });
  return {centre, set(1.0f / __builtin_sqrtf((float)(squares / n) + in.epsilon))};
}

static void normalize(const NormRows& in, const float* beta, float* y) {
  const float *x = in.x, *gamma = in.gamma;
  for (int64_t r = 0; r < in.rows; ++r, x += in.n, y += in.n) {
    const Spread s = spread_of(in, x);
    const int64_t ahead = row_ahead(in.rows - 1 - r, in.n);
    for_each_register(in.n, [&](int64_t i, int m) DC_LAMBDA {
      prefetch(x + i + ahead);
      F32 v = (load_n(x + i, m) - s.mean) * s.inverse;
      if (gamma) v = v * load_n(gamma + i, m);
      if (beta) v = v + load_n(beta + i, m);
      store_n(y + i, v, m);
    });
  }
}

// kSums: 1 for those of gamma, 2 for those of beta.
template <int kSums>
static void normalize_grad_rows(const NormRows& in, const float* gy, float* gx, float* sums) {
  const float *x = in.x, *gamma = in.gamma;
  const double n = (double)in.n;
  for (int64_t r = 0; r < in.rows; ++r, x += in.n, gy += in.n) {
    const Spread s = spread_of(in, x);
    const auto normal = [&](int64_t i, int m)
                            DC_LAMBDA { return (load_n(x + i, m) - s.mean) * s.inverse; };
    const auto grad = [&](int64_t i, int m) DC_LAMBDA {
      const F32 g = load_n(gy + i, m);  // zeros behind the end
      return gamma ? g * load_n(gamma + i, m) : g;
    };
    const F32 along =
        set((float)(row_sum(in.n,
                            [&](int64_t i, int m) DC_LAMBDA { return grad(i, m) * normal(i, m); }) /
                    n));
    const F32 mean = in.centred ? set((float)(row_sum(in.n, grad) / n)) : zero();
    const int64_t ahead = row_ahead(in.rows - 1 - r, in.n);
    for_each_register(in.n, [&](int64_t i, int m) DC_LAMBDA {
      prefetch(x + i + ahead);
      prefetch(gy + i + ahead);
      const F32 v = normal(i, m), g = load_n(gy + i, m);
      const F32 of_x = (grad(i, m) - mean - v * along) * s.inverse;
      if constexpr (kSums & 1) store_n(sums + i, mul_add(g, v, load_n(sums + i, m)), m);
      if constexpr (kSums & 2) store_n(sums + in.n + i, g + load_n(sums + in.n + i, m), m);
      if (gx) store_n(gx + r * in.n + i, of_x, m);
    });
  }
}

static void normalize_grad(const NormRows& in, const float* gy, float* gx, double* ggamma,
                           double* gbeta, float* sums) {
  for (int64_t i = 0; i < 2 * in.n; ++i) sums[i] = 0;
  switch ((ggamma ? 1 : 0) + (gbeta ? 2 : 0)) {
    case 0:
      return normalize_grad_rows<0>(in, gy, gx, sums);
    case 1:
      normalize_grad_rows<1>(in, gy, gx, sums);
      break;
    case 2:
      normalize_grad_rows<2>(in, gy, gx, sums);
      break;
    default:
      normalize_grad_rows<3>(in, gy, gx, sums);
  }
  for (int64_t i = 0; ggamma && i < in.n; ++i) ggamma[i] += (double)sums[i];
  for (int64_t i = 0; gbeta && i < in.n; ++i) gbeta[i] += (double)sums[in.n + i];
}

extern const NormKernels norm_kernels;
const NormKernels norm_kernels = {normalize, normalize_grad};

}  // namespace deepcore::DEEPCORE_ISA
