// pad: NumPy's ways of writing widths, and the modes that mirror the values.
#pragma once

#include <string>

#include "bind.h"

namespace deepcore::bind {

Tensor pad_door(py::handle x, py::handle pad_width, const std::string& mode,
                py::handle constant_values);

}  // namespace deepcore::bind
