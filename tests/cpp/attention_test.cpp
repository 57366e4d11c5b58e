// Attention: derivatives by differences, the fused blocks beside the definition in float64, and the
// promises about bits.
#include "deepcore/ops/attention.h"

#include <gtest/gtest.h>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/trace.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

struct Size {
  std::int64_t n, t, s, h, g, d, e;
  Shape scores() const { return {n, h, t, s}; }
};

// How scores are changed; masks by the axes that they have.
struct Change {
  std::string name;
  bool causal = false, biased = false;
  Shape mask = {};  // 1: as the scores, 0: broadcast
};
const std::vector<Change> kChanges = {{"plain"},
                                      {"causal", true},
                                      {"padding", false, false, {1, 0, 0, 1}},
                                      {"causal padding", true, false, {1, 0, 0, 1}},
                                      {"full mask", false, false, {1, 1, 1, 1}},
                                      {"queries masked", true, false, {1, 0, 1, 0}},
                                      {"bias", false, true},
                                      {"all", true, true, {0, 1, 1, 1}}};

struct Case {
  Size size;
  Change change;
  Tensor mask;

  Case(const Size& s, const Change& c) : size(s), change(c) {
    if (c.mask.rank() == 0) return;
    Shape shape = s.scores();
    for (int i = 0; i < 4; ++i)
      if (c.mask[i] == 0) shape[i] = 1;
    Numbers keep(static_cast<std::size_t>(shape.elements()));
    const std::int64_t last = shape[3], rows = shape.elements() / last;
    for (std::int64_t r = 0; r < rows; ++r)  // ragged; with holes where rows are queries; none
      for (std::int64_t i = 0; i < last; ++i)
        keep[static_cast<std::size_t>(r * last + i)] =
            r % 4 == 3 ? 0 : i + 2 * (r % 4) < last && (shape[2] == 1 || (i + 2 * r) % 5 != 1);
    mask = tensor(keep, shape, DType::kBool);
  }

  std::vector<Shape> shapes() const {
    std::vector<Shape> out{{size.n, size.t, size.h, size.d},
                           {size.n, size.s, size.g, size.d},
                           {size.n, size.s, size.g, size.e}};
    if (change.biased) out.push_back({1, size.h, size.t, size.s});
    return out;
  }
  Function function() const {
    return [this](const Tensors& in) {
      return dot_product_attention(in[0], in[1], in[2], mask, change.biased ? in[3] : Tensor(), 0.7,
                                   change.causal);
    };
  }
  std::string name() const {
    return join(change.name, " ", Shape{size.n, size.t, size.s, size.h, size.g, size.d, size.e});
  }
};

Tensors cast_all(Tensors in, DType dtype) {
  for (Tensor& t : in) t = cast(t, dtype);
  return in;
}

Tensors value_and_gradient(const Function& f, const Tensors& in, const Tensor& weights) {
  Tensors all = gradient(f, in, weights);
  all.push_back(f(in));
  return all;
}

TEST(Attention, DerivativesAreThoseOfDifferences) {
  for (const Change& change : kChanges)
    for (const Size& size : {Size{2, 3, 4, 2, 1, 2, 3}, Size{1, 4, 3, 2, 2, 1, 2}}) {
      const Case c(size, change);
      SCOPED_TRACE(c.name());
      const Function f = c.function();
      const Tensors x = spread(c.shapes(), -1, 1, 1);
      const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
      const Tensors grads = gradient(f, x, weights);
      for (std::size_t k = 0; k < x.size(); ++k)
        EXPECT_LT(relative_error(numbers(grads[k]), difference(f, x, k, weights)), 1e-6)
            << "input " << k;
    }
}

