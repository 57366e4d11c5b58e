// The door of each op family: dtypes are promoted as Keras promotes them, float16 and bfloat16
// computed in float32 and rounded back, and the interpreter's lock is let go while large tensors
// are worked on.
#pragma once

#include "convert.h"
#include "deepcore/ops/ops.h"
#include "deepcore/ops/promote.h"

namespace deepcore::bind {

// 0 when anything is symbolic: then only a node is written.
std::int64_t work_of(const Tensors& in);

// The dtype that values of `dtype` are computed in.
inline DType compute_dtype(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16 ? DType::kFloat32 : dtype;
}

// f(in), computed in `dtype` and given back in it.
template <class F>
Tensor compute(DType dtype, Tensors in, F&& f) {
  const DType inside = compute_dtype(dtype);
  const Unlocked unlocked(work_of(in));
  for (Tensor& t : in) t = cast(t, inside);
  const Tensor out = f(in);
  return inside == dtype ? out : cast(out, dtype);
}

Tensor unary_door(Kind kind, const Operand& x);
Tensor binary_door(Kind kind, const Operand& a, const Operand& b);
Tensor matmul_door(const Operand& a, const Operand& b);

}  // namespace deepcore::bind
