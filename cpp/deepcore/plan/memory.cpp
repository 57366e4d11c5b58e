#include "deepcore/plan/memory.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "deepcore/graph/variable.h"

namespace deepcore {

namespace {

constexpr std::size_t kAlign = 64;

// A piece of the arena and the steps that need it.
struct Block {
  std::size_t bytes;
  int first, last;
  std::size_t offset = 0;
};

class Placer {
 public:
  Placer(const Graph& graph, const std::vector<std::size_t>& workspace_bytes)
      : graph_(graph),
        workspace_bytes_(workspace_bytes),
        end_(static_cast<int>(graph.nodes.size())),
        root_(graph.values.size()),
        last_(graph.values.size(), -1),
        maker_(graph.values.size(), -1),
        block_(graph.values.size(), -1) {
    layout_.places.resize(graph.values.size());
  }

  Layout run() {
    find_roots();
    find_last_uses();
    place_outside();
    for (int i = 0; i < end_; ++i) place_node(i);
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i)
      feed_blocks_.push_back(
          new_block(graph_.values[graph_.inputs[i]].bytes(), -1, last_[graph_.inputs[i]]));
    plan_moves();
    pack();
    for (std::size_t v = 0; v < block_.size(); ++v)
      if (block_[v] >= 0)
        layout_.places[v].at = blocks_[static_cast<std::size_t>(block_[v])].offset;
    for (std::size_t v = 0; v < root_.size(); ++v) layout_.places[v] = layout_.places[root_[v]];
    for (int b : feed_blocks_) layout_.feeds.push_back(blocks_[static_cast<std::size_t>(b)].offset);
    for (int b : workspace_blocks_)
      layout_.workspaces.push_back(b < 0 ? 0 : blocks_[static_cast<std::size_t>(b)].offset);
    return std::move(layout_);
  }

 private:
  using PlaceKind = Place::Kind;

  // A view lives where its source lives.
  void find_roots() {
    std::iota(root_.begin(), root_.end(), 0);
    for (const Node& node : graph_.nodes)
      if (node.op->traits().view) root_[node.out[0]] = root_[node.in[0]];
  }

  void find_last_uses() {
    for (int i = 0; i < end_; ++i) {
      for (Value v : graph_.nodes[i].in) last_[root_[v]] = i;
      for (Value v : graph_.nodes[i].out) maker_[v] = i;
    }
    for (Value v : graph_.outputs) last_[root_[v]] = end_;
    for (const auto& write : graph_.writes) last_[root_[write.second]] = end_;
  }

  void put(Value v, PlaceKind kind, std::size_t at) { layout_.places[v] = {kind, at}; }
  bool placed(Value v) const { return layout_.places[v].kind != PlaceKind::kNone; }

