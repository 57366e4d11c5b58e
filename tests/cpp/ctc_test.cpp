// Connectionist temporal classification: beside the sum over all alignments, derivatives by
// differences, the fused loops beside their definition, and the promises about bits.
#include "deepcore/ops/ctc.h"

#include <gtest/gtest.h>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/trace.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

struct Size {
  std::int64_t n, t, c, l;
  int blank = 0;
};

Tensor ints(const Numbers& values, const Shape& shape) {
  return tensor(values, shape, DType::kInt32);
}

// Labels with repeats, -1 beyond their length; lengths and input lengths that differ by row.
struct Batch {
  Tensor labels, label_lengths, input_lengths;

  explicit Batch(const Size& s) {
    Numbers names, lengths, inputs;
    for (std::int64_t i = 0; i < s.n; ++i) {
      const std::int64_t length = s.l - std::min(s.l, i % 3);
      lengths.push_back(static_cast<double>(length));
      inputs.push_back(static_cast<double>(s.t - std::min(s.t, i % 4)));
      for (std::int64_t j = 0; j < s.l; ++j) {
        std::int64_t name = (j / 2 + i) % std::max<std::int64_t>(1, s.c - 1);
        if (name >= s.blank) ++name;
        names.push_back(j < length ? static_cast<double>(std::min(name, s.c - 1)) : -1);
      }
    }
    labels = ints(names, {s.n, s.l});
    label_lengths = ints(lengths, {s.n});
    input_lengths = ints(inputs, {s.n});
  }
};

Tensor log_probabilities(const Size& s, DType dtype = DType::kFloat64, double range = 2) {
  return log_softmax(cast(spread({{s.n, s.t, s.c}}, -range, range, 1)[0], dtype));
}

Function loss_of(const Size& s) {
  const Batch b(s);
  const int blank = s.blank;
  return [b, blank](const Tensors& in) {
    return ctc_loss(in[0], b.labels, b.label_lengths, b.input_lengths, blank);
  };
}

// The sum over all paths of classes that say the labels.
double brute(const Size& s, const Numbers& log_p, const Batch& b, std::int64_t row) {
  const auto steps = static_cast<int>(numbers(b.input_lengths)[static_cast<std::size_t>(row)]);
  const auto length = static_cast<int>(numbers(b.label_lengths)[static_cast<std::size_t>(row)]);
  std::vector<int> want;
  for (int i = 0; i < length; ++i)
    want.push_back(static_cast<int>(numbers(b.labels)[static_cast<std::size_t>(row * s.l + i)]));
  double total = 0;
  std::vector<int> path(static_cast<std::size_t>(steps), 0);
  for (;;) {
    std::vector<int> said;
    double score = 0;
    for (std::size_t t = 0; t < path.size(); ++t) {
      score += log_p[static_cast<std::size_t>((row * s.t + static_cast<std::int64_t>(t)) * s.c +
                                              path[t])];
      if (path[t] != s.blank && (t == 0 || path[t] != path[t - 1])) said.push_back(path[t]);
    }
    if (said == want) total += std::exp(score);
    std::size_t i = path.size();
    while (i > 0 && path[i - 1] + 1 == s.c) path[--i] = 0;
    if (i == 0) break;
    ++path[i - 1];
  }
  return -std::log(total);
}

TEST(Ctc, SumsOverAllAlignments) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64})
    for (const Size& s : std::vector<Size>{{5, 6, 3, 3},
                                           {4, 4, 3, 2, 2},
                                           {3, 5, 4, 1, 1},
                                           {4, 5, 3, 0},
                                           {4, 3, 3, 4},
                                           {1, 1, 2, 1}}) {
      SCOPED_TRACE(join(dtype, " ", s.n, " ", s.t, " ", s.c, " ", s.l));
      const Tensor log_p = log_probabilities(s, dtype);
      const Numbers got = numbers(loss_of(s)({log_p}));
      for (std::int64_t row = 0; row < s.n; ++row) {
        const double want = brute(s, numbers(log_p), Batch(s), row);
        const double at = got[static_cast<std::size_t>(row)];
        if (std::isinf(want))
          EXPECT_EQ(at, want) << row;
        else
          EXPECT_NEAR(at, want, dtype == DType::kFloat32 ? 3e-6 : 1e-12) << row;
      }
    }
}

