// Loops: beside their unrolled definition and differences, planned on any number of threads.
#include <gtest/gtest.h>

#include "deepcore/cpu/threads.h"
#include "deepcore/ops/control.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

// A body of carries and slices, as a user would trace it.
Body body_of(const Types& own, const std::function<Tensors(const Tensors&)>& f) {
  Trace trace(Trace::Of::kBody);
  Tensors in;
  for (const Type& type : own) in.push_back(trace.input(type));
  return trace.finish_body(f(in));
}

Type row_of(const Tensor& x) {
  Type type = x.type();
  type.shape.erase(0);
  return type;
}

struct Settings {
  bool reverse = false;
  std::int64_t segment = 0;
  bool unrolled = false;
};

// h' = tanh(x u + h w) h^(1/2): x (T, N, F), h (N, U), u (F, U), w (U, U) -> last h, ys (T, N, U),
// and ys of another shape; w is used twice a step.
Tensors cell(const Tensor& h, const Tensor& x, const Tensor& u, const Tensor& w) {
  const Tensor a = tanh(matmul(x, u) + matmul(h, w));
  const Tensor next = a * 0.7 + h * sigmoid(matmul(a, w));
  return {next, next * h, sum(next, {1})};
}

Tensors network(const Tensors& in, const Settings& s) {
  const Tensor &x = in[0], &h = in[1], &u = in[2], &w = in[3];
  const std::int64_t length = x.shape()[0];
  if (!s.unrolled) {
    const Body body = body_of({h.type(), row_of(x)},
                              [&](const Tensors& own) { return cell(own[0], own[1], u, w); });
    return scan(body, {h}, {x}, length, s.reverse, s.segment);
  }
  Tensors out{h};
  std::vector<Tensors> ys(2, Tensors(static_cast<std::size_t>(length)));
  for (std::int64_t r = 0; r < length; ++r) {
    const std::int64_t t = s.reverse ? length - 1 - r : r;
    Dims begin = Dims::filled(3, 0), size(x.shape());
    begin[0] = t;
    size[0] = 1;
    const Tensor row = squeeze(slice(x, begin, size, Dims::filled(3, 1)), Dims{0});
    const Tensors made = cell(out[0], row, u, w);
    out[0] = made[0];
    for (std::size_t k = 0; k < 2; ++k) ys[k][static_cast<std::size_t>(t)] = made[k + 1];
  }
  for (const Tensors& list : ys) out.push_back(stack(list, 0));
  return out;
}

std::vector<Shape> shapes(std::int64_t t, std::int64_t n, std::int64_t f, std::int64_t u) {
  return {{t, n, f}, {n, u}, {f, u}, {u, u}};
}

Tensor joined(const Tensors& out) {
  Tensors flat;
  for (const Tensor& t : out) flat.push_back(reshape(t, {t.elements()}));
  return concatenate(flat, 0);
}

Function function_of(const Settings& s) {
  return [s](const Tensors& in) { return joined(network(in, s)); };
}

// Values and gradients of all inputs.
Tensors value_and_gradient(const Function& f, const Tensors& in, const Tensor& weights) {
  Tensors all = gradient(f, in, weights);
  all.push_back(f(in));
  return all;
}

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.type(), b.type());
  EXPECT_EQ(numbers(a), numbers(b));
}

Tensors planned(const std::function<Tensors(const Tensors&)>& f, const Tensors& in, int threads,
                std::size_t* arena = nullptr, bool optimize = true) {
  std::shared_ptr<Graph> graph;
  {
    Trace trace;
    Tensors symbols;
    for (const Tensor& t : in) symbols.push_back(trace.input(t.type()));
    graph = trace.finish(f(symbols));
  }
  Plan plan(*graph, backend(), optimize);
  if (arena) *arena = plan.arena_bytes();
  force_team_size(threads);
  const Tensors out = plan.run(in);
  force_team_size(0);
  return out;
}

TEST(Scan, DerivativesAreThoseOfDifferences) {
  for (bool reverse : {false, true})
    for (std::int64_t length : {1, 2, 5})
      for (std::int64_t segment : {0, 1, 2, 3, 7}) {
        SCOPED_TRACE(join("length ", length, ", segment ", segment, reverse ? ", reverse" : ""));
        const Function f = function_of({reverse, segment});
        const Tensors x = spread(shapes(length, 2, 2, 3), -1, 1, 1);
        const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
        const Tensors grads = gradient(f, x, weights);
        for (std::size_t k = 0; k < x.size(); ++k)
          EXPECT_LT(relative_error(numbers(grads[k]), difference(f, x, k, weights)), 1e-6)
              << "input " << k;
      }
}

