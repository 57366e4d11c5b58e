// Variable: the only mutable thing. Traced reads become plan inputs, traced assignments plan
// outputs.
#pragma once

#include <memory>
#include <string>

#include "deepcore/graph/tensor.h"

namespace deepcore {

class Variable : public std::enable_shared_from_this<Variable> {
 public:
  Variable(Tensor value, std::string name, bool trainable);
  virtual ~Variable() = default;

  const Type& type() const { return type_; }
  Tensor read();                     // a snapshot: later assignments do not change it
  void assign(const Tensor& value);  // same type, else ValueError

  // The present value, even while tracing. Plans write into it in place.
  const Tensor& stored() const { return value_; }
  void store(Tensor value) { value_ = std::move(value); }

  std::string name;
  bool trainable = true;

 private:
  Type type_;
  Tensor value_;
};
using VariablePtr = std::shared_ptr<Variable>;

}  // namespace deepcore
