// One of two branches.
#include <algorithm>

#include "deepcore/graph/apply.h"
#include "deepcore/ops/control.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

// One branch of the gradient: of what it takes and the gradients of the results, to the gradients
// of what both branches take, zeros for the other's.
GraphPtr gradient_branch(const Graph& branch, const Graph& other, bool first) {
  const std::vector<bool> wanted(branch.outputs.size(), true);
  Derivative d = derivative(branch, wanted, std::vector<bool>(branch.inputs.size(), false));
  std::vector<Value> inputs = d.in, mine, others;
  for (Value g : d.grads)
    if (g >= 0) inputs.push_back(g);
  for (std::size_t i = 0; i < d.in.size(); ++i) {
    const Type type = d.graph->values[d.in[i]];
    if (!is_floating(type.dtype)) continue;
    mine.push_back(d.in_grads[i] >= 0 ? d.in_grads[i] : add_zeros(*d.graph, type));
  }
  for (Value v : other.inputs)
    if (is_floating(other.values[v].dtype)) others.push_back(add_zeros(*d.graph, other.values[v]));
  std::vector<Value>& all = first ? mine : others;
  const std::vector<Value>& rest = first ? others : mine;
  all.insert(all.end(), rest.begin(), rest.end());
  return with_ends(*d.graph, std::move(inputs), all);
}

// What the other branch assigns is what it was, here.
void assign_too(Body& body, const Body& other) {
  auto graph = std::make_shared<Graph>(*body.graph);
  for (const Body::Assigned& theirs : other.assigned) {
    const auto is_it = [&](const Body::Assigned& mine) { return mine.variable == theirs.variable; };
    if (std::ranges::any_of(body.assigned, is_it)) continue;
    const Tensor value = other.taken[theirs.taken];
    const Value v = graph->add_value(value.type());
    graph->inputs.push_back(v);
    graph->outputs.push_back(v);
    body.assigned.push_back({theirs.variable, body.taken.size()});
    body.taken.push_back(value);
  }
  body.graph = graph;
}

}  // namespace

Types Cond::infer(const Types& in) const {
  require(in.size() == 1 + yes->inputs.size() + no->inputs.size(), kName, "the branches take ",
          yes->inputs.size(), " and ", no->inputs.size(), " values, got ", in.size() - 1);
  require(in[0] == Type{DType::kBool, Shape{}}, kName, "the predicate must be one bool, got ",
          in[0]);
  for (std::size_t i = 1; i < in.size(); ++i) {
    const Graph& branch = i <= yes->inputs.size() ? *yes : *no;
    const std::size_t at = i <= yes->inputs.size() ? i - 1 : i - 1 - yes->inputs.size();
    const Type expected = branch.values[branch.inputs[at]];
    require(in[i] == expected, kName, "value ", i - 1, " is ", in[i], ", its branch takes ",
            expected);
  }
  require(yes->outputs.size() == no->outputs.size(), kName, "the branches give ",
          yes->outputs.size(), " and ", no->outputs.size(), " values");
  Types out;
  for (std::size_t k = 0; k < yes->outputs.size(); ++k) {
    out.push_back(yes->values[yes->outputs[k]]);
    const Type other = no->values[no->outputs[k]];
    require(out[k] == other, kName, "value ", k, " is ", out[k], " of one branch and ", other,
            " of the other");
  }
  return out;
}

Tensors Cond::compose(const Tensors& in) const {
  const auto split = in.begin() + 1 + static_cast<std::ptrdiff_t>(yes->inputs.size());
  Tensors out = replay(*yes, {in.begin() + 1, split});
  const Tensors other = replay(*no, {split, in.end()});
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = where(in[0], out[k], other[k]);
  return out;
}

Tensors Cond::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  Cond gradient;
  gradient.yes = gradient_branch(*yes, *no, true);
  gradient.no = gradient_branch(*no, *yes, false);
  Tensors grads;
  for (std::size_t k = 0; k < out.size(); ++k)
    if (is_floating(out[k].dtype())) grads.push_back(broadcast_to(grad[k], out[k].shape()));
  const auto split = in.begin() + 1 + static_cast<std::ptrdiff_t>(yes->inputs.size());
  Tensors given(in.begin(), split);
  given.insert(given.end(), grads.begin(), grads.end());
  given.insert(given.end(), split, in.end());
  given.insert(given.end(), grads.begin(), grads.end());
  const Tensors found = apply_all(gradient, given);
  Tensors result(in.size());
  for (std::size_t i = 1, f = 0; i < in.size(); ++i)
    if (is_floating(in[i].dtype())) result[i] = found[f++];
  return result;
}

std::int64_t Cond::flops(const Types&, const Types&) const {
  return std::max(yes->flops(), no->flops());
}

std::string Cond::str() const { return join(kName, "(outputs=", yes->outputs.size(), ")"); }

Tensors cond(const Tensor& predicate, Body yes, Body no) {
  assign_too(yes, no);
  assign_too(no, yes);
  // In the order of the first branch.
  std::vector<Value> outputs(no.graph->outputs.begin(),
                             no.graph->outputs.begin() + static_cast<std::ptrdiff_t>(no.given));
  for (const Body::Assigned& theirs : yes.assigned)
    for (std::size_t k = 0; k < no.assigned.size(); ++k)
      if (no.assigned[k].variable == theirs.variable)
        outputs.push_back(no.graph->outputs[no.given + k]);
  Cond op;
  op.yes = yes.graph;
  op.no = with_ends(*no.graph, no.graph->inputs, outputs);
  Tensors in{predicate};
  in.insert(in.end(), yes.taken.begin(), yes.taken.end());
  in.insert(in.end(), no.taken.begin(), no.taken.end());
  Tensors out = apply_all(op, in);
  for (std::size_t k = 0; k < yes.assigned.size(); ++k)
    yes.assigned[k].variable->assign(out[yes.given + k]);
  out.resize(yes.given);
  return out;
}

}  // namespace deepcore
