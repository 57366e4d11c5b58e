// A loop that runs as long as its values say.
#include "deepcore/graph/apply.h"
#include "deepcore/ops/control.h"
#include "deepcore/ops/ops.h"

namespace deepcore {

Types While::infer(const Types& in) const {
  require(!most || *most >= 0, kName, "the number of rounds must not be negative, got ",
          most.value_or(0));
  require(in.size() == body->inputs.size() + 1, kName, "the body takes ", body->inputs.size(),
          " values, got ", in.size() - 1);
  require(in[0] == Type{DType::kBool, Shape{}}, kName, "the condition must give one bool, got ",
          in[0]);
  for (std::size_t i = 1; i < in.size(); ++i)
    require(in[i] == body->values[body->inputs[i - 1]], kName, "value ", i - 1, " is ", in[i],
            ", the body takes ", body->values[body->inputs[i - 1]]);
  Types out;
  for (std::size_t k = 0; k < body->outputs.size(); ++k) {
    out.push_back(body->values[body->outputs[k]]);
    require(out[k] == in[k], kName, k == 0 ? "the condition" : join("value ", k - 1), " is ", in[k],
            " before a round and ", out[k], " after it");
  }
  return out;
}

// As many rounds as there may be, of which those after the last keep what is there.
Tensors While::compose(const Tensors& in) const {
  if (!most) return {};
  Scan scan;
  scan.carries = state() + 1;
  scan.length = *most;
  Trace trace(Trace::Of::kRule);
  Tensors inside, before;
  for (const Tensor& t : in) inside.push_back(trace.input(t.type()));
  before.assign(inside.begin(), inside.begin() + static_cast<std::ptrdiff_t>(scan.carries));
  Tensors given = inside;
  given.insert(given.end(), before.begin(), before.end());
  Graph unchanged;
  for (const Tensor& t : before) unchanged.inputs.push_back(unchanged.add_value(t.type()));
  unchanged.open = false;
  Cond cond;
  cond.yes = body;
  cond.no = with_ends(unchanged, unchanged.inputs, unchanged.inputs);
  const Tensors after = apply_all(cond, given);
  scan.body = trace.finish(after);
  return apply_all(scan, in);
}

Tensors While::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  require<TypeError>(most.has_value(), kName,
                     "has no derivative, as nothing says how often it runs: give "
                     "maximum_iterations, or use scan or fori_loop");
  return Op::vjp(in, out, grad);
}

std::int64_t While::flops(const Types&, const Types&) const {
  return most.value_or(1) * body->flops();
}

std::string While::str() const {
  return join(kName, "(state=", state(), ", most=", field_text(most), ")");
}

Tensors while_loop(const Body& traced, const Tensor& go, const Tensors& init,
                   std::optional<std::int64_t> most) {
  const Graph& graph = *traced.graph;
  require(init.size() == traced.asked && traced.given == init.size() + 1, "while_loop",
          "the body takes ", traced.asked, " values and gives ", traced.given, ", got ",
          init.size());
  std::vector<bool> carried(traced.taken.size(), false);
  Tensors in{go};
  in.insert(in.end(), init.begin(), init.end());
  std::vector<Value> inputs(graph.inputs.begin(),
                            graph.inputs.begin() + static_cast<std::ptrdiff_t>(traced.asked));
  for (const Body::Assigned& assigned : traced.assigned) {
    carried[assigned.taken] = true;
    in.push_back(traced.taken[assigned.taken]);
    inputs.push_back(graph.inputs[traced.asked + assigned.taken]);
  }
  for (std::size_t i = 0; i < traced.taken.size(); ++i)
    if (!carried[i]) {
      in.push_back(traced.taken[i]);
      inputs.push_back(graph.inputs[traced.asked + i]);
    }
  While op;
  op.body = with_ends(graph, std::move(inputs), graph.outputs);
  op.most = most;
  Tensors out = apply_all(op, in);
  for (std::size_t k = 0; k < traced.assigned.size(); ++k)
    traced.assigned[k].variable->assign(out[traced.given + k]);
  out.resize(traced.given);
  return out;
}

}  // namespace deepcore
