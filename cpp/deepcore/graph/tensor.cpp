#include "deepcore/graph/tensor.h"

#include <algorithm>

#include "deepcore/core/half.h"

namespace deepcore {

std::ostream& operator<<(std::ostream& out, const Type& type) {
  out << type.dtype << '[';
  for (int i = 0; i < type.shape.rank(); ++i) out << (i ? "," : "") << type.shape[i];
  return out << ']';
}

Tensor::Tensor(Type type, Buffer buffer) {
  auto impl = std::make_shared<Impl>();
  impl->type = std::move(type);
  impl->buffer = std::move(buffer);
  impl_ = std::move(impl);
}

Tensor::Tensor(Type type, std::shared_ptr<Graph> graph, Value value) {
  auto impl = std::make_shared<Impl>();
  impl->type = std::move(type);
  impl->graph = std::move(graph);
  impl->value = value;
  impl_ = std::move(impl);
}

Types types_of(const Tensors& tensors) {
  Types types;
  types.reserve(tensors.size());
  for (const Tensor& t : tensors) types.push_back(t.type());
  return types;
}

Tensor full(const Shape& shape, double value, DType dtype) {
  Type type{dtype, shape};
  Buffer buffer = Buffer::allocate(type.bytes());
  const std::int64_t n = type.elements();
  if (dtype == DType::kFloat16 || dtype == DType::kBFloat16) {
    const float f = static_cast<float>(value);
    const std::uint16_t h = dtype == DType::kFloat16 ? float_to_float16(f) : float_to_bfloat16(f);
    std::fill_n(static_cast<std::uint16_t*>(buffer.data()), n, h);
  } else {
    dispatch(dtype, [&](auto zero) {
      using T = decltype(zero);
      std::fill_n(static_cast<T*>(buffer.data()), n, static_cast<T>(value));
    });
  }
  return Tensor(std::move(type), std::move(buffer));
}

}  // namespace deepcore
