// Functions that move values without changing them, and the concrete tensors made from nothing.
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "arguments.h"
#include "doors.h"
#include "padding.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

Tensor transpose_door(py::handle x, py::handle axes) {
  const Tensor value = to_tensor(x);
  const int rank = value.rank();
  Dims perm;
  if (axes.is_none()) {
    for (int i = rank - 1; i >= 0; --i) perm.push_back(i);
  } else {
    for (std::int64_t a : to_dims(axes, "transpose"))
      perm.push_back(normalize_axis("transpose", a, rank));
  }
  const Unlocked unlocked(work_of({value}));
  return transpose(value, perm);
}

Tensor squeeze_door(py::handle x, py::handle axis) {
  const Tensor value = to_tensor(x);
  Dims axes;
  if (axis.is_none()) {
    for (int i = 0; i < value.rank(); ++i)
      if (value.shape()[i] == 1) axes.push_back(i);
  } else {
    axes = to_dims(axis, "squeeze");
    if (axes.empty()) return value;
  }
  return squeeze(value, axes);
}

Tensors split_door(py::handle x, py::handle parts, int axis_or_negative) {
  const Tensor value = to_tensor(x);
  const int axis = normalize_axis("split", axis_or_negative, value.rank());
  const std::int64_t length = value.shape()[axis];
  std::vector<std::int64_t> ends;
  if (is_int(parts)) {
    const std::int64_t count = to_int(parts, "split");
    require(count > 0 && length % count == 0, "split", "an axis of ", length,
            " does not divide into ", count, " equal parts");
    for (std::int64_t i = 1; i <= count; ++i) ends.push_back(i * (length / count));
  } else {
    require<TypeError>(PySequence_Check(parts.ptr()), "split",
                       "expected the number of parts or a list of positions");
    for (py::object part : py::reinterpret_borrow<py::sequence>(parts)) {
      const std::int64_t at = to_int(part, "split");
      ends.push_back(std::clamp<std::int64_t>(at < 0 ? at + length : at, 0, length));
    }
    ends.push_back(length);
  }
  // Any number of parts; Dims holds few, so each is a slice.
  Tensors out;
  std::int64_t begin = 0;
  const Unlocked unlocked(work_of({value}));
  for (std::int64_t end : ends) {
    Dims from = Dims::filled(value.rank(), 0), size = value.shape();
    from[axis] = end > begin ? begin : 0;
    size[axis] = std::max<std::int64_t>(end - begin, 0);
    out.push_back(slice(value, from, size, Dims::filled(value.rank(), 1)));
    begin = end;
  }
  return out;
}

Tensor joined(py::handle xs, const char* op,
              const std::function<Tensor(const Tensors&)>& join_them) {
  const Operands operands = to_operands(xs, op);
  require(!operands.empty(), op, "expected at least one tensor");
  const Tensors tensors = promoted(operands);
  const Unlocked unlocked(work_of(tensors));
  return join_them(tensors);
}

Tensor take_door(py::handle x, py::handle indices, py::handle axis) {
  Tensor value = to_tensor(x);
  Tensor at = to_tensor(indices);
  require<TypeError>(!is_floating(at.dtype()), "take", "the indices must be integers, got ",
                     at.dtype());
  if (at.dtype() != DType::kInt64) at = cast(at, DType::kInt32);
  if (axis.is_none()) value = reshape(value, Shape{value.elements()});
  const int along = axis.is_none() ? 0 : normalize_axis("take", to_int(axis, "take"), value.rank());
  const Unlocked unlocked(work_of({value, at}));
  return take(value, at, along);
}

