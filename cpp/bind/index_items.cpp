#include "index_items.h"

#include <string>

#include "deepcore/graph/variable.h"
#include "deepcore/ops/ops.h"

namespace deepcore::bind {
namespace {

constexpr const char* kOp = "getitem";

Tensor positions(const std::vector<std::int64_t>& values) {
  const Type type{DType::kInt64, Shape{static_cast<std::int64_t>(values.size())}};
  Tensor made(type, Buffer::allocate(type.bytes()));
  std::copy(values.begin(), values.end(), made.data<std::int64_t>());
  return made;
}

// One entry of the index, before the axes are counted.
struct Entry {
  enum Kind { kInteger, kSlice, kNewAxis, kEllipsis, kArray, kTruth, kMask };
  Kind kind;
  py::handle value = {};
  Tensor array = {};

  int axes() const {
    if (kind == kMask) return array.rank();
    return kind == kInteger || kind == kSlice || kind == kArray;
  }
};

Entry entry_of_array(Tensor array) {
  if (array.dtype() == DType::kBool) {
    require_value(array, "boolean mask");
    return {array.rank() == 0 ? Entry::kTruth : Entry::kMask, {}, array};
  }
  require<IndexError>(is_integer(array.dtype()), kOp,
                      "index arrays must be integers or bools, got ", array.dtype());
  if (array.dtype() == DType::kUInt8) array = cast(array, DType::kInt32);
  return {Entry::kArray, {}, array};
}

bool is_list_like(py::handle value) {
  return PyList_Check(value.ptr()) || PyTuple_Check(value.ptr()) || PyRange_Check(value.ptr());
}

Entry entry_of(py::handle value) {
  PyObject* p = value.ptr();
  if (p == Py_None) return {Entry::kNewAxis};
  if (p == Py_Ellipsis) return {Entry::kEllipsis};
  if (PySlice_Check(p)) return {Entry::kSlice, value};
  if (PyBool_Check(p)) return {Entry::kTruth, {}, scalar(p == Py_True, DType::kBool)};
  if (PyLong_Check(p)) return {Entry::kInteger, value};
  if (py::isinstance<Tensor>(value) || py::isinstance<Variable>(value) ||
      py::isinstance<py::array>(value)) {
    const Tensor array = to_tensor(value);
    const bool integer = array.rank() == 0 && is_integer(array.dtype()) && !array.is_symbolic();
    return integer ? Entry{Entry::kInteger, value} : entry_of_array(array);
  }
  if (is_list_like(value)) {
    // An empty list chooses nothing, whatever NumPy calls its dtype.
    const Tensor array = to_tensor(value);
    return entry_of_array(
        array.elements() == 0 && is_floating(array.dtype()) ? cast(array, DType::kInt64) : array);
  }
  if (PyIndex_Check(p)) return {Entry::kInteger, value};
  const std::string type = py::str(py::type::handle_of(value).attr("__name__"));
  if (type == "bool" || type == "bool_") return entry_of_array(to_tensor(value));  // NumPy's
  throw IndexError(
      join("[", kOp, "] integers, slices, None, ... and integer or bool arrays are indices, got ",
           type));
}

Item whole(std::int64_t length) { return {Item::kSlice, 0, length, 1}; }

Item integer_item(py::handle value, int axis, std::int64_t length) {
  const py::ssize_t at = PyNumber_AsSsize_t(value.ptr(), PyExc_IndexError);
  if (at == -1 && PyErr_Occurred()) throw py::error_already_set();
  require<IndexError>(at >= -length && at < length, kOp, "index ", at, " is out of range for axis ",
                      axis, " of length ", length);
  return {Item::kInteger, at < 0 ? at + length : at, 1, 1};
}

Item slice_item(py::handle value, std::int64_t length) {
  py::ssize_t start, stop, step;
  if (PySlice_Unpack(value.ptr(), &start, &stop, &step) < 0) throw py::error_already_set();
  const py::ssize_t count = PySlice_AdjustIndices(length, &start, &stop, step);
  // Of nothing, begin and stride mean nothing; nor does the stride of one.
  return {Item::kSlice, count > 0 ? start : 0, count, count > 1 ? step : 1};
}

// A mask is the positions where it holds, one index array for each of its axes.
void add_mask(const Tensor& mask, const Shape& shape, int axis, Items& items) {
  const Shape& m = mask.shape();
  for (int i = 0; i < m.rank(); ++i)
    require<IndexError>(m[i] == shape[axis + i], kOp, "the mask has shape ", m, ", but axis ",
                        axis + i, " of the tensor has length ", shape[axis + i]);
  std::vector<std::vector<std::int64_t>> at(static_cast<std::size_t>(m.rank()));
  const bool* holds = mask.data<bool>();
  for (std::int64_t i = 0; i < m.elements(); ++i) {
    if (!holds[i]) continue;
    std::int64_t rest = i;
    for (int k = m.rank() - 1; k >= 0; --k) {
      at[static_cast<std::size_t>(k)].push_back(rest % m[k]);
      rest /= m[k];
    }
  }
  for (int i = 0; i < m.rank(); ++i)
    items.push_back({Item::kArray, 0, m[i], 1, positions(at[static_cast<std::size_t>(i)])});
}

std::vector<Entry> entries_of(py::handle index) {
  std::vector<Entry> entries;
  if (PyTuple_Check(index.ptr())) {
    for (py::handle value : py::reinterpret_borrow<py::tuple>(index))
      entries.push_back(entry_of(value));
  } else {
    entries.push_back(entry_of(index));
  }
  return entries;
}

}  // namespace

Items items_of(py::handle index, const Shape& shape) {
  const std::vector<Entry> entries = entries_of(index);
  int axes = 0, ellipses = 0;
  for (const Entry& e : entries) {
    axes += e.axes();
    ellipses += e.kind == Entry::kEllipsis;
  }
  require<IndexError>(axes <= shape.rank(), kOp, "too many indices: ", axes, " for the shape ",
                      shape);
  require<IndexError>(ellipses <= 1, kOp, "an index has at most one Ellipsis");

  Items items;
  int axis = 0;
  auto add_whole = [&](int count) {
    for (; count > 0; --count) items.push_back(whole(shape[axis++]));
  };
  for (const Entry& e : entries) {
    switch (e.kind) {
      case Entry::kInteger:
        items.push_back(integer_item(e.value, axis, shape[axis]));
        break;
      case Entry::kSlice:
        items.push_back(slice_item(e.value, shape[axis]));
        break;
      case Entry::kNewAxis:
        items.push_back({Item::kNewAxis});
        break;
      case Entry::kEllipsis:
        if (axes == shape.rank()) items.push_back({Item::kGap});
        add_whole(shape.rank() - axes);
        break;
      case Entry::kArray:
        items.push_back({Item::kArray, 0, shape[axis], 1, e.array});
        break;
      case Entry::kTruth:
        items.push_back({Item::kTruth, 0, 0, 1,
                         positions(*e.array.data<bool>() ? std::vector<std::int64_t>{0}
                                                         : std::vector<std::int64_t>{})});
        break;
      case Entry::kMask:
        add_mask(e.array, shape, axis, items);
        break;
    }
    if (e.kind != Entry::kEllipsis) axis += e.axes();
  }
  add_whole(shape.rank() - axis);
  return items;
}

}  // namespace deepcore::bind
