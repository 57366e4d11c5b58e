// The gradients of a recurrent layer's kernels: beside their definition in float64, and what the
// planner makes of both.
#include <gtest/gtest.h>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/trace.h"
#include "deepcore/ops/recurrent.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

struct Size {
  std::int64_t n, t, u, cols, f;  // f: 0 without inputs
};

Tensors operands(const Size& s, DType dtype) {
  std::vector<Shape> shapes{{s.n, s.t, s.cols}, {s.n, s.t, s.u}, {s.n, s.u}};
  if (s.f > 0) shapes.push_back({s.n * s.t, s.f});
  return spread(shapes, -1, 1, 1, dtype);
}

TEST(KernelGrads, FusedLoopsGiveTheDefinition) {
  // One step, odd sizes, several chains, several blocks of rows, unlike chains, large results.
  for (const Size& s : {Size{1, 1, 1, 1, 0}, Size{1, 1, 1, 1, 1}, Size{3, 7, 5, 17, 2},
                        Size{7, 3, 13, 52, 33}, Size{33, 29, 7, 28, 5}, Size{20, 97, 25, 100, 40},
                        Size{2, 500, 250, 64, 30}, Size{40, 30, 12, 36, 0}, Size{1, 900, 8, 32, 8},
                        Size{900, 1, 8, 32, 8}, Size{2, 3, 512, 600, 4}, Size{20, 50, 64, 256, 300},
                        Size{0, 3, 2, 8, 4}, Size{3, 0, 2, 8, 4}})
    for (bool reverse : {false, true}) {
      SCOPED_TRACE(join(s.n, " ", s.t, " ", s.u, " ", s.cols, " ", s.f, reverse ? " reverse" : ""));
      const KernelGrads op(reverse);
      const Tensors want = op.compose(operands(s, DType::kFloat64));
      const Tensors got =
          deepcore::apply(std::make_shared<KernelGrads>(reverse), operands(s, DType::kFloat32));
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        EXPECT_EQ(got[i].shape(), want[i].shape());
        EXPECT_LT(relative_error(numbers(got[i]), numbers(want[i])), 2e-6) << i;
      }
    }
}

TEST(KernelGrads, EachStepIsMultipliedWithTheStateBeforeIt) {
  const Tensor g = tensor({1, 10, 100, 1000}, {1, 4, 1}), h = tensor({2, 3, 5, 7}, {1, 4, 1}),
               h0 = tensor({4}, {1, 1});
  const auto grad = [&](bool reverse) {
    return numbers(apply1(KernelGrads{reverse}, {g, h, h0}))[0];
  };
  EXPECT_EQ(grad(false), 4 * 1 + 2 * 10 + 3 * 100 + 5 * 1000);
  EXPECT_EQ(grad(true), 3 * 1 + 5 * 10 + 7 * 100 + 4 * 1000);
}

struct Planned {
  std::string text;
  Tensors results;
};
// A layer's gradients, planned and run on so many threads.
Planned planned(const Size& s, bool reverse, int threads) {
  const Tensors x =
      spread({{s.n, s.t, s.f}, {s.f, s.cols}, {s.u, s.cols}, {s.cols}, {s.n, s.u}, {s.n, s.u}},
             -0.2, 0.2, 1, DType::kFloat32);
  const Function f = [&](const Tensors& in) {
    return lstm(in[0], in[1], in[2], in[3], in[4], in[5], Tensor(), reverse)[0];
  };
  const Tensor weights = spread({{s.n, s.t, s.u}}, -1, 1, 2, DType::kFloat32)[0];
  Trace trace;
  Tensors in;
  for (const Tensor& t : x) in.push_back(trace.input(t.type()));
  Plan plan(*trace.finish(gradient(f, in, weights)), backend(), true);
  force_team_size(threads);
  Planned out{plan.str(), plan.run(x)};
  const Tensors eager = gradient(f, x, weights);
  force_team_size(0);
  for (std::size_t k = 0; k < eager.size(); ++k)
    EXPECT_EQ(numbers(out.results[k]), numbers(eager[k])) << "eager " << k;
  return out;
}

TEST(KernelGrads, ThePlannerTakesBothInOneTripToTheSameBits) {
  for (bool reverse : {false, true})
    for (const Size& s : {Size{5, 6, 9, 36, 7}, Size{20, 97, 16, 64, 24}}) {
      const Planned one = planned(s, reverse, 1), three = planned(s, reverse, 3);
      EXPECT_NE(one.text.find("kernel_grads"), std::string::npos) << one.text;
      EXPECT_EQ(one.text.find("matmul(true"), std::string::npos) << one.text;
      for (std::size_t k = 0; k < one.results.size(); ++k)
        EXPECT_EQ(numbers(three.results[k]), numbers(one.results[k])) << k;
    }
}

// Cut along the steps in another way each, they stay apart; so do large ones.
TEST(KernelGrads, ThePlannerLeavesApartWhatDiffers) {
  for (const Size& s : {Size{20, 50, 64, 256, 300}, Size{2, 4, 256, 1024, 256}}) {
    const std::string text = planned(s, false, 2).text;
    EXPECT_NE(text.find("matmul(true"), std::string::npos) << text;
  }
}

TEST(KernelGrads, TellsWhatDoesNotFit) {
  const Size size{2, 3, 4, 16, 5};
  const auto with = [&](std::size_t k, const Shape& shape) {
    Tensors in = operands(size, DType::kFloat32);
    in[k] = zeros({DType::kFloat32, shape});
    return message_of([&] { deepcore::apply(std::make_shared<KernelGrads>(false), in); });
  };
  EXPECT_EQ(with(0, {6, 16}),
            "[kernel_grads] expected sequences (batch, steps, features), got shapes [6, 16] and "
            "[2, 3, 4]");
  EXPECT_EQ(with(1, {2, 4, 4}),
            "[kernel_grads] the sequence of states has shape [2, 4, 4], expected [2, 3, 4]");
  EXPECT_EQ(with(2, {2, 5}), "[kernel_grads] the initial state has shape [2, 5], expected [2, 4]");
  EXPECT_EQ(with(3, {5, 5}),
            "[kernel_grads] the inputs have shape [5, 5], 2 sequences of 3 steps expect as many "
            "rows");
}

}  // namespace
}  // namespace deepcore::testing
