// What is done once in the life of a plan: constant weights are laid out as the kernels read them.
#pragma once

#include <cstddef>
#include <vector>

#include "deepcore/graph/backend.h"
#include "deepcore/graph/graph.h"

namespace deepcore {

// Which inputs of the node are constants of the graph.
Constants constants_of(const Node& node, const Graph& graph);

// Runs the setups of all steps and drops them; `node_of` each step is past the end for those of no
// node. Constants that nothing reads afterwards are let go: a packed weight is held once.
void run_setups(const Backend& backend, Graph& graph, std::vector<Step>& steps,
                const std::vector<std::size_t>& node_of);

}  // namespace deepcore
