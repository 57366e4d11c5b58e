// Optimizer steps inside the products of their gradients: one step of the plan, with the bits of
// the two apart.
#include "deepcore/ops/update_product.h"

#include <gtest/gtest.h>

#include <random>

#include "deepcore/graph/variable.h"
#include "plan_call.h"

namespace deepcore {
namespace {

using namespace test;

struct Case {
  std::int64_t m, n, k;
  int optimizer;  // 0: SGD, 1: momentum, 2: Nesterov, 3: Adam
  bool ta, tb;
};

// Three steps of a parameter and its state, each a variable: their values in the end.
Tensors after_steps(const Case& c, bool optimize, int threads, std::string* steps) {
  const int states = c.optimizer == 0 ? 0 : c.optimizer < 3 ? 1 : 2;
  std::vector<std::shared_ptr<Variable>> variables;
  for (int i = 0; i <= states; ++i)
    variables.push_back(std::make_shared<Variable>(square(numbers({c.m, c.n}, 10 + i)), "v", true));
  const Tensor a = numbers(c.ta ? Shape{c.k, c.m} : Shape{c.m, c.k}, 1);
  const Tensor b = numbers(c.tb ? Shape{c.n, c.k} : Shape{c.k, c.n}, 2);
  Trace t;
  const Tensor left = t.input(a.type()), right = t.input(b.type());
  const Tensor g = matmul(left, right, c.ta, c.tb);
  const Tensor rate = full({}, 0.01, DType::kFloat32);
  Tensors next;
  if (c.optimizer == 3)
    next = adam_update(variables[0]->read(), g, rate, variables[1]->read(), variables[2]->read(),
                       0.9, 0.999, 1e-7);
  else
    next = sgd_update(variables[0]->read(), g, rate, c.optimizer ? variables[1]->read() : Tensor{},
                      c.optimizer ? 0.9 : 0.0, c.optimizer == 2);
  for (std::size_t i = 0; i < next.size(); ++i) variables[i]->assign(next[i]);
  Plan plan(*t.finish({}), backend(), optimize);
  if (steps) *steps = plan.str();
  force_team_size(threads);
  for (int i = 0; i < 3; ++i) plan.run({a, b});
  force_team_size(0);
  Tensors values;
  for (const auto& variable : variables) values.push_back(variable->read());
  return values;
}

TEST(UpdateProduct, HasTheBitsOfProductAndUpdateApart) {
  std::mt19937 random(3);
  const std::int64_t sizes[] = {1, 2, 7, 13, 32, 33, 64, 65, 150, 260};
  for (int round = 0; round < 80; ++round) {
    Case c{sizes[random() % 10],           sizes[random() % 10], sizes[random() % 10],
           static_cast<int>(random() % 4), random() % 2 == 0,    random() % 4 == 0};
    if (round == 0) c = {784, 64, 32, 3, true, false};
    if (c.k == c.m || c.k == c.n) ++c.k;  // an operand like the parameter stays apart
    std::string steps;
    const Tensors apart = after_steps(c, false, 1, nullptr);
    for (int threads : {1, 3}) {
      const Tensors fused = after_steps(c, true, threads, &steps);
      for (std::size_t i = 0; i < apart.size(); ++i) expect_same_bits(fused[i], apart[i]);
    }
    EXPECT_NE(steps.find("update_product"), std::string::npos) << steps;
    EXPECT_EQ(steps.find("copy"), std::string::npos) << "all in place: " << steps;
  }
}

TEST(UpdateProduct, LeavesAloneWhatMayNotBeFused) {
  // An operand of the parameter's type could be overwritten by a result.
  std::string steps;
  after_steps({40, 8, 40, 0, true, false}, true, 1, &steps);
  EXPECT_EQ(steps.find("update_product"), std::string::npos) << steps;
  const Tensor p = numbers({4, 3}, 1), a = numbers({5, 4}, 2), b = numbers({5, 3}, 3);
  const Tensor rate = full({}, 0.5, DType::kFloat32);
  // A gradient that somebody else reads.
  const Function shared = [&](const Tensors& x) {
    const Tensor g = matmul(x[0], x[1], true, false);
    return Tensors{sgd_update(x[2], g, rate, {}, 0, false)[0], sum(g, {0, 1})};
  };
  EXPECT_EQ(Plan(*trace(shared, {a, b, p}), backend()).str().find("update_product"),
            std::string::npos);
  expect_same_everywhere(shared, {a, b, p});
}

TEST(UpdateProduct, MeansProductThenUpdate) {
  const Tensor p = numbers({4, 3}, 1), a = numbers({5, 4}, 2), b = numbers({5, 3}, 3);
  const Tensor rate = full({}, 0.5, DType::kFloat32);
  const UpdateProduct op(true, false, std::make_shared<SgdUpdate>(0.0, false));
  const Tensors composed = op.compose({a, b, p, rate});
  expect_same_bits(composed[0], sgd_update(p, matmul(a, b, true, false), rate, {}, 0, false)[0]);
  EXPECT_EQ(op.str(), "update_product(true, false, sgd_update(0, false))");
  EXPECT_TRUE(op.equal(UpdateProduct(true, false, std::make_shared<SgdUpdate>(0.0, false))));
  EXPECT_FALSE(op.equal(UpdateProduct(true, false, std::make_shared<SgdUpdate>(0.5, false))));
}

}  // namespace
}  // namespace deepcore
