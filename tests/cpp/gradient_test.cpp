// Every differentiable op against numerical differences in float64, first and second order.
#include <gtest/gtest.h>

#include "deepcore/graph/trace.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

struct Case {
  std::string name;
  std::vector<Shape> shapes;
  Function f;
  double low = -2, high = 2;
};

Case unary_case(Kind kind, double low, double high) {
  return {std::string(name_of(kind)),
          {{2, 3}},
          [kind](const Tensors& x) { return unary(kind, x[0]); },
          low,
          high};
}

Case binary_case(Kind kind, double low, double high) {
  return {std::string(name_of(kind)),
          {{2, 1, 3}, {4, 1}},
          [kind](const Tensors& x) { return binary(kind, x[0], x[1]); },
          low,
          high};
}

Case reduce_case(ReduceKind kind, const Dims& axes, bool keepdims) {
  return {join(kind, axes, keepdims ? "keep" : ""), {{2, 3, 2}}, [=](const Tensors& x) {
            return reduce(kind, x[0], axes, keepdims);
          }};
}

Case matmul_case(const Shape& a, const Shape& b, bool ta, bool tb) {
  return {join("matmul", a, b, ta ? "ta" : "", tb ? "tb" : ""), {a, b}, [=](const Tensors& x) {
            return matmul(x[0], x[1], ta, tb);
          }};
}

Case conv_case(const Shape& x, const Shape& k, std::array<int, 2> stride,
               std::array<int, 2> dilation, const char* padding, int groups) {
  const std::array<int, 2> size{static_cast<int>(k[0]), static_cast<int>(k[1])};
  const Window2D w = make_window("conv", x, size, stride, dilation, padding);
  return {join("conv", x, k, w, padding, groups), {x, k}, [=](const Tensors& in) {
            return conv(in[0], in[1], w, groups);
          }};
}

Case pool_case(PoolKind kind, const Shape& x, std::array<int, 2> size, std::array<int, 2> stride,
               const char* padding) {
  const Window2D w = make_window("pool", x, size, stride, {1, 1}, padding);
  return {join(kind, "_pool", x, size[0], w, padding), {x}, [=](const Tensors& in) {
            return kind == PoolKind::kMax ? max_pool(in[0], size, w) : average_pool(in[0], size, w);
          }};
}

Case one(std::string name, const Shape& shape, std::function<Tensor(const Tensor&)> f,
         double low = -2, double high = 2) {
  return {std::move(name),
          {shape},
          [f = std::move(f)](const Tensors& x) { return f(x[0]); },
          low,
          high};
}

Tensor labels_of(const Numbers& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())}, DType::kInt32);
}

std::vector<Case> elementwise_cases() {
  using enum Kind;
  std::vector<Case> cases;
  for (Kind k : {kIdentity, kNegative, kAbs,  kSquare, kExp,   kExpm1,   kSin,      kCos,
                 kAtan,     kSinh,     kCosh, kTanh,   kAsinh, kSigmoid, kSoftplus, kErf,
                 kRelu,     kRelu6,    kSign, kFloor,  kCeil,  kTrunc})
    cases.push_back(unary_case(k, -2.2, 2.2));
  for (Kind k : {kSqrt, kRsqrt, kReciprocal, kLog, kLog1p, kLog2, kLog10})
    cases.push_back(unary_case(k, 0.4, 3));
  cases.push_back(unary_case(kRelu6, 4.2, 7.9));
  for (Kind k : {kTan, kAsin, kAcos, kAtanh}) cases.push_back(unary_case(k, -0.9, 0.9));
  cases.push_back(unary_case(kAcosh, 1.2, 3));
  for (Kind k : {kAdd, kSubtract, kMultiply, kMaximum, kMinimum})
    cases.push_back(binary_case(k, -2, 2));
  for (Kind k : {kDivide, kPower, kArctan2, kMod}) cases.push_back(binary_case(k, 0.5, 2.5));
  cases.push_back(one("power of a negative base", {5},
                      [](const Tensor& x) { return power(x, scalar(3, x.dtype())); }));
  cases.push_back({"where", {{2, 3}, {3}}, [](const Tensors& x) {
                     return where(greater(x[0], x[1]), x[0] * x[1], square(x[1]));
                   }});
  cases.push_back(one("clip", {7}, [](const Tensor& x) { return square(clip(x, -1, 0.8)); }));
  cases.push_back(
      {"the same input twice", {{3}}, [](const Tensors& x) { return x[0] * x[0] / (x[0] + 5); }});
  return cases;
}

