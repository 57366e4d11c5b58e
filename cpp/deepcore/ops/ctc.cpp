// Connectionist temporal classification.
#include "deepcore/ops/ctc.h"

#include <cmath>

#include "deepcore/ops/recurrent_steps.h"

namespace deepcore {
namespace {

// Stands for -inf where derivatives are taken: those of a sum over nothing but -inf are 0 / 0.
constexpr double kNever = -1e30;

struct Sizes {
  std::int64_t batch, steps, classes, labels, states;
  Type alphas, loss;

  Sizes(std::string_view op, const Types& in, int blank) : alphas(in[0]), loss(in[0]) {
    require_floats(op, in[0]);
    require(in[0].shape.rank() == 3, op,
            "expected log-probabilities (batch, steps, classes), got shape ", in[0].shape);
    require_indices(op, in[1]);
    batch = in[0].shape[0];
    steps = in[0].shape[1];
    classes = in[0].shape[2];
    require(in[1].shape.rank() == 2 && in[1].shape[0] == batch, op, "the labels have shape ",
            in[1].shape, ", expected (", batch, ", labels) beside outputs of shape ", in[0].shape);
    require(blank >= 0 && blank < classes, op, "the blank ", blank, " is none of the ", classes,
            " classes");
    labels = in[1].shape[1];
    states = 2 * labels + 1;
    for (int i : {2, 3})
      require_type(op, i == 2 ? "vector of label lengths" : "vector of input lengths",
                   in[static_cast<std::size_t>(i)], {DType::kInt32, Shape{batch}});
    alphas.shape = Shape{batch, steps, states};
    loss.shape = Shape{batch};
  }
};

Tensor row(const Tensor& x) { return expand_dims(x, Dims{-1}); }

Tensor number(double value, const Tensor& like) { return scalar(value, like.dtype()); }

// x moved by `by` places to higher states, `kNever` moving in.
Tensor from_below(const Tensor& x, std::int64_t by) {
  const std::int64_t states = x.shape()[1];
  if (by >= states) return full(x.shape(), kNever, x.dtype());
  return pad(columns(x, 0, states - by), {0, by}, {0, 0}, number(kNever, x));
}

// The class of each state, (N, S).
Tensor classes_of_states(const Tensor& labels, const Tensor& lengths, int blank) {
  const std::int64_t n = labels.shape()[0], l = labels.shape()[1];
  const Tensor inside = less(arange(l, DType::kInt32), row(lengths));
  const Tensor blanks = full(labels.shape(), blank, labels.dtype());
  const Tensor pairs = stack({blanks, where(inside, labels, blanks)}, 2);
  return concatenate({reshape(pairs, Shape{n, 2 * l}), full(Shape{n, 1}, blank, labels.dtype())},
                     1);
}

}  // namespace

// ---- CtcLoss

Types CtcLoss::infer(const Types& in) const {
  const Sizes sizes(kName, in, blank);
  return {sizes.loss, sizes.alphas};
}

Tensors CtcLoss::compose(const Tensors& in) const {
  const Sizes s(kName, types_of(in), blank);
  const Tensor log_p = maximum(in[0], number(kNever, in[0]));
  const Tensor zero_length = scalar(0, DType::kInt32);
  const Tensor label_lengths = clip(in[2], 0, static_cast<double>(s.labels));
  const Tensor input_lengths = clip(in[3], 0, static_cast<double>(s.steps));
  const Tensor classes = classes_of_states(in[1], label_lengths, blank);
  const Tensor state = arange(s.states, DType::kInt32);

  // Fetched by index, so that a bad label is found.
  const Tensor flat = reshape(log_p, Shape{s.batch * s.steps, s.classes});
  const Tensor at = deepcore::equal(row(classes), arange(s.classes, classes.dtype()));  // (N, S, C)
  const Tensor checked = take(ones({s.loss.dtype, Shape{s.classes}}), classes, 0);
  const Tensor emitted = matmul(reshape(flat, Shape{s.batch, s.steps, s.classes}),
                                cast(at, s.loss.dtype) * row(checked), false, true);  // (N, T, S)
  const Tensor odd =
      deepcore::equal(state - 2.0 * cast(cast(state, DType::kFloat32) * 0.5, DType::kInt32),
                      scalar(1, DType::kInt32));
  const Tensor two_before = s.states > 2 ? pad(columns(classes, 0, s.states - 2), {0, 2}, {0, 0},
                                               scalar(blank, classes.dtype()))
                                         : full(classes.shape(), blank, classes.dtype());
  const Tensor may_skip = logical_and(odd, logical_not(deepcore::equal(classes, two_before)));
  const Tensor skip = where(may_skip, number(0, log_p), number(kNever, log_p));
  const Tensor opening =
      where(less(state, scalar(2, DType::kInt32)), number(0, log_p), number(kNever, log_p));

  StepList alphas(s.alphas);
  Tensor alpha = zeros({s.loss.dtype, Shape{s.batch, s.states}});
  Tensor shift = zeros({s.loss.dtype, Shape{s.batch, 1}});
  for (std::int64_t t = 0; t < s.steps; ++t) {
    const Tensor keep = row(less(scalar(static_cast<double>(t), DType::kInt32), input_lengths));
    const Tensor ways = stack({alpha, from_below(alpha, 1), from_below(alpha, 2) + skip}, 2);
    const Tensor entered = t == 0 ? broadcast_to(opening, alpha.shape()) : logsumexp(ways, {2});
    const Tensor now = entered + at_step(emitted, t);
    const Tensor largest = max(now, {-1}, kKeep);
    alpha = where(keep, now - largest, alpha);
    shift = where(keep, shift + largest, shift);
    alphas.put(t, where(keep, alpha, zeros(alpha.type())));
  }
  const Tensor end = 2.0 * row(label_lengths);
  const Tensor last = logical_and(less(state, end + 1.0), less(end - 2.0, state));
  const Tensor all =
      squeeze(shift + logsumexp(where(last, alpha, number(kNever, alpha)), {-1}, kKeep), Dims{1});
  const Tensor never = full(s.loss.shape, INFINITY, s.loss.dtype);
  const Tensor loss = where(less(all, number(kNever / 10, all)), never, -all);
  // No steps: certain when there are no labels, impossible when there are.
  const Tensor nothing = where(deepcore::equal(label_lengths, zero_length), zeros(s.loss), never);
  return {where(deepcore::equal(input_lengths, zero_length), nothing, loss), alphas.stacked()};
}

Tensors CtcLoss::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  if (grad[1]) return Op::vjp(in, out, with_zeros(out, grad));
  return {apply1(CtcLossGrad(blank), {in[0], in[1], in[2], in[3], out[1], grad[0]}), Tensor(),
          Tensor(), Tensor()};
}

// ---- CtcLossGrad

Types CtcLossGrad::infer(const Types& in) const {
  const Sizes sizes(kName, in, blank);
  require_type(kName, "alphas", in[4], sizes.alphas);
  require_type(kName, "gradient", in[5], sizes.loss);
  return {in[0]};
}

Tensors CtcLossGrad::compose(const Tensors& in) const {
  const Tensors g =
      CtcLoss(blank).Op::vjp({in[0], in[1], in[2], in[3]}, {}, {in[5], zeros(in[4].type())});
  return {g[0] ? g[0] : zeros(in[0].type())};
}

// ---- function

Tensor ctc_loss(const Tensor& log_probabilities, const Tensor& labels, const Tensor& label_lengths,
                const Tensor& input_lengths, int blank) {
  return apply1(CtcLoss(blank), {log_probabilities, labels, label_lengths, input_lengths});
}

}  // namespace deepcore
