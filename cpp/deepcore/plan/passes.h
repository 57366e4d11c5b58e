// The passes from a traced graph to one that is worth running. Each takes a graph and gives a
// better one.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "deepcore/graph/backend.h"
#include "deepcore/graph/graph.h"
#include "deepcore/graph/trace.h"

namespace deepcore {

// Rebuilds a graph node by node: `visit` gives the outputs that replace the node's, made by apply()
// on the new inputs. What it makes of constants alone is thereby computed at once.
class Rewriting {
 public:
  using Visit = std::function<Tensors(const Node& node, const Tensors& in)>;
  std::shared_ptr<Graph> run(const Graph& graph, const Visit& visit);

  // While running: the new node that made a tensor; null for inputs, variables and constants.
  const Node* maker(const Tensor& tensor);
  // The inputs of that node, as tensors.
  Tensor input_of(const Node& node, int i);
  // Appends an op even when all its inputs are constants.
  Tensors append(const OpPtr& op, const Tensors& in);

 private:
  Trace* trace_ = nullptr;
  std::vector<int> maker_;
  std::size_t known_nodes_ = 0;
  std::unordered_map<Value, Tensor> constants_;
};

std::shared_ptr<Graph> remove_dead(const Graph& graph);
// Loops of the same inputs, of which one continues the other, once; what nobody reads of a loop,
// not at all.
std::shared_ptr<Graph> tidy_loops(const Graph& graph);
// Expands what the backend lacks; with `optimize` also merges equal nodes, folds constants and
// applies algebra.
std::shared_ptr<Graph> simplify(const Graph& graph, const Backend& backend, bool optimize);
// Tables updated by the rows that were taken from them.
std::shared_ptr<Graph> sparse_updates(const Graph& graph, const Backend& backend);
// The gradients of both kernels of a recurrent layer in one trip through what they share.
std::shared_ptr<Graph> share_kernel_grads(const Graph& graph, const Backend& backend);
// Bias and activation into matmul and conv.
std::shared_ptr<Graph> fuse_epilogues(const Graph& graph, const Backend& backend);
// Chains of elementwise f32 ops into Fused.
std::shared_ptr<Graph> fuse_elementwise(const Graph& graph);
// Each variable's new value right after what it needs, and after the last reader of the old one.
std::shared_ptr<Graph> order_updates(const Graph& graph);

}  // namespace deepcore
