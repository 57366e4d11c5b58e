// The gradients of a recurrent layer's two kernels are products with the same gradient of the sums
// before its gates, which is large: they become one op.
#include <map>

#include "deepcore/ops/recurrent.h"
#include "deepcore/plan/passes.h"

namespace deepcore {
namespace {

// Which nodes pair up: recurrent kernel's gradient -> kernel's gradient, by their place.
class Pairs {
 public:
  Pairs(const Graph& graph, const Backend& backend)
      : graph_(graph), maker_(graph.values.size(), -1) {
    const auto count = static_cast<int>(graph.nodes.size());
    for (int i = 0; i < count; ++i)
      for (Value v : node(i).out) maker_[v] = i;
    std::map<Value, int> alone;  // by the gradient that they read
    for (int i = 0; i < count; ++i) {
      if (dynamic_cast<const KernelGrads*>(node(i).op.get()) && node(i).in.size() == 3)
        alone[node(i).in[0]] = i;
      const auto found = alone.find(gradient_of(node(i)));
      if (found == alone.end()) continue;
      const Node& first = node(found->second);
      const int inputs = maker_[node(i).in[0]];
      if (inputs < 0 || inputs > found->second) continue;  // not there yet
      Types types;
      for (Value v : first.in) types.push_back(graph.values[v]);
      types.push_back(graph.values[node(i).in[0]]);
      if (!backend.runner(*first.op, types, first.op->infer(types))) continue;
      second_of_[&first] = &node(i);
      first_of_[&node(i)] = &first;
      alone.erase(found);
    }
  }
  const Node* second_of(const Node& first) const { return find(second_of_, first); }
  const Node* first_of(const Node& second) const { return find(first_of_, second); }
  bool empty() const { return second_of_.empty(); }

 private:
  using Partners = std::map<const Node*, const Node*>;
  static const Node* find(const Partners& partners, const Node& node) {
    const auto found = partners.find(&node);
    return found == partners.end() ? nullptr : found->second;
  }
  const Node& node(int i) const { return graph_.nodes[static_cast<std::size_t>(i)]; }

  // What a node multiplies rows of inputs with, if that is a sequence laid flat; else -1.
  Value gradient_of(const Node& second) const {
    auto* product = dynamic_cast<const MatMul*>(second.op.get());
    if (!product || !product->ta || product->tb || !(product->epilogue == Epilogue{})) return -1;
    const int flat = maker_[second.in[1]];
    if (flat < 0 || !dynamic_cast<const Reshape*>(node(flat).op.get())) return -1;
    const Value gradient = node(flat).in[0];
    const Shape &laid = graph_.values[second.in[1]].shape,
                &sequence = graph_.values[gradient].shape;
    const bool by_steps =
        laid.rank() == 2 && sequence.rank() == 3 && laid.back() == sequence.back();
    return by_steps && graph_.values[second.in[0]].shape.rank() == 2 ? gradient : -1;
  }

  const Graph& graph_;
  std::vector<int> maker_;
  Partners second_of_, first_of_;
};

}  // namespace

std::shared_ptr<Graph> share_kernel_grads(const Graph& graph, const Backend& backend) {
  const Pairs pairs(graph, backend);
  if (pairs.empty()) return std::make_shared<Graph>(graph);
  Rewriting rewriting;
  std::map<Value, Tensor> now;              // of the old graph's nodes
  std::map<const Node*, Tensor> gradients;  // of kernels, made with those of recurrent ones
  return rewriting.run(graph, [&](const Node& node, const Tensors& in) -> Tensors {
    Tensors out;
    if (const Node* second = pairs.second_of(node)) {
      Tensors all = in;
      all.push_back(now.at(second->in[0]));
      out = rewriting.append(node.op, all);
      gradients[&node] = out[1];
      out.pop_back();
    } else if (const Node* first = pairs.first_of(node)) {
      out = {gradients.at(first)};
    } else {
      out = rewriting.append(node.op, in);
    }
    for (std::size_t i = 0; i < node.out.size(); ++i) now[node.out[i]] = out[i];
    return out;
  });
}

}  // namespace deepcore