  void place_outside() {
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i)
      put(graph_.inputs[i], PlaceKind::kInput, i);
    for (std::size_t i = 0; i < graph_.reads.size(); ++i)
      put(graph_.reads[i].second, PlaceKind::kVariable, i);
    for (std::size_t i = 0; i < graph_.constants.size(); ++i)
      put(graph_.constants[i].first, PlaceKind::kConstant, i);
    // A result that some node makes is made in the caller's memory.
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const Value root = root_[graph_.outputs[i]];
      if (!placed(root)) put(root, PlaceKind::kResult, i);
    }
    for (std::size_t i = 0; i < graph_.reads.size(); ++i)
      read_of_.try_emplace(graph_.reads[i].first.get(), i);
    for (const auto& write : graph_.writes)
      written_in_place_.push_back(try_in_place(write.first, write.second));
  }

  // Every write has its read.
  std::size_t read_of(const std::shared_ptr<Variable>& variable) const {
    return read_of_.at(variable.get());
  }

  // May the new value be made right in the variable's memory? Only when nobody reads the old one
  // later.
  bool try_in_place(const std::shared_ptr<Variable>& variable, Value written) {
    if (placed(written) || root_[written] != written) return false;
    const std::size_t read = read_of(variable);
    const Value old = graph_.reads[read].second;
    const int maker = maker_[written];
    if (last_[old] > maker) return false;
    if (last_[old] == maker && !may_overwrite(graph_.nodes[maker], old, written)) return false;
    put(written, PlaceKind::kVariable, read);
    return true;
  }

  // The op allows its output over this input: same size, and the input is not read in another
  // pattern.
  bool may_overwrite(const Node& node, Value in, Value out) const {
    const Traits traits = node.op->traits();
    if (!traits.in_place || !(graph_.values[in] == graph_.values[out])) return false;
    if (std::find(node.out.end() - traits.apart, node.out.end(), out) != node.out.end())
      return false;
    int reads = 0;
    for (Value v : node.in) reads += root_[v] == root_[in];
    if (reads != 1) return false;
    return traits.elementwise || node.in[0] == in;
  }

  int new_block(std::size_t bytes, int first, int last) {
    blocks_.push_back({(bytes + kAlign - 1) / kAlign * kAlign, first, std::max(first, last)});
    return static_cast<int>(blocks_.size()) - 1;
  }

  void place_node(int i) {
    const Node& node = graph_.nodes[i];
    const std::size_t workspace = workspace_bytes_[static_cast<std::size_t>(i)];
    workspace_blocks_.push_back(workspace > 0 ? new_block(workspace, i, i) : -1);
    if (node.op->traits().view) return;
    std::vector<Value> taken;
    for (Value out : node.out) {
      if (placed(out)) continue;
      put(out, PlaceKind::kArena, 0);
      for (Value in : node.in) {
        const Value root = root_[in];
        const bool ends_here = block_[root] >= 0 && last_[root] == i;
        if (!ends_here || !may_overwrite(node, in, out) ||
            std::ranges::find(taken, root) != taken.end())
          continue;
        taken.push_back(root);
        block_[out] = block_[root];
        Block& block = blocks_[static_cast<std::size_t>(block_[out])];
        block.last = std::max(block.last, std::max(i, last_[out]));
        break;
      }
      if (block_[out] < 0) block_[out] = new_block(graph_.values[out].bytes(), i, last_[out]);
    }
  }

  void plan_moves() {
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const Place at = layout_.places[root_[graph_.outputs[i]]];
      if (at.kind != PlaceKind::kResult || at.at != i)
        layout_.moves.push_back({graph_.outputs[i], {PlaceKind::kResult, i}});
    }
    // A variable that takes another's old memory must not find it overwritten by an earlier move.
    std::vector<Move> to_variables;
    for (std::size_t w = 0; w < graph_.writes.size(); ++w) {
      const auto& [variable, written] = graph_.writes[w];
      const std::size_t read = read_of(variable);
      const Place from = layout_.places[root_[written]];
      if (written_in_place_[w] || (from.kind == PlaceKind::kVariable && from.at == read)) continue;
      Value source = written;
      if (from.kind == PlaceKind::kVariable) {
        // Kept aside in a block of its own; known to the plan by a value of its own.
        source = static_cast<Value>(root_.size());
        root_.push_back(source);
        last_.push_back(end_);
        block_.push_back(new_block(graph_.values[written].bytes(), end_, end_));
        layout_.places.push_back({PlaceKind::kArena, 0});
        layout_.moves.push_back({written, {PlaceKind::kNone, static_cast<std::size_t>(source)}});
      }
      to_variables.push_back({source, {PlaceKind::kVariable, read}});
    }
    layout_.moves.insert(layout_.moves.end(), to_variables.begin(), to_variables.end());
  }

  // Largest first, each at the lowest offset that no block living at the same time covers.
  void pack() {
    std::vector<Block*> order;
    for (Block& block : blocks_) order.push_back(&block);
    std::ranges::stable_sort(order,
                             [](const Block* a, const Block* b) { return a->bytes > b->bytes; });
    std::vector<const Block*> done;  // by offset
    for (Block* block : order) {
      std::size_t offset = 0;
      for (const Block* other : done) {
        if (other->last < block->first || block->last < other->first) continue;
        if (other->offset >= offset + block->bytes) break;
        offset = std::max(offset, other->offset + other->bytes);
      }
      block->offset = offset;
      done.insert(std::ranges::upper_bound(done, offset, {}, &Block::offset), block);
      layout_.arena_bytes = std::max(layout_.arena_bytes, offset + block->bytes);
    }
  }

  const Graph& graph_;
  const std::vector<std::size_t>& workspace_bytes_;
  int end_;
  std::vector<Value> root_;
  std::vector<int> last_;   // the last node that reads a root; end_ when it outlives them
  std::vector<int> maker_;  // the node that makes a value
  std::unordered_map<const Variable*, std::size_t> read_of_;
  std::vector<int> block_;  // of values in the arena
  std::vector<Block> blocks_;
  std::vector<int> feed_blocks_, workspace_blocks_;
  std::vector<bool> written_in_place_;
  Layout layout_;
};

}  // namespace

Layout place(const Graph& graph, const std::vector<std::size_t>& workspace_bytes) {
  return Placer(graph, workspace_bytes).run();
}

}  // namespace deepcore
