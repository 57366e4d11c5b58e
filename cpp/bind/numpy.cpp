// NumPy arrays to tensors and back, sharing memory where the layout allows.
#include <cstring>
#include <limits>
#include <string>

#include "convert.h"
#include "deepcore/core/half.h"

namespace deepcore::bind {
namespace {

constexpr int kNumpyHalf = 23;  // NPY_HALF: C++ has no type to ask pybind11 for
constexpr const char* kAccepted =
    "bool, int8 to int64, uint8 to uint64 and float16 to float64 are accepted";

// The dtype that holds an array's values.
DType nearest(const py::dtype& dtype) {
  const auto size = dtype.itemsize();
  switch (dtype.kind()) {
    case 'b':
      return DType::kBool;
    case 'i':
      return size <= 4 ? DType::kInt32 : DType::kInt64;
    case 'u':
      return size == 1 ? DType::kUInt8 : size == 2 ? DType::kInt32 : DType::kInt64;
    case 'f':
      return size == 2 ? DType::kFloat16 : size == 4 ? DType::kFloat32 : DType::kFloat64;
    default:
      break;
  }
  const std::string name = py::str(dtype.attr("name"));
  require<TypeError>(name == "bfloat16", "as_tensor", "cannot make a tensor of dtype ", name, ": ",
                     kAccepted);
  return DType::kBFloat16;
}

bool is_bfloat16(const py::dtype& dtype) {
  return dtype.kind() == 'V' && py::str(dtype.attr("name")).equal(py::str("bfloat16"));
}

// Element for element the same bytes.
bool same_elements(const py::dtype& dtype, DType to) {
  if (is_bfloat16(dtype)) return true;
  const char order = dtype.byteorder();
  return (order == '=' || order == '|') && dtype.kind() == numpy_dtype(to).kind() &&
         static_cast<std::size_t>(dtype.itemsize()) == size_of(to);
}

Shape shape_of(const py::array& array) {
  return Shape(
      std::span<const std::int64_t>(array.shape(), static_cast<std::size_t>(array.ndim())));
}

void require_fits_int64(const py::array& array) {
  if (array.dtype().kind() != 'u' || array.itemsize() != 8 || array.size() == 0) return;
  const auto largest = array.attr("max")().cast<std::uint64_t>();
  require(largest <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
          "as_tensor", "the uint64 value ", largest, " does not fit int64");
}

Tensor widen(const Tensor& tensor) {  // bfloat16 to float32
  const Type type{DType::kFloat32, tensor.shape()};
  Buffer buffer = Buffer::allocate(type.bytes());
  const auto* from = tensor.data<std::uint16_t>();
  auto* to = static_cast<float*>(buffer.data());
  for (std::int64_t i = 0; i < type.elements(); ++i) to[i] = bfloat16_to_float(from[i]);
  return Tensor(type, buffer);
}

}  // namespace

py::dtype numpy_dtype(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return py::dtype(kNumpyHalf);
    case DType::kBFloat16:
      return py::dtype::of<std::uint16_t>();
    default:
      return dispatch(dtype, [](auto zero) { return py::dtype::of<decltype(zero)>(); });
  }
}

Buffer borrow(void* data, std::size_t bytes, py::object owner) {
  auto release = [](PyObject* object) {
    if (!Py_IsInitialized()) return;  // the interpreter is gone, and the object with it
    py::gil_scoped_acquire lock;
    Py_DECREF(object);
  };
  return Buffer::borrow(data, bytes,
                        std::shared_ptr<void>(owner.release().ptr(), [release](void* p) {
                          release(static_cast<PyObject*>(p));
                        }));
}

bool can_share(const py::array& array) {
  return same_elements(array.dtype(), nearest(array.dtype())) &&
         (array.flags() & py::array::c_style) &&
         reinterpret_cast<std::uintptr_t>(array.data()) %
                 static_cast<std::uintptr_t>(array.itemsize()) ==
             0;
}

py::array array_over(const py::dtype& dtype, std::vector<py::ssize_t> shape,
                     std::vector<py::ssize_t> strides, void* data) {
  const py::capsule nobody(data, [](void*) {});  // without a base NumPy would copy
  return py::array(dtype, std::move(shape), std::move(strides), data, nobody);
}

Tensor from_numpy(const py::array& array, bool share) {
  const Type type{nearest(array.dtype()), shape_of(array)};
  if (share && can_share(array)) {
    auto* data = const_cast<void*>(array.data());
    return Tensor(type, borrow(data, type.bytes(), array));
  }
  require_fits_int64(array);
  Buffer buffer = Buffer::allocate(type.bytes());
  if (can_share(array)) {
    std::memcpy(buffer.data(), array.data(), type.bytes());
    return Tensor(type, buffer);
  }
  if (type.bytes() == 0) return Tensor(type, buffer);
  py::object source = array;
  if (is_bfloat16(array.dtype())) source = array.attr("view")("uint16");
  // NumPy reads any strides and byte order, and writes into our memory.
  const py::array target = array_over(numpy_dtype(type.dtype),
                                      {type.shape.begin(), type.shape.end()}, {}, buffer.data());
  if (py::detail::npy_api::get().PyArray_CopyInto_(target.ptr(), source.ptr()) != 0)
    throw py::error_already_set();
  return Tensor(type, buffer);
}

py::array to_numpy(const Tensor& tensor, py::handle owner) {
  require_value(tensor, "numpy");
  if (tensor.dtype() == DType::kBFloat16) {
    const Tensor wide = widen(tensor);
    return to_numpy(wide, py::cast(wide));
  }
  std::vector<py::ssize_t> shape(tensor.shape().begin(), tensor.shape().end());
  py::array array(numpy_dtype(tensor.dtype()), std::move(shape), tensor.data(), owner);
  py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return array;
}

void require_value(const Tensor& tensor, const char* what) {
  require<TypeError>(!tensor.is_symbolic(), what,
                     "this tensor has no value yet: a function is being traced. Use "
                     "ops.where(condition, a, b) or ops.cond, or run_eagerly=True");
}

}  // namespace deepcore::bind
