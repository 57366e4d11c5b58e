#include "deepcore/graph/apply.h"
#include "deepcore/graph/tape.h"
#include "deepcore/plan/passes.h"

namespace deepcore {

std::shared_ptr<Graph> Rewriting::run(const Graph& graph, const Visit& visit) {
  SuspendTapes no_tape;
  SuspendTrace no_outer_trace;
  Trace trace;
  trace_ = &trace;
  std::vector<Tensor> now(graph.values.size());
  for (Value v : graph.inputs) now[v] = trace.input(graph.values[v]);
  for (const auto& [variable, v] : graph.reads) now[v] = trace.read(*variable);
  for (const auto& [v, tensor] : graph.constants) now[v] = tensor;
  for (const Node& node : graph.nodes) {
    Tensors in;
    for (Value v : node.in) in.push_back(now[v]);
    const Tensors out = visit(node, in);
    for (std::size_t i = 0; i < node.out.size(); ++i) now[node.out[i]] = out[i];
  }
  for (const auto& [variable, v] : graph.writes) trace.write(*variable, now[v]);
  Tensors outputs;
  for (Value v : graph.outputs) outputs.push_back(now[v]);
  trace_ = nullptr;
  return trace.finish(outputs);
}

const Node* Rewriting::maker(const Tensor& tensor) {
  if (!tensor.is_symbolic()) return nullptr;
  const Graph& graph = *trace_->graph();
  maker_.resize(graph.values.size(), -1);
  for (; known_nodes_ < graph.nodes.size(); ++known_nodes_)
    for (Value v : graph.nodes[known_nodes_].out) maker_[v] = static_cast<int>(known_nodes_);
  const int node = maker_[tensor.value()];
  return node < 0 ? nullptr : &graph.nodes[static_cast<std::size_t>(node)];
}

Tensor Rewriting::input_of(const Node& node, int i) {
  const std::shared_ptr<Graph>& graph = trace_->graph();
  const Value v = node.in[static_cast<std::size_t>(i)];
  if (const Tensor* constant = graph->constant(v)) return *constant;
  return Tensor(graph->values[v], graph, v);
}

Tensors Rewriting::append(const OpPtr& op, const Tensors& in) {
  return trace_->append(op, in, op->infer(types_of(in)));
}

std::shared_ptr<Graph> remove_dead(const Graph& graph) {
  auto live_graph = std::make_shared<Graph>(graph);
  std::vector<bool> live(graph.values.size(), false);
  for (Value v : graph.outputs) live[v] = true;
  for (const auto& write : graph.writes) live[write.second] = true;
  std::vector<bool> keep(graph.nodes.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    keep[i] = node.op->traits().effect;
    for (Value v : node.out) keep[i] = keep[i] || live[v];
    if (keep[i])
      for (Value v : node.in) live[v] = true;
  }
  live_graph->nodes.clear();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (keep[i]) live_graph->nodes.push_back(graph.nodes[i]);
  std::erase_if(live_graph->constants, [&](const auto& c) { return !live[c.first]; });
  // A variable that is only written keeps its read: the write finds its memory by it.
  std::erase_if(live_graph->reads, [&](const auto& read) {
    for (const auto& write : graph.writes)
      if (write.first == read.first) return false;
    return !live[read.second];
  });
  return live_graph;
}

}  // namespace deepcore
