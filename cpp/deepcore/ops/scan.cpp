// A loop of known length with a carry.
#include "deepcore/graph/apply.h"
#include "deepcore/ops/control.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

Type stacked(Type type, std::int64_t length) {
  type.shape.insert(0, length);
  return type;
}

Tensor row(const Tensor& x, std::int64_t t) {
  Dims begin = Dims::filled(x.rank(), 0), size(x.shape());
  begin[0] = t;
  size[0] = 1;
  return squeeze(slice(x, begin, size, Dims::filled(x.rank(), 1)), Dims{0});
}

}  // namespace

Types Scan::infer(const Types& in) const {
  const auto type = [&](Value v) { return body->values[v]; };
  require(length >= 0 && segment >= 0, kName, "length and segment must not be negative, got ",
          length, " and ", segment);
  require(in.size() == body->inputs.size(), kName, "the body takes ", body->inputs.size(),
          " values, got ", in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Type inside = type(body->inputs[i]);
    const bool slice = i >= carries && i < carries + sliced;
    const Type expected = slice ? stacked(inside, length) : inside;
    require(in[i] == expected, kName,
            slice         ? "xs "
            : i < carries ? "carry "
                          : "captured value ",
            slice ? i - carries : i, " is ", in[i], ", the body takes ", expected);
  }
  Types out;
  for (std::size_t k = 0; k < body->outputs.size(); ++k) {
    const Type made = type(body->outputs[k]);
    if (k < carries)
      require(made == in[k], kName, "carry ", k, " is ", in[k], " before a step and ", made,
              " after it");
    out.push_back(k < carries ? made : stacked(made, length));
  }
  if (keep > 0)
    for (std::size_t k = 0; k < carries; ++k) out.push_back(stacked(in[k], kept()));
  return out;
}

Tensors Scan::compose(const Tensors& in) const {
  Tensors carry(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(carries));
  // What becomes of each output that has a row a step, or one a kept step.
  std::vector<Tensors> rows(ys()), keeps(keep > 0 ? carries : 0);
  for (Tensors& list : rows) list.resize(static_cast<std::size_t>(length));
  for (Tensors& list : keeps) list.resize(static_cast<std::size_t>(kept()));
  for (std::int64_t r = 0; r < length; ++r) {
    const std::int64_t t = step(r);
    if (keep > 0 && r % keep == 0)
      for (std::size_t k = 0; k < carries; ++k)
        keeps[k][static_cast<std::size_t>(reverse ? kept() - 1 - r / keep : r / keep)] = carry[k];
    Tensors args = carry;
    for (std::size_t i = carries; i < in.size(); ++i)
      args.push_back(i < carries + sliced ? row(in[i], t) : in[i]);
    const Tensors out = replay(*body, args);
    for (std::size_t k = 0; k < out.size(); ++k)
      if (k < carries)
        carry[k] = out[k];
      else
        rows[k - carries][static_cast<std::size_t>(t)] = out[k];
  }
  Tensors out = carry;
  const Types types = infer(types_of(in));
  rows.insert(rows.end(), keeps.begin(), keeps.end());
  for (std::size_t k = 0; k < rows.size(); ++k)
    out.push_back(rows[k].empty() ? zeros(types[carries + k]) : stack(rows[k], 0));
  return out;
}

std::int64_t Scan::flops(const Types&, const Types&) const { return length * body->flops(); }

std::string Scan::str() const {
  return join(kName, "(length=", length, ", carries=", carries, ", xs=", sliced, ", ys=", ys(),
              reverse ? ", reverse" : "", segment > 0 ? join(", segment=", segment) : "",
              keep > 0 ? join(", keep=", keep) : "", ")");
}

Tensors scan(const Body& traced, const Tensors& init, const Tensors& xs, std::int64_t length,
             bool reverse, std::int64_t segment) {
  const Graph& graph = *traced.graph;
  require(init.size() + xs.size() == traced.asked, "scan", "the body takes ", traced.asked,
          " values, got ", init.size(), " carries and ", xs.size(), " slices");
  require(traced.given >= init.size(), "scan", "the body gives ", traced.given, " values for ",
          init.size(), " carries");
  // The values of assigned variables are carries too.
  std::vector<bool> carried(traced.taken.size(), false);
  Tensors in = init;
  std::vector<Value> inputs(graph.inputs.begin(),
                            graph.inputs.begin() + static_cast<std::ptrdiff_t>(init.size()));
  std::vector<Value> outputs(graph.outputs.begin(),
                             graph.outputs.begin() + static_cast<std::ptrdiff_t>(init.size()));
  for (std::size_t k = 0; k < traced.assigned.size(); ++k) {
    const std::size_t taken = traced.assigned[k].taken;
    carried[taken] = true;
    in.push_back(traced.taken[taken]);
    inputs.push_back(graph.inputs[traced.asked + taken]);
    outputs.push_back(graph.outputs[traced.given + k]);
  }
  for (std::size_t i = 0; i < xs.size(); ++i) {
    in.push_back(xs[i]);
    inputs.push_back(graph.inputs[init.size() + i]);
  }
  for (std::size_t i = 0; i < traced.taken.size(); ++i)
    if (!carried[i]) {
      in.push_back(traced.taken[i]);
      inputs.push_back(graph.inputs[traced.asked + i]);
    }
  outputs.insert(outputs.end(), graph.outputs.begin() + static_cast<std::ptrdiff_t>(init.size()),
                 graph.outputs.begin() + static_cast<std::ptrdiff_t>(traced.given));

  auto op = std::make_shared<Scan>();
  op->body = with_ends(graph, std::move(inputs), std::move(outputs));
  op->carries = init.size() + traced.assigned.size();
  op->sliced = xs.size();
  op->length = length;
  op->reverse = reverse;
  op->segment = segment;
  Tensors out = deepcore::apply(op, in);
  for (std::size_t k = 0; k < traced.assigned.size(); ++k)
    traced.assigned[k].variable->assign(out[init.size() + k]);
  const auto first = out.begin() + static_cast<std::ptrdiff_t>(init.size());
  out.erase(first, first + static_cast<std::ptrdiff_t>(traced.assigned.size()));
  return out;
}

}  // namespace deepcore
