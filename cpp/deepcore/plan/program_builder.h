// From a group of elementwise nodes to a Program: registers, constants, elements.
#pragma once

#include <optional>
#include <vector>

#include "deepcore/graph/graph.h"
#include "deepcore/ops/program.h"

namespace deepcore {

struct BuiltProgram {
  Program program;
  std::vector<Value> inputs;
};

// `members` are node numbers in order, all of one output shape; nullopt when a Program cannot hold
// them.
std::optional<BuiltProgram> build_program(const Graph& graph, const std::vector<int>& members,
                                          const std::vector<Value>& outputs);

}  // namespace deepcore
