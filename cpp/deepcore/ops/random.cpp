// Random draws: pure functions of a key.
#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

void require_key(std::string_view op, const Type& key) {
  require(key.dtype == DType::kInt64 && key.shape == Shape{2}, op,
          "the key must be int64 of shape [2] (seed, counter), got ", key.dtype, " of shape ",
          key.shape);
}

}  // namespace

// ---- Random

Types Random::infer(const Types& in) const {
  require_key(kName, in[0]);
  require_shape(kName, shape);
  const Type y{dtype, shape, in[0].device};
  require_floats(kName, y);
  return {y};
}

Tensors Random::vjp(const Tensors&, const Tensors&, const Tensors&) const { return {Tensor{}}; }

// ---- Dropout

Types Dropout::infer(const Types& in) const {
  require_floats(kName, in[0]);
  require_key(kName, in[1]);
  require(rate >= 0 && rate < 1, kName, "the rate must be in [0, 1), got ", rate);
  return {in[0]};
}

Tensors Dropout::compose(const Tensors& in) const {
  const Tensor &x = in[0], &key = in[1];
  const Tensor draw = random(RandomKind::kUniform, key, x.shape(), x.dtype());
  return {
      where(greater_equal(draw, scalar(rate, x.dtype())), x / (1 - rate), scalar(0, x.dtype()))};
}

Tensors Dropout::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {dropout(grad[0], in[1], rate), Tensor{}};
}

// ---- functions

Tensor random(RandomKind kind, const Tensor& key, const Shape& shape, DType dtype) {
  return apply1(Random{kind, shape, dtype}, {key});
}

Tensor dropout(const Tensor& x, const Tensor& key, double rate) {
  if (rate == 0) return x;
  // Everything is dropped: 1 / (1 - rate) must not meet x.
  if (rate == 1) return broadcast_to(scalar(0, x.dtype()), x.shape());
  return apply1(Dropout{rate}, {x, key});
}

// The Gumbel trick: argmax(logits + noise) has the probabilities softmax(logits).
Tensor categorical(const Tensor& logits, const Tensor& key, std::int64_t samples, DType dtype) {
  constexpr std::string_view kOp = "categorical";
  require_floats(kOp, logits.type());
  require(logits.rank() == 2 && logits.shape()[1] > 0, kOp,
          "expected logits (batch, classes), got shape ", logits.shape());
  require(samples >= 0, kOp, "the number of samples must not be negative, got ", samples);
  const std::int64_t batch = logits.shape()[0], classes = logits.shape()[1];
  const Tensor u = random(RandomKind::kUniform, key, {batch, samples, classes}, logits.dtype());
  const Tensor noise = -log(-log(u));  // -inf where u is 0: never chosen
  return cast(argreduce(true, expand_dims(logits, Dims{1}) + noise, -1), dtype);
}

}  // namespace deepcore