TEST(Ctc, DerivativesAreThoseOfDifferences) {
  for (const Size& s : std::vector<Size>{{5, 8, 3, 3}, {2, 7, 4, 2, 3}}) {
    const Function f = loss_of(s);
    const Tensors x{log_probabilities(s)};
    const Tensor weights = spread({{s.n}}, -1, 1, 2)[0];
    EXPECT_LT(relative_error(numbers(gradient(f, x, weights)[0]), difference(f, x, 0, weights)),
              1e-8);
    const Tensor direction = spread({x[0].shape()}, -1, 1, 3)[0];
    const Function slope = [&](const Tensors& at) {
      return sum_all(gradient(f, at, weights)[0] * direction);
    };
    const Tensor unit = scalar(1, DType::kFloat64);
    EXPECT_LT(relative_error(numbers(gradient(slope, x, unit)[0]), difference(slope, x, 0, unit)),
              1e-6);
  }
}

TEST(Ctc, FusedLoopsGiveTheDefinition) {
  for (const Size& s : std::vector<Size>{{1, 1, 1, 0},
                                         {3, 9, 5, 4},
                                         {7, 30, 11, 8, 10},
                                         {9, 60, 29, 17},
                                         {2, 400, 7, 33},
                                         {4, 5, 3, 9},
                                         {0, 3, 4, 2},
                                         {3, 0, 4, 2}}) {
    SCOPED_TRACE(join(s.n, " ", s.t, " ", s.c, " ", s.l));
    const Function f = loss_of(s);
    const Tensors x{log_probabilities(s, DType::kFloat32, 5)}, wide{cast(x[0], DType::kFloat64)};
    EXPECT_LT(relative_error(numbers(f(x)), numbers(f(wide))), 2e-6);
    const Tensor weights = cast(spread({{s.n}}, -1, 1, 2)[0], DType::kFloat32);
    const Numbers got = numbers(gradient(f, x, weights)[0]);
    const Numbers want = numbers(gradient(f, wide, cast(weights, DType::kFloat64))[0]);
    EXPECT_LT(relative_error(got, want), 2e-5);
  }
}

TEST(Ctc, TheSameBitsOnAnyNumberOfThreadsAndInAnyBatch) {
  const Size s{37, 12, 9, 4};
  const Batch b(s);
  const Tensor x = log_probabilities(s, DType::kFloat32);
  const Tensor weights = cast(spread({{s.n}}, -1, 1, 2)[0], DType::kFloat32);
  const auto both = [&](const Tensor& in) {
    return Tensors{loss_of(s)({in}), gradient(loss_of(s), {in}, weights)[0]};
  };
  Tensors first;
  for (int threads : {1, 3}) {
    force_team_size(threads);
    Trace trace;
    const Tensor input = trace.input(x.type());
    const auto graph = trace.finish(both(input));
    const Tensors planned = Plan(*graph, backend(), true).run({x});
    const Tensors eager = both(x);
    force_team_size(0);
    if (first.empty()) first = eager;
    for (std::size_t k = 0; k < first.size(); ++k) {
      EXPECT_EQ(numbers(eager[k]), numbers(first[k])) << k;
      EXPECT_EQ(numbers(planned[k]), numbers(first[k])) << k;
    }
  }
  const auto row = [](const Tensor& t, std::int64_t i) {
    Dims begin = Dims::filled(t.rank(), 0), size(t.shape());
    begin[0] = i;
    size[0] = 1;
    return slice(t, begin, size, Dims::filled(t.rank(), 1));
  };
  for (std::int64_t i : {0, 5, 36})
    EXPECT_EQ(numbers(ctc_loss(row(x, i), row(b.labels, i), row(b.label_lengths, i),
                               row(b.input_lengths, i), 0))[0],
              numbers(first[0])[static_cast<std::size_t>(i)]);
}

TEST(Ctc, TellsWhatDoesNotFit) {
  const Size s{2, 4, 3, 2};
  const Batch b(s);
  const Tensor x = log_probabilities(s, DType::kFloat32);
  const auto with = [&](const Tensor& labels, const Tensor& lengths, int blank) {
    return message_of([&] { ctc_loss(x, labels, lengths, b.input_lengths, blank); });
  };
  EXPECT_EQ(with(b.labels, b.label_lengths, 3), "[ctc_loss] the blank 3 is none of the 3 classes");
  EXPECT_EQ(with(ints({1, 1, 1}, {3, 1}), b.label_lengths, 0),
            "[ctc_loss] the labels have shape [3, 1], expected (2, labels) beside outputs of shape "
            "[2, 4, 3]");
  EXPECT_EQ(with(b.labels, ints({1}, {1}), 0),
            "[ctc_loss] the vector of label lengths has shape [1], expected [2]");
  EXPECT_EQ(with(ints({1, 1, 3, 1}, {2, 2}), ints({2, 2}, {2}), 0),
            "[ctc_loss] a label is outside the range [0, 3) of the 3 classes");
}

}  // namespace
}  // namespace deepcore::testing
