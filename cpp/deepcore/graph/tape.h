// Tape: the record of applied ops from which derivatives are made, eager and traced alike.
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "deepcore/graph/op.h"
#include "deepcore/graph/variable.h"

namespace deepcore {

struct Record {
  OpPtr op;
  Tensors in, out;
};

class Tape {
 public:
  void start();  // pushes onto this thread's stack of open tapes
  void stop();
  void watch(const Tensor& tensor);
  // Trainable variables are watched when read, unless switched off.
  bool watch_variables = true;
  void clear();

  const std::vector<Record>& records() const { return records_; }
  // Every tensor that a read of `variable` gave while the tape was open.
  Tensors reads(const Variable& variable) const;
  // The variables read and watched, in the order of their first read.
  const std::vector<VariablePtr>& variables() const { return variables_; }

  static void on_apply(const OpPtr& op, const Tensors& in, const Tensors& out);
  static void on_read(Variable& variable, const Tensor& value);
  static bool any_open();
  // Does a tape that is suspended now follow this tensor?
  static bool suspended_follows(const Tensor& tensor);

 private:
  bool records_now() const;

  int depth_ = 0;  // how many suspensions lived when it was started
  std::vector<Record> records_;
  std::unordered_map<const void*, Tensor> tracked_;  // holds them, so that ids stay unique
  std::unordered_map<const Variable*, Tensors> reads_;
  std::vector<VariablePtr> variables_;
};

// The open tapes of this thread do not record while one lives (inside compose, inside
// stop_recording()); those started meanwhile do.
class SuspendTapes {
 public:
  SuspendTapes();
  ~SuspendTapes();
  // For a look from outside: what was, and what is again.
  void lift();
  void lower();

 private:
  int found_, inside_ = 0;
};

}  // namespace deepcore
