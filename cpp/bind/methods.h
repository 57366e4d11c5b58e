// Methods of Tensor that NumPy's users expect.
#pragma once

#include "bind.h"

namespace deepcore::bind {

// To be called when the module has its functions: most methods are those.
void add_methods(py::module_& m);

}  // namespace deepcore::bind
