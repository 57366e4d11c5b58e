// Scales of the channels into weights that are known: conv(x, k) * s = conv(x, k s). Batch
// normalization at inference is such a scale and a bias, so a frozen model is left with the bias.
#pragma once

#include <unordered_map>
#include <vector>

#include "deepcore/ops/kinds.h"
#include "deepcore/plan/passes.h"

namespace deepcore {

class WeightFolder {
 public:
  WeightFolder(const Graph& graph, Rewriting& rewriting);

  // What replaces `op` of `in`; undefined when nothing does.
  Tensor simpler(const Binary& op, const Tensors& in);
  // To be told of every node and what became of it: a product that others read stays as it is.
  void made(const Node& node, const Tensors& out);

 private:
  Tensor scaled(const Tensor& product, const Tensor& scale);
  Tensor shifted(const Tensor& product, const Tensor& bias);
  bool known_weights(const Tensor& product);
  const Node* sole_use(const Tensor& tensor);

  Rewriting& rewriting_;
  std::vector<int> uses_;                       // of the old values
  std::unordered_map<Value, int> uses_of_new_;  // those that the old ones say
};

}  // namespace deepcore
