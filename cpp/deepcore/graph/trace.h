// Trace: the graph that this thread is writing, and the variables seen on the way.
#pragma once

#include <unordered_map>

#include "deepcore/graph/graph.h"
#include "deepcore/graph/variable.h"

namespace deepcore {

class Trace {
 public:
  Trace();   // becomes this thread's current trace; one at a time
  ~Trace();  // closes the graph, also when tracing failed
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  Tensor input(const Type& type);
  // Here the variable is this value: not an input of the plan, and what is assigned to it is
  // forgotten when the trace ends.
  void fix(Variable& variable, const Tensor& value);
  std::shared_ptr<Graph> finish(const Tensors& outputs);

  static Trace* current();  // null when nothing is traced, or while suspended
  const std::shared_ptr<Graph>& graph() const { return graph_; }
  Tensor read(Variable& variable);
  void write(Variable& variable, const Tensor& value);
  Tensors append(const OpPtr& op, const Tensors& in, const Types& out);
  Value symbol(const Tensor& tensor);  // registers concrete tensors as constants

 private:
  struct Seen {
    VariablePtr variable;
    Value entered;
    Tensor now;
    bool written = false, fixed = false;
  };
  std::shared_ptr<Graph> graph_;
  std::unordered_map<const Variable*, std::size_t> index_;
  std::vector<Seen> seen_;
  std::unordered_map<const void*, Value> constants_;
};

// Runs eagerly inside a trace: for building weights on first call.
class SuspendTrace {
 public:
  SuspendTrace();
  ~SuspendTrace();

 private:
  Trace* held_;
};

}  // namespace deepcore
