// Attention and the normalization of rows.
#include <pybind11/stl.h>

#include "deepcore/ops/attention.h"
#include "deepcore/ops/normalization.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

Tensor optional_tensor(py::handle value, DType dtype) {
  return value.is_none() ? Tensor() : cast(to_tensor(value), dtype);
}

// At least float32, given back in x's dtype.
Tensor row_norm_door(py::handle x, py::handle gamma, py::handle beta, bool centred,
                     double epsilon) {
  const Tensor value = to_tensor(x);
  const DType dtype = float_of(value.dtype()), inside = compute_dtype(dtype);
  const Tensor scale = optional_tensor(gamma, inside), shift = optional_tensor(beta, inside);
  return compute(dtype, {cast(value, dtype)}, [&](const Tensors& in) {
    return row_norm(in[0], scale, shift, centred, epsilon);
  });
}

Tensor attention_door(py::handle query, py::handle key, py::handle value, py::handle mask,
                      py::handle bias, double scale, bool causal) {
  Tensors in =
      promoted(std::array<Operand, 3>{to_operand(query), to_operand(key), to_operand(value)});
  const DType dtype = float_of(in[0].dtype());
  for (Tensor& t : in) t = cast(t, dtype);
  const Tensor kept = optional_tensor(mask, DType::kBool);
  const Tensor added = optional_tensor(bias, compute_dtype(dtype));
  return compute(dtype, in, [&](const Tensors& t) {
    return dot_product_attention(t[0], t[1], t[2], kept, added, scale, causal);
  });
}

}  // namespace

void bind_attention(py::module_& m) {
  m.def("row_norm", row_norm_door, "x"_a, "gamma"_a, "beta"_a, "centred"_a, "epsilon"_a);
  m.def("dot_product_attention", attention_door, "query"_a, "key"_a, "value"_a, "mask"_a, "bias"_a,
        "scale"_a, "causal"_a);
}

}  // namespace deepcore::bind
