// What a tensor or variable gives to Python and NumPy as plain values.
#pragma once

#include "convert.h"

namespace deepcore::bind {

// The only element, as a Python number.
py::object item_of(const Tensor& tensor);

}  // namespace deepcore::bind
