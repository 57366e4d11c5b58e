// Plan: a graph made ready to run many times. simplify -> fuse -> order -> place -> steps.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deepcore/graph/backend.h"
#include "deepcore/graph/graph.h"
#include "deepcore/plan/feed.h"

namespace deepcore {

// What run_batches does: batch b takes the rows order[start + b * batch ...] (rows start + b *
// batch ... without an order) of every source, for at most `steps` batches or `seconds` (0: no
// limit).
struct Batches {
  std::vector<Source> sources;  // one an input of the graph
  std::optional<std::span<const std::int64_t>> order;
  std::int64_t start = 0, batch = 0, steps = 0;
  double seconds = 0;
  std::vector<Sink>
      sinks;  // one a result of the graph; batch b fills the rows start + b * batch ...
};

class Plan {
 public:
  // optimize = false skips simplification and fusion: the plain path that tests compare with.
  Plan(const Graph& graph, const Backend& backend, bool optimize = true);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // Both check their arguments, may be called from any thread, and throw what the data's faults
  // say: ValueError for labels, IndexError for indices. Variables keep the values they had before
  // the faulty step, unless it had already updated them.
  Tensors run(const Tensors& inputs);
  // The same, unchecked, on memory that holds values of input_types() and of result_types().
  void run(const void* const* inputs, void* const* results);
  std::int64_t run_batches(const Batches& batches);  // the number of batches done

  const Types& input_types() const;
  const Types& result_types() const;
  std::size_t arena_bytes() const;
  std::int64_t flops() const;
  std::string str() const;  // the steps with their offsets, for people and tests

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Makes loops and branches on concrete tensors run as plans.
void use_planner();

}  // namespace deepcore
