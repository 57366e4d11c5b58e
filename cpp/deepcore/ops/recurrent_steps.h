// What the definitions and derivatives of recurrent ops share: steps in and out of sequences.
#pragma once

#include "deepcore/ops/check.h"
#include "deepcore/ops/recurrent.h"

namespace deepcore {

// The shape rule: x (N, T, G U), kernel (U, G U); the sizes that all else is checked against.
struct RecurrentSizes {
  std::int64_t batch, steps, units;
  Type sequence;  // (N, T, U)
  Type state;     // (N, U)

  RecurrentSizes(std::string_view op, const Type& x, const Type& kernel, int gates)
      : batch(0), steps(0), units(0), sequence(x), state(x) {
    require_floats(op, x);
    require_same_dtype(op, x, kernel);
    require(x.shape.rank() == 3, op, "expected a sequence (batch, steps, features), got shape ",
            x.shape);
    require(kernel.shape.rank() == 2, op, "expected a recurrent kernel (units, ", gates,
            " * units), got shape ", kernel.shape);
    batch = x.shape[0];
    steps = x.shape[1];
    units = kernel.shape[0];
    require(units >= 1 && kernel.shape[1] == gates * units, op,
            "expected a recurrent kernel (units, ", gates, " * units), got shape ", kernel.shape);
    sequence.shape = Shape{batch, steps, units};
    state.shape = Shape{batch, units};
  }
};

inline void require_type(std::string_view op, std::string_view what, const Type& got,
                         const Type& expected) {
  require<TypeError>(got.dtype == expected.dtype, op, "the ", what, " has dtype ", got.dtype,
                     ", expected ", expected.dtype);
  require(got.shape == expected.shape, op, "the ", what, " has shape ", got.shape, ", expected ",
          expected.shape);
}

// The mask is the last input, when there are more than `without`.
inline void require_mask(std::string_view op, const Types& in, std::size_t without,
                         const RecurrentSizes& sizes) {
  if (in.size() > without)
    require_type(op, "mask", in[without],
                 {DType::kBool, Shape{sizes.batch, sizes.steps}, in[without].device});
}
inline Tensor mask_of(const Tensors& in, std::size_t without) {
  return in.size() > without ? in[without] : Tensor();
}

// (N, T, ...) -> (N, ...)
inline Tensor at_step(const Tensor& x, std::int64_t t) {
  Dims begin = Dims::filled(x.rank(), 0), size(x.shape());
  begin[1] = t;
  size[1] = 1;
  return squeeze(slice(x, begin, size, Dims::filled(x.rank(), 1)), Dims{1});
}

// (N, T) -> (N, 1)
inline Tensor kept_rows(const Tensor& mask, std::int64_t t) {
  return expand_dims(at_step(mask, t), Dims{-1});
}

// `count` along the last axis from `first` on.
inline Tensor columns(const Tensor& x, std::int64_t first, std::int64_t count) {
  Dims begin = Dims::filled(x.rank(), 0), size(x.shape());
  begin[x.rank() - 1] = first;
  size[x.rank() - 1] = count;
  return slice(x, begin, size, Dims::filled(x.rank(), 1));
}

// Where the mask is true, `now`; else `before`. Undefined masks are true.
inline Tensor masked(const Tensor& rows, const Tensor& now, const Tensor& before) {
  return rows ? where(rows, now, before) : now;
}

// The state before each step, (N, T, U).
inline Tensor previous(const Tensor& states, const Tensor& initial, bool reverse) {
  const std::int64_t steps = states.shape()[1];
  if (steps == 0) return states;
  Dims begin = Dims::filled(3, 0), size(states.shape());
  begin[1] = reverse ? 1 : 0;
  size[1] = steps - 1;
  const Tensor rest = slice(states, begin, size, Dims::filled(3, 1));
  const Tensor first = expand_dims(initial, Dims{1});
  return reverse ? concatenate({rest, first}, 1) : concatenate({first, rest}, 1);
}

// The state after all steps.
inline Tensor last_state(const Tensor& states, const Tensor& initial, bool reverse) {
  const std::int64_t steps = states.shape()[1];
  return steps == 0 ? initial : at_step(states, reverse ? 0 : steps - 1);
}

// Calls body(t) for all steps in the order of their dependence, or against it.
template <class F>
void for_each_step(std::int64_t steps, bool from_last, F body) {
  for (std::int64_t s = 0; s < steps; ++s) body(from_last ? steps - 1 - s : s);
}

// A sequence made of its steps, which came in any order.
class StepList {
 public:
  StepList(const Type& type) : type_(type), steps_(static_cast<std::size_t>(type.shape[1])) {}
  void put(std::int64_t t, const Tensor& value) { steps_[static_cast<std::size_t>(t)] = value; }
  Tensor stacked() const { return steps_.empty() ? zeros(type_) : stack(steps_, 1); }

 private:
  Type type_;
  Tensors steps_;
};

// (N, T, A), (N, T, B) -> (A, B): the gradient of a kernel, one product over all steps.
inline Tensor kernel_grad(const Tensor& states, const Tensor& grad) {
  const auto flat = [](const Tensor& x) {
    const Shape& s = x.shape();
    return reshape(x, Shape{s[0] * s[1], s[2]});
  };
  return matmul(flat(states), flat(grad), true, false);
}

// The same of the states before each step.
Tensor recurrent_kernel_grad(const Tensor& g, const Tensor& states, const Tensor& initial,
                             bool reverse);

// x kernel + bias, (N, T, F) -> (N, T, G U)
inline Tensor project(std::string_view op, const Tensor& x, const Tensor& kernel,
                      const Tensor& bias) {
  require(x.rank() == 3, op, "expected a sequence (batch, steps, features), got shape ", x.shape());
  require(kernel.rank() == 2 && kernel.shape()[0] == x.shape()[2], op, "the input has ",
          x.shape()[2], " features (shape ", x.shape(), "), the kernel of shape ", kernel.shape(),
          " does not fit");
  const Shape& s = x.shape();
  Tensor y = matmul(reshape(x, Shape{s[0] * s[1], s[2]}), kernel);
  if (bias) y = y + bias;
  return reshape(y, Shape{s[0], s[1], kernel.shape()[1]});
}

// The default of vjp, for what the fused gradient does not cover: second derivatives.
inline Tensors with_zeros(const Tensors& out, Tensors grad) {
  for (std::size_t i = 0; i < grad.size(); ++i)
    if (!grad[i]) grad[i] = zeros(out[i].type());
  return grad;
}

inline std::int64_t recurrent_flops(const Types& x, int gates) {
  const Shape& s = x[0].shape;
  const std::int64_t units = s[2] / gates;
  return 2 * s[0] * s[1] * units * units * gates;
}

}  // namespace deepcore
