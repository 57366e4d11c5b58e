// Trace: the graph that this thread is writing, and the variables seen on the way.
#pragma once

#include <optional>
#include <unordered_map>

#include "deepcore/graph/graph.h"
#include "deepcore/graph/tape.h"
#include "deepcore/graph/variable.h"

namespace deepcore {

// A graph that reads nothing but its inputs: the body of a loop, or a branch.
struct Body {
  std::shared_ptr<const Graph> graph;
  std::size_t asked = 0;  // inputs of its own; after them comes one for each of `taken`
  std::size_t given = 0;  // outputs of its own; after them comes the last value of each of
                          // `assigned`
  Tensors taken;          // values from outside that it reads
  struct Assigned {
    VariablePtr variable;
    std::size_t taken;  // the number of its first value
  };
  std::vector<Assigned> assigned;
};

class Trace {
 public:
  enum class Of {
    kFunction,  // one at a time; variables are read and written by the graph
    kBody,      // inside of whatever is being traced; see Body
    kRule,      // a body that takes nothing from outside: for rules that make ops with bodies
  };
  explicit Trace(Of of = Of::kFunction);  // becomes this thread's current trace
  ~Trace();                               // closes the graph, also when tracing failed
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  Tensor input(const Type& type);
  // Here the variable is this value: not an input of the plan, and what is assigned to it is
  // forgotten when the trace ends.
  void fix(Variable& variable, const Tensor& value);
  std::shared_ptr<Graph> finish(const Tensors& outputs);
  Body finish_body(const Tensors& outputs);
  // Is this a body, and does a tape outside of it follow one of these?
  bool takes(const Tensors& tensors) const;

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
    std::size_t taken = 0;  // of a body: its number there
  };
  Value take(const Tensor& outside);
  void end();

  std::shared_ptr<Graph> graph_;
  Of of_;
  Trace* outer_ = nullptr;  // of a body
  std::optional<SuspendTapes> hidden_;
  Tensors taken_;
  std::vector<Value> taken_as_;
  std::unordered_map<const Variable*, std::size_t> index_;
  std::vector<Seen> seen_;
  std::unordered_map<const void*, Value> known_;  // constants, and what was taken
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
