// Tensor: a concrete buffer, or a value of a graph that is being traced. Immutable; copies share.
#pragma once

#include <memory>
#include <vector>

#include "deepcore/core/buffer.h"
#include "deepcore/graph/type.h"

namespace deepcore {

struct Graph;
using Value = std::int32_t;  // the index of a value in its graph

class Tensor {
 public:
  Tensor() = default;  // undefined: "no gradient", "no such input"
  Tensor(Type type, Buffer buffer);
  Tensor(Type type, std::shared_ptr<Graph> graph, Value value);

  explicit operator bool() const { return impl_ != nullptr; }
  const Type& type() const { return impl_->type; }
  const Shape& shape() const { return impl_->type.shape; }
  DType dtype() const { return impl_->type.dtype; }
  int rank() const { return shape().rank(); }
  std::int64_t elements() const { return shape().elements(); }

  bool is_symbolic() const { return impl_->graph != nullptr; }
  const std::shared_ptr<Graph>& graph() const { return impl_->graph; }
  Value value() const { return impl_->value; }

  const Buffer& buffer() const { return impl_->buffer; }  // concrete tensors alone
  template <class T = void>
  T* data() const {
    return static_cast<T*>(impl_->buffer.data());
  }

  // Nobody else sees this memory: it may be written in place.
  bool unique() const {
    return impl_.use_count() == 1 && buffer().use_count() == 1 && !buffer().borrowed();
  }

  // Two Tensors are the same value when they share this; the tape keys by it.
  const void* id() const { return impl_.get(); }

 private:
  struct Impl {
    Type type;
    Buffer buffer;
    std::shared_ptr<Graph> graph;
    Value value = -1;
  };
  std::shared_ptr<const Impl> impl_;
};
using Tensors = std::vector<Tensor>;

Types types_of(const Tensors& tensors);

// A concrete tensor filled with one number, cast to `dtype`.
Tensor full(const Shape& shape, double value, DType dtype);
inline Tensor scalar(double value, DType dtype) { return full(Shape{}, value, dtype); }
inline Tensor zeros(const Type& type) { return full(type.shape, 0, type.dtype); }
inline Tensor ones(const Type& type) { return full(type.shape, 1, type.dtype); }

}  // namespace deepcore
