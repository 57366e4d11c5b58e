// An optimizer's step goes into the product that makes its gradient: every part of the gradient is
// used while it is in cache, and never comes back from memory.
#include "deepcore/ops/update_product.h"
#include "deepcore/plan/passes.h"

namespace deepcore {

namespace {

bool is_update(const Op& op) {
  return dynamic_cast<const SgdUpdate*>(&op) || dynamic_cast<const AdamUpdate*>(&op);
}

}  // namespace

std::shared_ptr<Graph> fuse_updates(const Graph& graph, const Backend& backend) {
  std::vector<int> maker(graph.values.size(), -1), uses(graph.values.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (Value v : graph.nodes[i].out) maker[v] = static_cast<int>(i);
    for (Value v : graph.nodes[i].in) ++uses[v];
  }
  for (Value v : graph.outputs) ++uses[v];
  for (const auto& write : graph.writes) ++uses[write.second];

  auto fused = std::make_shared<Graph>(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = fused->nodes[i];
    if (!is_update(*node.op)) continue;
    const Value gradient = node.in[1];
    if (maker[gradient] < 0 || uses[gradient] != 1) continue;
    const Node& source = graph.nodes[static_cast<std::size_t>(maker[gradient])];
    const auto* product = dynamic_cast<const MatMul*>(source.op.get());
    if (!product || !(product->epilogue == Epilogue{})) continue;
    const auto op = std::make_shared<const UpdateProduct>(product->ta, product->tb, node.op);
    std::vector<Value> inputs{source.in[0], source.in[1], node.in[0]};
    inputs.insert(inputs.end(), node.in.begin() + 2, node.in.end());
    Types in, out;
    for (Value v : inputs) in.push_back(graph.values[v]);
    for (Value v : node.out) out.push_back(graph.values[v]);
    if (in[0] == in[2] || in[1] == in[2] || !backend.runner(*op, in, out)) continue;
    gone[static_cast<std::size_t>(maker[gradient])] = true;
    node = {op, std::move(inputs), node.out};
  }
  std::vector<Node> kept;
  for (std::size_t i = 0; i < gone.size(); ++i)
    if (!gone[i]) kept.push_back(std::move(fused->nodes[i]));
  fused->nodes = std::move(kept);
  return fused;
}

}  // namespace deepcore
