// Chains of elementwise f32 ops over one shape become one Program: one trip to memory instead of
// one an op.
#include <algorithm>
#include <optional>
#include <set>

#include "deepcore/ops/kinds.h"
#include "deepcore/plan/passes.h"
#include "deepcore/plan/program_builder.h"

namespace deepcore {

namespace {

bool is_logical(Kind k) { return k >= Kind::kLogicalAnd && k <= Kind::kLogicalXor; }
bool is_comparison(Kind k) { return k >= Kind::kEqual && k <= Kind::kGreaterEqual; }

// Can this node be an instruction? Integers stay out, but for casts from them: a float holds 24
// bits.
bool fusable(const Graph& graph, const Node& node) {
  auto type = [&](int i) { return graph.values[node.in[static_cast<std::size_t>(i)]].dtype; };
  auto small = [](DType d) { return d == DType::kFloat32 || d == DType::kBool; };
  const DType out = graph.values[node.out[0]].dtype;
  if (graph.values[node.out[0]].elements() == 0 || !small(out)) return false;
  if (auto* unary = dynamic_cast<const Unary*>(node.op.get()))
    return unary->kind == Kind::kLogicalNot ? type(0) == DType::kBool : type(0) == DType::kFloat32;
  if (auto* binary = dynamic_cast<const Binary*>(node.op.get())) {
    if (is_logical(binary->kind)) return type(0) == DType::kBool;
    if (is_comparison(binary->kind)) return small(type(0));
    return type(0) == DType::kFloat32;
  }
  if (dynamic_cast<const Select*>(node.op.get())) return out == DType::kFloat32;
  if (dynamic_cast<const Cast*>(node.op.get()))
    return out == DType::kFloat32 && (type(0) == DType::kBool || type(0) == DType::kUInt8);
  return false;
}

class ElementwiseFuser {
 public:
  explicit ElementwiseFuser(const Graph& graph)
      : graph_(graph), maker_(graph.values.size(), -1), group_(graph.nodes.size(), -1) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      for (Value v : graph.nodes[i].out) maker_[v] = static_cast<int>(i);
    readers_.resize(graph.values.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      for (Value v : graph.nodes[i].in) readers_[v].push_back(static_cast<int>(i));
    kept_.assign(graph.values.size(), false);
    for (Value v : graph.outputs) kept_[v] = true;
    for (const auto& write : graph.writes) kept_[write.second] = true;
  }

  std::shared_ptr<Graph> run() {
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i)
      if (fusable(graph_, graph_.nodes[i])) join_producers(i);
    result_ = std::make_shared<Graph>(graph_);
    result_->nodes.clear();
    emitted_.assign(graph_.nodes.size(), false);
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i)
      // A group waits for its last member, unless somebody needs it earlier.
      if (group_[i] < 0 || groups_[group_[i]].back() == i) emit(i);
    return result_;
  }

 private:
  const Shape& shape_of(int node) const { return graph_.values[graph_.nodes[node].out[0]].shape; }

  void join_producers(int node) {
    group_[node] = static_cast<int>(groups_.size());
    groups_.push_back({node});
    for (Value v : graph_.nodes[node].in) {
      const int maker = maker_[v];
      if (maker < 0 || group_[maker] < 0 || group_[maker] == group_[node]) continue;
      if (!(shape_of(maker) == shape_of(node))) continue;
      std::vector<int> both;
      std::merge(groups_[group_[maker]].begin(), groups_[group_[maker]].end(),
                 groups_[group_[node]].begin(), groups_[group_[node]].end(),
                 std::back_inserter(both));
      if (!fits(both) || makes_cycle(both)) continue;
      const int from = group_[maker], to = group_[node];
      for (int member : both) group_[member] = to;
      groups_[from].clear();
      groups_[to] = std::move(both);
    }
  }

  bool fits(const std::vector<int>& members) const {
    return build_program(graph_, members, outputs_of(members)).has_value();
  }

  std::vector<Value> outputs_of(const std::vector<int>& members) const {
    std::vector<Value> outputs;
    for (int member : members) {
      const Value v = graph_.nodes[member].out[0];
      bool outside = kept_[v];
      for (int reader : readers_[v])
        outside = outside || !std::binary_search(members.begin(), members.end(), reader);
      if (outside) outputs.push_back(v);
    }
    return outputs;
  }

  // Does something that a member needs from outside itself need a member?
  bool makes_cycle(const std::vector<int>& members) const {
    const int first = members.front();  // nothing before it can need a member, but through a group
    std::set<int> seen;
    std::vector<int> open;
    auto push_needs = [&](int node) {
      for (Value v : graph_.nodes[node].in) {
        const int maker = maker_[v];
        if (maker < 0 || std::binary_search(members.begin(), members.end(), maker)) continue;
        if (seen.insert(maker).second) open.push_back(maker);
      }
    };
    for (int member : members) push_needs(member);
    while (!open.empty()) {
      const int node = open.back();
      open.pop_back();
      std::vector<int> together{node};
      if (group_[node] >= 0) together = groups_[group_[node]];
      if (together.back() < first) continue;
      for (int n : together)
        for (Value v : graph_.nodes[n].in) {
          const int maker = maker_[v];
          if (maker < 0) continue;
          if (std::binary_search(members.begin(), members.end(), maker)) return true;
          if (seen.insert(maker).second) open.push_back(maker);
        }
    }
    return false;
  }

  void emit(int node) {
    if (emitted_[node]) return;
    std::vector<int> members{node};
    if (group_[node] >= 0) members = groups_[group_[node]];
    for (int member : members) emitted_[member] = true;
    for (int member : members)
      for (Value v : graph_.nodes[member].in)
        if (maker_[v] >= 0) emit(maker_[v]);
    if (members.size() == 1) {
      result_->nodes.push_back(graph_.nodes[node]);
      return;
    }
    const std::vector<Value> outputs = outputs_of(members);
    std::optional<BuiltProgram> built = build_program(graph_, members, outputs);
    result_->nodes.push_back({std::make_shared<Fused>(built->program), built->inputs, outputs});
  }

  const Graph& graph_;
  std::vector<int> maker_, group_;
  std::vector<std::vector<int>> groups_;   // sorted node numbers; empty when merged away
  std::vector<std::vector<int>> readers_;  // of each value
  std::vector<bool> kept_;                 // results and assigned values
  std::shared_ptr<Graph> result_;
  std::vector<bool> emitted_;
};

}  // namespace

std::shared_ptr<Graph> fuse_elementwise(const Graph& graph) {
  return ElementwiseFuser(graph).run();
}

}  // namespace deepcore