std::vector<Case> reduce_cases() {
  std::vector<Case> cases;
  for (ReduceKind kind : {ReduceKind::kSum, ReduceKind::kProd, ReduceKind::kMax, ReduceKind::kMin})
    for (const Dims& axes : {Dims{}, Dims{1}, Dims{0, -1}, Dims{0, 1, 2}})
      for (bool keepdims : {false, true}) cases.push_back(reduce_case(kind, axes, keepdims));
  for (std::int64_t n : {1, 2, 3, 5, 8})
    cases.push_back(one(join("prod of ", n, " with zeros"), {2, n}, [](const Tensor& x) {
      // The first column times 0, and two zeros in the second row.
      Numbers mask(static_cast<std::size_t>(x.elements()), 1);
      mask[0] = 0;
      mask.back() = 0;
      mask[mask.size() / 2] = 0;
      return prod(x * tensor(mask, x.shape(), x.dtype()), {1});
    }));
  cases.push_back(one("mean", {2, 3, 2}, [](const Tensor& x) { return mean(square(x), {0, 2}); }));
  cases.push_back(one("variance", {4, 3}, [](const Tensor& x) { return variance(x, {0}); }));
  cases.push_back(one("moments", {3, 2, 4}, [](const Tensor& x) {
    const Tensors both = moments(x);
    return both[0] * both[1] + square(x) * both[1];
  }));
  cases.push_back(one("logsumexp", {2, 5}, [](const Tensor& x) { return logsumexp(x, {-1}); }));
  return cases;
}

std::vector<Case> shaping_cases() {
  return {
      one("reshape", {2, 6}, [](const Tensor& x) { return square(reshape(x, {3, -1})); }),
      one("transpose", {2, 3, 4}, [](const Tensor& x) { return square(transpose(x, {1, 2, 0})); }),
      one("broadcast_to", {3, 1},
          [](const Tensor& x) { return square(broadcast_to(x, {2, 3, 4})); }),
      one("slice", {5, 4},
          [](const Tensor& x) { return square(slice(x, {1, 3}, {2, 3}, {2, -1})); }),
      one("flip", {2, 3}, [](const Tensor& x) { return square(flip(x, {-1})); }),
      one("tile", {2, 3}, [](const Tensor& x) { return square(tile(x, {2, 1, 3})); }),
      {"pad",
       {{2, 3}, {}},
       [](const Tensors& x) { return square(pad(x[0], {1, 0}, {2, 1}, x[1])); }},
      {"concatenate",
       {{2, 3}, {2, 1}, {2, 0}},
       [](const Tensors& x) { return square(concatenate({x[0], x[1], x[2], x[0]}, 1)); }},
      {"stack", {{2, 3}, {2, 3}}, [](const Tensors& x) { return square(stack(x, -1)); }},
      one("split", {2, 5},
          [](const Tensor& x) {
            const Tensors parts = split(x, Dims{2, 1, 2}, 1);
            return parts[0] * parts[1] + square(parts[2]);
          }),
      one("take", {3, 4},
          [](const Tensor& x) {
            return square(take(x, tensor({2, -1, 2, 0}, {2, 2}, DType::kInt32), 1));
          }),
      one("scatter_add", {3, 2},
          [](const Tensor& x) {
            return square(scatter_add(x, tensor({1, 3, 1}, {3}, DType::kInt64), {4, 2}, 0));
          }),
      one("cast", {4},
          [](const Tensor& x) {
            return square(cast(cast(square(x), DType::kFloat64), x.dtype()));
          }),
  };
}

