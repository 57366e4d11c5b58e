// The gradient of a table that rows were taken from goes into the update as those rows: the table's
// size in memory is saved, and three passes over it.
#include "deepcore/ops/sparse_update.h"
#include "deepcore/plan/passes.h"

namespace deepcore {
namespace {

// The update by rows that does what `op` does with the table's gradient.
OpPtr by_rows(const Op& op) {
  if (auto* adam = dynamic_cast<const AdamUpdate*>(&op))
    return std::make_shared<SparseAdamUpdate>(adam->beta1, adam->beta2, adam->epsilon, false);
  if (auto* lazy = dynamic_cast<const LazyAdamUpdate*>(&op))
    return std::make_shared<SparseAdamUpdate>(lazy->beta1, lazy->beta2, lazy->epsilon, true);
  if (auto* sgd = dynamic_cast<const SgdUpdate*>(&op); sgd && sgd->momentum == 0)
    return std::make_shared<SparseSgdUpdate>();
  return nullptr;
}

}  // namespace

std::shared_ptr<Graph> sparse_updates(const Graph& traced, const Backend& backend) {
  const std::shared_ptr<Graph> live = remove_dead(traced);
  const Graph& graph = *live;
  std::vector<int> uses(graph.values.size(), 0);
  for (const Node& node : graph.nodes)
    for (Value v : node.in) ++uses[v];
  for (Value v : graph.outputs) ++uses[v];
  for (const auto& write : graph.writes) ++uses[write.second];
  Rewriting rewriting;
  bool changed = false;
  const auto made = rewriting.run(graph, [&](const Node& node, const Tensors& in) -> Tensors {
    const OpPtr sparse = by_rows(*node.op);
    const Node* maker = sparse && uses[node.in[1]] == 1 ? rewriting.maker(in[1]) : nullptr;
    auto* scatter = maker ? dynamic_cast<const ScatterAdd*>(maker->op.get()) : nullptr;
    if (!scatter || scatter->axis != 0 || in[0].rank() < 2) return rewriting.append(node.op, in);
    const Tensor rows = rewriting.input_of(*maker, 0), indices = rewriting.input_of(*maker, 1);
    Tensors from{in[0], reshape(rows, Shape{rows.elements()}), indices};
    from.insert(from.end(), in.begin() + 2, in.end());
    const Types types = types_of(from);
    if (!backend.runner(*sparse, types, sparse->infer(types))) return rewriting.append(node.op, in);
    changed = true;
    return rewriting.append(sparse, from);
  });
  return changed ? remove_dead(*made) : live;
}

}  // namespace deepcore
