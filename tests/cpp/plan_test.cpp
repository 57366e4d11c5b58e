// Plans: what the passes do to small graphs, and that planned, plain and eager runs agree bit for
// bit.
#include "deepcore/plan/plan.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/apply.h"
#include "deepcore/graph/tape.h"
#include "deepcore/graph/trace.h"
#include "deepcore/ops/gradients.h"
#include "deepcore/ops/ops.h"
#include "plan_call.h"

namespace deepcore {
namespace {

using namespace test;

// A dense layer, its gradient and a loss: everything a step of the first network holds but the
// update.
Tensors dense_step(const Tensors& in) {
  Tape tape;
  tape.start();
  tape.watch(in[1]);
  tape.watch(in[2]);
  const Tensor h = relu(matmul(in[0], in[1]) + in[2]);
  const Tensor loss = mean(square(h - 0.5), {0, 1});
  tape.stop();
  Tensors result = gradients(tape.records(), {loss}, {}, {in[1], in[2]});
  result.push_back(loss);
  return result;
}

TEST(Plan, PlannedPlainAndEagerGiveTheSameBits) {
  for (std::int64_t n : {1, 7, 32}) {
    const Tensors in{numbers({n, 13}, 1), numbers({13, 9}, 2), numbers({9}, 3)};
    expect_same_everywhere(dense_step, in);
  }
}

TEST(Plan, BiasAndActivationGoIntoTheMatmul) {
  const Tensors in{numbers({4, 8}, 1), numbers({8, 16}, 2), numbers({16}, 3)};
  auto f = [](const Tensors& x) { return Tensors{relu(matmul(x[0], x[1]) + x[2])}; };
  Plan plan(*trace(f, in), backend());
  EXPECT_EQ(count(plan.str(), "\n"), 2u) << plan.str();  // one step and the arena's line
  EXPECT_EQ(plan.arena_bytes(), 64u * ((4 * 8 + 8 * 16 + 16) * 4 / 64))
      << plan.str();  // the feeds alone
}

TEST(Plan, ChainsOfElementwiseOpsBecomeOneStep) {
  const Tensors in{numbers({5, 1}, 1), numbers({5, 33}, 2), numbers({33}, 3)};
  auto f = [](const Tensors& x) {
    const Tensor a = exp(x[1] * 0.5) + x[0];
    const Tensor b = where(greater(a, x[2]), a * x[2], tanh(a) - 2.0);
    return Tensors{b, square(b) + 1.0};
  };
  Plan plan(*trace(f, in), backend());
  EXPECT_EQ(count(plan.str(), "fused"), 1u) << plan.str();
  EXPECT_EQ(count(plan.str(), "\n"), 2u) << plan.str();
  expect_same_everywhere(f, in);
}

TEST(Plan, SumsOfColumnsAreTakenOnTheWay) {
  const Tensors in{numbers({300, 33}, 1), numbers({300, 33}, 2), numbers({33}, 3)};
  auto f = [](const Tensors& x) {
    const Tensor g = where(greater(x[1], scalar(0, DType::kFloat32)), x[0], x[0] * 0.0);
    return Tensors{g, sum(g, {0}), sum(g * (x[1] - x[2]), {0}), sum(x[1], {0})};
  };
  Plan plan(*trace(f, in), backend());
  EXPECT_EQ(count(plan.str(), "fused_sum"), 1u) << plan.str();
  EXPECT_EQ(count(plan.str(), "\n"), 2u) << plan.str();
  expect_same_everywhere(f, in);
}

TEST(Plan, WhatReadsASumIsNotFusedWithIt) {
  const Tensors in{numbers({40, 9}, 1), numbers({40, 9}, 2)};
  auto f = [](const Tensors& x) {
    const Tensor g = x[0] * x[1];
    const Tensor total = sum(g, {0});
    return Tensors{g - total, sum((x[0] + 1.0) * total, {0})};
  };
  expect_same_everywhere(f, in);
}

TEST(Plan, SumsOfManyPiecesHaveTheBitsOfEagerOnes) {
  for (const Shape& shape : {Shape{2500, 17}, Shape{3, 700, 64}, Shape{1100, 300}, Shape{1, 5}}) {
    const Tensors in{numbers(shape, 1), numbers(shape, 2)};
    Dims axes;
    for (int i = 0; i + 1 < shape.rank(); ++i) axes.push_back(i);
    expect_same_everywhere(
        [&](const Tensors& x) {
          const Tensor both = x[0] * x[1];
          return Tensors{sum(both, axes), sum(x[0], axes), sum(square(both), axes)};
        },
        in);
  }
}

TEST(Plan, FusionMakesNoCycle) {
  // a -> sum -> c, and c joins a's chain: a and c must not be one step.
  const Tensors in{numbers({6, 6}, 1)};
  auto f = [](const Tensors& x) {
    const Tensor a = exp(x[0]);
    const Tensor total = sum(a, {1}, kKeep);
    return Tensors{a / total, (a + 1.0) * 2.0};
  };
  expect_same_everywhere(f, in);
}

TEST(Plan, EqualNodesAndConstantsAreComputedOnce) {
  const Tensors in{numbers({3, 4}, 1), numbers({4, 5}, 2)};
  auto f = [](const Tensors& x) {
    const Tensor c = exp(full({1}, 2.0, DType::kFloat32)) * 3.0;
    return Tensors{matmul(x[0], x[1]) * c, matmul(x[0], x[1]) - c};
  };
  Plan plan(*trace(f, in), backend());
  EXPECT_EQ(count(plan.str(), "matmul"), 1u) << plan.str();
  expect_same_everywhere(f, in);
}

TEST(Plan, TransposesBecomeFlags) {
  const Tensors in{numbers({8, 4}, 1), numbers({5, 8}, 2)};
  auto f = [](const Tensors& x) {
    return Tensors{matmul(transpose(x[0], {1, 0}), transpose(x[1], {1, 0}))};
  };
  Plan plan(*trace(f, in), backend());
  EXPECT_EQ(count(plan.str(), "transpose"), 0u) << plan.str();
  expect_same_everywhere(f, in);
}

TEST(Plan, SlicesOfSlicesBecomeOne) {
  const Tensors in{numbers({3, 7, 4}, 1)};
  auto twice = [](const Tensors& x) {
    const Tensor some = slice(x[0], {1, 6, 0}, {2, 4, 4}, {1, -2, 1});
    return Tensors{slice(some, {0, 1, 3}, {2, 3, 2}, {1, 1, -2})};
  };
  EXPECT_EQ(count(Plan(*trace(twice, in), backend()).str(), "slice"), 1u);
  expect_same_everywhere(twice, in);
}

TEST(Plan, WhatTurnsTwiceStaysWhereItIsAndSoDoesItsGradient) {
  const Tensors in{numbers({3, 7, 4}, 1)};
  auto f = [](const Tensors& x) {
    Tape tape;
    tape.start();
    tape.watch(x[0]);
    const Tensor back = flip(flip(square(x[0]), {1}), {1});
    const Tensor loss = sum_all(back * flip(back, {1}));
    tape.stop();
    return Tensors{back, gradients(tape.records(), {loss}, {}, {x[0]})[0]};
  };
  Plan plan(*trace(f, in), backend());
  EXPECT_EQ(count(plan.str(), "unslice"), 0u) << plan.str();
  EXPECT_EQ(count(plan.str(), "slice"), 1u) << plan.str();
  expect_same_everywhere(f, in);
}

TEST(Plan, ResultsMayBeInputsConstantsViewsAndRepeats) {
  const Tensors in{numbers({2, 6}, 1)};
  auto f = [](const Tensors& x) {
    const Tensor y = x[0] * 2.0;
    return Tensors{x[0], full({3}, 7, DType::kFloat32), reshape(y, {3, 4}), y, y};
  };
  expect_same_everywhere(f, in);
}

VariablePtr variable(const Shape& shape, double value) {
  return std::make_shared<Variable>(full(shape, value, DType::kFloat32), "v", true);
}

TEST(Plan, VariablesAreUpdatedInPlaceAndSnapshotsKeepTheirValues) {
  VariablePtr v = variable({10}, 1);
  std::shared_ptr<Graph> graph;
  {
    Trace t;
    v->assign(v->read() + 1.0);
    graph = t.finish({v->read()});
  }
  Plan plan(*graph, backend());
  const void* memory = v->stored().data();
  EXPECT_EQ(plan.run({})[0].data<float>()[9], 2);
  EXPECT_EQ(v->stored().data(), memory);
  const Tensor snapshot = v->read();
  EXPECT_EQ(plan.run({})[0].data<float>()[0], 3);
  EXPECT_EQ(snapshot.data<float>()[0], 2);
  EXPECT_EQ(v->stored().data<float>()[0], 3);
}

TEST(Plan, VariablesCanSwap) {
  VariablePtr a = variable({4}, 1), b = variable({4}, 2);
  std::shared_ptr<Graph> graph;
  Tensor old;
  {
    Trace t;
    old = a->read();
    a->assign(b->read());
    b->assign(old);
    graph = t.finish({old, a->read()});
  }
  Plan plan(*graph, backend());
  const Tensors results = plan.run({});
  EXPECT_EQ(a->stored().data<float>()[3], 2);
  EXPECT_EQ(b->stored().data<float>()[3], 1);
  EXPECT_EQ(results[0].data<float>()[0], 1);
  EXPECT_EQ(results[1].data<float>()[0], 2);
}

TEST(Plan, AnOldValueReadLateIsNotOverwrittenEarly) {
  VariablePtr v = variable({8}, 3);
  const Tensors in{numbers({8}, 1)};
  std::shared_ptr<Graph> graph;
  {
    Trace t;
    const Tensor x = t.input(in[0].type());
    const Tensor old = v->read();
    v->assign(old * 2.0);
    graph = t.finish({sum_all(exp(v->read() * x)) * old});
  }
  Plan plan(*graph, backend());
  const float got = plan.run(in)[0].data<float>()[0];
  EXPECT_EQ(v->stored().data<float>()[0], 6);
  const Tensor six = full({8}, 6, DType::kFloat32), three = full({8}, 3, DType::kFloat32);
  EXPECT_EQ(got, (sum_all(exp(six * in[0])) * three).data<float>()[0]);
}

TEST(Plan, UpdatesComeRightAfterTheirGradients) {
  VariablePtr w1 = variable({16, 16}, 0.01), w2 = variable({16, 16}, 0.02);
  const Type x_type{DType::kFloat32, Shape{8, 16}};
  std::shared_ptr<Graph> graph;
  {
    Trace t;
    Tape tape;
    const Tensor x = t.input(x_type);
    tape.start();
    const Tensor a = w1->read(), b = w2->read();
    const Tensor loss = sum_all(square(matmul(relu(matmul(x, a)), b)));
    tape.stop();
    const Tensors g = gradients(tape.records(), {loss}, {}, {a, b});
    const Tensor lr = scalar(0.1, DType::kFloat32);
    w1->assign(sgd_update(a, g[0], lr, {}, 0, false)[0]);
    w2->assign(sgd_update(b, g[1], lr, {}, 0, false)[0]);
    graph = t.finish({loss});
  }
  Plan plan(*graph, backend());
  const std::string text = plan.str();
  EXPECT_EQ(count(text, "copy"), 0u) << text;
  EXPECT_LT(text.find("sgd_update"), text.rfind("matmul")) << text;  // w2's before w1's gradient
}

TEST(Plan, RunBatchesFeedsShuffledRowsOfAnyTypeAndWritesResults) {
  const std::int64_t rows = 11, columns = 5;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows * columns * 2));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  std::vector<std::int64_t> order{10, 3, 4, 0, 9, 1, 2, 8, 7, 6, 5};
  const Tensors like{full({2, columns}, 0, DType::kFloat32)};
  Plan plan(*trace([](const Tensors& x) { return Tensors{x[0] * 2.0}; }, like), backend());
  std::vector<float> out(static_cast<std::size_t>(rows * columns), -1);
  Batches b;
  // Every other byte: a strided source.
  b.sources = {{bytes.data(), SourceType::kUInt8, rows, Shape{columns}, Dims{columns * 2, 2}}};
  b.order = order;
  b.start = 1, b.batch = 2, b.steps = 4;
  b.sinks = {{out.data(), rows}};
  EXPECT_EQ(plan.run_batches(b), 4);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      const bool written = r >= 1 && r < 9;
      const auto at =
          static_cast<std::size_t>((order[static_cast<std::size_t>(r)] * columns + c) * 2);
      EXPECT_EQ(out[static_cast<std::size_t>(r * columns + c)], written ? 2.0f * bytes[at] : -1.0f);
    }
  b.start = 5;
  EXPECT_THROW(plan.run_batches(b), IndexError);
}

