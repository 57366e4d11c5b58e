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

class ProgramBuilder {
 public:
  explicit ProgramBuilder(const Graph& graph);

  // `members` are numbers of elementwise nodes in order, all of one output shape. The program's
  // outputs are `outputs`, then `sums`, which may be inputs too. nullopt when a Program cannot hold
  // them.
  std::optional<BuiltProgram> build(const std::vector<int>& members,
                                    const std::vector<Value>& outputs,
                                    const std::vector<Value>& sums) const;

 private:
  const Graph& graph_;
  std::vector<const float*> number_;  // of each value: the f32 scalar that it always is, or null
};

}  // namespace deepcore
