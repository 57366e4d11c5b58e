// Graph: a computation as two flat vectors, in order by construction (SSA).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "deepcore/graph/op.h"
#include "deepcore/graph/tensor.h"

namespace deepcore {

class Variable;

struct Node {
  OpPtr op;
  std::vector<Value> in, out;
};

struct Graph {
  std::vector<Type> values;
  std::vector<Node> nodes;
  std::vector<Value> inputs, outputs;
  std::vector<std::pair<Value, Tensor>> constants;  // by rising value
  // Variables by the value they enter with, and the value they leave with.
  std::vector<std::pair<std::shared_ptr<Variable>, Value>> reads, writes;
  bool open = true;  // being traced; a closed graph's symbols are refused

  Value add_value(Type type) {
    values.push_back(std::move(type));
    return static_cast<Value>(values.size() - 1);
  }
  const Tensor* constant(Value v) const;  // null for everything else
  std::string str() const;                // %5 = softmax(%3) : f32[32,10]
  void verify() const;                    // throws std::logic_error on a malformed graph
  std::int64_t flops() const;             // of matmuls and convolutions
};

}  // namespace deepcore
