// Random graphs, planned and eager: the passes, the arena and the barriers must not change a bit.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/trace.h"
#include "deepcore/ops/ops.h"
#include "deepcore/plan/plan.h"

namespace deepcore {
namespace {

Tensor noise(const Shape& shape, std::mt19937& random) {
  Tensor t = full(shape, 0, DType::kFloat32);
  std::uniform_real_distribution<float> draw(-1, 1);
  for (std::int64_t i = 0; i < t.elements(); ++i) t.data<float>()[i] = draw(random);
  return t;
}

// Large enough that some steps are cut into tasks for several threads.
constexpr std::int64_t kRows = 96, kColumns = 192;

// The same seed gives the same function, whether its inputs are traced or not.
class RandomFunction {
 public:
  explicit RandomFunction(unsigned seed) : seed_(seed) {}

  Tensors operator()(const Tensors& inputs, std::vector<VariablePtr>& variables) const {
    std::mt19937 random(seed_);
    auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    Tensors pool = inputs;
    for (VariablePtr& v : variables) pool.push_back(v->read());
    for (int i = 0; i < 24; ++i) {
      const Tensor a = pool[pick(pool.size())];
      const Tensor b = pool[pick(pool.size())];
      const unsigned what = random() % 10;
      if (Tensor made = step(what, a, b); made && made.elements() <= kRows * kColumns)
        pool.push_back(made);
      if (random() % 6 == 0)
        for (VariablePtr& v : variables)
          if (v->type() == pool.back().type()) {
            v->assign(pool.back());
            break;
          }
      if (random() % 8 == 0) pool.push_back(variables[pick(variables.size())]->read());
    }
    Tensors results;
    for (int i = 0; i < 4; ++i) results.push_back(pool[pick(pool.size())]);
    results.push_back(pool.back());
    return results;
  }

 private:
  static bool broadcast_fits(const Tensor& a, const Tensor& b) {
    for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
      const std::int64_t m = a.shape()[a.rank() - i], n = b.shape()[b.rank() - i];
      if (m != n && m != 1 && n != 1) return false;
    }
    return true;
  }

  static Tensor step(unsigned what, const Tensor& a, const Tensor& b) {
    switch (what) {
      case 0:
        return tanh(a);
      case 1:
        return relu(a);
      case 2:
        return broadcast_fits(a, b) ? a + b : Tensor();
      case 3:
        return broadcast_fits(a, b) ? a * b : Tensor();
      case 4:
        return broadcast_fits(a, b) ? where(greater(a, b), a * 0.5, b) : Tensor();
      case 5:
        return a.rank() == 2 ? mean(a, {1}, kKeep) : Tensor();
      case 6:
        return a.rank() == 2 ? mean(a * 0.5, {0}) : Tensor();
      case 7:
        return a.rank() == 2 && b.rank() == 2 && a.shape()[1] == b.shape()[0] ? matmul(a, b) * 0.1
                                                                              : Tensor();
      case 8:
        return a.rank() == 2 ? transpose(a, {1, 0}) : Tensor();
      default:
        return a.rank() == 2 ? reshape(a, Shape{a.shape()[1], a.shape()[0]}) : softmax(a + 0.0);
    }
  }

  unsigned seed_;
};

std::vector<VariablePtr> make_variables(unsigned seed) {
  std::mt19937 random(seed + 1);
  std::vector<VariablePtr> variables;
  for (const Shape& shape : {Shape{kRows, kColumns}, Shape{kColumns, kRows}, Shape{kColumns},
                             Shape{kRows, kColumns}, Shape{kRows, 1}})
    variables.push_back(std::make_shared<Variable>(noise(shape, random), "v", true));
  return variables;
}

void expect_same_bits(const Tensor& got, const Tensor& want, unsigned seed) {
  ASSERT_EQ(got.type(), want.type());
  ASSERT_EQ(std::memcmp(got.data(), want.data(), want.type().bytes()), 0) << "seed " << seed;
}

TEST(PlanRandom, PlansGiveTheBitsOfEagerRuns) {
  for (unsigned seed = 0; seed < 120; ++seed) {
    std::mt19937 random(seed + 2);
    const Tensors inputs{noise({kRows, kColumns}, random), noise({kColumns}, random),
                         noise({kColumns, kRows}, random)};
    const RandomFunction function(seed);

    std::vector<VariablePtr> eager = make_variables(seed), planned = make_variables(seed);
    Tensors want;
    std::shared_ptr<Graph> graph;
    {
      Trace trace;
      Tensors symbols;
      for (const Tensor& x : inputs) symbols.push_back(trace.input(x.type()));
      graph = trace.finish(function(symbols, planned));
    }
    Plan plan(*graph, backend(), seed % 4 != 3);
    for (int round = 0; round < 3; ++round) {  // variables go on from round to round
      want = function(inputs, eager);
      force_team_size(1 + round);
      const Tensors got = plan.run(inputs);
      force_team_size(0);
      for (std::size_t i = 0; i < want.size(); ++i) expect_same_bits(got[i], want[i], seed);
      for (std::size_t i = 0; i < eager.size(); ++i)
        expect_same_bits(planned[i]->stored(), eager[i]->stored(), seed);
    }
  }
}

}  // namespace
}  // namespace deepcore
