#include "deepcore/plan/setup.h"

#include <limits>
#include <utility>

namespace deepcore {

namespace {

constexpr std::size_t kMostInputs = std::numeric_limits<Constants>::digits;

// The values that something still reads once the setups have run.
std::vector<bool> read_later(const Graph& graph, const std::vector<Step>& steps,
                             const std::vector<std::size_t>& node_of) {
  std::vector<bool> read(graph.values.size());
  const auto mark = [&](Value v) { read[static_cast<std::size_t>(v)] = true; };
  for (Value v : graph.outputs) mark(v);
  for (const auto& write : graph.writes) mark(write.second);
  for (const Node& node : graph.nodes)
    if (node.op->traits().view) mark(node.in[0]);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (node_of[i] >= graph.nodes.size()) continue;
    const std::vector<Value>& in = graph.nodes[node_of[i]].in;
    for (std::size_t k = 0; k < in.size(); ++k)
      if (k >= kMostInputs || !(steps[i].runner.absorbed >> k & 1)) mark(in[k]);
  }
  return read;
}

}  // namespace

Constants constants_of(const Node& node, const Graph& graph) {
  Constants mask = 0;
  for (std::size_t i = 0; i < node.in.size() && i < kMostInputs; ++i)
    if (graph.constant(node.in[i])) mask |= Constants{1} << i;
  return mask;
}

void run_setups(const Backend& backend, Graph& graph, std::vector<Step>& steps,
                const std::vector<std::size_t>& node_of) {
  std::vector<Step> setups;
  for (Step& step : steps) {
    if (step.runner.setup.empty()) continue;
    Step setup = step;
    setup.runner = {std::exchange(step.runner.setup, {}), 0, step.runner.scratch};
    setups.push_back(std::move(setup));
  }
  if (setups.empty()) return;
  bool first = true;
  backend.execute(setups, [&] { return std::exchange(first, false); });
  const std::vector<bool> read = read_later(graph, steps, node_of);
  for (auto& [value, tensor] : graph.constants)
    if (!read[static_cast<std::size_t>(value)]) tensor = Tensor();
}

}  // namespace deepcore
