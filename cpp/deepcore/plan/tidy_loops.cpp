// What loops compute twice, or for nobody. Derivatives make a longer version of a loop that runs
// already, and gradients of all that it takes.
#include <algorithm>

#include "deepcore/ops/control.h"
#include "deepcore/plan/passes.h"

namespace deepcore {

namespace {

const Scan* scan_of(const Node& node) { return dynamic_cast<const Scan*>(node.op.get()); }

// Are the outputs of `a` the first ones of `b`?
bool continues(const Scan& b, const Scan& a) {
  const bool longer = b.base == a.body || (b.body == a.body && b.keep > 0);
  return longer && a.keep == 0 && a.carries == b.carries && a.sliced == b.sliced &&
         a.length == b.length && a.reverse == b.reverse;
}

// Puts the longer of two loops in the place of the other. False when there are no such two.
bool merge_one(Graph& graph) {
  std::vector<Node>& nodes = graph.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!scan_of(nodes[i])) continue;
    for (std::size_t j = 0; j < nodes.size(); ++j) {
      if (i == j || !scan_of(nodes[j]) || nodes[i].in != nodes[j].in ||
          !continues(*scan_of(nodes[j]), *scan_of(nodes[i])))
        continue;
      const Node shorter = nodes[i], longer = nodes[j];
      nodes[std::min(i, j)] = longer;
      nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(std::max(i, j)));
      const auto redirect = [&](Value& v) {
        const auto found = std::ranges::find(shorter.out, v);
        if (found != shorter.out.end())
          v = longer.out[static_cast<std::size_t>(found - shorter.out.begin())];
      };
      for (Node& node : nodes) std::ranges::for_each(node.in, redirect);
      std::ranges::for_each(graph.outputs, redirect);
      for (auto& write : graph.writes) redirect(write.second);
      return true;
    }
  }
  return false;
}

std::vector<bool> read_in(const Graph& graph) {
  std::vector<bool> read(graph.values.size(), false);
  for (Value v : graph.outputs) read[v] = true;
  for (const Node& node : graph.nodes)
    for (Value v : node.in) read[v] = true;
  return read;
}

template <class T>
std::vector<T> those(const std::vector<T>& all, const std::vector<bool>& wanted) {
  std::vector<T> some;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (wanted[i]) some.push_back(all[i]);
  return some;
}

// The body with the wanted outputs alone; of its inputs, those that are read then.
struct Pruned {
  std::shared_ptr<Graph> graph;
  std::vector<bool> inputs, outputs;  // which are left
};

// Output `first + k` becomes input k of the next round for the carries.
Pruned prune(const Graph& body, std::vector<bool> wanted, std::size_t carries, std::size_t first) {
  for (;;) {
    Pruned p;
    const GraphPtr less = with_ends(body, body.inputs, those(body.outputs, wanted));
    p.graph = tidy_loops(*remove_dead(*less));
    const std::vector<bool> read = read_in(*p.graph);
    for (Value v : body.inputs) p.inputs.push_back(read[v]);
    bool changed = false;
    for (std::size_t k = 0; k < carries; ++k) {
      if (p.inputs[k] && !wanted[first + k]) wanted[first + k] = changed = true;
      p.inputs[k] = wanted[first + k];
    }
    if (changed) continue;
    p.graph->inputs = those(body.inputs, p.inputs);
    p.outputs = std::move(wanted);
    return p;
  }
}

bool all(const std::vector<bool>& list) {
  return std::ranges::all_of(list, [](bool b) { return b; });
}

void prune_node(Node& node, const Scan& scan, const std::vector<bool>& live) {
  const std::size_t outputs = scan.body->outputs.size();
  std::vector<bool> wanted(live.begin(), live.begin() + static_cast<std::ptrdiff_t>(outputs));
  const bool kept = std::find(live.begin() + static_cast<std::ptrdiff_t>(outputs), live.end(),
                              true) != live.end();
  if (kept) std::fill_n(wanted.begin(), scan.carries, true);
  const Pruned p = prune(*scan.body, wanted, scan.carries, 0);
  auto less = std::make_shared<Scan>(scan);
  if (!kept) less->keep = 0;
  if (!all(p.inputs) || !all(p.outputs)) {
    const auto count = [&](std::size_t from, std::size_t to) {
      return static_cast<std::size_t>(
          std::count(p.inputs.begin() + static_cast<std::ptrdiff_t>(from),
                     p.inputs.begin() + static_cast<std::ptrdiff_t>(to), true));
    };
    less->body = p.graph;
    less->base = nullptr;
    less->carries = count(0, scan.carries);
    less->sliced = count(scan.carries, scan.carries + scan.sliced);
  }
  std::vector<bool> out = p.outputs;
  out.resize(live.size(), kept);
  node = {less, those(node.in, p.inputs), those(node.out, out)};
}

void prune_node(Node& node, const While& loop, const std::vector<bool>& live) {
  std::vector<bool> wanted = live;
  wanted[0] = true;
  Pruned p = prune(*loop.body, wanted, loop.state(), 1);
  if (all(p.inputs) && all(p.outputs)) return;
  auto less = std::make_shared<While>(loop);
  less->body = p.graph;
  p.inputs.insert(p.inputs.begin(), true);  // go
  node = {less, those(node.in, p.inputs), those(node.out, p.outputs)};
}

void prune_node(Node& node, const Cond& cond, const std::vector<bool>& live) {
  const Pruned yes = prune(*cond.yes, live, 0, 0), no = prune(*cond.no, live, 0, 0);
  std::vector<bool> in{true};
  in.insert(in.end(), yes.inputs.begin(), yes.inputs.end());
  in.insert(in.end(), no.inputs.begin(), no.inputs.end());
  if (all(in) && all(live)) return;
  auto less = std::make_shared<Cond>();
  less->yes = yes.graph;
  less->no = no.graph;
  node = {less, those(node.in, in), those(node.out, live)};
}

}  // namespace

std::shared_ptr<Graph> tidy_loops(const Graph& graph) {
  const bool none =
      std::ranges::none_of(graph.nodes, [](const Node& node) { return node.op->traits().bodies; });
  auto tidy = std::make_shared<Graph>(graph);
  if (none) return tidy;
  tidy = remove_dead(*tidy);
  while (merge_one(*tidy)) {
  }
  std::vector<bool> live(tidy->values.size(), false);
  for (Value v : tidy->outputs) live[v] = true;
  for (const auto& write : tidy->writes) live[write.second] = true;
  for (std::size_t i = tidy->nodes.size(); i-- > 0;) {
    Node& node = tidy->nodes[i];
    std::vector<bool> outputs;
    for (Value v : node.out) outputs.push_back(live[v]);
    const bool any = std::ranges::find(outputs, true) != outputs.end();
    if (!any && !node.op->traits().effect) continue;
    const OpPtr op = node.op;
    if (const auto* scan = dynamic_cast<const Scan*>(op.get()))
      prune_node(node, *scan, outputs);
    else if (const auto* loop = dynamic_cast<const While*>(op.get()))
      prune_node(node, *loop, outputs);
    else if (const auto* cond = dynamic_cast<const Cond*>(op.get()))
      prune_node(node, *cond, outputs);
    for (Value v : node.in) live[v] = true;
  }
  return remove_dead(*tidy);
}

}  // namespace deepcore
