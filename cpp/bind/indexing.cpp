// x[...]: NumPy's indexing, written with slice, reshape, transpose and take.
#include "doors.h"
#include "index_items.h"

namespace deepcore::bind {
namespace {

// An axis of the sliced tensor that index arrays choose from.
struct Chosen {
  int axis;
  std::int64_t source_axis;  // for messages
  Tensor indices;
};

struct Sliced {
  Tensor tensor;
  std::vector<Chosen> chosen;
};

// The basic half: integers, slices and None, in one slice and one reshape.
Sliced slice_items(const Tensor& x, const Items& items) {
  Dims begin, size, stride;
  Shape shape;
  std::vector<Chosen> chosen;
  for (const Item& item : items) {
    if (item.kind == Item::kGap) continue;
    const int source_axis = begin.size();
    if (item.kind == Item::kNewAxis || item.kind == Item::kTruth) {
      if (item.kind == Item::kTruth) chosen.push_back({shape.rank(), source_axis, item.indices});
      shape.push_back(1);
      continue;
    }
    if (item.kind == Item::kArray) chosen.push_back({shape.rank(), source_axis, item.indices});
    begin.push_back(item.begin);
    size.push_back(item.size);
    stride.push_back(item.stride);
    if (item.kind != Item::kInteger) shape.push_back(item.size);
  }
  return {reshape(slice(x, begin, size, stride), shape), std::move(chosen)};
}

void require_inside(const Chosen& chosen, std::int64_t length) {
  if (chosen.indices.is_symbolic()) return;  // the kernel looks
  dispatch(chosen.indices.dtype(), [&](auto zero) {
    const auto* at = chosen.indices.data<decltype(zero)>();
    for (std::int64_t i = 0; i < chosen.indices.elements(); ++i)
      require<IndexError>(at[i] >= -length && at[i] < length, "getitem", "index ",
                          static_cast<std::int64_t>(at[i]), " is out of range for axis ",
                          chosen.source_axis, " of length ", length);
  });
}

// Several index arrays as one: their axes lie side by side and are read as a single long one. An
// index outside its own axis becomes one outside the long axis, which the kernel reports.
Tensor flat_indices(const std::vector<Chosen>& chosen, const Shape& x) {
  std::int64_t total = 1;
  for (const Chosen& c : chosen) total *= x[c.axis];
  Tensor flat, inside;
  std::int64_t step = total;
  for (const Chosen& c : chosen) {
    const std::int64_t length = x[c.axis];
    const auto number = [](std::int64_t v) {
      return scalar(static_cast<double>(v), DType::kInt64);
    };
    Tensor at = cast(c.indices, DType::kInt64);
    at = where(less(at, number(0)), at + number(length), at);
    const Tensor valid = logical_and(greater_equal(at, number(0)), less(at, number(length)));
    step = length > 0 ? step / length : 0;
    at = at * number(step);
    flat = flat ? flat + at : at;
    inside = inside ? logical_and(inside, valid) : valid;
  }
  return where(inside, flat, scalar(static_cast<double>(total), DType::kInt64));
}

Dims without(int rank, const std::vector<Chosen>& chosen) {
  Dims rest;
  for (int i = 0; i < rank; ++i) {
    bool taken = false;
    for (const Chosen& c : chosen) taken |= c.axis == i;
    if (!taken) rest.push_back(i);
  }
  return rest;
}

// Brings the chosen axes side by side at `place` among the others.
Tensor gathered_at(const Tensor& x, std::vector<Chosen>& chosen, int place) {
  Dims perm;
  const Dims rest = without(x.rank(), chosen);
  for (int i = 0; i < place; ++i) perm.push_back(rest[i]);
  for (Chosen& c : chosen) {
    perm.push_back(c.axis);
    c.axis = perm.size() - 1;
  }
  for (int i = place; i < rest.size(); ++i) perm.push_back(rest[i]);
  return transpose(x, perm);
}

// The advanced half. `together`: the index arrays stand side by side in the brackets, and their
// axes take their place in the result; else their axes come first.
Tensor choose(Sliced sliced, bool together) {
  std::vector<Chosen>& chosen = sliced.chosen;
  Tensor x = sliced.tensor;
  for (const Chosen& c : chosen) require_inside(c, x.shape()[c.axis]);
  const int place = together ? chosen[0].axis : 0;
  x = gathered_at(x, chosen, place);
  if (chosen.size() == 1) return take(x, chosen[0].indices, place);
  const Tensor indices = flat_indices(chosen, x.shape());
  Shape merged;
  std::int64_t total = 1;
  for (const Chosen& c : chosen) total *= x.shape()[c.axis];
  for (int i = 0; i < place; ++i) merged.push_back(x.shape()[i]);
  merged.push_back(total);
  for (int i = place + static_cast<int>(chosen.size()); i < x.rank(); ++i)
    merged.push_back(x.shape()[i]);
  return take(reshape(x, merged), indices, place);
}

// An advanced index in NumPy's sense: where arrays are, integers count as arrays of no axes.
bool stand_together(const Items& items) {
  int runs = 0;
  bool before = false;
  for (const Item& item : items) {
    const bool advanced =
        item.kind == Item::kArray || item.kind == Item::kTruth || item.kind == Item::kInteger;
    runs += advanced && !before;
    before = advanced;
  }
  return runs <= 1;
}

Tensor get_item(py::handle self, py::handle index) {
  const Tensor x = to_tensor(self);
  const Items items = items_of(index, x.shape());
  const Unlocked unlocked(work_of({x}));
  Sliced sliced = slice_items(x, items);
  if (sliced.chosen.empty()) return sliced.tensor;
  return choose(std::move(sliced), stand_together(items));
}

}  // namespace

void add_indexing(py::handle cls) { add_method(cls, "__getitem__", get_item); }

}  // namespace deepcore::bind
