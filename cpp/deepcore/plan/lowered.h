// A graph as a list of steps over one arena, whose inputs and results are told from run to run. The
// bodies of loops and branches in it are lowered too, into its own arena.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deepcore/graph/backend.h"
#include "deepcore/graph/graph.h"
#include "deepcore/plan/hazards.h"
#include "deepcore/plan/memory.h"

namespace deepcore {

class Lowered {
 public:
  // optimize = false skips simplification and fusion.
  Lowered(const Graph& traced, const Backend& backend, bool optimize);
  ~Lowered();
  Lowered(const Lowered&) = delete;
  Lowered& operator=(const Lowered&) = delete;

  // To be called once, before anything runs: the arena is layout().arena_bytes long.
  void place_at(void* arena);

  const Graph& graph() const { return *graph_; }
  const Types& inputs() const { return inputs_; }
  const Types& results() const { return results_; }
  const Layout& layout() const { return layout_; }
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Access>& accesses() const { return accesses_; }

  // Sets the pointers that change from run to run: functions of numbers to memory.
  template <class Inputs, class Results, class Variables>
  void resolve(const Inputs& input, const Results& result, const Variables& variable) {
    for (const Patch& patch : patches_) {
      void*& slot = pointers_[patch.slot];
      if (patch.place.kind == Place::Kind::kInput)
        slot = input(patch.place.at);
      else if (patch.place.kind == Place::Kind::kResult)
        slot = result(patch.place.at);
      else
        slot = variable(patch.place.at);
    }
  }

  // Roughly, on one thread and in its cache.
  double nanoseconds() const;
  std::string str(int indent = 0) const;  // the steps with their offsets

 private:
  struct Patch {
    std::size_t slot;
    Place place;
  };
  Types types(const std::vector<Value>& values) const;
  void add_node(const Node& node, std::size_t number);
  void add_move(const Move& move);
  void add_slot(const Place& place, std::size_t bytes, bool write, Access& access);
  void* at(std::size_t offset) const { return static_cast<std::byte*>(arena_) + offset; }

  const Backend& backend_;
  std::shared_ptr<Graph> graph_;
  Types inputs_, results_;
  Layout layout_;
  void* arena_ = nullptr;
  std::vector<Buffer> kept_;     // workspaces that hold what a setup made
  std::vector<Runner> runners_;  // of each node
  std::vector<std::vector<std::unique_ptr<Lowered>>> bodies_;  // of each node

  // What the steps' pointers are resolved from: a slot is one operand of one step.
  std::vector<void*> pointers_;
  std::vector<Patch> patches_;  // the slots whose memory changes from run to run
  std::vector<Step> steps_;
  std::vector<std::pair<Types, Types>> step_types_;
  std::vector<std::pair<std::size_t, std::size_t>> slots_;  // first input and output of each step
  std::vector<Access> accesses_;                            // of each step, for hazards
  struct Source {
    std::size_t node;               // nodes.size() for moves
    const Lowered* body = nullptr;  // of a loop
  };
  std::vector<Source> sources_;  // of each step
};

}  // namespace deepcore
