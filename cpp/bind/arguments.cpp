#include "arguments.h"

#include <string>

namespace deepcore::bind {

DType to_dtype(py::handle value) {
  if (py::isinstance<py::str>(value)) return dtype_from(value.cast<std::string_view>());
  if (value.ptr() == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::kFloat32;
  if (value.ptr() == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::kInt32;
  if (value.ptr() == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::kBool;
  // numpy.dtype has a name of its own; numpy's scalar types are named as types are.
  const char* attribute = PyType_Check(value.ptr()) ? "__name__" : "name";
  const py::object name = py::getattr(value, attribute, py::none());
  require<TypeError>(py::isinstance<py::str>(name), "dtype",
                     "expected a name such as 'float32', got ", std::string(py::repr(value)));
  return dtype_from(name.cast<std::string_view>());
}

std::optional<DType> to_optional_dtype(py::handle value) {
  if (value.is_none()) return std::nullopt;
  return to_dtype(value);
}

std::int64_t to_int(py::handle value, const char* op) {
  require<TypeError>(PyIndex_Check(value.ptr()), op, "expected an integer, got ",
                     std::string(py::repr(value)));
  const py::ssize_t result = PyNumber_AsSsize_t(value.ptr(), PyExc_OverflowError);
  if (result == -1 && PyErr_Occurred()) throw py::error_already_set();
  return result;
}

bool is_int(py::handle value) {
  if (!PyIndex_Check(value.ptr())) return false;
  return !PySequence_Check(value.ptr()) || !py::hasattr(value, "ndim") ||
         value.attr("ndim").cast<int>() == 0;
}

Dims to_dims(py::handle value, const char* op) {
  Dims dims;
  if (is_int(value)) {
    dims.push_back(to_int(value, op));
    return dims;
  }
  require<TypeError>(PySequence_Check(value.ptr()) && !py::isinstance<py::str>(value), op,
                     "expected an integer or a sequence of integers, got ",
                     std::string(py::repr(value)));
  // Objects: the items of an array or a tensor live as long as somebody holds them.
  for (py::object item : py::reinterpret_borrow<py::sequence>(value))
    dims.push_back(to_int(item, op));
  return dims;
}

Shape to_shape(py::handle value, const char* op) { return Shape(to_dims(value, op)); }

Dims to_axes(py::handle value, int rank, const char* op) {
  if (!value.is_none()) return normalize_axes(op, to_dims(value, op), rank);
  Dims every;
  for (int i = 0; i < rank; ++i) every.push_back(i);
  return every;
}

py::tuple to_tuple(const Dims& dims) {
  py::tuple tuple(static_cast<std::size_t>(dims.size()));
  for (int i = 0; i < dims.size(); ++i)
    PyTuple_SET_ITEM(tuple.ptr(), i, PyLong_FromLongLong(dims[i]));
  return tuple;
}

}  // namespace deepcore::bind
