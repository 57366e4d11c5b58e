// Tapes, traces and graphs: what gradients and compiled functions are made of.
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "arguments.h"
#include "convert.h"
#include "deepcore/graph/trace.h"
#include "deepcore/ops/gradients.h"
#include "deepcore/ops/ops.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

Tensor target_of(const Tape& tape, py::handle target) {
  if (!py::isinstance<Variable>(target)) return to_tensor(target);
  auto& variable = target.cast<Variable&>();
  const Tensors reads = tape.reads(variable);  // a variable depends on itself as it was read
  return reads.empty() ? variable.read() : reads[0];
}

// d(targets) / d(sources): for a variable, the sum over all its reads.
py::list gradient(const Tape& tape, const py::sequence& targets, const py::sequence& target_grads,
                  const py::sequence& sources) {
  Tensors ys, gs, xs;
  for (py::object y : targets) ys.push_back(target_of(tape, y));
  for (py::object g : target_grads) gs.push_back(g.is_none() ? Tensor{} : to_tensor(g));
  require(gs.empty() || gs.size() == ys.size(), "gradient", ys.size(), " targets, but ", gs.size(),
          " target gradients");
  gs.resize(ys.size());
  for (std::size_t i = 0; i < gs.size(); ++i)
    if (gs[i] && gs[i].dtype() != ys[i].dtype()) gs[i] = cast(gs[i], ys[i].dtype());
  std::vector<std::size_t> counts;  // how many entries of xs a source has
  for (py::object source : sources) {
    const std::size_t before = xs.size();
    if (py::isinstance<Variable>(source)) {
      for (const Tensor& read : tape.reads(source.cast<const Variable&>())) xs.push_back(read);
    } else {
      require<TypeError>(py::isinstance<Tensor>(source), "gradient",
                         "sources must be Tensors or Variables, got ",
                         std::string(py::str(py::type::handle_of(source).attr("__name__"))));
      xs.push_back(source.cast<const Tensor&>());
    }
    counts.push_back(xs.size() - before);
  }
  // A copy: a tape that is still open records its own gradients.
  const std::vector<Record> records = tape.records();
  const Tensors found = gradients(records, ys, gs, xs);
  py::list out;
  std::size_t next = 0;
  for (std::size_t count : counts) {
    Tensor total;
    for (std::size_t i = 0; i < count; ++i) {
      const Tensor& one = found[next++];
      if (one) total = total ? total + one : one;
    }
    out.append(total ? py::cast(total) : py::none());
  }
  return out;
}

// A scope that Python enters and leaves with `with`.
template <class T>
struct Scope {
  std::optional<T> inside;
};

template <class T>
void bind_scope(py::module_& m, const char* name, const char* doc) {
  py::class_<Scope<T>>(m, name, doc)
      .def(py::init<>())
      .def("__enter__", [](Scope<T>& self) { self.inside.emplace(); })
      .def("__exit__", [](Scope<T>& self, const py::args&) { self.inside.reset(); });
}

using TraceScope = Scope<Trace>;

Trace& entered(TraceScope& scope) {
  require(scope.inside.has_value(), "trace", "use it inside its with block");
  return *scope.inside;
}

std::shared_ptr<Graph> finish(TraceScope& self, const py::sequence& outputs) {
  Tensors tensors;
  for (py::object output : outputs) tensors.push_back(to_tensor(output));
  return entered(self).finish(tensors);
}

py::list variables_of(const std::vector<std::pair<VariablePtr, Value>>& entries) {
  py::list variables;
  for (const auto& [variable, value] : entries) variables.append(variable);
  return variables;
}

}  // namespace

void bind_transforms(py::module_& m) {
  py::class_<Tape, std::shared_ptr<Tape>>(m, "Tape", "The record that gradients are made from.")
      .def(py::init([](bool watch_variables) {
             // An open tape stays alive in its thread's list, so it closes itself when it is
             // dropped.
             std::shared_ptr<Tape> tape(new Tape, [](Tape* t) {
               t->stop();
               delete t;
             });
             tape->watch_variables = watch_variables;
             return tape;
           }),
           "watch_variables"_a = true)
      .def("start", &Tape::start)
      .def("stop", &Tape::stop)
      .def("clear", &Tape::clear)
      .def("watch", &Tape::watch, "tensor"_a)
      .def("watched_variables", &Tape::variables)
      .def("gradient", &gradient, "targets"_a, "target_grads"_a, "sources"_a);

  bind_scope<SuspendTapes>(m, "SuspendTapes", "Nothing is recorded inside.");
  bind_scope<SuspendTrace>(m, "SuspendTrace", "Runs eagerly inside a trace.");

  py::class_<TraceScope>(m, "Trace", "Writes what happens inside its with block into a graph.")
      .def(py::init<>())
      .def("__enter__",
           [](py::object self) {
             self.cast<TraceScope&>().inside.emplace();
             return self;
           })
      .def("__exit__", [](TraceScope& self, const py::args&) { self.inside.reset(); })
      .def(
          "input",
          [](TraceScope& self, py::handle shape, py::handle dtype) {
            return entered(self).input(Type{to_dtype(dtype), to_shape(shape, "input")});
          },
          "shape"_a, "dtype"_a)
      .def(
          "fix",
          [](TraceScope& self, Variable& variable, py::handle value) {
            entered(self).fix(variable, to_tensor(value));
          },
          "variable"_a, "value"_a)
      .def_property_readonly("flops",
                             [](TraceScope& self) { return entered(self).graph()->flops(); })
      .def("finish", &finish, "outputs"_a);
  m.def("is_tracing", [] { return Trace::current() != nullptr; });

  py::class_<Graph, std::shared_ptr<Graph>>(m, "Graph", "A traced computation.")
      .def("__str__", &Graph::str)
      .def_property_readonly("flops", &Graph::flops)
      .def("reads", [](const Graph& self) { return variables_of(self.reads); })
      .def("writes", [](const Graph& self) { return variables_of(self.writes); });
}

}  // namespace deepcore::bind
