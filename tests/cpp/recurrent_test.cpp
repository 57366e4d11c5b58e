// Recurrent ops: derivatives by differences, the fused loops beside their definition in float64,
// and the promises about bits.
#include "deepcore/ops/recurrent.h"

#include <gtest/gtest.h>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/trace.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

struct Layer {
  std::string name;
  int gates, states, biases;  // biases: rows of bias
  std::function<Tensors(const Tensors& in, const Tensor& mask, bool reverse)> run;
};

// in: x, kernel, recurrent kernel, bias, states...
std::vector<Layer> layers() {
  std::vector<Layer> all{
      {"lstm", 4, 2, 1,
       [](const Tensors& in, const Tensor& mask, bool reverse) {
         return lstm(in[0], in[1], in[2], in[3], in[4], in[5], mask, reverse);
       }},
      {"gru, reset after", 3, 1, 2,
       [](const Tensors& in, const Tensor& mask, bool reverse) {
         return gru(in[0], in[1], in[2], in[3], in[4], mask, true, reverse);
       }},
      {"gru, reset before", 3, 1, 1, [](const Tensors& in, const Tensor& mask, bool reverse) {
         return gru(in[0], in[1], in[2], in[3], in[4], mask, false, reverse);
       }}};
  for (Kind kind : {Kind::kTanh, Kind::kRelu, Kind::kSigmoid, Kind::kIdentity})
    all.push_back({join("simple rnn, ", kind), 1, 1, 1,
                   [kind](const Tensors& in, const Tensor& mask, bool reverse) {
                     return simple_rnn(in[0], in[1], in[2], in[3], in[4], mask, kind, reverse);
                   }});
  return all;
}

std::vector<Shape> shapes(const Layer& layer, std::int64_t n, std::int64_t t, std::int64_t f,
                          std::int64_t u) {
  const std::int64_t g = layer.gates * u;
  std::vector<Shape> out{{n, t, f}, {f, g}, {u, g}};
  out.push_back(layer.biases == 2 ? Shape{2, g} : Shape{g});
  for (int i = 0; i < layer.states; ++i) out.push_back({n, u});
  return out;
}

// Ragged to the right, a hole, and a row that is masked all along.
Tensor mask_for(std::int64_t n, std::int64_t t) {
  Numbers keep;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < t; ++j)
      keep.push_back(i % 4 == 3 ? 0 : j + i % 3 < t && (j + 2 * i) % 5 != 1);
  return tensor(keep, {n, t}, DType::kBool);
}

// All results side by side, (N, ...).
Tensor joined(const Tensors& out) {
  Tensors flat;
  for (const Tensor& t : out) flat.push_back(reshape(t, {t.elements()}));
  return concatenate(flat, 0);
}

Tensors cast_all(Tensors in, DType dtype) {
  for (Tensor& t : in) t = cast(t, dtype);
  return in;
}

Tensors value_and_gradient(const Function& f, const Tensors& in, const Tensor& weights) {
  Tensors all = gradient(f, in, weights);
  all.push_back(f(in));
  return all;
}

TEST(Recurrent, DerivativesAreThoseOfDifferences) {
  for (const Layer& layer : layers())
    for (bool masked : {false, true})
      for (bool reverse : {false, true}) {
        SCOPED_TRACE(join(layer.name, masked ? ", masked" : "", reverse ? ", reverse" : ""));
        const Tensor mask = masked ? mask_for(4, 3) : Tensor();
        const Function f = [&](const Tensors& in) { return joined(layer.run(in, mask, reverse)); };
        const Tensors x = spread(shapes(layer, 4, 3, 2, 2), -1, 1, 1);
        const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
        const Tensors grads = gradient(f, x, weights);
        for (std::size_t k = 0; k < x.size(); ++k)
          EXPECT_LT(relative_error(numbers(grads[k]), difference(f, x, k, weights)), 1e-6)
              << "input " << k;
      }
}

