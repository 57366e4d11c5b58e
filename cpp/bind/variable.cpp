// Variable: a named tensor that can be assigned to. Python's deepcore.Variable derives from it.
#include "deepcore/graph/variable.h"

#include <pybind11/stl.h>

#include <string>

#include "arguments.h"
#include "convert.h"
#include "deepcore/ops/ops.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

void assign(Variable& self, py::handle value) {
  const Tensor to = to_tensor(value, self.type().dtype);
  require(to.shape() == self.type().shape, "assign", "variable '", self.name, "' has shape ",
          self.type().shape, ", got ", to.shape());
  self.assign(to);
}

}  // namespace

// Held by shared_ptr: while the Python object lives, C++ lists of variables give back that very
// object.
void bind_variable(py::module_& m) {
  py::class_<Variable, std::shared_ptr<Variable>> cls(m, "Variable",
                                                      "A named tensor that can be assigned to.");
  cls.def(py::init([](py::handle value, std::string name, bool trainable) {
            return std::make_shared<Variable>(to_tensor(value), std::move(name), trainable);
          }),
          "value"_a, "name"_a = "variable", "trainable"_a = true)
      .def_readwrite("name", &Variable::name)
      .def_readwrite("trainable", &Variable::trainable)
      .def_property_readonly("shape",
                             [](const Variable& self) { return to_tuple(self.type().shape); })
      .def_property_readonly("dtype",
                             [](const Variable& self) { return name_of(self.type().dtype); })
      .def_property_readonly("ndim", [](const Variable& self) { return self.type().shape.rank(); })
      .def_property_readonly("size", [](const Variable& self) { return self.type().elements(); })
      .def_property_readonly("nbytes", [](const Variable& self) { return self.type().bytes(); })
      .def_property_readonly("value", &Variable::read)
      .def("assign", &assign, "value"_a)
      .def("numpy",
           [](const Variable& self) -> py::object {
             return to_numpy(self.stored(), py::cast(self.stored())).attr("copy")();
           })
      .def("__repr__", [](const Variable& self) {
        return join("<Variable ", self.name,
                    ": shape=", std::string(py::str(to_tuple(self.type().shape))),
                    ", dtype=", self.type().dtype, ">");
      });
  add_array_protocol(cls);
  add_operators(cls);
  add_indexing(cls);
}

}  // namespace deepcore::bind
