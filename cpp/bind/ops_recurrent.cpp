// Recurrent networks over a sequence.
#include <pybind11/stl.h>

#include <string>

#include "deepcore/ops/recurrent.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;

// The arrays in the dtype of the first, and the mask as bool.
struct Arguments {
  DType dtype;
  Tensors in;
  Tensor mask;

  Arguments(std::initializer_list<py::handle> arrays, py::handle mask_given) {
    const Tensor first = to_tensor(*arrays.begin());
    dtype = float_of(first.dtype());
    for (py::handle array : arrays)
      in.push_back(array.is_none() ? Tensor() : cast(to_tensor(array), compute_dtype(dtype)));
    if (!mask_given.is_none()) mask = cast(to_tensor(mask_given), DType::kBool);
  }

  template <class F>
  Tensors run(F f) const {
    Tensors given;
    for (const Tensor& t : in)
      if (t) given.push_back(t);
    const Unlocked unlocked(work_of(given));
    Tensors out = f(in);
    for (Tensor& t : out) t = cast(t, dtype);
    return out;
  }
};

Kind activation_of(const std::string& name) {
  for (Kind kind : {Kind::kTanh, Kind::kRelu, Kind::kSigmoid})
    if (name == name_of(kind)) return kind;
  require(name == "linear", "simple_rnn", "the activation must be tanh, relu, sigmoid or linear, ",
          "got '", name, "'");
  return Kind::kIdentity;
}

Tensors simple_rnn_door(py::handle x, py::handle kernel, py::handle recurrent_kernel,
                        py::handle bias, py::handle h, py::handle mask,
                        const std::string& activation, bool reverse) {
  const Arguments a({x, kernel, recurrent_kernel, bias, h}, mask);
  const Kind kind = activation_of(activation);
  return a.run([&](const Tensors& t) {
    return simple_rnn(t[0], t[1], t[2], t[3], t[4], a.mask, kind, reverse);
  });
}

Tensors lstm_door(py::handle x, py::handle kernel, py::handle recurrent_kernel, py::handle bias,
                  py::handle h, py::handle c, py::handle mask, bool reverse) {
  const Arguments a({x, kernel, recurrent_kernel, bias, h, c}, mask);
  return a.run(
      [&](const Tensors& t) { return lstm(t[0], t[1], t[2], t[3], t[4], t[5], a.mask, reverse); });
}

Tensors gru_door(py::handle x, py::handle kernel, py::handle recurrent_kernel, py::handle bias,
                 py::handle h, py::handle mask, bool reset_after, bool reverse) {
  const Arguments a({x, kernel, recurrent_kernel, bias, h}, mask);
  return a.run([&](const Tensors& t) {
    return gru(t[0], t[1], t[2], t[3], t[4], a.mask, reset_after, reverse);
  });
}

}  // namespace

void bind_recurrent(py::module_& m) {
  m.def("simple_rnn", simple_rnn_door, "x"_a, "kernel"_a, "recurrent_kernel"_a, "bias"_a, "h"_a,
        "mask"_a, "activation"_a, "reverse"_a);
  m.def("lstm", lstm_door, "x"_a, "kernel"_a, "recurrent_kernel"_a, "bias"_a, "h"_a, "c"_a,
        "mask"_a, "reverse"_a);
  m.def("gru", gru_door, "x"_a, "kernel"_a, "recurrent_kernel"_a, "bias"_a, "h"_a, "mask"_a,
        "reset_after"_a, "reverse"_a);
}

}  // namespace deepcore::bind
