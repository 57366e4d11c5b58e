// item, float, int, bool, len, iteration and __array__, for Tensor and Variable.
#include "array_protocol.h"

#include <pybind11/stl.h>

#include "deepcore/core/half.h"
#include "deepcore/graph/variable.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

Tensor value_of(py::handle self, const char* what) {
  Tensor tensor = to_tensor(self);
  require_value(tensor, what);
  return tensor;
}

Tensor only_value(py::handle self, const char* what) {
  Tensor tensor = value_of(self, what);
  require(tensor.elements() == 1, what, "needs a tensor with one element, got shape ",
          tensor.shape());
  return tensor;
}

py::array array_of(py::handle self) {
  const Tensor tensor = value_of(self, "numpy");
  return to_numpy(tensor, py::cast(tensor));
}

py::object as_array(py::handle self, py::handle dtype, std::optional<bool> copy) {
  const py::array array = array_of(self);
  if (!dtype.is_none()) {
    const py::dtype to = py::dtype::from_args(py::reinterpret_borrow<py::object>(dtype));
    if (!array.dtype().equal(to)) {
      require(copy != false, "__array__", "dtype ", std::string(py::str(to)),
              " needs a copy of a tensor of dtype ", std::string(py::str(array.dtype())));
      return array.attr("astype")(to);
    }
  }
  if (copy == true) return array.attr("copy")();
  return array;
}

bool truth(py::handle self) {
  const Tensor tensor = value_of(self, "bool");
  require(tensor.elements() == 1, "bool", "the truth of a tensor of shape ", tensor.shape(),
          " is ambiguous: use ops.any or ops.all");
  return item_of(tensor).cast<double>() != 0;
}

py::object index(py::handle self) {
  const Tensor tensor = only_value(self, "index");
  require<TypeError>(is_integer(tensor.dtype()), "index", "only integer tensors are indices, got ",
                     tensor.dtype());
  return item_of(tensor);
}

Shape shape_of(py::handle self) {  // without reading a variable
  if (py::isinstance<Variable>(self)) return self.cast<const Variable&>().type().shape;
  return self.cast<const Tensor&>().shape();
}

py::ssize_t length(py::handle self) {
  const Shape shape = shape_of(self);
  require<TypeError>(shape.rank() > 0, "len", "a scalar has no length");
  return shape[0];
}

py::object iterate(py::handle self) {
  require<TypeError>(shape_of(self).rank() > 0, "iter", "a scalar cannot be iterated over");
  return py::reinterpret_steal<py::object>(PySeqIter_New(self.ptr()));  // by len and getitem
}

}  // namespace

py::object item_of(const Tensor& tensor) {
  require_value(tensor, "item");
  require(tensor.elements() == 1, "item", "needs a tensor with one element, got shape ",
          tensor.shape());
  switch (tensor.dtype()) {
    case DType::kBool:
      return py::bool_(*tensor.data<bool>());
    case DType::kFloat16:
      return py::float_(float16_to_float(*tensor.data<std::uint16_t>()));
    case DType::kBFloat16:
      return py::float_(bfloat16_to_float(*tensor.data<std::uint16_t>()));
    default:
      return dispatch(tensor.dtype(), [&](auto zero) -> py::object {
        return py::cast(*tensor.data<decltype(zero)>());
      });
  }
}

void add_array_protocol(py::handle cls) {
  add_method(cls, "__array__", as_array, "dtype"_a = py::none(), "copy"_a = py::none());
  add_method(cls, "tolist",
             [](py::handle self) -> py::object { return array_of(self).attr("tolist")(); });
  add_method(cls, "item", [](py::handle self) { return item_of(value_of(self, "item")); });
  add_method(cls, "__bool__", truth);
  add_method(cls, "__float__",
             [](py::handle self) { return item_of(only_value(self, "float")).cast<double>(); });
  add_method(cls, "__int__",
             [](py::handle self) { return py::int_(item_of(only_value(self, "int"))); });
  add_method(cls, "__index__", index);
  add_method(cls, "__len__", length);
  add_method(cls, "__iter__", iterate);
}

}  // namespace deepcore::bind
