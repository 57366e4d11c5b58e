// Settings of ops: axes, shapes, dtypes and pairs as Python writes them.
#pragma once

#include <array>
#include <optional>

#include "bind.h"
#include "deepcore/core/dtype.h"

namespace deepcore::bind {

// "float32", numpy.float32, numpy.dtype("float32"), float, int, bool.
DType to_dtype(py::handle value);
std::optional<DType> to_optional_dtype(py::handle value);

// Whether it is one integer: an array of one element is an index too, but with an axis it is a
// list.
bool is_int(py::handle value);
std::int64_t to_int(py::handle value, const char* op);
// 3 or (3, 4): one size or a sequence of them.
Dims to_dims(py::handle value, const char* op);
Shape to_shape(py::handle value, const char* op);
// None: every axis. Negative axes count from the end.
Dims to_axes(py::handle value, int rank, const char* op);

py::tuple to_tuple(const Dims& dims);

}  // namespace deepcore::bind
