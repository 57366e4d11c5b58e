// Reductions by name.
#include "arguments.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

using Reducer = Tensor (*)(const Tensor& x, const Dims& axes, bool keepdims);

Tensor any_of(const Tensor& x, const Dims& axes, bool keep) {
  return reduce(ReduceKind::kAny, x, axes, keep);
}
Tensor all_of(const Tensor& x, const Dims& axes, bool keep) {
  return reduce(ReduceKind::kAll, x, axes, keep);
}
Tensor deviation(const Tensor& x, const Dims& axes, bool keep) {
  return sqrt(variance(x, axes, keep));
}

// The dtype that a reduction computes and gives.
DType same(DType dtype) { return dtype; }
DType truth(DType) { return DType::kBool; }
// Keras's uint32 for sums of uint8 is not among our dtypes.
DType counting(DType dtype) {
  return dtype == DType::kBool || dtype == DType::kUInt8 ? DType::kInt32 : dtype;
}

struct Named {
  const char* name;
  Reducer reduce;
  DType (*dtype)(DType);
};
constexpr Named kReductions[] = {
    {"sum", sum, counting},       {"prod", prod, counting},
    {"max", max, same},           {"min", min, same},
    {"any", any_of, truth},       {"all", all_of, truth},
    {"mean", mean, float_of},     {"var", variance, float_of},
    {"std", deviation, float_of}, {"logsumexp", logsumexp, float_of},
};

Tensor reduce_door(const Named& f, py::handle x, py::handle axis, bool keepdims) {
  const Tensor value = to_tensor(x);
  const Shape shape = value.shape();
  const Dims axes = to_axes(axis, shape.rank(), f.name);
  return compute(f.dtype(value.dtype()), {cast(value, f.dtype(value.dtype()))},
                 [&](const Tensors& in) {
                   if (!axes.empty()) return f.reduce(in[0], axes, keepdims);
                   // Over no axes each element is reduced by itself: over an axis of one.
                   const Tensor rows = reshape(in[0], Shape{1, shape.elements()});
                   return reshape(f.reduce(rows, Dims{0}, false), shape);
                 });
}

Tensor arg_door(bool largest, const char* name, py::handle x, py::handle axis, bool keepdims) {
  Tensor value = to_tensor(x);
  value = cast(value, compute_dtype(value.dtype()));
  if (value.dtype() == DType::kBool) value = cast(value, DType::kInt32);
  const int rank = value.rank();
  const Unlocked unlocked(work_of({value}));
  if (!axis.is_none() && rank > 0)
    return argreduce(largest, value, normalize_axis(name, to_int(axis, name), rank), keepdims);
  const Tensor flat = argreduce(largest, reshape(value, Shape{value.elements()}), 0, false);
  return keepdims ? reshape(flat, Shape(Dims::filled(rank, 1))) : flat;
}

// Mean and variance of each channel: x: (..., C).
py::tuple moments_door(py::handle x) {
  const Tensor value = to_tensor(x);
  const DType dtype = float_of(value.dtype());
  Tensors both;
  {
    const Unlocked unlocked(work_of({value}));
    both = moments(cast(value, compute_dtype(dtype)));
    for (Tensor& t : both) t = cast(t, dtype);
  }
  return py::make_tuple(both[0], both[1]);
}

}  // namespace

void bind_reduce(py::module_& m) {
  for (const Named& f : kReductions)
    m.def(
        f.name,
        [f](py::handle x, py::handle axis, bool keepdims) {
          return reduce_door(f, x, axis, keepdims);
        },
        "x"_a, "axis"_a = py::none(), "keepdims"_a = false);
  m.def("moments", moments_door, "x"_a);
  m.def(
      "argmax",
      [](py::handle x, py::handle axis, bool keepdims) {
        return arg_door(true, "argmax", x, axis, keepdims);
      },
      "x"_a, "axis"_a = py::none(), "keepdims"_a = false);
  m.def(
      "argmin",
      [](py::handle x, py::handle axis, bool keepdims) {
        return arg_door(false, "argmin", x, axis, keepdims);
      },
      "x"_a, "axis"_a = py::none(), "keepdims"_a = false);
}

}  // namespace deepcore::bind