TEST(Scan, SecondDerivativesAreThoseOfDifferences) {
  for (std::int64_t segment : {0, 2}) {
    const Function f = function_of({true, segment});
    const Tensors x = spread(shapes(3, 1, 2, 2), -1, 1, 1);
    const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
    const Function g = [&](const Tensors& in) { return joined(gradient(f, in, weights)); };
    const Tensor seconds = spread({g(x).shape()}, -1, 1, 3)[0];
    const Tensors grads = gradient(g, x, seconds);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_LT(relative_error(numbers(grads[k]), difference(g, x, k, seconds)), 1e-6)
          << "input " << k << ", segment " << segment;
  }
}

TEST(Scan, ThirdDerivativesAreThoseOfDifferences) {
  const Function f = function_of({});
  const Tensors x = spread(shapes(2, 1, 1, 1), -1, 1, 1);
  const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
  const Function g = [&](const Tensors& in) { return joined(gradient(f, in, weights)); };
  const Tensor seconds = spread({g(x).shape()}, -1, 1, 3)[0];
  const Function h = [&](const Tensors& in) { return joined(gradient(g, in, seconds)); };
  const Tensor thirds = spread({h(x).shape()}, -1, 1, 4)[0];
  const Tensors grads = gradient(h, x, thirds);
  for (std::size_t k = 0; k < x.size(); ++k)
    EXPECT_LT(relative_error(numbers(grads[k]), difference(h, x, k, thirds)), 1e-5);
}

// Forward the same bits as unrolled; the gradients' sums are associated otherwise.
TEST(Scan, PlannedIsUnrolledOnAnyThreads) {
  for (bool reverse : {false, true})
    for (const auto& sizes : {shapes(7, 3, 5, 6), shapes(1, 1, 1, 1), shapes(4, 70, 33, 129)}) {
      SCOPED_TRACE(join(sizes[0], reverse ? ", reverse" : ""));
      const Tensors in = spread(sizes, -0.5, 0.5, 1, DType::kFloat32);
      const Tensors oracle = network(in, {.reverse = reverse, .unrolled = true});
      const Tensors eager = network(in, {.reverse = reverse});
      const auto f = [&](const Tensors& x) { return network(x, {.reverse = reverse}); };
      for (std::size_t k = 0; k < oracle.size(); ++k) expect_same_bits(eager[k], oracle[k]);
      for (int threads : {1, 3})
        for (bool optimize : {false, true}) {
          const Tensors got = planned(f, in, threads, nullptr, optimize);
          for (std::size_t k = 0; k < oracle.size(); ++k) expect_same_bits(got[k], oracle[k]);
        }
    }
}

TEST(Scan, GradientsAreTheSameBitsOnAnyThreadsAndByAnySegments) {
  const Tensors in = spread(shapes(11, 40, 33, 65), -0.5, 0.5, 1, DType::kFloat32);
  for (bool reverse : {false, true}) {
    const auto train = [&](Settings s) {
      s.reverse = reverse;
      return [s](const Tensors& x) {
        const Function f = function_of(s);
        const Tensor y = f(x);
        return value_and_gradient(f, x, ones(y.type()));
      };
    };
    std::size_t all_kept = 0;
    const Tensors oracle = planned(train({}), in, 1, &all_kept);
    const Tensors unrolled = train({.unrolled = true})(in);
    for (std::size_t k = 0; k < oracle.size(); ++k)
      EXPECT_LT(relative_error(numbers(oracle[k]), numbers(unrolled[k])), 1e-5) << k;
    for (std::int64_t segment : {0, 1, 3, 4, 10, 11})
      for (int threads : {1, 3}) {
        SCOPED_TRACE(join("segment ", segment, ", threads ", threads));
        const Tensors got = planned(train({.segment = segment}), in, threads);
        for (std::size_t k = 0; k < oracle.size(); ++k) expect_same_bits(got[k], oracle[k]);
      }
  }
}

TEST(Scan, SegmentsTakeLessMemory) {
  const Tensors in = spread(shapes(64, 16, 8, 32), -0.5, 0.5, 1, DType::kFloat32);
  const auto bytes = [&](std::int64_t segment) {
    std::size_t arena = 0;
    const Function f = [&](const Tensors& x) { return network(x, {.segment = segment})[0]; };
    planned([&](const Tensors& x) { return gradient(f, x, ones({DType::kFloat32, {16, 32}})); }, in,
            1, &arena);
    return arena;
  };
  EXPECT_LT(bytes(8) * 2, bytes(0));
}