Tensor one_hot_door(py::handle x, std::int64_t classes, int axis, py::handle dtype) {
  Tensor at = to_tensor(x);
  const DType to = dtype.is_none() ? DType::kFloat32 : to_dtype(dtype);
  require(classes >= 0, "one_hot", "num_classes must not be negative, got ", classes);
  if (at.dtype() != DType::kInt64) at = cast(at, DType::kInt32);
  const int rank = at.rank() + 1;
  const int place = normalize_axis("one_hot", axis, rank);
  const Tensor last = cast(one_hot(at, classes, compute_dtype(to)), to);
  if (place == rank - 1) return last;
  Dims perm;
  for (int i = 0; i < rank - 1; ++i) perm.push_back(i);
  perm.insert(place, rank - 1);
  return transpose(last, perm);
}

Tensor full_door(py::handle shape, py::handle value, py::handle dtype) {
  const Shape to = to_shape(shape, "full");
  for (std::int64_t d : to) require(d >= 0, "full", "sizes must not be negative, got ", to);
  const Tensor one = to_tensor(value, to_dtype(dtype));
  return to == one.shape() ? one : broadcast_to(one, to);
}

Tensor arange_door(double start, double stop, double step, py::handle dtype) {
  require(step != 0, "arange", "the step must not be 0");
  const DType to = to_dtype(dtype);
  const double count = std::max(0.0, std::ceil((stop - start) / step));
  require(count < 0x1p48, "arange", "from ", start, " to ", stop, " by ", step, " is too long");
  const Type type{to, Shape{static_cast<std::int64_t>(count)}};
  const DType inside = compute_dtype(to);
  Tensor made(Type{inside, type.shape}, Buffer::allocate(Type{inside, type.shape}.bytes()));
  dispatch(inside, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < type.elements(); ++i)
      made.data<T>()[i] = static_cast<T>(start + static_cast<double>(i) * step);
  });
  return cast(made, to);
}

}  // namespace

void bind_shaping(py::module_& m) {
  m.def(
      "reshape",
      [](py::handle x, py::handle shape) {
        return reshape(to_tensor(x), to_shape(shape, "reshape"));
      },
      "x"_a, "newshape"_a);
  m.def("transpose", transpose_door, "x"_a, "axes"_a = py::none());
  m.def(
      "broadcast_to",
      [](py::handle x, py::handle shape) {
        return broadcast_to(to_tensor(x), to_shape(shape, "broadcast_to"));
      },
      "x"_a, "shape"_a);
  m.def(
      "expand_dims",
      [](py::handle x, py::handle axis) {
        return expand_dims(to_tensor(x), to_dims(axis, "expand_dims"));
      },
      "x"_a, "axis"_a);
  m.def("squeeze", squeeze_door, "x"_a, "axis"_a = py::none());
  m.def(
      "concatenate",
      [](py::handle xs, int axis) {
        return joined(xs, "concatenate",
                      [axis](const Tensors& in) { return concatenate(in, axis); });
      },
      "xs"_a, "axis"_a = 0);
  m.def(
      "stack",
      [](py::handle xs, int axis) {
        return joined(xs, "stack", [axis](const Tensors& in) { return stack(in, axis); });
      },
      "xs"_a, "axis"_a = 0);
  m.def("split", split_door, "x"_a, "indices_or_sections"_a, "axis"_a = 0);
  m.def("pad", pad_door, "x"_a, "pad_width"_a, "mode"_a = "constant",
        "constant_values"_a = py::none());
  m.def(
      "tile",
      [](py::handle x, py::handle repeats) { return tile(to_tensor(x), to_dims(repeats, "tile")); },
      "x"_a, "repeats"_a);
  m.def(
      "flip",
      [](py::handle x, py::handle axis) {
        const Tensor value = to_tensor(x);
        return flip(value, to_axes(axis, value.rank(), "flip"));
      },
      "x"_a, "axis"_a = py::none());
  m.def("take", take_door, "x"_a, "indices"_a, "axis"_a = py::none());
  m.def("one_hot", one_hot_door, "x"_a, "num_classes"_a, "axis"_a = -1, "dtype"_a = py::none());
  m.def("full", full_door, "shape"_a, "value"_a, "dtype"_a);
  m.def("arange", arange_door, "start"_a, "stop"_a, "step"_a, "dtype"_a);
}

}  // namespace deepcore::bind