TEST(Attention, SecondDerivativesAreThoseOfDifferences) {
  for (const Change& change : kChanges) {
    const Case c({2, 2, 3, 2, 1, 2, 1}, change);
    SCOPED_TRACE(c.name());
    const Function f = c.function();
    const Tensors x = spread(c.shapes(), -1, 1, 1);
    const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
    const Tensors directions = spread(c.shapes(), -1, 1, 3);
    const Function slope = [&](const Tensors& at) {
      const Tensors first = gradient(f, at, weights);
      Tensor total = scalar(0, DType::kFloat64);
      for (std::size_t k = 0; k < at.size(); ++k) total = total + sum_all(first[k] * directions[k]);
      return total;
    };
    const Tensor unit = scalar(1, DType::kFloat64);
    const Tensors second = gradient(slope, x, unit);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_LT(relative_error(numbers(second[k]), difference(slope, x, k, unit)), 1e-6)
          << "input " << k;
  }
}

// Around the groups of 24 queries and the blocks of 256 keys.
const std::vector<Size> kSizes = {
    {1, 1, 1, 1, 1, 1, 1},      {2, 7, 13, 4, 2, 7, 5},    {3, 25, 17, 2, 2, 16, 16},
    {1, 24, 257, 2, 1, 8, 33},  {1, 50, 40, 3, 3, 64, 80}, {1, 300, 290, 1, 1, 5, 3},
    {2, 3, 0, 2, 1, 4, 4},      {2, 0, 3, 2, 1, 4, 4},     {0, 3, 3, 2, 1, 4, 4},
    {1, 60, 520, 2, 2, 16, 16}, {1, 3, 3, 2, 1, 0, 4}};

TEST(Attention, FusedBlocksGiveTheDefinition) {
  for (const Size& size : kSizes)
    for (const Change& change : kChanges) {
      if (size.s == 0 && change.mask.rank() > 0) continue;
      const Case c(size, change);
      SCOPED_TRACE(c.name());
      const Function f = c.function();
      const Tensors x = spread(c.shapes(), -1, 1, 1);
      const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
      const Tensors want = value_and_gradient(f, x, weights);
      const Tensors got =
          value_and_gradient(f, cast_all(x, DType::kFloat32), cast(weights, DType::kFloat32));
      for (std::size_t k = 0; k < want.size(); ++k)
        EXPECT_LT(relative_error(numbers(got[k]), numbers(want[k])), 2e-5) << "result " << k;
    }
}

TEST(Attention, TheSameBitsOnAnyNumberOfThreads) {
  for (const Change& change : kChanges) {
    const Case c({3, 70, 300, 4, 2, 9, 16}, change);
    SCOPED_TRACE(c.name());
    const Function f = c.function();
    const Tensors x = cast_all(spread(c.shapes(), -1, 1, 1), DType::kFloat32);
    const Tensor weights = cast(spread({f(x).shape()}, -1, 1, 2)[0], DType::kFloat32);
    Tensors first;
    for (int threads : {1, 3}) {
      force_team_size(threads);
      Trace trace;
      Tensors inputs;
      for (const Tensor& t : x) inputs.push_back(trace.input(t.type()));
      const auto graph = trace.finish(value_and_gradient(f, inputs, weights));
      const Tensors planned = Plan(*graph, backend(), true).run(x);
      const Tensors eager = value_and_gradient(f, x, weights);
      force_team_size(0);
      if (first.empty()) first = eager;
      for (std::size_t k = 0; k < 3; ++k) {
        EXPECT_EQ(numbers(eager[k]), numbers(first[k])) << "result " << k;
        EXPECT_EQ(numbers(planned[k]), numbers(first[k])) << "planned " << k;
      }
    }
  }
}

Tensor sample(const Tensor& t, std::int64_t i) {
  if (t.shape()[0] == 1) return t;
  Dims begin = Dims::filled(t.rank(), 0), size(t.shape());
  begin[0] = i;
  size[0] = 1;
  return slice(t, begin, size, Dims::filled(t.rank(), 1));
}

