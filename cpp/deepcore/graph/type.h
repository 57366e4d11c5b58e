// Type: what is known of a value before it exists.
#pragma once

#include <ostream>
#include <vector>

#include "deepcore/core/dtype.h"
#include "deepcore/core/shape.h"

namespace deepcore {

enum class Device : std::uint8_t { kCpu, kCuda };

struct Type {
  DType dtype = DType::kFloat32;
  Shape shape;
  Device device = Device::kCpu;

  std::int64_t elements() const { return shape.elements(); }
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * size_of(dtype); }
  bool operator==(const Type&) const = default;
};
using Types = std::vector<Type>;

std::ostream& operator<<(std::ostream& out, const Type& type);  // f32[32,10]

}  // namespace deepcore
