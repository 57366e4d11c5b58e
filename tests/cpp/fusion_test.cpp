// Epilogues: what goes into matmuls and convolutions, what must not, and that the bits stay.
#include <gtest/gtest.h>

#include <random>

#include "deepcore/graph/tape.h"
#include "deepcore/ops/gradients.h"
#include "plan_call.h"

namespace deepcore {
namespace {

using namespace test;

std::string planned(const Function& f, const Tensors& in) {
  return Plan(*trace(f, in), backend()).str();
}

// A product of the inputs from 0 on, and where the inputs of its epilogue begin.
struct Product {
  std::string name;
  Tensors in;
  Function f;
};

std::vector<Product> products(std::mt19937& random) {
  const auto size = [&](int most) { return 1 + static_cast<std::int64_t>(random()) % most; };
  const std::int64_t m = size(40), k = size(40), n = size(40);
  const std::int64_t h = 3 + size(6), w = 3 + size(6), c = size(20), o = size(40);
  const Window2D window{.pad_low = {1, 1}, .pad_high = {1, 1}};
  const auto conv_by = [window](int groups) {
    return [=](const Tensors& x) { return Tensors{conv(x[0], x[1], window, groups)}; };
  };
  return {{"matmul",
           {numbers({m, k}, 1), numbers({n, k}, 2)},
           [](const Tensors& x) { return Tensors{matmul(x[0], x[1], false, true)}; }},
          {"matmul of sequences",
           {numbers({2, m, k}, 1), numbers({k, n}, 2)},
           [](const Tensors& x) { return Tensors{matmul(x[0], x[1])}; }},
          {"matmul of batches",
           {numbers({3, m, k}, 1), numbers({3, k, n}, 2)},
           [](const Tensors& x) { return Tensors{matmul(x[0], x[1])}; }},
          {"conv", {numbers({2, h, w, c}, 1), numbers({3, 3, c, o}, 2)}, conv_by(1)},
          {"deep conv",
           {numbers({2, h, w, 450}, 1), numbers({1, 1, 450, o}, 2)},
           [](const Tensors& x) { return Tensors{conv(x[0], x[1], {})}; }},
          {"depthwise conv",
           {numbers({2, h, w, o}, 1), numbers({3, 3, 1, o}, 2)},
           conv_by(static_cast<int>(o))}};
}

TEST(Fusion, EveryEpilogueIsOneStepWithTheBitsOfTheSeparateOps) {
  std::mt19937 random(1);
  const Kind activations[] = {Kind::kIdentity, Kind::kRelu, Kind::kRelu6, Kind::kTanh,
                              Kind::kSigmoid};
  for (int round = 0; round < 20; ++round)
    for (Product& p : products(random)) {
      const Epilogue e{random() % 2 == 1, random() % 2 == 1, random() % 2 == 1,
                       activations[random() % 5]};
      const Tensor y = p.f(p.in)[0];
      const std::int64_t channels = y.shape().back();
      Tensors in = p.in;
      in.push_back(numbers({channels}, 3));
      in.push_back(numbers({channels}, 4));
      in.push_back(numbers(y.shape(), 5));
      const bool turned = random() % 2 == 1;
      const Function f = [&](const Tensors& x) {
        Tensor t = p.f(x)[0];
        if (e.scale) t = turned ? x[2] * t : t * x[2];
        if (e.bias) t = turned ? x[3] + t : t + x[3];
        if (e.residual) t = turned ? x[4] + t : t + x[4];
        if (e.activation != Kind::kIdentity) t = unary(e.activation, t);
        return Tensors{t};
      };
      SCOPED_TRACE(join(p.name, " with ", e, " giving ", y.type()));
      EXPECT_EQ(count(planned(f, in), "\n"), 2u) << planned(f, in);  // a step and the arena
      expect_same_everywhere(f, in);
    }
}

TEST(Fusion, OnlyOnceForEachStepAndInOrder) {
  const Tensors in{numbers({4, 8}, 1), numbers({8, 6}, 2), numbers({6}, 3), numbers({4, 6}, 4)};
  const Function twice[] = {
      [](const Tensors& x) { return Tensors{matmul(x[0], x[1]) * x[2] * x[2]}; },
      [](const Tensors& x) { return Tensors{matmul(x[0], x[1]) + x[2] + x[2]}; },
      [](const Tensors& x) { return Tensors{matmul(x[0], x[1]) + x[3] + x[3]}; },
      [](const Tensors& x) { return Tensors{(matmul(x[0], x[1]) + x[2]) * x[2]}; },
      [](const Tensors& x) { return Tensors{(matmul(x[0], x[1]) + x[3]) + x[2]}; },
      [](const Tensors& x) { return Tensors{relu(tanh(matmul(x[0], x[1])))}; },
      [](const Tensors& x) { return Tensors{relu(matmul(x[0], x[1])) + x[3]}; },
  };
  for (const Function& f : twice) {
    EXPECT_EQ(count(planned(f, in), "\n"), 3u) << planned(f, in);
    expect_same_everywhere(f, in);
  }
}

TEST(Fusion, AProductThatOthersReadStays) {
  const Tensors in{numbers({4, 8}, 1), numbers({8, 6}, 2), numbers({6}, 3)};
  const Function f = [](const Tensors& x) {
    const Tensor y = matmul(x[0], x[1]);
    return Tensors{relu(y * x[2]), y};
  };
  EXPECT_EQ(count(planned(f, in), "plain"), 1u) << planned(f, in);
  expect_same_everywhere(f, in);
  const Function doubled = [](const Tensors& x) {
    const Tensor y = matmul(x[0], x[1]);
    return Tensors{y + y};
  };
  expect_same_everywhere(doubled, in);
}

TEST(Fusion, WhatDoesNotHaveTheResultsShapeStays) {
  const Tensors in{numbers({4, 8}, 1),    numbers({8, 6}, 2), numbers({4, 1}, 3),
                   numbers({3, 4, 6}, 4), numbers({1}, 5),    numbers({8, 1}, 6)};
  const Function f = [](const Tensors& x) {
    const Tensor y = matmul(x[0], x[1]);
    return Tensors{y + x[2], matmul(x[0], x[1] * 2.0) + x[3], matmul(x[0], x[1] * 3.0) * x[4],
                   matmul(x[0], x[5]) * x[2], matmul(x[0], x[5]) + numbers({7}, 8)};
  };
  EXPECT_EQ(count(planned(f, in), "plain"), 4u) << planned(f, in);
  expect_same_everywhere(f, in);
}

// The two branches of a residual block: one product takes the other, whichever comes first.
TEST(Fusion, ResidualsAreComputedBefore) {
  const Tensors in{numbers({2, 6, 6, 8}, 1), numbers({3, 3, 8, 8}, 2), numbers({1, 1, 8, 8}, 3),
                   numbers({8}, 4)};
  const Window2D same{.pad_low = {1, 1}, .pad_high = {1, 1}};
  for (const bool first : {true, false}) {
    const Function f = [&](const Tensors& x) {
      const Tensor a = conv(x[0], x[1], same) * x[3] + x[3];
      const Tensor b = conv(exp(x[0]), x[2], {});
      return Tensors{relu(first ? a + b : b + a)};
    };
    EXPECT_EQ(count(planned(f, in), "residual+relu"), 1u) << planned(f, in);
    EXPECT_EQ(count(planned(f, in), "conv"), 2u) << planned(f, in);
    expect_same_everywhere(f, in);
  }
}

TEST(Fusion, ConstantNumbersCountAsChannels) {
  const Tensors in{numbers({4, 8}, 1), numbers({8, 6}, 2)};
  const Function f = [](const Tensors& x) {
    return Tensors{relu(matmul(x[0], x[1]) * full({6}, 0.25, DType::kFloat32) + 0.5)};
  };
  EXPECT_EQ(count(planned(f, in), "scale+bias+relu"), 1u) << planned(f, in);
  expect_same_everywhere(f, in);
}

TEST(Fusion, TrainingKeepsWhatItsGradientReads) {
  const Tensors in{numbers({5, 13}, 1), numbers({13, 9}, 2), numbers({9}, 3), numbers({9}, 4)};
  const Function step = [](const Tensors& x) {
    Tape tape;
    tape.start();
    for (const Tensor& t : x) tape.watch(t);
    const Tensor h = relu(matmul(x[0], x[1]) * x[2] + x[3]);
    const Tensor loss = sum_all(square(h));
    tape.stop();
    return gradients(tape.records(), {loss}, {}, {x[0], x[1], x[2], x[3]});
  };
  expect_same_everywhere(step, in);
}

void expect_close(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.type(), b.type());
  for (std::int64_t i = 0; i < a.elements(); ++i)
    ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i],
                1e-5f * std::max(1.0f, std::abs(b.data<float>()[i])));
}

