// Chains of elementwise f32 ops over one shape, and sums of their columns or rows, become one
// Program: one trip to memory instead of one an op.
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

// A sum that a group computes on the way.
struct Summed {
  int trailing;  // as FusedSum has them
  bool keepdims;
  bool operator==(const Summed&) const = default;
};
std::optional<Summed> summable(const Graph& graph, const Node& node) {
  auto* reduce = dynamic_cast<const Reduce*>(node.op.get());
  if (!reduce || reduce->kind != ReduceKind::kSum) return {};
  const Type& x = graph.values[node.in[0]];
  const int rank = x.shape.rank(), axes = reduce->axes.size();
  if (x.dtype != DType::kFloat32 || x.shape.elements() == 0 || axes == 0) return {};
  if (reduce->axes[0] == rank - axes) {  // the last ones
    if (x.shape.elements(rank - axes, rank) == 1) return {};
    return Summed{axes, reduce->keepdims};
  }
  // With fewer columns most lanes would idle.
  const bool columns = axes == rank - 1 && !reduce->axes.contains(rank - 1);
  if (columns && !reduce->keepdims && x.shape.back() >= 4) return Summed{0, false};
  return {};
}

class ElementwiseFuser {
 public:
  explicit ElementwiseFuser(const Graph& graph)
      : graph_(graph),
        builder_(graph),
        maker_(graph.values.size(), -1),
        group_(graph.nodes.size(), -1),
        sum_(graph.nodes.size()) {
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
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i) {
      sum_[i] = summable(graph_, graph_.nodes[i]);
      if (sum_[i] || fusable(graph_, graph_.nodes[i])) join(i);
    }
    result_ = std::make_shared<Graph>(graph_);
    result_->nodes.clear();
    emitted_.assign(graph_.nodes.size(), false);
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i)
      // A group waits for its last member, unless somebody needs it earlier.
      if (group_[i] < 0 || groups_[group_[i]].back() == i) emit(i);
    return result_;
  }

 private:
  // What a group runs over.
  const Shape& shape_of(int node) const {
    const Node& n = graph_.nodes[node];
    return graph_.values[sum_[node] ? n.in[0] : n.out[0]].shape;
  }

  void join(int node) {
    group_[node] = static_cast<int>(groups_.size());
    groups_.push_back({node});
    for (Value v : graph_.nodes[node].in)
      if (maker_[v] >= 0 && !sum_[maker_[v]]) merge(maker_[v], node);
    // Who adds up what others read saves a trip to memory.
    for (Value v : graph_.nodes[node].in)
      if (graph_.values[v].shape == shape_of(node))
        for (int reader : readers_[v])
          if (reader < node && group_[reader] >= 0 && (has_sum(reader) || has_sum(node)))
            merge(reader, node);
  }

  bool has_sum(int node) const {
    for (int member : groups_[group_[node]])
      if (sum_[member]) return true;
    return false;
  }

  // Puts the groups of two nodes together, if that makes a program.
  void merge(int earlier, int node) {
    const int from = group_[earlier], to = group_[node];
    if (from < 0 || from == to || !(shape_of(earlier) == shape_of(node))) return;
    std::vector<int> both;
    std::merge(groups_[from].begin(), groups_[from].end(), groups_[to].begin(), groups_[to].end(),
               std::back_inserter(both));
    if (!build(both) || makes_cycle(both)) return;
    for (int member : both) group_[member] = to;
    groups_[from].clear();
    groups_[to] = std::move(both);
  }

  // The node that a group becomes.
  std::optional<Node> build(const std::vector<int>& members) const {
    std::vector<int> instructions;
    std::vector<Value> sums, outputs = outputs_of(members);
    std::optional<Summed> kind;
    const std::size_t plain = outputs.size();
    for (int member : members) {
      if (sum_[member]) {
        if (kind && *kind != *sum_[member]) return {};
        kind = sum_[member];
        sums.push_back(graph_.nodes[member].in[0]);
        outputs.push_back(graph_.nodes[member].out[0]);
      } else {
        instructions.push_back(member);
      }
    }
    // A sum is known only at the end: nobody inside can read it.
    for (int member : instructions)
      for (Value v : graph_.nodes[member].in)
        if (std::find(outputs.begin() + static_cast<std::ptrdiff_t>(plain), outputs.end(), v) !=
            outputs.end())
          return {};
    outputs.resize(plain);
    std::optional<BuiltProgram> built = builder_.build(instructions, outputs, sums);
    if (!built) return {};
    Node node{nullptr, std::move(built->inputs), std::move(outputs)};
    for (int member : members)
      if (sum_[member]) node.out.push_back(graph_.nodes[member].out[0]);
    if (sums.empty())
      node.op = std::make_shared<Fused>(built->program);
    else
      node.op = std::make_shared<FusedSum>(built->program, static_cast<int>(sums.size()),
                                           kind->trailing, kind->keepdims);
    return node;
  }

  // What is read outside, but for the sums.
  std::vector<Value> outputs_of(const std::vector<int>& members) const {
    std::vector<Value> outputs;
    for (int member : members) {
      if (sum_[member]) continue;
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
    result_->nodes.push_back(*build(members));
  }

  const Graph& graph_;
  ProgramBuilder builder_;
  std::vector<int> maker_, group_;
  std::vector<std::optional<Summed>> sum_;  // of each node
  std::vector<std::vector<int>> groups_;    // sorted node numbers; empty when merged away
  std::vector<std::vector<int>> readers_;   // of each value
  std::vector<bool> kept_;                  // results and assigned values
  std::shared_ptr<Graph> result_;
  std::vector<bool> emitted_;
};

}  // namespace

std::shared_ptr<Graph> fuse_elementwise(const Graph& graph) {
  return ElementwiseFuser(graph).run();
}

}  // namespace deepcore
