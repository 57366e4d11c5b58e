// Where every value of a graph lives: one arena, the variables' own memory, the caller's, or a
// constant's.
#pragma once

#include <cstddef>
#include <vector>

#include "deepcore/graph/graph.h"

namespace deepcore {

struct Place {
  enum class Kind { kNone, kArena, kInput, kResult, kVariable, kConstant };
  Kind kind = Kind::kNone;
  // kArena: the offset in bytes. kInput, kResult: its number. kVariable: the number of its read.
  // kConstant: its number among the graph's constants.
  std::size_t at = 0;
};

// A copy at the end of the run, from a value to a result or a variable.
struct Move {
  Value from;
  Place to;
};

struct Layout {
  std::vector<Place> places;            // of each value
  std::vector<std::size_t> feeds;       // the arena offset kept for each input, for run_batches
  std::vector<std::size_t> workspaces;  // of each node
  std::vector<Move> moves;              // in order
  std::size_t arena_bytes = 0;
};

// `workspace_bytes`: what each node asks for.
Layout place(const Graph& graph, const std::vector<std::size_t>& workspace_bytes);

}  // namespace deepcore