std::vector<Case> linear_cases() {
  std::vector<Case> cases;
  for (bool ta : {false, true})
    for (bool tb : {false, true})
      for (const char* batch : {"none", "both", "left", "right", "ones"}) {
        Shape a = ta ? Shape{3, 2} : Shape{2, 3}, b = tb ? Shape{4, 3} : Shape{3, 4};
        if (*batch == 'b' || *batch == 'l') a.insert(0, 2);
        if (*batch == 'b' || *batch == 'r') b.insert(0, 2);
        if (*batch == 'o') a.insert(0, 1), b.insert(0, 3);
        cases.push_back(matmul_case(a, b, ta, tb));
      }
  cases.push_back(matmul_case({3}, {3}, false, false));
  cases.push_back(matmul_case({3}, {2, 3, 4}, false, false));
  cases.push_back(matmul_case({2, 2, 3}, {3}, false, false));
  cases.push_back({"tensordot", {{2, 3, 4}, {4, 2, 5}}, [](const Tensors& x) {
                     return tensordot(x[0], x[1], {2, 0}, {0, 1});
                   }});
  cases.push_back(conv_case({2, 4, 5, 2}, {3, 2, 2, 3}, {1, 1}, {1, 1}, "valid", 1));
  cases.push_back(conv_case({1, 5, 4, 2}, {3, 3, 2, 1}, {2, 1}, {1, 1}, "same", 1));
  cases.push_back(conv_case({1, 6, 5, 1}, {2, 3, 1, 2}, {1, 2}, {2, 2}, "same", 1));
  cases.push_back(conv_case({1, 4, 3, 4}, {2, 2, 2, 4}, {1, 1}, {1, 1}, "same", 2));
  cases.push_back(conv_case({1, 4, 4, 3}, {3, 3, 1, 6}, {1, 1}, {1, 1}, "valid", 3));
  cases.push_back(conv_case({2, 3, 3, 2}, {1, 1, 2, 2}, {2, 2}, {1, 1}, "valid", 1));
  for (const Epilogue& e :
       {Epilogue{true, true, true, Kind::kTanh}, Epilogue{false, true, true, Kind::kSigmoid}}) {
    std::vector<Shape> matrices{{4, 3}, {5, 3}}, images{{1, 3, 4, 2}, {2, 2, 2, 3}};
    if (e.scale) matrices.push_back({5}), images.push_back({3});
    matrices.push_back({5}), images.push_back({3});
    matrices.push_back({4, 5}), images.push_back({1, 2, 3, 3});
    cases.push_back({join("matmul with ", e), matrices,
                     [e](const Tensors& x) { return apply1(MatMul{false, true, e}, x); }});
    cases.push_back({join("conv with ", e), images,
                     [e](const Tensors& x) { return apply1(Conv{{}, 1, e}, x); }});
  }
  for (PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
    cases.push_back(pool_case(kind, {2, 4, 5, 2}, {2, 2}, {2, 2}, "valid"));
    cases.push_back(pool_case(kind, {1, 5, 4, 1}, {3, 2}, {1, 2}, "same"));
    cases.push_back(pool_case(kind, {1, 5, 5, 1}, {2, 2}, {3, 3}, "valid"));
  }
  return cases;
}

std::vector<Case> loss_cases() {
  const Tensor key = tensor({5, 11}, {2}, DType::kInt64);
  std::vector<Case> cases{
      one("softmax", {2, 3}, [](const Tensor& x) { return softmax(x); }),
      one("softmax along 0", {3, 2, 2}, [](const Tensor& x) { return softmax(x, 0); }),
      one("log_softmax", {2, 5}, [](const Tensor& x) { return log_softmax(x); }),
      one("dropout", {3, 5}, [key](const Tensor& x) { return square(dropout(x, key, 0.4)); }),
  };
  for (bool logits : {true, false})
    for (bool ignore : {true, false})
      cases.push_back(one(
          join("sparse_cross_entropy", logits ? " of logits" : "", ignore ? " with ignore" : ""),
          {4, 3},
          [=](const Tensor& x) {
            const Tensor labels = labels_of({2, 0, ignore ? -1.0 : 1.0, 1});
            return sparse_cross_entropy(x, labels, logits,
                                        ignore ? std::optional<std::int64_t>(-1) : std::nullopt);
          },
          logits ? -2 : 0.05, logits ? 2 : 0.95));
  return cases;
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Tensors x = spread(c.shapes, c.low, c.high, 1);
    const Tensor weights = spread({c.f(x).shape()}, -1, 1, 2)[0];
    const Tensors grads = gradient(c.f, x, weights);
    ASSERT_EQ(grads.size(), x.size());
    for (std::size_t k = 0; k < x.size(); ++k) {
      ASSERT_EQ(grads[k].shape(), x[k].shape());
      EXPECT_LT(relative_error(numbers(grads[k]), difference(c.f, x, k, weights)), 1e-6)
          << "input " << k;
    }
    // The gradient is a function like any other: differentiate a weighted sum of it.
    std::vector<Shape> shapes = c.shapes;
    const Tensors directions = spread(shapes, -1, 1, 3);
    const Function slope = [&](const Tensors& at) {
      const Tensors first = gradient(c.f, at, weights);
      Tensor total = scalar(0, DType::kFloat64);
      for (std::size_t k = 0; k < at.size(); ++k) total = total + sum_all(first[k] * directions[k]);
      return total;
    };
    const Tensor unit = scalar(1, DType::kFloat64);
    const Tensors second = gradient(slope, x, unit);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_LT(relative_error(numbers(second[k]), difference(slope, x, k, unit)), 1e-6)
          << "second order, input " << k;
  }
}

