// What Python passes to an op, and the dtype it computes in.
#include <pybind11/gil_safe_call_once.h>

#include <algorithm>
#include <limits>
#include <string>

#include "convert.h"
#include "deepcore/graph/variable.h"
#include "deepcore/ops/ops.h"
#include "deepcore/ops/promote.h"

namespace deepcore::bind {
namespace {

bool fits_int32(std::int64_t v) {
  return v >= std::numeric_limits<std::int32_t>::min() &&
         v <= std::numeric_limits<std::int32_t>::max();
}

bool is_list(py::handle value) {
  return PyList_Check(value.ptr()) || PyTuple_Check(value.ptr()) || PyRange_Check(value.ptr());
}

Operand of_tensor(Tensor tensor) {
  Operand operand;
  operand.tensor = std::move(tensor);
  return operand;
}

// A Tensor's or a Variable's value.
std::optional<Tensor> held(py::handle value) {
  if (py::isinstance<Tensor>(value)) return value.cast<const Tensor&>();
  if (py::isinstance<Variable>(value)) return value.cast<Variable&>().read();
  return std::nullopt;
}

// Python's own numbers. numpy.float64 is one of them (it derives from float): np.sqrt(2) * x stays
// float32.
std::optional<Operand> number(py::handle value) {
  PyObject* p = value.ptr();
  Operand n;
  if (PyBool_Check(p)) {
    n.kind = Operand::Kind::kBool;
    n.integer = p == Py_True;
    n.real = static_cast<double>(n.integer);
  } else if (PyLong_Check(p)) {
    int overflow = 0;
    n.integer = PyLong_AsLongLongAndOverflow(p, &overflow);
    n.kind = overflow ? Operand::Kind::kHugeInt : Operand::Kind::kInt;
    n.real = overflow ? PyLong_AsDouble(p) : static_cast<double>(n.integer);
    if (PyErr_Occurred()) throw py::error_already_set();
  } else if (PyFloat_Check(p)) {
    n.kind = Operand::Kind::kFloat;
    n.real = PyFloat_AS_DOUBLE(p);
  } else {
    return std::nullopt;
  }
  return n;
}

// What the leaves of nested lists are made of.
struct Leaves {
  bool tensors = false;  // some are Tensors or Variables
  bool typed = false;    // some have a NumPy dtype, which then counts
};

void look_at(py::handle list, Leaves& leaves) {
  for (py::object item : py::reinterpret_borrow<py::sequence>(list)) {
    if (is_list(item)) {
      look_at(item, leaves);
    } else if (!PyFloat_CheckExact(item.ptr()) && !PyLong_CheckExact(item.ptr())) {
      leaves.tensors |= py::isinstance<Tensor>(item) || py::isinstance<Variable>(item);
      leaves.typed |= py::isinstance<py::array>(item) || is_numpy_scalar(item);
    }
  }
}

py::array as_array(py::handle value) {
  PyObject* array = py::detail::npy_api::get().PyArray_FromAny_(
      value.ptr(), nullptr, 0, 0, py::detail::npy_api::NPY_ARRAY_ENSUREARRAY_, nullptr);
  if (!array) throw py::error_already_set();
  return py::reinterpret_steal<py::array>(array);
}

std::string type_name(py::handle value) {
  return py::str(py::type::handle_of(value).attr("__name__"));
}

// NumPy reads bare numbers as float64 and int64; ours are float32, and int32 where they fit.
Tensor narrowed(const Tensor& tensor) {
  if (tensor.dtype() == DType::kFloat64) return cast(tensor, DType::kFloat32);
  if (tensor.dtype() != DType::kInt64) return tensor;
  const auto* data = tensor.data<std::int64_t>();
  const bool fits = std::all_of(data, data + tensor.elements(), fits_int32);
  return fits ? cast(tensor, DType::kInt32) : tensor;
}

Tensor of_list(py::handle list) {
  Leaves leaves;
  look_at(list, leaves);
  if (leaves.tensors) {
    require(py::len(list) > 0, "as_tensor", "cannot make a tensor of an empty list of tensors");
    return stack(promoted(to_operands(list, "as_tensor")), 0);
  }
  const py::array array = as_array(list);
  require<TypeError>(array.dtype().kind() != 'O', "as_tensor", "the items of the ", type_name(list),
                     " are not all numbers");
  const Tensor tensor = from_numpy(array);
  return leaves.typed ? tensor : narrowed(tensor);
}

}  // namespace

bool is_numpy_scalar(py::handle value) {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> generic;
  const py::object& type =
      generic
          .call_once_and_store_result([] { return py::module_::import("numpy").attr("generic"); })
          .get_stored();
  return PyObject_TypeCheck(value.ptr(), reinterpret_cast<PyTypeObject*>(type.ptr())) != 0;
}

std::optional<Operand> try_operand(py::handle value) {
  if (std::optional<Tensor> tensor = held(value)) return of_tensor(std::move(*tensor));
  if (std::optional<Operand> n = number(value)) return n;
  if (py::isinstance<py::array>(value))
    return of_tensor(from_numpy(py::reinterpret_borrow<py::array>(value)));
  if (is_list(value)) return of_tensor(of_list(value));
  if (is_numpy_scalar(value)) return of_tensor(from_numpy(as_array(value)));
  return std::nullopt;
}

Operand to_operand(py::handle value) {
  if (std::optional<Operand> operand = try_operand(value)) return std::move(*operand);
  const bool arrayish = py::hasattr(value, "__array__") || PyObject_CheckBuffer(value.ptr());
  require<TypeError>(arrayish && !PyBytes_Check(value.ptr()) && !PyByteArray_Check(value.ptr()),
                     "as_tensor", "cannot make a tensor of a value of type ", type_name(value));
  return of_tensor(from_numpy(as_array(value)));
}

Operands to_operands(py::handle sequence, const char* op) {
  require<TypeError>(is_list(sequence), op, "expected a list or tuple of tensors, got ",
                     type_name(sequence));
  Operands operands;
  for (py::object item : py::reinterpret_borrow<py::sequence>(sequence))
    operands.push_back(to_operand(item));
  return operands;
}

DType common_dtype(std::span<const Operand> operands) {
  using Kind = Operand::Kind;
  std::optional<DType> common;
  auto meet = [&common](DType dtype) { common = common ? promote(*common, dtype) : dtype; };
  for (const Operand& o : operands)
    if (o.kind == Kind::kTensor) meet(o.tensor.dtype());
  for (const Operand& o : operands) {
    if (o.kind == Kind::kBool) meet(DType::kBool);
    if (o.kind != Kind::kInt || (common && is_floating(*common))) continue;
    const bool fits_uint8 = o.integer >= 0 && o.integer <= 255;
    if (!fits_int32(o.integer))
      meet(DType::kInt64);
    else if (!common || *common == DType::kBool || !fits_uint8)
      meet(DType::kInt32);
  }
  for (const Operand& o : operands)
    if (o.kind == Kind::kFloat && (!common || !is_floating(*common))) common = DType::kFloat32;
  for (const Operand& o : operands)
    require(o.kind != Kind::kHugeInt || (common && is_floating(*common)), "as_tensor",
            "the integer ", o.real, " does not fit int64");
  return common.value_or(DType::kFloat32);
}

Tensor as_dtype(const Operand& operand, DType dtype) {
  if (operand.kind == Operand::Kind::kTensor) return cast(operand.tensor, dtype);
  require(operand.kind != Operand::Kind::kHugeInt || is_floating(dtype), "as_tensor",
          "the integer ", operand.real, " does not fit ", dtype);
  if (dtype != DType::kInt64 || operand.kind == Operand::Kind::kFloat)
    return scalar(operand.real, dtype);
  Buffer buffer = Buffer::allocate(sizeof(std::int64_t));  // a double would lose the low bits
  *static_cast<std::int64_t*>(buffer.data()) = operand.integer;
  return Tensor(Type{dtype, Shape{}}, buffer);
}

Tensor as_dtype(const Operand& operand) {
  return operand.kind == Operand::Kind::kTensor ? operand.tensor
                                                : as_dtype(operand, common_dtype({&operand, 1}));
}

Tensors promoted(std::span<const Operand> operands) {
  const DType dtype = common_dtype(operands);
  Tensors tensors;
  for (const Operand& o : operands) tensors.push_back(as_dtype(o, dtype));
  return tensors;
}

Tensor to_tensor(py::handle value, std::optional<DType> dtype) {
  // By itself a numpy.float64 is one; it is weak only beside others.
  if (!dtype && PyFloat_Check(value.ptr()) && is_numpy_scalar(value))
    return from_numpy(as_array(value));
  const Operand operand = to_operand(value);
  return dtype ? as_dtype(operand, *dtype) : as_dtype(operand);
}

}  // namespace deepcore::bind
