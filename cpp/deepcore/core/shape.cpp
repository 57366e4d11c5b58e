#include "deepcore/core/shape.h"

namespace deepcore {

std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  out << "[";
  for (int i = 0; i < dims.size(); ++i) out << (i == 0 ? "" : ", ") << dims[i];
  return out << "]";
}

Shape broadcast(std::string_view op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int extra = longer.rank() - shorter.rank();
  Shape out = longer;
  for (int i = 0; i < shorter.rank(); ++i) {
    std::int64_t& d = out[i + extra];
    require(d == shorter[i] || d == 1 || shorter[i] == 1, op, "shapes ", a, " and ", b,
            " do not broadcast");
    if (d == 1) d = shorter[i];
  }
  return out;
}

int normalize_axis(std::string_view op, std::int64_t axis, int rank) {
  require(axis >= -rank && axis < rank, op, "axis ", axis, " is outside a tensor of ", rank,
          rank == 1 ? " axis" : " axes");
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Dims normalize_axes(std::string_view op, const Dims& axes, int rank) {
  std::array<bool, kMaxRank> given{};
  for (std::int64_t axis : axes) {
    bool& seen = given[static_cast<std::size_t>(normalize_axis(op, axis, rank))];
    require(!seen, op, "axis ", axis, " is given twice in ", axes);
    seen = true;
  }
  Dims out;
  for (int i = 0; i < rank; ++i)
    if (given[static_cast<std::size_t>(i)]) out.push_back(i);
  return out;
}

Dims strides_of(const Shape& shape) {
  Dims strides = Dims::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

Dims broadcast_strides(const Shape& from, const Shape& to) {
  const Dims own = strides_of(from);
  const int extra = to.rank() - from.rank();
  Dims strides = Dims::filled(to.rank(), 0);
  for (int i = 0; i < from.rank(); ++i)
    if (from[i] != 1) strides[i + extra] = own[i];
  return strides;
}

}  // namespace deepcore
