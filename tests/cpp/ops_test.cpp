// What the ops mean: composed = fused, shape rules, error messages, promotion.
#include <gtest/gtest.h>

#include "deepcore/ops/promote.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

Tensor f64(const Numbers& values, const Shape& shape) { return tensor(values, shape); }
Tensor i32(const Numbers& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())}, DType::kInt32);
}
Tensor any(const Shape& shape, DType dtype = DType::kFloat32) { return full(shape, 1, dtype); }
const DType kBoth[] = {DType::kFloat32, DType::kFloat64};

// ---- a fused op does what its definition says

template <class O>
void expect_composed(const O& op, const Tensors& in) {
  SCOPED_TRACE(join(op.str(), " of ", in[0].type()));
  const Tensors fused = apply_all(op, in), composed = op.compose(in);
  ASSERT_EQ(fused.size(), composed.size());
  const double tolerance = in[0].dtype() == DType::kFloat64 ? 1e-13 : 2e-6;
  for (std::size_t i = 0; i < fused.size(); ++i) {
    ASSERT_EQ(fused[i].type(), composed[i].type());
    EXPECT_LT(relative_error(numbers(fused[i]), numbers(composed[i])), tolerance);
  }
}

// Odd row lengths around the widths of vectors, no rows, and an extra axis.
const std::vector<Shape> kRows = {{3, 1},  {2, 7},  {5, 8},  {2, 9},    {1, 15},
                                  {3, 16}, {2, 17}, {0, 10}, {2, 3, 5}, {2, 131}};

TEST(Ops, SoftmaxIsComposed) {
  for (DType dtype : kBoth)
    for (const Shape& shape : kRows) {
      const Tensors x = spread({shape, shape}, -30, 30, 4, dtype);
      expect_composed(Softmax{}, {x[0]});
      expect_composed(LogSoftmax{}, {x[0]});
      expect_composed(SoftmaxGrad{}, {softmax(x[0]), x[1]});
    }
}

TEST(Ops, SparseCrossEntropyIsComposed) {
  for (DType dtype : kBoth)
    for (const Shape& shape : kRows)
      for (DType label_dtype : {DType::kInt32, DType::kInt64})
        for (bool logits : {true, false})
          for (std::optional<std::int64_t> ignore : {std::optional<std::int64_t>{}, {0}, {-1}}) {
            Shape rows = shape;
            rows.erase(rows.rank() - 1);
            Numbers chosen(static_cast<std::size_t>(rows.elements()));
            for (std::size_t i = 0; i < chosen.size(); ++i)
              chosen[i] = static_cast<double>(static_cast<std::int64_t>(i) * 5 % shape.back());
            if (ignore && !chosen.empty()) chosen[0] = static_cast<double>(*ignore);
            const Tensor labels = tensor(chosen, rows, label_dtype);
            const Tensors x =
                spread({shape, rows}, logits ? -20 : -0.1, logits ? 20 : 1.1, 5, dtype);
            expect_composed(SparseCrossEntropy{logits, ignore}, {x[0], labels});
            expect_composed(SparseCrossEntropyGrad{logits, ignore}, {x[0], labels, x[1]});
          }
}

TEST(Ops, DropoutIsComposed) {
  for (DType dtype : kBoth)
    for (std::int64_t n : {0, 1, 3, 4, 7, 8, 9, 31, 1000})
      for (double rate : {0.1, 0.5, 0.9})
        expect_composed(Dropout{rate}, {spread({{n}}, -2, 2, 6, dtype)[0],
                                        tensor({3, static_cast<double>(n)}, {2}, DType::kInt64)});
}

TEST(Ops, UpdatesAreComposed) {
  for (DType dtype : kBoth)
    for (std::int64_t n : {0, 1, 7, 8, 9, 17, 1000}) {
      const Tensors x = spread({{n}, {n}, {n}, {n}}, -1, 1, 7, dtype);
      const Tensor rate = scalar(0.01, dtype);
      expect_composed(SgdUpdate{0, false}, {x[0], x[1], rate});
      for (bool nesterov : {false, true})
        expect_composed(SgdUpdate{0.9, nesterov}, {x[0], x[1], rate, x[2]});
      expect_composed(AdamUpdate{0.9, 0.999, 1e-7}, {x[0], x[1], rate, x[2], square(x[3])});
    }
}

// ---- values that a formula in one line does not give

TEST(Ops, LogsumexpOfInfinities) {
  const double inf = INFINITY;
  EXPECT_EQ(numbers(logsumexp(f64({-inf, -inf, inf, 0, 1000, 1000}, {3, 2}), {1})),
            (Numbers{-inf, inf, 1000 + std::log(2.0)}));
}