TEST(Attention, ASampleHasTheSameBitsInAnyBatch) {
  for (const Change& change : kChanges) {
    const Case c({9, 270, 261, 2, 1, 8, 8}, change);
    SCOPED_TRACE(c.name());
    const Tensors x = cast_all(spread(c.shapes(), -1, 1, 1), DType::kFloat32);
    const Tensor all = c.function()(x);
    for (std::int64_t i : {0, 3, 8}) {
      Case one = c;
      if (c.mask) one.mask = sample(c.mask, i);
      Tensors in;
      for (const Tensor& t : x) in.push_back(sample(t, i));
      EXPECT_EQ(numbers(one.function()(in)), numbers(sample(all, i))) << "sample " << i;
    }
  }
}

TEST(Attention, NeverKeepsAllScores) {
  std::size_t bytes[2];
  for (int i = 0; i < 2; ++i) {
    const std::int64_t length = 512 << i;
    const Type type{DType::kFloat32, {1, length, 2, 16}};
    Trace trace;
    const Tensors x{trace.input(type), trace.input(type), trace.input(type), trace.input(type)};
    const Function f = [](const Tensors& in) {
      return dot_product_attention(in[0], in[1], in[2], {}, {}, 0.25, true);
    };
    const auto graph = trace.finish(value_and_gradient(f, {x[0], x[1], x[2]}, x[3]));
    bytes[i] = Plan(*graph, backend(), true).arena_bytes();
  }
  EXPECT_LT(bytes[1], 2.1 * static_cast<double>(bytes[0]));
  EXPECT_LT(bytes[1], 1024 * 1024 * sizeof(float));  // less than the scores of one head
}

TEST(Attention, NanAndInfinityGoWhereTheFormulaSays) {
  const Tensor q = tensor({1, 1}, {1, 2, 1, 1}, DType::kFloat32);
  const Tensor k = tensor({INFINITY, 1, NAN}, {1, 3, 1, 1}, DType::kFloat32);
  const Tensor v = tensor({1, 2, 3}, {1, 3, 1, 1}, DType::kFloat32);
  const auto run = [&](const Numbers& mask) {
    return numbers(
        dot_product_attention(q, k, v, tensor(mask, {1, 1, 2, 3}, DType::kBool), {}, 1, false));
  };
  const Numbers y = run({0, 1, 0, 1, 1, 1});
  EXPECT_EQ(y[0], 2);
  EXPECT_TRUE(std::isnan(y[1]));
}

TEST(Attention, TellsWhatDoesNotFit) {
  const auto with = [](const Shape& q, const Shape& k, const Shape& v, const Tensor& mask = {}) {
    const Tensors x = spread({q, k, v}, -1, 1, 1);
    return message_of([&] { dot_product_attention(x[0], x[1], x[2], mask, {}, 1, false); });
  };
  EXPECT_EQ(with({2, 3, 4}, {2, 3, 1, 4}, {2, 3, 1, 4}),
            "[dot_product_attention] expected query, key and value (batch, length, heads, "
            "features), got shapes [2, 3, 4], [2, 3, 1, 4] and [2, 3, 1, 4]");
  EXPECT_EQ(with({2, 3, 1, 4}, {2, 3, 1, 5}, {2, 3, 1, 4}),
            "[dot_product_attention] query [2, 3, 1, 4] and key [2, 3, 1, 5] differ in features: 4 "
            "and 5");
  EXPECT_EQ(with({2, 3, 3, 4}, {2, 3, 2, 4}, {2, 3, 2, 4}),
            "[dot_product_attention] the 3 heads of the query are no multiple of the 2 of key and "
            "value");
  EXPECT_EQ(with({2, 3, 1, 4}, {2, 5, 1, 4}, {2, 6, 1, 4}),
            "[dot_product_attention] key [2, 5, 1, 4] and value [2, 6, 1, 4] differ in length or "
            "heads");
  EXPECT_EQ(
      with({1, 2, 1, 1}, {1, 3, 1, 1}, {1, 3, 1, 1}, tensor({1, 1, 0}, {1, 1, 3, 1}, DType::kBool)),
      "[dot_product_attention] the mask has shape [1, 1, 3, 1], scores (batch, heads, "
      "queries, keys) of [1, 1, 2, 3] expect it or ones in their places");
}

}  // namespace
}  // namespace deepcore::testing