// The value and gradients of a case as one function, run at once and as plans.
void check_planned(const std::vector<Case>& cases) {
  for (DType dtype : {DType::kFloat64, DType::kFloat32})
    for (const Case& c : cases) {
      SCOPED_TRACE(join(c.name, " in ", dtype));
      const Tensors x = spread(c.shapes, c.low, c.high, 1, dtype);
      const Tensor weights = spread({c.f(x).shape()}, -1, 1, 2, dtype)[0];
      const auto all = [&](const Tensors& in) {
        Tensors y = gradient(c.f, in, weights);
        y.push_back(c.f(in));
        return y;
      };
      const Tensors eager = all(x);
      Trace trace;
      Tensors inputs;
      for (const Tensor& t : x) inputs.push_back(trace.input(t.type()));
      const std::shared_ptr<Graph> graph = trace.finish(all(inputs));
      for (bool optimize : {false, true}) {
        const Tensors planned = Plan(*graph, backend(), optimize).run(x);
        ASSERT_EQ(planned.size(), eager.size());
        for (std::size_t i = 0; i < eager.size(); ++i) {
          ASSERT_EQ(planned[i].type(), eager[i].type());
          EXPECT_LT(relative_error(numbers(planned[i]), numbers(eager[i])),
                    dtype == DType::kFloat64 ? 1e-13 : 1e-6)
              << "result " << i << (optimize ? ", optimized" : "");
        }
      }
    }
}

TEST(Planned, Elementwise) { check_planned(elementwise_cases()); }
TEST(Planned, Reductions) { check_planned(reduce_cases()); }
TEST(Planned, ShapingAndIndexing) { check_planned(shaping_cases()); }
TEST(Planned, MatmulConvPool) { check_planned(linear_cases()); }
TEST(Planned, SoftmaxAndLosses) { check_planned(loss_cases()); }

TEST(Gradient, Elementwise) { check(elementwise_cases()); }
TEST(Gradient, Reductions) { check(reduce_cases()); }
TEST(Gradient, ShapingAndIndexing) { check(shaping_cases()); }
TEST(Gradient, MatmulConvPool) { check(linear_cases()); }
TEST(Gradient, SoftmaxAndLosses) { check(loss_cases()); }

Numbers gradient_at(const Function& f, const Tensors& x, std::size_t k = 0) {
  return numbers(gradient(f, x, ones(f(x).type()))[k]);
}

TEST(Gradient, TiesAndEdges) {
  const Tensor x = tensor({3, 1, 3, 0}, {4});
  EXPECT_EQ(gradient_at([](const Tensors& t) { return max(t[0], {0}); }, {x}),
            (Numbers{0.5, 0, 0.5, 0}));
  const Function larger = [](const Tensors& t) { return maximum(t[0], t[1]); };
  const Tensor same = tensor(numbers(x), x.shape());
  EXPECT_EQ(gradient_at(larger, {x, same}, 0), (Numbers{1, 1, 1, 1}));
  EXPECT_EQ(gradient_at(larger, {x, same}, 1), (Numbers{0, 0, 0, 0}));
  const Function clipped = [](const Tensors& t) { return clip(t[0], 0, 1); };
  EXPECT_EQ(gradient_at(clipped, {x}), (Numbers{0, 1, 0, 1}));
  const Function rectified = [](const Tensors& t) { return relu(t[0]); };
  EXPECT_EQ(gradient_at(rectified, {tensor({-1, 0, 2}, {3})}), (Numbers{0, 0, 1}));
}

TEST(Gradient, PowerAtZero) {
  const Function f = [](const Tensors& t) { return power(t[0], t[1]); };
  const Tensors x{tensor({0, 0, 0, 2}, {4}), tensor({0, 1, 2, 3}, {4})};
  EXPECT_EQ(gradient_at(f, x, 0), (Numbers{0, 1, 0, 12}));
  const Numbers exponent = gradient_at(f, x, 1);
  EXPECT_EQ(Numbers(exponent.begin(), exponent.begin() + 3), (Numbers{0, 0, 0}));
  EXPECT_NEAR(exponent[3], 8 * std::log(2.0), 1e-12);
}

TEST(Gradient, StopsWhereAsked) {
  const Function f = [](const Tensors& t) { return t[0] * stop_gradient(t[0]); };
  EXPECT_EQ(gradient_at(f, {tensor({2, 3}, {2})}), (Numbers{2, 3}));
}

}  // namespace
}  // namespace deepcore::testing
