// What loops and branches do with their bodies: run them through, and differentiate them.
#include "deepcore/graph/apply.h"
#include "deepcore/graph/tape.h"
#include "deepcore/ops/control.h"
#include "deepcore/ops/gradients.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

Tensors replay(const Graph& graph, const Tensors& inputs) {
  std::vector<Tensor> now(graph.values.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) now[graph.inputs[i]] = inputs[i];
  for (const auto& [v, tensor] : graph.constants) now[v] = tensor;
  for (const Node& node : graph.nodes) {
    Tensors in;
    for (Value v : node.in) in.push_back(now[v]);
    const Tensors out = deepcore::apply(node.op, in);
    for (std::size_t i = 0; i < node.out.size(); ++i) now[node.out[i]] = out[i];
  }
  Tensors outputs;
  for (Value v : graph.outputs) outputs.push_back(now[v]);
  return outputs;
}

GraphPtr with_ends(const Graph& graph, std::vector<Value> inputs, std::vector<Value> outputs) {
  auto changed = std::make_shared<Graph>(graph);
  changed->inputs = std::move(inputs);
  changed->outputs = std::move(outputs);
  return changed;
}

Value add_zeros(Graph& graph, const Type& type) {
  const Value zero = graph.add_value({type.dtype, Shape{}});
  graph.constants.emplace_back(zero, scalar(0, type.dtype));
  const Value filled = graph.add_value(type);
  graph.nodes.push_back({std::make_shared<BroadcastTo>(type.shape), {zero}, {filled}});
  return filled;
}

Derivative derivative(const Graph& body, const std::vector<bool>& wanted,
                      const std::vector<bool>& started) {
  Trace trace(Trace::Of::kRule);
  Derivative d;
  const auto input = [&](const Type& type, std::vector<Value>& as) {
    const Tensor t = trace.input(type);
    as.push_back(t.value());
    return t;
  };

  Tensors in, floats;
  for (Value v : body.inputs) {
    in.push_back(input(body.values[v], d.in));
    if (is_floating(in.back().dtype())) floats.push_back(in.back());
  }
  Tape tape;
  tape.start();
  Tensors out;
  try {
    for (const Tensor& t : floats) tape.watch(t);
    out = replay(body, in);
  } catch (...) {
    tape.stop();
    throw;
  }
  tape.stop();
  for (const Tensor& t : out) d.out.push_back(trace.symbol(t));
  d.forward = trace.graph()->nodes.size();

  // From the last output to the first, as if they were used in that order: carries come first, and
  // what the next step adds is added last.
  Tensors targets, grads;
  d.grads.assign(out.size(), -1);
  for (std::size_t k = out.size(); k-- > 0;) {
    if (!wanted[k] || !is_floating(out[k].dtype())) continue;
    const Tensor g = trace.input(out[k].type());
    d.grads[k] = g.value();
    targets.push_back(out[k]);
    grads.push_back(g);
  }
  d.start.assign(in.size(), -1);
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!started[i] || !is_floating(in[i].dtype())) continue;
    const Tensor g = trace.input(in[i].type());
    d.start[i] = g.value();
    targets.push_back(in[i]);
    grads.push_back(g);
  }

  const Tensors found = gradients(tape.records(), targets, grads, floats);
  d.in_grads.assign(in.size(), -1);
  for (std::size_t i = 0, f = 0; i < in.size(); ++i) {
    if (!is_floating(in[i].dtype())) continue;
    const Tensor& g = found[f++];
    if (!g) continue;
    const Value v = trace.symbol(g.shape() == in[i].shape() ? g : broadcast_to(g, in[i].shape()));
    if (v != d.start[i]) d.in_grads[i] = v;  // else nothing was added
  }
  d.graph = trace.graph();
  return d;
}

}  // namespace deepcore
