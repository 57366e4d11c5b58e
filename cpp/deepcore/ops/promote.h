// Keras's dtype promotion (the lattice of keras.backend.result_type).
#pragma once

#include "deepcore/ops/ops.h"

namespace deepcore {

DType promote(DType a, DType b);
// Casts both to promote(a, b).
void promote(Tensor& a, Tensor& b);
// True division, sqrt, mean ...: integers and bool become float32.
DType float_of(DType dtype);

}  // namespace deepcore
