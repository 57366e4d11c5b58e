// Each variable's new value moves to right after what it needs, so that gradients die at once.
#include <algorithm>

#include "deepcore/plan/passes.h"

namespace deepcore {

namespace {

// What comes after the last product without needing it (metrics, counts) moves before it: one
// thread does that while the others begin the product, and nobody waits in the end.
void finish_with_a_product(Graph& graph) {
  const auto heavy = [&](const Node& node) {
    Types in, out;
    for (Value v : node.in) in.push_back(graph.values[v]);
    for (Value v : node.out) out.push_back(graph.values[v]);
    return node.op->flops(in, out) > 0;
  };
  const auto last = std::find_if(graph.nodes.rbegin(), graph.nodes.rend(), heavy);
  if (last == graph.nodes.rend()) return;
  const auto product = last.base() - 1;
  // Nodes that stay need the product, or nothing at all (a count: a step that a fault ends early
  // has not counted), or write a variable that the product or one of them still reads.
  std::vector<bool> made(graph.values.size(), false), late = made, read = made;
  for (const Node& node : graph.nodes)
    for (Value v : node.out) made[v] = true;
  const auto stays = [&](const Node& node) {
    if (std::ranges::none_of(node.in, [&](Value v) { return made[v]; }) ||
        std::ranges::any_of(node.in, [&](Value v) { return late[v]; }))
      return true;
    for (const auto& [variable, written] : graph.writes)
      if (std::ranges::find(node.out, written) != node.out.end())
        for (const auto& [reader, value] : graph.reads)
          if (reader == variable && read[value]) return true;
    return false;
  };
  std::vector<Node> before, after;
  for (auto node = product; node != graph.nodes.end(); ++node) {
    if (node != product && !stays(*node)) {
      before.push_back(*node);
      continue;
    }
    for (Value v : node->out) late[v] = true;
    for (Value v : node->in) read[v] = true;
    after.push_back(*node);
  }
  std::ranges::copy(after, std::ranges::copy(before, product).out);
}

}  // namespace

std::shared_ptr<Graph> order_updates(const Graph& graph) {
  const std::size_t count = graph.nodes.size();
  std::vector<int> maker(graph.values.size(), -1);
  std::vector<std::vector<int>> readers(graph.values.size());
  for (std::size_t i = 0; i < count; ++i) {
    for (Value v : graph.nodes[i].out) maker[v] = static_cast<int>(i);
    for (Value v : graph.nodes[i].in) readers[v].push_back(static_cast<int>(i));
  }

  // An update waits for the makers of its inputs, and for the other readers of the value it
  // replaces.
  std::vector<std::vector<int>> waits_for(count);
  std::vector<bool> is_update(count, false);
  for (const auto& [variable, written] : graph.writes) {
    const int node = maker[written];
    if (node < 0) continue;
    is_update[static_cast<std::size_t>(node)] = true;
    for (const auto& [reader, read] : graph.reads)
      if (reader == variable)
        for (int r : readers[read])
          if (r != node) waits_for[static_cast<std::size_t>(node)].push_back(r);
  }
  std::vector<int> updates;
  for (std::size_t i = 0; i < count; ++i)
    if (is_update[i]) {
      updates.push_back(static_cast<int>(i));
      for (Value v : graph.nodes[i].in)
        if (maker[v] >= 0) waits_for[i].push_back(maker[v]);
    }

  auto ordered = std::make_shared<Graph>(graph);
  ordered->nodes.clear();
  std::vector<bool> done(count, false);
  auto emit = [&](int i) {
    done[static_cast<std::size_t>(i)] = true;
    ordered->nodes.push_back(graph.nodes[static_cast<std::size_t>(i)]);
  };
  // What needs nothing but variables comes first when small (a learning rate, a step count), so
  // that no update has to wait for it.
  std::vector<bool> early(graph.values.size(), false);
  for (const auto& read : graph.reads) early[read.second] = true;
  for (const auto& constant : graph.constants) early[constant.first] = true;
  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    bool now = !is_update[i];
    for (Value v : node.in) now = now && early[v];
    for (Value v : node.out) now = now && graph.values[v].elements() <= 1;
    if (!now) continue;
    for (Value v : node.out) early[v] = true;
    emit(static_cast<int>(i));
  }
  // An update that waits for no gradient (a step count) stays where it was traced: a step that a
  // fault ends early has not counted.
  std::erase_if(updates, [&](int u) {
    const std::vector<int>& needs = waits_for[static_cast<std::size_t>(u)];
    return std::all_of(needs.begin(), needs.end(),
                       [&](int n) { return done[static_cast<std::size_t>(n)]; });
  });
  for (std::size_t i = 0; i < count; ++i) {
    if (!done[i]) emit(static_cast<int>(i));
    for (bool again = true; again;) {
      again = false;
      std::erase_if(updates, [&](int u) {
        if (done[static_cast<std::size_t>(u)]) return true;
        const std::vector<int>& needs = waits_for[static_cast<std::size_t>(u)];
        if (!std::all_of(needs.begin(), needs.end(),
                         [&](int n) { return done[static_cast<std::size_t>(n)]; }))
          return false;
        emit(u);
        return again = true;
      });
    }
  }
  finish_with_a_product(*ordered);
  return ordered;
}

}  // namespace deepcore