// A frozen model: the normalization's scale goes into the kernel, its shift into the bias.
TEST(Fusion, KnownScalesGoIntoKnownWeights) {
  const Tensor kernel = numbers({3, 3, 48, 48}, 2);  // more than is folded elsewhere
  const Tensor narrow = numbers({1, 3, 4, 6}, 3), matrix = numbers({9, 6}, 4);
  const Window2D same{.pad_low = {1, 1}, .pad_high = {1, 1}};
  struct Row {
    Tensors in;
    Function product;
  };
  const Row rows[] = {
      {{numbers({1, 5, 5, 48}, 1)},
       [&](const Tensors& x) { return Tensors{conv(x[0], kernel, same)}; }},
      {{numbers({2, 1, 7, 4}, 1)},
       [&](const Tensors& x) { return Tensors{reshape(conv(x[0], narrow, {}), Shape{2, 5, 6})}; }},
      {{numbers({5, 9}, 1)}, [&](const Tensors& x) { return Tensors{matmul(x[0], matrix)}; }},
      {{numbers({5, 6}, 1)},
       [&](const Tensors& x) { return Tensors{matmul(x[0], matrix, false, true)}; }},
  };
  for (const Row& row : rows)
    for (const bool first_bias : {false, true}) {
      const std::int64_t channels = row.product(row.in)[0].shape().back();
      const Tensor s = numbers({channels}, 5), t = numbers({channels}, 6),
                   b = numbers({channels}, 7);
      const Function f = [&](const Tensors& x) {
        const Tensor y = row.product(x)[0];
        return Tensors{unary(Kind::kRelu6, (first_bias ? y + b : y) * s + t)};
      };
      const std::string text = planned(f, row.in);
      EXPECT_EQ(count(text, "bias+relu6"), 1u) << text;
      EXPECT_EQ(count(text, "scale"), 0u) << text;
      EXPECT_EQ(count(text, "\n"), 2u) << text;
      expect_close(Plan(*trace(f, row.in), backend()).run(row.in)[0], f(row.in)[0]);
    }
}