TEST(Plan, AFaultStopsTheStepBeforeTheWeightsChange) {
  VariablePtr w = variable({6, 3}, 0.5);
  const Tensor x = numbers({4, 6}, 1);
  Tensor labels = full({4}, 1, DType::kInt32);
  std::shared_ptr<Graph> graph;
  {
    Trace t;
    Tape tape;
    const Tensor xs = t.input(x.type()), ys = t.input(labels.type());
    tape.start();
    const Tensor a = w->read();
    const Tensor loss = sum_all(sparse_cross_entropy(matmul(xs, a), ys, true));
    tape.stop();
    w->assign(sgd_update(a, gradients(tape.records(), {loss}, {}, {a})[0],
                         scalar(1, DType::kFloat32), {}, 0, false)[0]);
    graph = t.finish({loss});
  }
  Plan plan(*graph, backend());
  labels.data<std::int32_t>()[2] = 3;
  for (int threads : {1, 4}) {
    force_team_size(threads);
    EXPECT_THROW(plan.run({x, labels}), ValueError);
    for (int i = 0; i < 18; ++i) EXPECT_EQ(w->stored().data<float>()[i], 0.5f);
  }
  force_team_size(0);
  labels.data<std::int32_t>()[2] = 2;
  plan.run({x, labels});
  EXPECT_NE(w->stored().data<float>()[0], 0.5f);
}

