// Normalization of rows.
#include "deepcore/ops/normalization.h"

#include "deepcore/ops/check.h"

namespace deepcore {
namespace {

void require_channels(std::string_view op, std::string_view what, const Type& x, const Type& p) {
  require_same_dtype(op, x, p);
  require(p.shape == Shape{x.shape.back()}, op, what, " has shape ", p.shape, ", rows of ", x.shape,
          " expect [", x.shape.back(), "]");
}

void require_rows(std::string_view op, const Type& x) {
  require_floats(op, x);
  require(x.shape.rank() > 0, op, "expected at least one axis, got a scalar");
}

// What the rows become before scale and shift, and 1 over their spread.
struct Rows {
  Tensor normal, inverse;

  Rows(const Tensor& x, bool centred, double epsilon) {
    const Tensor apart = centred ? x - mean(x, {-1}, kKeep) : x;
    inverse = 1.0 / sqrt(mean(square(apart), {-1}, kKeep) + epsilon);
    normal = apart * inverse;
  }
};

// All axes but the last added up.
Tensor down(const Tensor& x) { return sum_to(x, Shape{x.shape().back()}); }

}  // namespace

// ---- RowNorm

Types RowNorm::infer(const Types& in) const {
  require_rows(name_, in[0]);
  if (scale) require_channels(name_, "gamma", in[0], in[1]);
  if (shift) require_channels(name_, "beta", in[0], in[scale ? 2 : 1]);
  return {in[0]};
}

Tensors RowNorm::compose(const Tensors& in) const {
  Tensor y = Rows(in[0], centred, epsilon).normal;
  if (scale) y = y * in[1];
  if (shift) y = y + in[scale ? 2 : 1];
  return {y};
}

Tensors RowNorm::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  Tensors given{in[0], grad[0]};
  if (scale) given.push_back(in[1]);
  return apply_all(RowNormGrad{centred, epsilon, scale, shift}, given);
}

// ---- RowNormGrad

Types RowNormGrad::infer(const Types& in) const {
  require_rows(name_, in[0]);
  require(in[0] == in[1], name_, in[0], " and ", in[1], " differ");
  if (scale) require_channels(name_, "gamma", in[0], in[2]);
  const Type channels{in[0].dtype, Shape{in[0].shape.back()}, in[0].device};
  Types out{in[0]};
  if (scale) out.push_back(channels);
  if (shift) out.push_back(channels);
  return out;
}

// With n the normal row and g = gy gamma: gx = (g - mean(g) - n mean(g n)) / spread, mean(g) only
// when centred.
Tensors RowNormGrad::compose(const Tensors& in) const {
  const Rows rows(in[0], centred, epsilon);
  const Tensor &n = rows.normal, &gy = in[1], g = scale ? gy * in[2] : gy;
  Tensor apart = g - n * mean(g * n, {-1}, kKeep);
  if (centred) apart = apart - mean(g, {-1}, kKeep);
  Tensors out{apart * rows.inverse};
  if (scale) out.push_back(down(gy * n));
  if (shift) out.push_back(down(gy));
  return out;
}

// ---- functions

Tensor row_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, bool centred,
                double epsilon) {
  Tensors in{x};
  if (gamma) in.push_back(gamma);
  if (beta) in.push_back(beta);
  return apply1(RowNorm{centred, epsilon, bool(gamma), bool(beta)}, in);
}

}  // namespace deepcore