TEST(Fusion, KnownWeightsOfAProductThatOthersReadStay) {
  const Tensor matrix = numbers({9, 6}, 4), s = numbers({6}, 5);
  const Tensors in{numbers({5, 9}, 1)};
  const Function f = [&](const Tensors& x) {
    const Tensor y = matmul(x[0], matrix);
    return Tensors{y * s, y};
  };
  EXPECT_EQ(count(planned(f, in), "matmul"), 1u) << planned(f, in);
  expect_same_everywhere(f, in);
}

TEST(Fusion, AConvolutionTakesInItsPadding) {
  const Tensor zero = full({}, 0, DType::kFloat32), one = full({}, 1, DType::kFloat32);
  const Tensors in{numbers({2, 6, 5, 16}, 1)};
  for (const int groups : {1, 16}) {
    const Tensor kernel = numbers({3, 3, 16 / groups, 16}, 2);
    const auto padded = [&](const Dims& low, const Dims& high, const Tensor& fill) -> Function {
      return [=](const Tensors& x) {
        const Tensor k = low[3] > 0 ? numbers({3, 3, 17, 16}, 3) : kernel;
        const Window2D window{.stride = {2, 1}, .pad_low = {0, 1}};
        return Tensors{conv(pad(x[0], low, high, fill), k, window, low[3] > 0 ? 1 : groups)};
      };
    };
    const Function taken = padded({0, 1, 2, 0}, {0, 3, 0, 0}, zero);
    EXPECT_EQ(count(planned(taken, in), "pad("), 0u) << planned(taken, in);
    const Function batch = padded({1, 1, 1, 0}, {0, 1, 1, 0}, zero);
    const Function ones = padded({0, 1, 1, 0}, {0, 1, 1, 0}, one);
    const Function channels = padded({0, 1, 1, 1}, {0, 1, 1, 0}, zero);
    for (const Function& f : {batch, ones, channels})
      EXPECT_EQ(count(planned(f, in), "pad("), 1u) << planned(f, in);
    for (const Function& f : {taken, batch, ones, channels}) expect_same_everywhere(f, in);
  }
}

}  // namespace
}  // namespace deepcore