TEST(Plan, NoAllocationPerStep) {
  VariablePtr w = variable({20, 20}, 0.5);
  const Tensor x = numbers({64, 20}, 1);
  std::shared_ptr<Graph> graph;
  {
    Trace t;
    const Tensor xs = t.input({DType::kFloat32, Shape{2, 20}});
    w->assign(w->read() - matmul(xs, matmul(xs, w->read()), true));
    graph = t.finish({});
  }
  Plan plan(*graph, backend());
  Batches b;
  b.sources = {{x.data(), SourceType::kFloat32, 64, Shape{20}, Dims{80, 4}}};
  b.batch = 2;
  b.steps = 1;
  plan.run_batches(b);
  const std::uint64_t before = Buffer::allocations();
  b.steps = 32;
  plan.run_batches(b);
  EXPECT_EQ(Buffer::allocations(), before);
}

TEST(Plan, RefusesWrongInputsWithBothTypes) {
  const Tensors like{numbers({2, 3}, 1)};
  Plan plan(*trace([](const Tensors& x) { return Tensors{x[0] + 1.0}; }, like), backend());
  try {
    plan.run({numbers({3, 3}, 1)});
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_STREQ(e.what(), "[plan] input 0 must be float32[2,3], got float32[3,3]");
  }
}

}  // namespace
}  // namespace deepcore
