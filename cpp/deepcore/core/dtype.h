// The element types a tensor can hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string_view>

namespace deepcore {

// float16 and bfloat16 are storage: they can be cast, moved and reshaped, not computed with.
enum class DType : std::uint8_t {
  kBool,
  kUInt8,
  kInt32,
  kInt64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
};

std::size_t size_of(DType dtype);
std::string_view name_of(DType dtype);    // "float32"
DType dtype_from(std::string_view name);  // throws ValueError with the names it knows
std::ostream& operator<<(std::ostream& out, DType dtype);

constexpr bool is_floating(DType d) { return d >= DType::kFloat16; }
constexpr bool is_integer(DType d) { return d >= DType::kUInt8 && d <= DType::kInt64; }

// The C++ type of each computing dtype, and back.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::kUInt8;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kFloat64;
};

// Calls f with a zero of the C++ type: dispatch(dtype, [&](auto zero) { ... decltype(zero) ... }).
// Storage-only types are refused by the shape rules before anything gets here.
template <class F>
auto dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kBool:
      return f(bool{});
    case DType::kUInt8:
      return f(std::uint8_t{});
    case DType::kInt32:
      return f(std::int32_t{});
    case DType::kInt64:
      return f(std::int64_t{});
    case DType::kFloat64:
      return f(double{});
    default:
      return f(float{});
  }
}

}  // namespace deepcore
