#include "padding.h"

#include "arguments.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

struct Widths {
  Dims low, high;
};

// 2, (1, 2), ((1, 2),) or one pair an axis.
Widths widths_of(py::handle value, int rank) {
  Widths widths;
  auto add = [&](std::int64_t low, std::int64_t high) {
    require(low >= 0 && high >= 0, "pad", "widths must not be negative, got (", low, ", ", high,
            ")");
    widths.low.push_back(low);
    widths.high.push_back(high);
  };
  auto add_pair = [&](py::handle pair) {
    const Dims d = to_dims(pair, "pad");
    require(d.size() == 1 || d.size() == 2, "pad", "expected (before, after) for an axis, got ", d);
    add(d[0], d.back());
  };
  if (py::hasattr(value, "tolist")) return widths_of(value.attr("tolist")(), rank);
  const bool nested = !PyIndex_Check(value.ptr()) && PySequence_Check(value.ptr()) &&
                      py::len(value) > 0 && !PyIndex_Check(py::object(value[py::int_(0)]).ptr());
  const bool one_pair = !nested || py::len(value) == 1;
  require(one_pair || static_cast<int>(py::len(value)) == rank, "pad",
          "expected one pair for each of the ", rank, " axes");
  for (int axis = 0; axis < rank; ++axis)
    add_pair(nested ? py::object(value[py::int_(one_pair ? 0 : axis)])
                    : py::reinterpret_borrow<py::object>(value));
  return widths;
}

// The position in [0, size) that position `i` outside of it mirrors. With `edge` the outermost
// value is repeated (symmetric), without it is not (reflect).
std::int64_t mirrored(std::int64_t i, std::int64_t size, bool edge) {
  if (size == 1) return 0;
  const std::int64_t period = edge ? 2 * size : 2 * size - 2;
  const std::int64_t at = ((i % period) + period) % period;
  return at < size ? at : period - at - (edge ? 1 : 0);
}

Tensor mirror(Tensor x, const Widths& widths, bool edge) {
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t low = widths.low[axis], size = x.shape()[axis];
    const std::int64_t total = low + size + widths.high[axis];
    if (total == size) continue;
    require(size > 0, "pad", "an empty axis has nothing to mirror");
    const Type type{DType::kInt64, Shape{total}};
    const Tensor from(type, Buffer::allocate(type.bytes()));
    for (std::int64_t i = 0; i < total; ++i)
      from.data<std::int64_t>()[i] = mirrored(i - low, size, edge);
    x = take(x, from, axis);
  }
  return x;
}

}  // namespace

Tensor pad_door(py::handle x, py::handle pad_width, const std::string& mode,
                py::handle constant_values) {
  const Tensor value = to_tensor(x);
  const Widths widths = widths_of(pad_width, value.rank());
  require(mode == "constant" || mode == "reflect" || mode == "symmetric", "pad",
          "mode must be 'constant', 'reflect' or 'symmetric', got '", mode, "'");
  require(mode == "constant" || constant_values.is_none(), "pad",
          "constant_values goes with mode 'constant', not '", mode, "'");
  if (mode != "constant") return mirror(value, widths, mode == "symmetric");
  const Tensor fill = constant_values.is_none() ? scalar(0, value.dtype())
                                                : to_tensor(constant_values, value.dtype());
  return pad(value, widths.low, widths.high, fill);
}

}  // namespace deepcore::bind
