#include "methods.h"

#include <string>

#include "convert.h"
#include "deepcore/ops/ops.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

// x.transpose(), x.transpose(0, 2, 1) or x.transpose((0, 2, 1)).
py::object transposed(const py::object& function, const py::object& self, const py::args& axes) {
  if (axes.empty()) return function(self);
  const bool one = axes.size() == 1 && !PyIndex_Check(py::object(axes[0]).ptr());
  return function(self, one ? py::object(axes[0]) : py::object(axes));
}

Tensor flattened(const Tensor& self) { return reshape(self, Shape{self.elements()}); }

Tensor copied(py::handle self) {
  const auto& tensor = self.cast<const Tensor&>();
  return tensor.is_symbolic() ? tensor : from_numpy(to_numpy(tensor, self));
}

// NumPy's functions call these methods of whatever is not an array, and tell that they do by `out`:
// np.sum(x) is x.sum(axis=None, dtype=None, out=None). They get what NumPy makes of the values.
void add_reduction(py::handle cls, const char* name, const py::object& function) {
  const auto method = [function, name](const py::object& self, const py::object& axis,
                                       bool keepdims, const py::kwargs& rest) {
    if (rest.contains("out")) {
      const py::object array = to_numpy(self.cast<const Tensor&>(), self);
      if (keepdims) rest["keepdims"] = true;
      return array.attr(name)(axis, **rest);
    }
    py::object x = self;
    for (const auto& [key, value] : rest) {
      require<TypeError>(py::str("dtype").equal(key), name, "the argument ",
                         std::string(py::str(key)), " is not available");
      if (!value.is_none()) x = x.attr("astype")(value);
    }
    return function(x, axis, keepdims);
  };
  add_method(cls, name, method, "axis"_a = py::none(), "keepdims"_a = false);
}

}  // namespace

void add_methods(py::module_& m) {
  const py::object cls = m.attr("Tensor");
  // A function of the module takes the tensor as its first argument.
  for (const char* name :
       {"sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "argmax", "argmin"})
    add_reduction(cls, name, m.attr(name));
  for (const char* name : {"squeeze", "clip", "round"})
    py::setattr(cls, name,
                py::reinterpret_steal<py::object>(PyInstanceMethod_New(m.attr(name).ptr())));
  add_method(
      cls, "transpose",
      [function = py::object(m.attr("transpose"))](const py::object& self, const py::args& axes) {
        return transposed(function, self, axes);
      });
  add_method(cls, "flatten", &flattened);
  add_method(cls, "ravel", &flattened);
  add_method(cls, "copy", &copied);
}

}  // namespace deepcore::bind
