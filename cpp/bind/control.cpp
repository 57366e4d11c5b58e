// Control flow: the bodies of loops and branches, traced by Python, and the ops that hold them.
#include "deepcore/ops/control.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "arguments.h"
#include "convert.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

// A body while its with block is open, and after it has been finished.
struct BodyScope {
  std::unique_ptr<Trace> inside;
  std::optional<Body> done;

  Trace& open() {
    require(inside != nullptr && !done, "body", "use it inside its with block");
    return *inside;
  }
  const Body& finished() const {
    require(done.has_value(), "body", "it has not been finished");
    return *done;
  }
};

Tensors to_tensors(const py::sequence& values) {
  Tensors tensors;
  for (py::object value : values) tensors.push_back(to_tensor(value));
  return tensors;
}

}  // namespace

void bind_control(py::module_& m) {
  py::class_<BodyScope>(m, "Body", "Writes what happens inside its with block into a body.")
      .def(py::init<>())
      .def("__enter__",
           [](py::object self) {
             self.cast<BodyScope&>().inside = std::make_unique<Trace>(Trace::Of::kBody);
             return self;
           })
      .def("__exit__", [](BodyScope& self, const py::args&) { self.inside.reset(); })
      .def(
          "input",
          [](BodyScope& self, py::handle shape, py::handle dtype) {
            return self.open().input(Type{to_dtype(dtype), to_shape(shape, "input")});
          },
          "shape"_a, "dtype"_a)
      .def(
          "finish",
          [](BodyScope& self, const py::sequence& outputs) {
            const Tensors tensors = to_tensors(outputs);
            self.done = self.open().finish_body(tensors);
          },
          "outputs"_a);

  m.def(
      "scan",
      [](const BodyScope& body, const py::sequence& init, const py::sequence& xs,
         std::int64_t length, bool reverse, std::int64_t segment) {
        return scan(body.finished(), to_tensors(init), to_tensors(xs), length, reverse, segment);
      },
      "body"_a, "init"_a, "xs"_a, "length"_a, "reverse"_a, "segment"_a);
  m.def(
      "while_loop",
      [](const BodyScope& body, py::handle go, const py::sequence& init,
         std::optional<std::int64_t> most) {
        return while_loop(body.finished(), to_tensor(go), to_tensors(init), most);
      },
      "body"_a, "go"_a, "init"_a, "most"_a);
  m.def(
      "cond",
      [](py::handle predicate, const BodyScope& yes, const BodyScope& no) {
        return cond(to_tensor(predicate), yes.finished(), no.finished());
      },
      "predicate"_a, "yes"_a, "no"_a);
}

}  // namespace deepcore::bind
