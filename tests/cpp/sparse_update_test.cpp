// Tables updated by the rows that were taken: the bits of the update by the whole gradient, over
// random shapes; what the planner makes of them.
#include "deepcore/ops/sparse_update.h"

#include <gtest/gtest.h>

#include <random>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/trace.h"
#include "deepcore/graph/variable.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

enum class Rule { kSgd, kAdam, kLazy };
constexpr Rule kRules[] = {Rule::kSgd, Rule::kAdam, Rule::kLazy};

struct Case {
  Tensor p, rows, indices, rate, m, v;
};

Case random_case(std::mt19937& source, std::int64_t table, const Shape& row, const Shape& taken,
                 DType index) {
  std::uniform_real_distribution<double> draw(-1, 1);
  const auto floats = [&](Shape shape, double low) {
    Numbers values;
    for (std::int64_t i = 0; i < shape.elements(); ++i)
      values.push_back(low + (draw(source) + 1) / 2 * (1 - low));
    return tensor(values, shape, DType::kFloat32);
  };
  Shape whole{table}, rows = taken;
  for (std::int64_t d : row) whole.push_back(d), rows.push_back(d);
  Numbers positions;  // from either end
  std::uniform_int_distribution<std::int64_t> any(-table, table - 1);
  for (std::int64_t i = 0; i < taken.elements(); ++i)
    positions.push_back(static_cast<double>(any(source)));
  return {floats(whole, -1), floats(rows, -1),  tensor(positions, taken, index),
          floats({}, 0.001), floats(whole, -1), floats(whole, 0)};
}

Tensors by_gradient(Rule rule, const Case& c) {
  const Tensor g = scatter_add(c.rows, c.indices, c.p.shape(), 0);
  if (rule == Rule::kSgd) return sgd_update(c.p, g, c.rate, Tensor(), 0, false);
  const auto update = rule == Rule::kLazy ? lazy_adam_update : adam_update;
  return update(c.p, g, c.rate, c.m, c.v, 0.9, 0.999, 1e-7);
}

Tensors by_rows(Rule rule, const Case& c) {
  const Tensor rows = reshape(c.rows, {c.rows.elements()});
  if (rule == Rule::kSgd)
    return apply(std::make_shared<SparseSgdUpdate>(), {c.p, rows, c.indices, c.rate});
  return apply(std::make_shared<SparseAdamUpdate>(0.9, 0.999, 1e-7, rule == Rule::kLazy),
               {c.p, rows, c.indices, c.rate, c.m, c.v});
}

void expect_same(const Tensors& got, const Tensors& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(numbers(got[i]), numbers(want[i])) << i;
}

TEST(SparseUpdate, HasTheBitsOfTheWholeGradient) {
  std::mt19937 source(3);
  const auto between = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(source);
  };
  for (int turn = 0; turn < 60; ++turn) {
    const std::int64_t table = between(1, turn % 3 ? 40 : 9000);
    const Shape row = turn % 5 == 0 ? Shape{2, 3} : Shape{between(1, 70)};
    const Shape taken{between(0, 9), between(1, 30)};
    const Case c = random_case(source, table, row, taken, turn % 2 ? DType::kInt32 : DType::kInt64);
    for (Rule rule : kRules) {
      SCOPED_TRACE(
          join("rule ", static_cast<int>(rule), ", table ", c.p.shape(), ", taken ", taken));
      expect_same(by_rows(rule, c), by_gradient(rule, c));
    }
  }
}

// More rows to a stretch than one pass of sorting tells apart, more indices than one task counts.
TEST(SparseUpdate, SortsManyIndicesOfManyRows) {
  std::mt19937 source(7);
  for (const std::int64_t table : {9000, 200000}) {
    const Case c = random_case(source, table, {1}, {20000}, DType::kInt32);
    for (const int threads : {1, 3}) {
      force_team_size(threads);
      const Tensors got = by_rows(Rule::kSgd, c);
      force_team_size(0);
      expect_same(got, by_gradient(Rule::kSgd, c));
    }
  }
}

TEST(SparseUpdate, TheSameBitsOnAnyNumberOfThreads) {
  std::mt19937 source(4);
  const Case c = random_case(source, 5000, {33}, {70}, DType::kInt32);
  for (Rule rule : kRules) {
    force_team_size(1);
    const Tensors one = by_rows(rule, c);
    force_team_size(3);
    const Tensors three = by_rows(rule, c);
    force_team_size(0);
    expect_same(three, one);
  }
}

// The planner's step: variables in place, the whole gradient never made.
TEST(SparseUpdate, ThePlannerTakesTheGradientByRows) {
  std::mt19937 source(5);
  const Case c = random_case(source, 5000, {33}, {70}, DType::kInt32);
  for (Rule rule : kRules) {
    SCOPED_TRACE(static_cast<int>(rule));
    const auto p = std::make_shared<Variable>(c.p, "p", true),
               m = std::make_shared<Variable>(c.m, "m", true),
               v = std::make_shared<Variable>(c.v, "v", true);
    Trace trace;
    Case traced{trace.read(*p),
                trace.input(c.rows.type()),
                trace.input(c.indices.type()),
                c.rate,
                trace.read(*m),
                trace.read(*v)};
    const Tensors out = by_gradient(rule, traced);
    trace.write(*p, out[0]);
    if (rule != Rule::kSgd) trace.write(*m, out[1]), trace.write(*v, out[2]);
    Plan plan(*trace.finish({}), backend(), true);
    EXPECT_EQ(plan.str().find("scatter_add"), std::string::npos) << plan.str();
    EXPECT_EQ(plan.str().find("copy"), std::string::npos) << plan.str();
    EXPECT_LT(plan.arena_bytes(), 100u << 10) << plan.str();
    plan.run({c.rows, c.indices});
    const Tensors want = by_gradient(rule, c);
    EXPECT_EQ(numbers(p->stored()), numbers(want[0]));
    if (rule != Rule::kSgd) {
      EXPECT_EQ(numbers(m->stored()), numbers(want[1]));
      EXPECT_EQ(numbers(v->stored()), numbers(want[2]));
    }
  }
}

TEST(SparseUpdate, TellsWhatDoesNotFit) {
  std::mt19937 source(6);
  Case c = random_case(source, 5, {3}, {4}, DType::kInt32);
  c.rows = zeros({DType::kFloat32, {4, 2}});
  EXPECT_EQ(message_of([&] { by_rows(Rule::kAdam, c); }),
            "[sparse_adam_update] the gradient has shape [8], indices of shape [4] into a table of "
            "shape [5, 3] expect [12]");
  c = random_case(source, 5, {3}, {4}, DType::kInt32);
  c.indices = tensor({0, 1, 5, 2}, {4}, DType::kInt32);
  for (Rule rule : kRules) EXPECT_NE(message_of([&] { by_rows(rule, c); }), "");
}

}  // namespace
}  // namespace deepcore::testing
