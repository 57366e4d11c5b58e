// Plan: a graph made ready to run, on tensors or over the rows of NumPy arrays.
#include "deepcore/plan/plan.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "convert.h"
#include "deepcore/graph/apply.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;
using Arrays = std::vector<py::array>;

SourceType source_type(const py::dtype& dtype) {
  const char kind = dtype.kind();
  const auto size = dtype.itemsize();
  using S = SourceType;
  if (kind == 'b') return S::kBool;
  if (kind == 'i')
    return size == 1 ? S::kInt8 : size == 2 ? S::kInt16 : size == 4 ? S::kInt32 : S::kInt64;
  if (kind == 'u')
    return size == 1 ? S::kUInt8 : size == 2 ? S::kUInt16 : size == 4 ? S::kUInt32 : S::kUInt64;
  require<TypeError>(kind == 'f' && size <= 8, "run_batches", "cannot read an array of dtype ",
                     std::string(py::str(dtype)),
                     ": bool, integers and float16 to float64 are accepted");
  return size == 2 ? S::kFloat16 : size == 4 ? S::kFloat32 : S::kFloat64;
}

// Foreign byte order is rare enough to be copied away.
py::array native(const py::array& array) {
  const char order = array.dtype().byteorder();
  if (order == '=' || order == '|') return array;
  return array.attr("astype")(array.dtype().attr("newbyteorder")("="));
}

Source source_of(const py::array& array) {
  require(array.ndim() > 0, "run_batches", "a source needs rows, got a 0-d array");
  Source source;
  source.data = array.data();
  source.type = source_type(array.dtype());
  source.rows = array.shape(0);
  for (py::ssize_t i = 1; i < array.ndim(); ++i) source.row.push_back(array.shape(i));
  for (py::ssize_t i = 0; i < array.ndim(); ++i) source.strides.push_back(array.strides(i));
  return source;
}

Sink sink_of(py::array& array, const Type& result) {
  require(array.dtype().equal(numpy_dtype(result.dtype)), "run_batches", "a result of dtype ",
          result.dtype, " cannot be written into an array of dtype ",
          std::string(py::str(array.dtype())));
  require((array.flags() & py::array::c_style) && array.writeable(), "run_batches",
          "outputs must be writable and C-contiguous");
  bool fits = array.ndim() > 0 && array.ndim() == result.shape.rank();
  for (int i = 1; fits && i < result.shape.rank(); ++i) fits = array.shape(i) == result.shape[i];
  require(fits, "run_batches", "an output does not have rows like those of the result ", result);
  return {array.mutable_data(), array.shape(0)};
}

std::span<const std::int64_t> order_of(const py::array& order) {
  require<TypeError>(order.dtype().equal(py::dtype::of<std::int64_t>()) && order.ndim() == 1 &&
                         (order.flags() & py::array::c_style),
                     "run_batches", "order must be a contiguous int64 vector");
  return {static_cast<const std::int64_t*>(order.data()), static_cast<std::size_t>(order.size())};
}

std::int64_t run_batches(Plan& self, const Arrays& sources, const std::optional<py::array>& order,
                         std::int64_t start, std::int64_t batch, std::int64_t steps, double seconds,
                         std::optional<Arrays> outputs) {
  require(start >= 0 && batch > 0 && steps >= 0, "run_batches", "start ", start, ", batch ", batch,
          " and steps ", steps, " do not make sense");
  Arrays held;  // lives through the call
  Batches batches;
  for (const py::array& array : sources) {
    held.push_back(native(array));
    batches.sources.push_back(source_of(held.back()));
  }
  batches.start = start;
  batches.batch = batch;
  batches.steps = steps;
  batches.seconds = seconds;
  if (order) batches.order = order_of(*order);
  if (outputs) {
    require(outputs->size() == self.result_types().size(), "run_batches", outputs->size(),
            " outputs for ", self.result_types().size(), " results");
    for (std::size_t i = 0; i < outputs->size(); ++i)
      batches.sinks.push_back(sink_of((*outputs)[i], self.result_types()[i]));
  }
  const py::gil_scoped_release unlocked;
  return self.run_batches(batches);
}

Tensors run(Plan& self, const py::sequence& inputs) {
  const Types& types = self.input_types();
  require(py::len(inputs) == types.size(), "run", "expected ", types.size(), " inputs, got ",
          py::len(inputs));
  Tensors tensors;
  for (std::size_t i = 0; i < types.size(); ++i) {
    tensors.push_back(to_tensor(py::object(inputs[i]), types[i].dtype));
    require_value(tensors.back(), "run");
  }
  const py::gil_scoped_release unlocked;
  return self.run(tensors);
}

// Is this an array of exactly this type, as it lies in memory?
bool is_like(const py::handle value, const Type& type) {
  if (!py::isinstance<py::array>(value)) return false;
  const auto* array = py::detail::array_proxy(value.ptr());
  constexpr int kFlags =
      py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if ((array->flags & kFlags) != kFlags || array->nd != type.shape.rank()) return false;
  for (int i = 0; i < array->nd; ++i)
    if (array->dimensions[i] != type.shape[i]) return false;
  // A dtype of foreign byte order is another object.
  return array->descr == numpy_dtype(type.dtype).ptr();
}

py::object call(Plan& self, const py::args& inputs) {
  const Types& types = self.input_types();
  if (inputs.size() != types.size()) return py::none();
  for (std::size_t i = 0; i < types.size(); ++i)
    if (!is_like(inputs[i], types[i])) return py::none();
  const std::size_t count = self.result_types().size();
  py::tuple results(count);
  std::vector<const void*> from;
  std::vector<void*> to;
  for (std::size_t i = 0; i < types.size(); ++i)
    from.push_back(py::detail::array_proxy(py::object(inputs[i]).ptr())->data);
  for (std::size_t i = 0; i < count; ++i) {
    const Type& type = self.result_types()[i];
    py::array result(numpy_dtype(type.dtype),
                     std::vector<py::ssize_t>(type.shape.begin(), type.shape.end()));
    to.push_back(result.mutable_data());
    results[i] = std::move(result);
  }
  {
    const py::gil_scoped_release unlocked;
    self.run(from.data(), to.data());
  }
  if (count == 1) return results[0];
  return results;
}

}  // namespace

void bind_plan(py::module_& m) {
  py::class_<Plan>(m, "Plan",
                   "A graph made ready to run: simplified, fused, ordered, placed in one arena.")
      .def(py::init([](const Graph& graph, bool optimize) {
             return std::make_unique<Plan>(graph, backend(), optimize);
           }),
           "graph"_a, "optimize"_a = true)
      .def("run", &run, "inputs"_a)
      .def("call", &call)
      .def("run_batches", &run_batches, "sources"_a, "order"_a, "start"_a, "batch"_a, "steps"_a,
           "seconds"_a = 0.0, "outputs"_a = py::none())
      .def_property_readonly("arena_bytes", &Plan::arena_bytes)
      .def_property_readonly("flops", &Plan::flops)
      .def("__str__", &Plan::str);
}

}  // namespace deepcore::bind