TEST(Ops, MeanAndVariance) {
  EXPECT_EQ(numbers(mean(full({49}, 1, DType::kFloat32), {0})), (Numbers{1}));
  EXPECT_EQ(numbers(variance(f64({1, 2, 3, 4}, {4}), {0})), (Numbers{1.25}));
  EXPECT_TRUE(std::isnan(numbers(mean(f64({}, {0}), {0}))[0]));
}

TEST(Ops, ShapingMovesElements) {
  const Tensor x = f64({0, 1, 2, 3, 4, 5}, {2, 3});
  EXPECT_EQ(numbers(transpose(x, {1, 0})), (Numbers{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(numbers(flip(x, {0, 1})), (Numbers{5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(numbers(tile(x, {2, 1, 2})).size(), 24u);
  EXPECT_EQ(tile(x, {2, 1, 2}).shape(), (Shape{2, 2, 6}));
  EXPECT_EQ(numbers(tile(reshape(x, {6}), {2})), (Numbers{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(numbers(pad(x, {0, 1}, {1, 0}, scalar(9, x.dtype()))),
            (Numbers{9, 0, 1, 2, 9, 3, 4, 5, 9, 9, 9, 9}));
  EXPECT_EQ(numbers(concatenate({x, x}, 1)), (Numbers{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
  EXPECT_EQ(stack({x, x, x}, 1).shape(), (Shape{2, 3, 3}));
  EXPECT_EQ(numbers(split(x, Dims{1, 2}, 1)[1]), (Numbers{1, 2, 4, 5}));
  EXPECT_EQ(split(x, std::vector<std::int64_t>(2, 1), 0).size(), 2u);
  EXPECT_EQ(numbers(slice(x, {1, 2}, {2, 2}, {-1, -2})), (Numbers{5, 3, 2, 0}));
  EXPECT_EQ(expand_dims(x, {0, -1}).shape(), (Shape{1, 2, 3, 1}));
  EXPECT_EQ(squeeze(expand_dims(x, {0, -1}), {}).shape(), (Shape{2, 3}));
  EXPECT_EQ(numbers(take(x, i32({-1, 0}), 1)), (Numbers{2, 0, 5, 3}));
  EXPECT_EQ(numbers(scatter_add(x, i32({1, 1}), {3, 3}, 0)), (Numbers{0, 0, 0, 3, 5, 7, 0, 0, 0}));
  EXPECT_EQ(numbers(one_hot(i32({1, -1, 3, 0}), 3, DType::kFloat32)),
            (Numbers{0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
}

TEST(Ops, EmptyTensorsWork) {
  const Tensor none = f64({}, {0, 3});
  EXPECT_EQ(numbers(sum(none, {0})), (Numbers{0, 0, 0}));
  EXPECT_EQ(numbers(prod(none, {0})), (Numbers{1, 1, 1}));
  EXPECT_EQ(max(none, {1}).shape(), (Shape{0}));
  EXPECT_EQ(matmul(none, any({3, 4}, DType::kFloat64)).shape(), (Shape{0, 4}));
  EXPECT_EQ(numbers(matmul(any({2, 0}), any({0, 2}))), (Numbers{0, 0, 0, 0}));
  EXPECT_EQ(softmax(none).shape(), (Shape{0, 3}));
  EXPECT_EQ(reshape(none, {-1, 1}).shape(), (Shape{0, 1}));
}

TEST(Ops, CategoricalFollowsTheProbabilities) {
  const Tensor logits = f64({std::log(0.7), std::log(0.1), std::log(0.2)}, {1, 3});
  const Numbers draws =
      numbers(categorical(logits, tensor({1, 2}, {2}, DType::kInt64), 20000, DType::kInt32));
  Numbers share(3);
  for (double d : draws) share[static_cast<std::size_t>(d)] += 1.0 / 20000;
  EXPECT_NEAR(share[0], 0.7, 0.015);
  EXPECT_NEAR(share[1], 0.1, 0.01);
}

TEST(Ops, TransposeOfAxesOfOneSharesMemory) {
  const Tensor x = f64({1, 2, 3}, {1, 3, 1});
  EXPECT_EQ(transpose(x, {1, 0, 2}).data(), x.data());
}

TEST(Ops, FlopsCountMultipliesAndAdds) {
  const Type a{DType::kFloat32, {5, 3, 4}}, b{DType::kFloat32, {4, 6}};
  const MatMul product{false, false};
  EXPECT_EQ(product.flops({a, b}, product.infer({a, b})), 2 * 5 * 3 * 4 * 6);
  const Type x{DType::kFloat32, {2, 6, 6, 4}}, k{DType::kFloat32, {3, 3, 2, 8}};
  const Conv c{{}, 2};
  const Types y = c.infer({x, k});
  EXPECT_EQ(c.flops({x, k}, y), 2 * (2 * 4 * 4 * 8) * (3 * 3 * 2));
  EXPECT_EQ((ConvGradInput{{}, 2, x.shape}.flops({y[0], k}, {x})), c.flops({x, k}, y));
  EXPECT_EQ((ConvGradFilter{{}, 2, k.shape}.flops({x, y[0]}, {k})), c.flops({x, k}, y));
}

TEST(Ops, SamePaddingPutsTheOddCellLast) {
  const Window2D w = make_window("conv2d", {1, 5, 6, 1}, {2, 3}, {1, 2}, {1, 1}, "same");
  EXPECT_EQ(join(w), "stride=[1, 2] dilation=[1, 1] pad=[0, 0]..[1, 1]");
}

TEST(Ops, PrintTheirSettings) {
  EXPECT_EQ((MatMul{true, false}.str()), "matmul(true, false, plain)");
  EXPECT_EQ((MatMul{false, false, {.bias = true, .activation = Kind::kRelu}}.str()),
            "matmul(false, false, bias+relu)");
  EXPECT_EQ((MatMul{false, false, {true, false, true, Kind::kRelu6}}.str()),
            "matmul(false, false, scale+residual+relu6)");
  EXPECT_EQ(Unary{Kind::kExp}.str(), "unary(exp)");
  EXPECT_EQ((Reduce{ReduceKind::kSum, {0, 1}, false}.str()), "reduce(sum, [0, 1], false)");
}

// ---- promotion

TEST(Promote, FollowsKeras) {
  using enum DType;
  EXPECT_EQ(promote(kBool, kUInt8), kUInt8);
  EXPECT_EQ(promote(kUInt8, kInt32), kInt32);
  EXPECT_EQ(promote(kInt64, kInt32), kInt64);
  EXPECT_EQ(promote(kInt64, kFloat16), kFloat16);
  EXPECT_EQ(promote(kInt64, kBFloat16), kBFloat16);
  EXPECT_EQ(promote(kFloat16, kBFloat16), kFloat32);
  EXPECT_EQ(promote(kBFloat16, kFloat32), kFloat32);
  EXPECT_EQ(promote(kInt64, kFloat32), kFloat32);
  EXPECT_EQ(promote(kFloat64, kFloat32), kFloat64);
  for (DType d : {kBool, kUInt8, kInt32, kInt64}) EXPECT_EQ(float_of(d), kFloat32);
  for (DType d : {kFloat16, kBFloat16, kFloat32, kFloat64}) EXPECT_EQ(float_of(d), d);
}

// ---- errors

TEST(Ops, ErrorsNameWhatCameAndWhatWasExpected) {
  const Tensor x = any({2, 3}), image = any({8, 32, 32, 3}), labels = i32({1, 2});
  const Tensor key = any({2}, DType::kInt64);
  const auto key_of_floats = any({2});
  using Row = std::pair<std::function<void()>, std::string>;
  const Window2D plain;
  const std::vector<Row> rows = {
      {[&] { x + any({4}); }, "[add] shapes [2, 3] and [4] do not broadcast"},
      {[&] { x + any({3}, DType::kFloat64); },
       "[add] dtypes float32 and float64 differ: cast one of them"},
      {[&] { exp(labels); }, "[exp] expected float32 or float64, got int32"},
      {[&] { sqrt(any({2}, DType::kBFloat16)); },
       "[sqrt] bfloat16 holds values but does not compute: cast to float32 first"},
      {[&] { labels / labels; }, "[true_divide] expected float32 or float64, got int32"},
      {[&] { logical_and(x, x); }, "[logical_and] expected bool, got float32"},
      {[&] { where(x, x, x); }, "[where] the condition must be bool, got float32"},
      {[&] { sum(x, {2}); }, "[sum] axis 2 is outside a tensor of 2 axes"},
      {[&] { max(any({0, 3}), {0}); },
       "[max] the axes [0] of shape [0, 3] hold no elements to choose from"},
      {[&] { argreduce(true, any({0}), 0); },
       "[argmax] axis 0 of shape [0] holds no elements to choose from"},
      {[&] { reshape(x, {4, 2}); }, "[reshape] shape [2, 3] has 6 elements, shape [4, 2] has 8"},
      {[&] { reshape(x, {4, -1}); },
       "[reshape] shape [2, 3] has 6 elements, which do not fill [4, -1]"},
      {[&] { reshape(x, {-1, -1}); }, "[reshape] only one size may be -1, got [-1, -1]"},
      {[&] { transpose(x, {0, 0}); },
       "[transpose] the axes [0, 0] are not a permutation of the axes of [2, 3]"},
      {[&] { broadcast_to(x, {2, 4}); },
       "[broadcast_to] shapes [2, 3] and [2, 4] do not broadcast"},
      {[&] { broadcast_to(x, {3}); }, "[broadcast_to] shape [2, 3] does not broadcast to [3]"},
      {[&] { broadcast_to(any({1}), {1 << 30, 1 << 30, 1 << 30}); },
       "[broadcast_to] a tensor of shape [1073741824, 1073741824, 1073741824] is too large"},
      {[&] { slice(x, {0, 2}, {2, 2}, {1, 1}); },
       "[slice] begin [0, 2], size [2, 2] and stride [1, 1] leave the shape [2, 3]"},
      {[&] { concatenate({x, any({3, 2})}, 0); },
       "[concatenate] shapes [2, 3] and [3, 2] differ outside axis 0"},
      {[&] { split(x, Dims{1, 1}, 1); },
       "[split] the pieces add up to 2, axis 1 of shape [2, 3] has 3"},
      {[&] { squeeze(x, {0}); }, "[squeeze] axis 0 of shape [2, 3] is not 1"},
      {[&] { take(x, x, 0); }, "[take] expected int32 or int64 indices, got float32"},
      {[&] { matmul(x, any({4, 5})); },
       "[matmul] the inner sizes 3 and 4 of shapes [2, 3] and [4, 5] differ"},
      {[&] { matmul(any({}), x); },
       "[matmul] expected at least one axis, got shapes [] and [2, 3]"},
      {[&] { tensordot(x, x, {1}, {0}); },
       "[tensordot] axis 1 of shape [2, 3] and axis 0 of shape [2, 3] differ: 3 and 2"},
      {[&] { conv(image, any({3, 3, 4, 8}), plain); },
       "[conv] the input has 3 channels (shape [8, 32, 32, 3]), the kernel expects 4"},
      {[&] { conv(image, any({3, 3, 1, 8}), plain, 3); },
       "[conv] the 8 filters do not split into 3 groups"},
      {[&] { conv(any({1, 3, 3, 1}), any({3, 3, 1, 1}), {.dilation = {2, 2}}); },
       "[conv] the kernel covers 5x5 cells (dilation included), the padded input has 3x3"},
      {[&] { conv(x, any({3, 3, 1, 1}), plain); },
       "[conv] expected an input (batch, height, width, channels), got shape [2, 3]"},
      {[&] { make_window("conv2d", {1, 3, 3, 1}, {3, 3}, {1, 1}, {1, 1}, "full"); },
       "[conv2d] padding must be 'valid' or 'same', got 'full'"},
      {[&] { make_window("conv2d", {1, 3, 3, 1}, {3, 3}, {0, 1}, {1, 1}, "same"); },
       "[conv2d] strides must be positive, got stride=[0, 1] dilation=[1, 1] pad=[0, 0]..[0, 0]"},
      {[&] { max_pool(any({1, 2, 2, 1}), {3, 3}, plain); },
       "[max_pool] the window covers 3x3 cells, the padded input has 2x2"},
      {[&] { softmax(any({})); }, "[softmax] expected at least one axis, got a scalar"},
      {[&] { sparse_cross_entropy(x, i32({1}), true); },
       "[sparse_categorical_crossentropy] the labels have shape [1], an output of [2, 3] expects "
       "[2]"},
      {[&] { sparse_cross_entropy(x, i32({1, 3}), true); },
       "[sparse_categorical_crossentropy] a label is outside the range [0, 3) of the 3 classes"},
      {[&] { dropout(x, key, 1.5); }, "[dropout] the rate must be in [0, 1), got 1.5"},
      {[&] { dropout(x, key_of_floats, 0.5); },
       "[dropout] the key must be int64 of shape [2] (seed, counter), got float32 of shape [2]"},
      {[&] { random(RandomKind::kNormal, key, {-2}, DType::kFloat32); },
       "[random] sizes must not be negative, got [-2]"},
      {[&] { sgd_update(x, any({3}), any({}), {}, 0, false); },
       "[sgd_update] the gradient has shape [3], the parameter has [2, 3]"},
      {[&] { sgd_update(x, x, any({}), {}, 0.9, false); },
       "[sgd_update] momentum 0.9 needs a velocity"},
      {[&] { arange(3, DType::kFloat16); },
       "[arange] float16 holds values but does not compute: cast to float32 first"},
  };
  for (const auto& [call, message] : rows) EXPECT_EQ(message_of(call), message);
}

}  // namespace
}  // namespace deepcore::testing
