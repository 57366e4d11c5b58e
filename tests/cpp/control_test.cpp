// Loops whose values say how often, and branches: eager, planned on any number of threads, derived.
#include "deepcore/ops/control.h"

#include <gtest/gtest.h>

#include "deepcore/cpu/threads.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

using Many = std::function<Tensors(const Tensors&)>;

Body body_of(const Types& own, const Many& f) {
  Trace trace(Trace::Of::kBody);
  Tensors in;
  for (const Type& type : own) in.push_back(trace.input(type));
  return trace.finish_body(f(in));
}

Tensors planned(const Many& f, const Tensors& in, int threads) {
  std::shared_ptr<Graph> graph;
  {
    Trace trace;
    Tensors symbols;
    for (const Tensor& t : in) symbols.push_back(trace.input(t.type()));
    graph = trace.finish(f(symbols));
  }
  Plan plan(*graph, backend());
  force_team_size(threads);
  const Tensors out = plan.run(in);
  force_team_size(0);
  return out;
}

// While the sum of squares of x is under the limit, x' = tanh(x w) + 1.5 x; and counts.
Tensors grow(const Tensors& in, std::optional<std::int64_t> most) {
  const Tensor &x = in[0], &w = in[1], &limit = in[2];
  const Body body = body_of({{DType::kInt32, {}}, x.type()}, [&](const Tensors& own) {
    const Tensor next = tanh(matmul(own[1], w)) + own[1] * 1.5;
    return Tensors{less(sum_all(square(next)), limit), own[0] + 1, next};
  });
  const Tensors out =
      while_loop(body, less(sum_all(square(x)), limit), {scalar(0, DType::kInt32), x}, most);
  return {out[2], out[1]};
}

TEST(While, RunsAsOftenAsItsValuesSay) {
  for (const Shape& shape : {Shape{3, 4}, Shape{70, 129}})
    for (const std::optional<std::int64_t> most :
         {std::optional<std::int64_t>(), std::optional<std::int64_t>(2)})
      for (double limit : {0.0, 1e4, 1e5, 1e7}) {
        const std::int64_t u = shape[1];
        Tensors in = spread({shape, {u, u}}, -1, 1, 1, DType::kFloat32);
        in.push_back(scalar(limit, DType::kFloat32));
        Tensor x = in[0];
        int rounds = 0;
        while (numbers(sum_all(square(x)))[0] < limit && (!most || rounds < *most)) {
          x = tanh(matmul(x, in[1])) + x * 1.5;
          ++rounds;
        }
        const Many f = [&](const Tensors& t) { return grow(t, most); };
        for (const Tensors& got : {f(in), planned(f, in, 1), planned(f, in, 3)}) {
          EXPECT_EQ(numbers(got[0]), numbers(x));
          EXPECT_EQ(numbers(got[1])[0], rounds);
        }
      }
}

TEST(While, HasADerivativeWhenItsRoundsAreBounded) {
  Tensors in = spread({{2, 3}, {3, 3}}, -1, 1, 1);
  in.push_back(scalar(100, DType::kFloat64));
  for (std::int64_t most : {1, 3, 20}) {
    const Function f = [&](const Tensors& t) { return grow({t[0], t[1], in[2]}, most)[0]; };
    const Tensors x{in[0], in[1]};
    const Tensor weights = spread({{2, 3}}, -1, 1, 2)[0];
    const Tensors grads = gradient(f, x, weights);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_LT(relative_error(numbers(grads[k]), difference(f, x, k, weights)), 1e-6) << k;
    const Many train = [&](const Tensors& t) { return gradient(f, t, weights); };
    for (int threads : {1, 3}) {
      const Tensors got = planned(train, x, threads);
      for (std::size_t k = 0; k < x.size(); ++k)
        EXPECT_LT(relative_error(numbers(got[k]), numbers(grads[k])), 1e-12);
    }
  }
  const Function endless = [&](const Tensors& t) { return grow({t[0], t[1], in[2]}, {})[0]; };
  EXPECT_NE(
      message_of([&] { gradient(endless, {in[0], in[1]}, in[0]); }).find("maximum_iterations"),
      std::string::npos);
}

Tensors choose(const Tensors& in) {
  const Tensor &flag = in[0], &x = in[1], &w = in[2];
  const Body yes = body_of({}, [&](const Tensors&) { return Tensors{tanh(x * w), w}; });
  const Body no = body_of({}, [&](const Tensors&) { return Tensors{square(x), x}; });
  return cond(flag, yes, no);
}

