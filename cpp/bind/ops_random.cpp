// Random draws: functions of a key, int64[2] = (seed, counter), and of nothing else.
#include <pybind11/stl.h>

#include "arguments.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

Tensor draw(RandomKind kind, const char* op, py::handle key, py::handle shape, py::handle dtype) {
  const Tensor from = to_tensor(key, DType::kInt64);
  const Shape to = to_shape(shape, op);
  for (std::int64_t d : to) require(d >= 0, op, "sizes must not be negative, got ", to);
  const DType result = to_dtype(dtype);
  require<TypeError>(is_floating(result), op, "draws floats, got dtype ", result);
  const Unlocked unlocked(from.is_symbolic() ? 0 : to.elements());
  return cast(random(kind, from, to, compute_dtype(result)), result);
}

}  // namespace

void bind_random(py::module_& m) {
  struct Named {
    const char* name;
    RandomKind kind;
  };
  for (const Named& f :
       {Named{"random_uniform", RandomKind::kUniform}, Named{"random_normal", RandomKind::kNormal},
        Named{"random_truncated_normal", RandomKind::kTruncatedNormal}})
    m.def(
        f.name,
        [f](py::handle key, py::handle shape, py::handle dtype) {
          return draw(f.kind, f.name, key, shape, dtype);
        },
        "key"_a, "shape"_a, "dtype"_a);
  m.def(
      "random_categorical",
      [](py::handle key, py::handle logits, std::int64_t samples, py::handle dtype) {
        Tensor scores = to_tensor(logits);
        scores = cast(scores, compute_dtype(float_of(scores.dtype())));
        return categorical(scores, to_tensor(key, DType::kInt64), samples, to_dtype(dtype));
      },
      "key"_a, "logits"_a, "samples"_a, "dtype"_a);
  m.def(
      "dropout",
      [](py::handle x, py::handle key, double rate) {
        const Tensor value = to_tensor(x), from = to_tensor(key, DType::kInt64);
        const DType dtype = float_of(value.dtype());
        return compute(dtype, {cast(value, dtype)},
                       [&](const Tensors& in) { return dropout(in[0], from, rate); });
      },
      "x"_a, "key"_a, "rate"_a);
}

}  // namespace deepcore::bind
