// Linear algebra, convolutions, pooling, softmax and losses, optimizer updates.
#include <pybind11/stl.h>

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "arguments.h"
#include "deepcore/ops/sparse_update.h"
#include "doors.h"

namespace deepcore::bind {
namespace {

using namespace py::literals;
using Pair = std::array<int, 2>;

// 2: the last two axes of x1 with the first two of x2. Or the axes of each.
Tensor tensordot_door(py::handle x1, py::handle x2, py::handle axes) {
  const Tensors in = promoted(std::array<Operand, 2>{to_operand(x1), to_operand(x2)});
  Dims axes_a, axes_b;
  if (PyIndex_Check(axes.ptr())) {
    const std::int64_t count = to_int(axes, "tensordot");
    require(count >= 0 && count <= in[0].rank() && count <= in[1].rank(), "tensordot",
            "cannot sum over ", count, " axes of shapes ", in[0].shape(), " and ", in[1].shape());
    for (std::int64_t i = 0; i < count; ++i) {
      axes_a.push_back(in[0].rank() - count + i);
      axes_b.push_back(i);
    }
  } else {
    require(PySequence_Check(axes.ptr()) && py::len(axes) == 2, "tensordot",
            "axes must be an integer or a pair of axes");
    axes_a = to_dims(py::object(axes[py::int_(0)]), "tensordot");
    axes_b = to_dims(py::object(axes[py::int_(1)]), "tensordot");
  }
  return compute(in[0].dtype(), in,
                 [&](const Tensors& x) { return tensordot(x[0], x[1], axes_a, axes_b); });
}

Tensor float_door(py::handle x, const std::function<Tensor(const Tensor&)>& f) {
  const Tensor value = to_tensor(x);
  const DType dtype = float_of(value.dtype());
  return compute(dtype, {cast(value, dtype)}, [&f](const Tensors& in) { return f(in[0]); });
}

Tensor sparse_loss_door(py::handle target, py::handle output, bool from_logits,
                        std::optional<std::int64_t> ignore_class) {
  const Tensor x = to_tensor(output);
  Tensor labels = to_tensor(target);
  if (labels.dtype() != DType::kInt64) labels = cast(labels, DType::kInt32);
  // Labels as a column, as Keras takes them.
  if (labels.rank() == x.rank() && labels.rank() > 0 && labels.shape().back() == 1)
    labels = squeeze(labels, Dims{-1});
  const DType dtype = float_of(x.dtype());
  return compute(dtype, {cast(x, dtype)}, [&](const Tensors& in) {
    return sparse_cross_entropy(in[0], labels, from_logits, ignore_class);
  });
}

// x: (N, H, W, C), kernel: (KH, KW, C / groups, O)
Tensor conv2d_door(py::handle x, py::handle kernel, Pair strides, Pair dilation,
                   const std::string& padding, int groups) {
  const Tensors in = promoted(std::array<Operand, 2>{to_operand(x), to_operand(kernel)});
  const Shape& k = in[1].shape();
  require(k.rank() == 4, "conv2d",
          "the kernel must have 4 axes (height, width, channels, filters), got shape ", k);
  const DType dtype = float_of(in[0].dtype());
  const Pair size{static_cast<int>(k[0]), static_cast<int>(k[1])};
  const Window2D window = make_window("conv2d", in[0].shape(), size, strides, dilation, padding);
  return compute(dtype, {cast(in[0], dtype), cast(in[1], dtype)},
                 [&](const Tensors& t) { return conv(t[0], t[1], window, groups); });
}

Tensor pool_door(PoolKind kind, const char* op, py::handle x, Pair size, Pair strides,
                 const std::string& padding) {
  return float_door(x, [&](const Tensor& value) {
    const Window2D window = make_window(op, value.shape(), size, strides, {1, 1}, padding);
    return kind == PoolKind::kMax ? max_pool(value, size, window)
                                  : average_pool(value, size, window);
  });
}

Tensors sgd_door(py::handle p, py::handle g, py::handle lr, py::handle velocity, double momentum,
                 bool nesterov) {
  const Tensor value = to_tensor(p);
  const DType dtype = value.dtype();
  const Tensor speed = velocity.is_none() ? Tensor{} : to_tensor(velocity, dtype);
  const Tensor gradient = to_tensor(g, dtype), rate = to_tensor(lr, dtype);
  const Unlocked unlocked(work_of({value, gradient}));
  return sgd_update(value, gradient, rate, speed, momentum, nesterov);
}

template <auto update>
Tensors adam_door(py::handle p, py::handle g, py::handle alpha, py::handle m, py::handle v,
                  double beta1, double beta2, double epsilon) {
  const Tensor value = to_tensor(p);
  const DType dtype = value.dtype();
  const Tensor gradient = to_tensor(g, dtype), rate = to_tensor(alpha, dtype);
  const Tensor mean = to_tensor(m, dtype), square_mean = to_tensor(v, dtype);
  const Unlocked unlocked(work_of({value, gradient}));
  return update(value, gradient, rate, mean, square_mean, beta1, beta2, epsilon);
}

}  // namespace

void bind_nn(py::module_& m) {
  m.def(
      "matmul",
      [](py::handle x1, py::handle x2) { return matmul_door(to_operand(x1), to_operand(x2)); },
      "x1"_a, "x2"_a);
  m.def("tensordot", tensordot_door, "x1"_a, "x2"_a, "axes"_a = 2);
  m.def(
      "softmax",
      [](py::handle x, int axis) {
        return float_door(x, [axis](const Tensor& t) { return softmax(t, axis); });
      },
      "x"_a, "axis"_a = -1);
  m.def(
      "log_softmax",
      [](py::handle x, int axis) {
        return float_door(x, [axis](const Tensor& t) { return log_softmax(t, axis); });
      },
      "x"_a, "axis"_a = -1);
  m.def("sparse_categorical_crossentropy", sparse_loss_door, "target"_a, "output"_a,
        "from_logits"_a = false, "ignore_class"_a = py::none());
  m.def("conv2d", conv2d_door, "x"_a, "kernel"_a, "strides"_a, "dilation"_a, "padding"_a,
        "groups"_a);
  m.def(
      "max_pool2d",
      [](py::handle x, Pair size, Pair strides, const std::string& padding) {
        return pool_door(PoolKind::kMax, "max_pool2d", x, size, strides, padding);
      },
      "x"_a, "size"_a, "strides"_a, "padding"_a);
  m.def(
      "average_pool2d",
      [](py::handle x, Pair size, Pair strides, const std::string& padding) {
        return pool_door(PoolKind::kAverage, "average_pool2d", x, size, strides, padding);
      },
      "x"_a, "size"_a, "strides"_a, "padding"_a);
  m.def("sgd_update", sgd_door, "p"_a, "g"_a, "lr"_a, "velocity"_a, "momentum"_a, "nesterov"_a);
  m.def("adam_update", adam_door<adam_update>, "p"_a, "g"_a, "alpha"_a, "m"_a, "v"_a, "beta1"_a,
        "beta2"_a, "epsilon"_a);
  m.def("lazy_adam_update", adam_door<lazy_adam_update>, "p"_a, "g"_a, "alpha"_a, "m"_a, "v"_a,
        "beta1"_a, "beta2"_a, "epsilon"_a);
}

}  // namespace deepcore::bind