TEST(Recurrent, SecondDerivativesAreThoseOfDifferences) {
  for (const Layer& layer : layers()) {
    SCOPED_TRACE(layer.name);
    const Tensor mask = mask_for(2, 3);
    const Function f = [&](const Tensors& in) { return joined(layer.run(in, mask, false)); };
    const Tensors x = spread(shapes(layer, 2, 3, 1, 2), -1, 1, 1);
    const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
    const Tensors directions = spread(shapes(layer, 2, 3, 1, 2), -1, 1, 3);
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

struct Size {
  std::int64_t n, t, f, u;
};
const std::vector<Size> kSizes = {{1, 1, 1, 1},   {3, 4, 2, 7},  {5, 3, 9, 8},
                                  {25, 4, 3, 17}, {4, 9, 5, 33}, {33, 2, 16, 20},
                                  {2, 3, 4, 300}, {0, 3, 2, 4},  {3, 0, 2, 4}};

TEST(Recurrent, FusedLoopsGiveTheDefinition) {
  for (const Layer& layer : layers())
    for (const Size& s : kSizes)
      for (bool masked : {false, true})
        for (bool reverse : {false, true}) {
          SCOPED_TRACE(join(layer.name, " ", s.n, " ", s.t, " ", s.f, " ", s.u,
                            masked ? ", masked" : "", reverse ? ", reverse" : ""));
          const Tensor mask = masked ? mask_for(s.n, s.t) : Tensor();
          const Function f = [&](const Tensors& in) {
            return joined(layer.run(in, mask, reverse));
          };
          const double range = s.u > 16 ? 0.2 : 1;  // sums of many would make chaos of rounding
          const Tensors x = spread(shapes(layer, s.n, s.t, s.f, s.u), -range, range, 1);
          const Tensors narrow = cast_all(x, DType::kFloat32);
          const Tensor weights = spread({f(x).shape()}, -1, 1, 2)[0];
          const Tensors want = value_and_gradient(f, x, weights);
          const Tensors got = value_and_gradient(f, narrow, cast(weights, DType::kFloat32));
          for (std::size_t k = 0; k < want.size(); ++k)
            EXPECT_LT(relative_error(numbers(got[k]), numbers(want[k])), 2e-5) << "result " << k;
        }
}

// Eager, planned, and in place, on one thread and three.
TEST(Recurrent, TheSameBitsOnAnyNumberOfThreads) {
  for (const Layer& layer : layers())
    for (bool masked : {false, true}) {
      SCOPED_TRACE(join(layer.name, masked ? ", masked" : ""));
      const Tensor mask = masked ? mask_for(30, 6) : Tensor();
      const Function f = [&](const Tensors& in) { return joined(layer.run(in, mask, true)); };
      const Tensors x = cast_all(spread(shapes(layer, 30, 6, 5, 19), -1, 1, 1), DType::kFloat32);
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
        for (std::size_t k = 0; k < x.size() + 1; ++k) {
          EXPECT_EQ(numbers(eager[k]), numbers(first[k])) << "result " << k;
          EXPECT_EQ(numbers(planned[k]), numbers(first[k])) << "planned " << k;
        }
      }
    }
}

// Few samples of many units are cut along those.
TEST(Recurrent, ASampleHasTheSameBitsInAnyBatch) {
  for (const Layer& layer : layers())
    for (std::int64_t units : {21, 128, 256})
      for (bool reverse : {false, true}) {
        SCOPED_TRACE(join(layer.name, ", ", units, " units", reverse ? ", reverse" : ""));
        const double range = units > 21 ? 0.2 : 1;
        const Tensors x =
            cast_all(spread(shapes(layer, 37, 5, 6, units), -range, range, 1), DType::kFloat32);
        const Tensor mask = mask_for(37, 5);
        const Tensors all = layer.run(x, mask, reverse);
        for (const auto& [i, count] : {std::pair{0, 1}, {3, 1}, {4, 3}, {36, 1}}) {
          const auto some = [i = i, count = count](const Tensor& t) {
            Dims begin = Dims::filled(t.rank(), 0), size(t.shape());
            begin[0] = i;
            size[0] = count;
            return slice(t, begin, size, Dims::filled(t.rank(), 1));
          };
          Tensors in = x;
          in[0] = some(x[0]);
          for (std::size_t k = 4; k < in.size(); ++k) in[k] = some(x[k]);
          const Tensors alone = layer.run(in, some(mask), reverse);
          for (std::size_t k = 0; k < all.size(); ++k)
            EXPECT_EQ(numbers(some(all[k])), numbers(alone[k])) << "result " << k;
        }
      }
}

TEST(Recurrent, TellsWhatDoesNotFit) {
  const Layer layer = layers()[0];
  const Tensors x = spread(shapes(layer, 2, 3, 4, 5), -1, 1, 1);
  const auto with = [&](std::size_t k, const Shape& shape) {
    Tensors in = x;
    in[k] = spread({shape}, -1, 1, 1)[0];
    return message_of([&] { layer.run(in, Tensor(), false); });
  };
  EXPECT_EQ(with(1, {3, 20}),
            "[lstm] the input has 4 features (shape [2, 3, 4]), the kernel of shape [3, 20] does "
            "not fit");
  EXPECT_EQ(with(4, {2, 4}), "[lstm] the initial state has shape [2, 4], expected [2, 5]");
  EXPECT_EQ(with(2, {5, 15}),
            "[lstm] expected a recurrent kernel (units, 4 * units), got shape [5, 15]");
  EXPECT_EQ(message_of([&] { layer.run(x, mask_for(2, 4), false); }),
            "[lstm] the mask has shape [2, 4], expected [2, 3]");
}

}  // namespace
}  // namespace deepcore::testing