TEST(Cond, OneBranchRunsAndHasADerivative) {
  for (bool flag : {false, true}) {
    const Tensor predicate = scalar(flag, DType::kBool);
    const Tensors x = spread({{2, 3}, {2, 3}}, -1, 1, 1);
    const Many f = [&](const Tensors& t) { return choose({predicate, t[0], t[1]}); };
    const Many traced = [&](const Tensors& t) { return choose(t); };
    const Tensor first = flag ? tanh(x[0] * x[1]) : square(x[0]);
    for (const Tensors& got : {f(x), planned(traced, {predicate, x[0], x[1]}, 3)}) {
      EXPECT_EQ(numbers(got[0]), numbers(first));
      EXPECT_EQ(numbers(got[1]), numbers(x[flag ? 1 : 0]));
    }
    const Function g = [&](const Tensors& t) {
      const Tensors out = f(t);
      return out[0] * out[1];
    };
    const Tensor weights = spread({{2, 3}}, -1, 1, 2)[0];
    const Tensors grads = gradient(g, x, weights);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_LT(relative_error(numbers(grads[k]), difference(g, x, k, weights)), 1e-6);
    const Function slope = [&](const Tensors& t) {
      const Tensors all = gradient(g, t, weights);
      return all[0] * 2 + all[1];
    };
    const Tensors second = gradient(slope, x, weights);
    for (std::size_t k = 0; k < x.size(); ++k)
      EXPECT_LT(relative_error(numbers(second[k]), difference(slope, x, k, weights)), 1e-6);
  }
}

TEST(Cond, TheOtherBranchsFaultDoesNotHappen) {
  const Tensor table = tensor({1, 2, 3}, {3}, DType::kFloat32);
  const Many f = [&](const Tensors& in) {
    const Tensor& at = in[0];
    const Body yes = body_of({}, [&](const Tensors&) { return Tensors{take(table, at, 0)}; });
    const Body no =
        body_of({}, [&](const Tensors&) { return Tensors{scalar(-1, DType::kFloat32)}; });
    return cond(less(at, scalar(3, DType::kInt32)), yes, no);
  };
  for (int at : {1, 5})
    for (int threads : {1, 3})
      EXPECT_EQ(numbers(planned(f, {scalar(at, DType::kInt32)}, threads)[0])[0], at == 1 ? 2 : -1);
}

// An assignment in a body is one in every round; in a branch, one where it runs.
TEST(Body, AssignsVariables) {
  const auto variable = std::make_shared<Variable>(scalar(1, DType::kFloat32), "counter", false);
  const Many f = [&](const Tensors& in) {
    const Body step = body_of({}, [&](const Tensors&) {
      const Tensor now = variable->read();
      variable->assign(now * 2);
      return Tensors{now};
    });
    const Tensors ys = scan(step, {}, {}, 3, false);
    const Body yes = body_of({}, [&](const Tensors&) {
      variable->assign(variable->read() + 100);
      return Tensors{};
    });
    const Body no = body_of({}, [](const Tensors&) { return Tensors{}; });
    cond(in[0], yes, no);
    return ys;
  };
  EXPECT_EQ(numbers(f({scalar(1, DType::kBool)})[0]), (Numbers{1, 2, 4}));
  EXPECT_EQ(numbers(variable->stored())[0], 108);
  EXPECT_EQ(numbers(planned(f, {scalar(0, DType::kBool)}, 3)[0]), (Numbers{108, 216, 432}));
  EXPECT_EQ(numbers(variable->stored())[0], 864);
}

// A tape sees a loop as one op, and what it takes from outside: values, and reads of variables.
TEST(Body, TakesWhatATapeFollows) {
  const auto variable = std::make_shared<Variable>(tensor({2}, {1}), "w", true);
  const Tensor c = tensor({3}, {1});
  Tape tape;
  tape.start();
  tape.watch(c);
  const Body body = body_of(
      {c.type()}, [&](const Tensors& own) { return Tensors{own[0] * (c * c) + variable->read()}; });
  const Tensor y = scan(body, {zeros(c.type())}, {}, 2, false)[0];  // w c^2 + w
  tape.stop();
  EXPECT_EQ(tape.records().size(), 1u);
  const Tensors grads = gradients(tape.records(), {y}, {}, {c, tape.reads(*variable)[0]});
  EXPECT_EQ(numbers(grads[0]), Numbers{2 * 2 * 3});
  EXPECT_EQ(numbers(grads[1]), Numbers{10});
}

}  // namespace
}  // namespace deepcore::testing