TEST(Scan, NothingRunsTwiceAndNothingForNobody) {
  const Tensors in = spread(shapes(6, 3, 4, 5), -1, 1, 1, DType::kFloat32);
  const Function f = function_of({});
  Trace trace;
  Tensors symbols;
  for (const Tensor& t : in) symbols.push_back(trace.input(t.type()));
  Tape tape;
  tape.start();
  tape.watch(symbols[3]);
  const Tensor y = f(symbols);
  tape.stop();
  const Tensors grads = gradients(tape.records(), {y}, {}, {symbols[3]});
  const Plan plan(*trace.finish({y, grads[0]}), backend());
  const std::string text = plan.str();
  std::size_t loops = 0, products = 0;
  for (std::size_t at = 0; (at = text.find("scan(", at)) != std::string::npos; ++at) ++loops;
  for (std::size_t at = 0; (at = text.find("matmul(", at)) != std::string::npos; ++at) ++products;
  EXPECT_EQ(loops, 2u) << text;
  // Three forward. Backward two for each use of w and none for x or u.
  EXPECT_EQ(products, 3u + 4u) << text;
}

TEST(Scan, NoStepsGiveTheInitialCarry) {
  const Tensors in = spread(shapes(0, 2, 3, 4), -1, 1, 1, DType::kFloat32);
  const Tensors out = network(in, {});
  expect_same_bits(out[0], in[1]);
  EXPECT_EQ(out[1].shape(), (Shape{0, 2, 4}));
  const Function f = [](const Tensors& x) { return network(x, {})[0]; };
  const Tensors grads = gradient(f, in, ones(in[1].type()));
  expect_same_bits(grads[1], ones(in[1].type()));
  expect_same_bits(grads[3], zeros(in[3].type()));
}

// Scans in scans: row sums of products with what the outer one carries.
TEST(Scan, Nests) {
  const auto nested = [](const Tensors& in, std::int64_t segment) {
    const Tensor &x = in[0], &w = in[1];
    const Body outer = body_of({row_of(w), row_of(x)}, [&](const Tensors& a) {
      const Body inner = body_of({row_of(w), row_of(a[1])}, [&](const Tensors& b) {
        const Tensor h = tanh(b[0] * a[0] + b[1] * sum(w, {0}));
        return Tensors{h, h * b[1]};
      });
      const Tensors made = scan(inner, {a[0]}, {a[1]}, a[1].shape()[0], false, segment);
      return Tensors{made[0], made[1]};
    });
    return joined(scan(outer, {sum(w, {0})}, {x}, x.shape()[0], true, segment));
  };
  for (std::int64_t segment : {0, 2}) {
    const Function f = [&](const Tensors& in) { return nested(in, segment); };
    const Tensors x = spread({{3, 4, 2}, {3, 2}}, -1, 1, 5);
    const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
    const Tensors grads = gradient(f, x, weights);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_LT(relative_error(numbers(grads[k]), difference(f, x, k, weights)), 1e-6) << k;
    const Tensors eager = value_and_gradient(f, x, weights);
    const auto train = [&](const Tensors& in) { return value_and_gradient(f, in, weights); };
    for (int threads : {1, 3}) {
      const Tensors got = planned(train, x, threads);
      for (std::size_t k = 0; k < got.size(); ++k)
        EXPECT_LT(relative_error(numbers(got[k]), numbers(eager[k])), 1e-12);
    }
  }
}

TEST(Scan, TellsWhatIsWrong) {
  const Tensor h = tensor({1, 2}, {2}), x = tensor({1, 2, 3, 4}, {2, 2});
  const Body grows = body_of({h.type(), row_of(x)}, [](const Tensors& in) {
    return Tensors{concatenate({in[0], in[1]}, 0)};
  });
  EXPECT_EQ(message_of([&] { scan(grows, {h}, {x}, 2, false); }),
            "[scan] carry 0 is float64[2] before a step and float64[4] after it");
  const Body same =
      body_of({h.type(), row_of(x)}, [](const Tensors& in) { return Tensors{in[0] + in[1]}; });
  EXPECT_EQ(message_of([&] { scan(same, {h}, {x}, 3, false); }),
            "[scan] xs 0 is float64[2,2], the body takes float64[3,2]");
}

TEST(Scan, AFaultInsideNamesItsOp) {
  const Tensor table = tensor({1, 2, 3}, {3}, DType::kFloat32);
  const Tensor at = tensor({0, 2, 5, 1}, {4}, DType::kInt32);
  const Tensor none = scalar(0, DType::kFloat32);
  const auto f = [&](const Tensors& in) {
    const Body body = body_of({none.type(), row_of(in[0])}, [&](const Tensors& own) {
      return Tensors{own[0] + take(table, own[1], 0)};
    });
    return scan(body, {none}, {in[0]}, 4, false);
  };
  EXPECT_THROW(f({at}), IndexError);
  EXPECT_EQ(message_of([&] { planned(f, {at}, 3); }),
            "[take] an index is out of range for a tensor of shape [3]");
  force_team_size(0);
}

}  // namespace
}  // namespace deepcore::testing
