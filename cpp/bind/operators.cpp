// + - * / and their like, for Tensor and Variable.
#include <utility>

#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

// What Python does not know how to combine with us goes to the other side's reflected method.
template <class F>
py::object with_operands(py::handle a, py::handle b, F&& f) {
  const std::optional<Operand> left = try_operand(a);
  const std::optional<Operand> right = left ? try_operand(b) : std::nullopt;
  if (!right) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
  return py::cast(f(*left, *right));
}

py::object operate(Kind kind, py::handle a, py::handle b) {
  return with_operands(
      a, b, [kind](const Operand& x, const Operand& y) { return binary_door(kind, x, y); });
}

struct Operator {
  const char* name;
  const char* reflected;  // null: Python swaps comparisons by itself
  Kind kind;
};
constexpr Operator kBinary[] = {
    {"__add__", "__radd__", Kind::kAdd},
    {"__sub__", "__rsub__", Kind::kSubtract},
    {"__mul__", "__rmul__", Kind::kMultiply},
    {"__truediv__", "__rtruediv__", Kind::kDivide},
    {"__floordiv__", "__rfloordiv__", Kind::kFloorDivide},
    {"__mod__", "__rmod__", Kind::kMod},
    {"__eq__", nullptr, Kind::kEqual},
    {"__ne__", nullptr, Kind::kNotEqual},
    {"__lt__", nullptr, Kind::kLess},
    {"__le__", nullptr, Kind::kLessEqual},
    {"__gt__", nullptr, Kind::kGreater},
    {"__ge__", nullptr, Kind::kGreaterEqual},
};

// & | ^ ~ are logical: tensors have no bit operations.
constexpr Operator kLogical[] = {
    {"__and__", "__rand__", Kind::kLogicalAnd},
    {"__or__", "__ror__", Kind::kLogicalOr},
    {"__xor__", "__rxor__", Kind::kLogicalXor},
};

Tensor logical(Kind kind, const char* name, const Operand& a, const Operand& b) {
  const DType dtype = common_dtype(std::array<Operand, 2>{a, b});
  require<TypeError>(dtype == DType::kBool, name, "is defined for bool tensors, got ", dtype,
                     ": compare first, as in (x > 0) & (y > 0)");
  return binary_door(kind, a, b);
}

Tensor invert(py::handle self) {
  const Operand x = to_operand(self);
  require<TypeError>(x.tensor.dtype() == DType::kBool, "__invert__",
                     "is defined for bool tensors, got ", x.tensor.dtype());
  return unary_door(Kind::kLogicalNot, x);
}

}  // namespace

void add_operators(py::handle cls) {
  for (const Operator& o : kBinary) {
    const Kind kind = o.kind;
    add_method(cls, o.name, [kind](py::handle a, py::handle b) { return operate(kind, a, b); });
    if (o.reflected)
      add_method(cls, o.reflected,
                 [kind](py::handle a, py::handle b) { return operate(kind, b, a); });
  }
  for (const Operator& o : kLogical) {
    const auto apply_it = [o](const Operand& x, const Operand& y) {
      return logical(o.kind, o.name, x, y);
    };
    add_method(cls, o.name,
               [apply_it](py::handle a, py::handle b) { return with_operands(a, b, apply_it); });
    add_method(cls, o.reflected,
               [apply_it](py::handle a, py::handle b) { return with_operands(b, a, apply_it); });
  }
  add_method(
      cls, "__pow__",
      [](py::handle a, py::handle b, py::handle) { return operate(Kind::kPower, a, b); }, "other"_a,
      "modulo"_a = py::none());
  add_method(
      cls, "__rpow__",
      [](py::handle a, py::handle b, py::handle) { return operate(Kind::kPower, b, a); }, "other"_a,
      "modulo"_a = py::none());
  add_method(cls, "__matmul__",
             [](py::handle a, py::handle b) { return with_operands(a, b, matmul_door); });
  add_method(cls, "__rmatmul__",
             [](py::handle a, py::handle b) { return with_operands(b, a, matmul_door); });
  add_method(cls, "__neg__",
             [](py::handle x) { return unary_door(Kind::kNegative, to_operand(x)); });
  add_method(cls, "__abs__", [](py::handle x) { return unary_door(Kind::kAbs, to_operand(x)); });
  add_method(cls, "__pos__", [](py::handle x) { return to_tensor(x); });
  add_method(cls, "__invert__", invert);
  // Elementwise == would make equal tensors one key of a dict; identity is what a cache wants.
  add_method(cls, "__hash__", [](py::handle x) {
    return static_cast<py::ssize_t>(reinterpret_cast<std::uintptr_t>(x.ptr()) >> 4);
  });
  // NumPy's arrays step back, so that array + tensor is a tensor; np.exp(tensor) still gives an
  // array.
  py::setattr(cls, "__array_priority__", py::int_(1000));
}

}  // namespace deepcore::bind
