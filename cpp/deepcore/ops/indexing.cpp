// Indexing: elements by their position in other tensors.
#include "deepcore/ops/check.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

// The shape of take(x, indices, axis).
Shape taken(std::string_view op, const Shape& x, const Shape& indices, int axis) {
  require(axis >= 0 && axis < x.rank(), op, "axis ", axis, " is outside shape ", x);
  Shape y;
  for (int i = 0; i < axis; ++i) y.push_back(x[i]);
  for (std::int64_t d : indices) y.push_back(d);
  for (int i = axis + 1; i < x.rank(); ++i) y.push_back(x[i]);
  require_shape(op, y);
  return y;
}

}  // namespace

// ---- Gather, ScatterAdd: each other's derivative

Types Gather::infer(const Types& in) const {
  const Type &x = in[0], &indices = in[1];
  require_indices(kName, indices);
  return {{x.dtype, taken(kName, x.shape, indices.shape, axis), x.device}};
}

Tensors Gather::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {scatter_add(grad[0], in[1], in[0].shape(), axis), Tensor{}};
}

Types ScatterAdd::infer(const Types& in) const {
  const Type &x = in[0], &indices = in[1];
  require_numbers(kName, x);
  require_indices(kName, indices);
  require_shape(kName, shape);
  const Shape expected = taken(kName, shape, indices.shape, axis);
  require(x.shape == expected, kName, "the values have shape ", x.shape, ", indices of shape ",
          indices.shape, " on axis ", axis, " of ", shape, " expect ", expected);
  return {{x.dtype, shape, x.device}};
}

Tensors ScatterAdd::vjp(const Tensors& in, const Tensors&, const Tensors& grad) const {
  return {take(grad[0], in[1], axis), Tensor{}};
}

// ---- functions

Tensor take(const Tensor& x, const Tensor& indices, int axis) {
  const int normal = normalize_axis("take", axis, x.rank());
  const bool narrow = indices.dtype() == DType::kUInt8;
  return apply1(Gather{normal}, {x, narrow ? cast(indices, DType::kInt32) : indices});
}

Tensor scatter_add(const Tensor& x, const Tensor& indices, const Shape& shape, int axis) {
  const int normal = normalize_axis("scatter_add", axis, shape.rank());
  const bool narrow = indices.dtype() == DType::kUInt8;
  return apply1(ScatterAdd{shape, normal}, {x, narrow ? cast(indices, DType::kInt32) : indices});
}

Tensor arange(std::int64_t count, DType dtype) {
  const Type type{dtype, Shape{count}};
  require_shape("arange", type.shape);
  require_computes("arange", type);
  const Buffer buffer = Buffer::allocate(type.bytes());
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* values = static_cast<T*>(buffer.data());
    for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<T>(i);
  });
  return Tensor(type, buffer);
}

Tensor one_hot(const Tensor& indices, std::int64_t classes, DType dtype) {
  // uint8 could not count to 256 classes.
  const Tensor wide = indices.dtype() == DType::kUInt8 ? cast(indices, DType::kInt32) : indices;
  require_indices("one_hot", wide.type());
  return cast(equal(expand_dims(wide, Dims{-1}), arange(classes, wide.dtype())), dtype);
}

}  // namespace deepcore
