#include "deepcore/plan/fold_weights.h"

#include "deepcore/ops/ops.h"

namespace deepcore {

namespace {

// A known number, or one for each of the last axis of `y`.
bool fits_channels(const Tensor& t, const Tensor& y) {
  return !t.is_symbolic() && t.rank() <= 1 && y.rank() > 0 &&
         (t.elements() == 1 || t.elements() == y.shape().back());
}

bool same_channels(const Shape& a, const Shape& b) {
  return a.rank() > 0 && b.rank() > 0 && a.back() == b.back();
}

}  // namespace

WeightFolder::WeightFolder(const Graph& graph, Rewriting& rewriting)
    : rewriting_(rewriting), uses_(graph.values.size(), 0) {
  for (const Node& node : graph.nodes)
    for (Value v : node.in) ++uses_[v];
  for (Value v : graph.outputs) ++uses_[v];
  for (const auto& write : graph.writes) ++uses_[write.second];
}

void WeightFolder::made(const Node& node, const Tensors& out) {
  for (std::size_t i = 0; i < out.size(); ++i)
    if (out[i].is_symbolic()) uses_of_new_[out[i].value()] += uses_[node.out[i]];
}

Tensor WeightFolder::simpler(const Binary& op, const Tensors& in) {
  for (std::size_t i = 0; i < 2; ++i) {
    const Tensor &product = in[i], &other = in[1 - i];
    if (!product.is_symbolic() || !fits_channels(other, product)) continue;
    if (op.kind == Kind::kMultiply) return scaled(product, other);
    if (op.kind == Kind::kAdd) return shifted(product, other);
  }
  return {};
}

const Node* WeightFolder::sole_use(const Tensor& tensor) {
  const auto found = uses_of_new_.find(tensor.value());
  return found == uses_of_new_.end() || found->second <= 1 ? rewriting_.maker(tensor) : nullptr;
}

Tensor WeightFolder::scaled(const Tensor& product, const Tensor& scale) {
  const Node* made = sole_use(product);
  if (!made) return {};
  const Node node = *made;  // the graph grows below
  if (auto* reshape = dynamic_cast<const Reshape*>(node.op.get())) {
    const Tensor inner = rewriting_.input_of(node, 0);
    if (!inner.is_symbolic() || !same_channels(inner.shape(), reshape->shape)) return {};
    const Tensor done = scaled(inner, scale);
    return done ? deepcore::reshape(done, reshape->shape) : Tensor();
  }
  if (auto* binary = dynamic_cast<const Binary*>(node.op.get());
      binary && binary->kind == Kind::kAdd) {
    for (int i = 0; i < 2; ++i) {
      const Tensor inner = rewriting_.input_of(node, i), bias = rewriting_.input_of(node, 1 - i);
      if (!inner.is_symbolic() || !fits_channels(bias, inner)) continue;
      const Tensor done = scaled(inner, scale);
      return done ? done + bias * scale : Tensor();
    }
    return {};
  }
  if (!known_weights(product)) return {};
  const Tensor x = rewriting_.input_of(node, 0), weights = rewriting_.input_of(node, 1);
  const auto* matmul = dynamic_cast<const MatMul*>(node.op.get());
  const bool rows = matmul && matmul->tb && scale.rank() == 1;
  return apply(node.op, {x, weights * (rows ? expand_dims(scale, {1}) : scale)})[0];
}

// (product + a) + b = product + (a + b): of a layer's bias and a normalization's.
Tensor WeightFolder::shifted(const Tensor& product, const Tensor& bias) {
  const Node* made = sole_use(product);
  auto* binary = made ? dynamic_cast<const Binary*>(made->op.get()) : nullptr;
  if (!binary || binary->kind != Kind::kAdd) return {};
  const Node node = *made;
  for (int i = 0; i < 2; ++i) {
    const Tensor inner = rewriting_.input_of(node, i), first = rewriting_.input_of(node, 1 - i);
    if (inner.is_symbolic() && fits_channels(first, inner) && known_weights(inner))
      return inner + (first + bias);
  }
  return {};
}

// Is it a matmul or convolution of known weights, or a reshape of one?
bool WeightFolder::known_weights(const Tensor& product) {
  const Node* node = sole_use(product);
  if (!node) return false;
  if (auto* reshape = dynamic_cast<const Reshape*>(node->op.get())) {
    const Tensor inner = rewriting_.input_of(*node, 0);
    return inner.is_symbolic() && same_channels(inner.shape(), reshape->shape) &&
           known_weights(inner);
  }
  auto* matmul = dynamic_cast<const MatMul*>(node->op.get());
  auto* conv = dynamic_cast<const Conv*>(node->op.get());
  const bool plain =
      (matmul && matmul->epilogue == Epilogue{}) || (conv && conv->epilogue == Epilogue{});
  return plain && !rewriting_.input_of(*node, 1).is_symbolic();
}

}  // namespace deepcore
