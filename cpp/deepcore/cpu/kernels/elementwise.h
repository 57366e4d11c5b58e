// The loops of this family as plain functions of pointers and sizes: the Program interpreter and conversions.
// Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace deepcore {

struct ElementwiseKernels {};

}  // namespace deepcore
