// Normalization of rows (the last axis): layer normalization (Ba, Kiros & Hinton 2016) and RMS
// normalization (Zhang & Sennrich 2019).
#pragma once

#include "deepcore/ops/kinds.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

// What both share. Inputs that are there: scale, shift.
#define DEEPCORE_NORM_OP                                                                    \
  Types infer(const Types& in) const override;                                              \
  Tensors compose(const Tensors& in) const override;                                        \
  std::string_view name() const override { return name_; }                                  \
  auto fields() const { return std::tie(centred, epsilon, scale, shift); }                  \
  bool centred;   /* the mean is taken off first, and with it the spread is the variance */ \
  double epsilon; /* added to the mean square */                                            \
  bool scale, shift

// (x: (..., C)[, gamma: (C)][, beta: (C)]) -> (x - mean) / sqrt(mean((x - mean)^2) + epsilon) gamma
// + beta, each row by itself; mean is 0 unless centred.
struct RowNorm final : OpOf<RowNorm> {
  static constexpr std::string_view kName = "row_norm";
  DEEPCORE_NORM_OP;
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override;
  Traits traits() const override { return {.in_place = true}; }
  RowNorm(bool c, double e, bool with_scale, bool with_shift)
      : centred(c),
        epsilon(e),
        scale(with_scale),
        shift(with_shift),
        name_(c ? "layer_normalization" : "rms_normalization") {}

 private:
  std::string_view name_;
};

// (x, gy[, gamma]) -> gx[, ggamma][, gbeta]
struct RowNormGrad final : OpOf<RowNormGrad> {
  static constexpr std::string_view kName = "row_norm_grad";
  DEEPCORE_NORM_OP;
  RowNormGrad(bool c, double e, bool with_scale, bool with_shift)
      : centred(c),
        epsilon(e),
        scale(with_scale),
        shift(with_shift),
        name_(c ? "layer_normalization_grad" : "rms_normalization_grad") {}

 private:
  std::string_view name_;
};

#undef DEEPCORE_NORM_OP

// gamma and beta may be undefined.
Tensor row_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, bool centred,
                double epsilon);

}  // namespace deepcore
