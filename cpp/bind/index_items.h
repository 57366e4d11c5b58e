// What stands between the brackets of x[...], read into plain items, one or more an axis.
#pragma once

#include <vector>

#include "convert.h"

namespace deepcore::bind {

struct Item {
  enum Kind {
    kInteger,  // takes one position, drops the axis
    kSlice,
    kNewAxis,
    kArray,  // positions from `indices` (int32 or int64)
    kTruth,  // a single truth value: a new axis, and the positions {0} or {} from it
    kGap,    // an Ellipsis that stands for no axis: it still separates arrays
  };
  Kind kind;
  std::int64_t begin = 0, size = 0, stride = 1;  // of the source's axis, if the item has one
  Tensor indices = {};
};
using Items = std::vector<Item>;

// Checks everything but the values of index arrays. Ellipsis and missing axes become whole slices,
// masks become the positions where they hold.
Items items_of(py::handle index, const Shape& shape);

}  // namespace deepcore::bind
