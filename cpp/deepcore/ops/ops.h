// The functions of tensors: what derivative rules, compositions and C++ users write with.
// Dtypes must agree here; promotion is done at the Python door (ops/promote.h).
#pragma once

#include <span>
#include <string_view>

#include "deepcore/graph/apply.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

inline constexpr bool kKeep = true;

// elementwise.cpp
Tensor unary(Kind kind, const Tensor& x);
Tensor binary(Kind kind, const Tensor& a, const Tensor& b);
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& x);
Tensor operator+(const Tensor& a, double b);  // the number takes the tensor's dtype
Tensor operator+(double a, const Tensor& b);
Tensor operator-(const Tensor& a, double b);
Tensor operator-(double a, const Tensor& b);
Tensor operator*(const Tensor& a, double b);
Tensor operator*(double a, const Tensor& b);
Tensor operator/(const Tensor& a, double b);
Tensor operator/(double a, const Tensor& b);
Tensor abs(const Tensor& x);
Tensor sign(const Tensor& x);
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor power(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor clip(const Tensor& x, double low, double high);
Tensor equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor cast(const Tensor& x, DType to);
Tensor stop_gradient(const Tensor& x);

// reduce.cpp; axes may be negative; no axes given: nothing is reduced
Tensor reduce(ReduceKind kind, const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor sum(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor sum_all(const Tensor& x);
Tensor mean(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor max(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor min(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor prod(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor variance(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor logsumexp(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor argreduce(bool largest, const Tensor& x, int axis, bool keepdims = false);
Tensor sum_to(const Tensor& x, const Shape& shape);  // undoes broadcasting

// moments.cpp
Tensors moments(const Tensor& x);  // mean and variance over all axes but the last

// shaping.cpp
Tensor reshape(const Tensor& x, const Shape& shape);  // one -1 is worked out
Tensor expand_dims(const Tensor& x, const Dims& axes);
Tensor squeeze(const Tensor& x, const Dims& axes);  // no axes given: every axis of size 1
Tensor transpose(const Tensor& x, const Dims& perm);
Tensor swap_last(const Tensor& x);  // the last two axes
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor slice(const Tensor& x, const Dims& begin, const Dims& size, const Dims& stride);
Tensor pad(const Tensor& x, const Dims& low, const Dims& high, const Tensor& fill);
Tensor concatenate(const Tensors& xs, int axis);
Tensor stack(const Tensors& xs, int axis);
Tensors split(const Tensor& x, std::span<const std::int64_t> sizes, int axis);  // takes Dims too
Tensor tile(const Tensor& x, const Dims& repeats);
Tensor flip(const Tensor& x, const Dims& axes);

// indexing.cpp
Tensor take(const Tensor& x, const Tensor& indices, int axis);
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Shape& shape, int axis);
Tensor arange(std::int64_t count, DType dtype);  // concrete
Tensor one_hot(const Tensor& indices, std::int64_t classes, DType dtype);

// matmul.cpp
// NumPy's rule for rank 1; ta, tb: the last two axes are swapped first.
Tensor matmul(const Tensor& a, const Tensor& b, bool ta = false, bool tb = false);
Tensor tensordot(const Tensor& a, const Tensor& b, const Dims& axes_a, const Dims& axes_b);

// conv.cpp, pool.cpp
// Window2D for Keras's padding: "valid" or "same"; `what` names the op in errors.
Window2D make_window(std::string_view what, const Shape& x, std::array<int, 2> kernel,
                     std::array<int, 2> stride, std::array<int, 2> dilation,
                     std::string_view padding);
Tensor conv(const Tensor& x, const Tensor& kernel, const Window2D& window, int groups = 1);
Tensor max_pool(const Tensor& x, std::array<int, 2> size, const Window2D& window);
Tensor average_pool(const Tensor& x, std::array<int, 2> size, const Window2D& window);

// softmax.cpp
Tensor softmax(const Tensor& x, int axis = -1);
Tensor log_softmax(const Tensor& x, int axis = -1);
Tensor sparse_cross_entropy(const Tensor& x, const Tensor& labels, bool from_logits,
                            std::optional<std::int64_t> ignore = {});

// random.cpp
Tensor random(RandomKind kind, const Tensor& key, const Shape& shape, DType dtype);
Tensor dropout(const Tensor& x, const Tensor& key, double rate);
Tensor categorical(const Tensor& logits, const Tensor& key, std::int64_t samples, DType dtype);

// update.cpp
Tensors sgd_update(const Tensor& p, const Tensor& g, const Tensor& lr, const Tensor& velocity,
                   double momentum, bool nesterov);
Tensors adam_update(const Tensor& p, const Tensor& g, const Tensor& alpha, const Tensor& m,
                    const Tensor& v, double beta1, double beta2, double epsilon);

}  // namespace deepcore
