// How a Program reads its inputs.
#pragma once

#include "deepcore/core/shape.h"
#include "deepcore/cpu/kernels/elementwise.h"

namespace deepcore {

// How an input of shape `from` is read along the output.
inline Operand operand_of(const Shape& from, Element element, const Shape& to) {
  Operand o{};
  o.element = element;
  const Dims strides = broadcast_strides(from, to);
  int rank = 0;
  for (int i = 0; i < to.rank(); ++i) {
    if (to[i] == 1) continue;
    if (rank > 0 && o.stride[rank - 1] == strides[i] * to[i]) {  // one axis with the one before it
      o.size[rank - 1] *= to[i];
      o.stride[rank - 1] = strides[i];
    } else {
      o.size[rank] = to[i];
      o.stride[rank++] = strides[i];
    }
  }
  o.rank = static_cast<std::uint8_t>(rank);
  o.period = rank == 2 ? o.size[1] : 1;
  const bool by_one = rank > 0 && o.stride[rank - 1] == 1,
             still = rank > 0 && o.stride[rank - 1] == 0;
  if (rank == 0 || (rank == 1 && by_one)) {
    o.pattern = Pattern::kFull;
  } else if (rank == 1 && still) {
    o.pattern = Pattern::kScalar;
  } else if (rank == 2 && by_one && o.stride[0] == 0) {
    o.pattern = Pattern::kSuffix;
  } else if (rank == 2 && still && o.stride[0] == 1) {
    o.pattern = Pattern::kPrefix;
  } else {
    o.pattern = Pattern::kStrided;
  }
  return o;
}

}  // namespace deepcore
