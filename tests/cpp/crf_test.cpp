// Conditional random fields: beside the sum over all tag sequences, derivatives by differences, the
// fused loops beside their definition, and the promises about bits.
#include "deepcore/ops/crf.h"

#include <gtest/gtest.h>

#include <optional>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/trace.h"
#include "deepcore/plan/plan.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

struct Size {
  std::int64_t n, t, k;
};

std::vector<Shape> shapes(const Size& s) { return {{s.n, s.t, s.k}, {s.k, s.k}, {s.k}, {s.k}}; }

// Ragged to the right, a hole, and a row that is masked all along.
Tensor mask_for(const Size& s) {
  Numbers keep;
  for (std::int64_t i = 0; i < s.n; ++i)
    for (std::int64_t j = 0; j < s.t; ++j)
      keep.push_back(i % 4 == 3 ? 0 : j + i % 3 < s.t && (j + 2 * i) % 5 != 1);
  return tensor(keep, {s.n, s.t}, DType::kBool);
}

// -1 where the mask is false: nobody may look there.
Tensor tags_for(const Size& s, const Tensor& mask, DType dtype = DType::kInt32) {
  Numbers tags;
  const Numbers keep = mask ? numbers(mask) : Numbers(static_cast<std::size_t>(s.n * s.t), 1);
  for (std::size_t i = 0; i < keep.size(); ++i)
    tags.push_back(
        keep[i] != 0 ? static_cast<double>((i * 7 + i / 3) % static_cast<std::size_t>(s.k)) : -1);
  return tensor(tags, {s.n, s.t}, dtype);
}

// The chain of one row, told by its definition.
struct Brute {
  double log_z = 0, best = 0, tagged = 0;
  std::vector<int> path;        // of the kept steps
  std::vector<Numbers> of_tag;  // probability of each tag at the kept steps
};

Brute brute(const Tensors& in, const Tensor& tags, const Tensor& mask, std::int64_t row) {
  const Numbers scores = numbers(in[0]), transitions = numbers(in[1]), first = numbers(in[2]),
                last = numbers(in[3]);
  const auto steps = in[0].shape()[1];
  const auto k = static_cast<std::size_t>(in[0].shape()[2]);
  std::vector<std::size_t> kept;
  for (std::int64_t t = 0; t < steps; ++t)
    if (!mask || numbers(mask)[static_cast<std::size_t>(row * steps + t)] != 0)
      kept.push_back(static_cast<std::size_t>(row * steps + t));
  Brute found;
  if (kept.empty()) return found;
  const auto score = [&](const std::vector<int>& path) {
    double s =
        first[static_cast<std::size_t>(path[0])] + last[static_cast<std::size_t>(path.back())];
    for (std::size_t i = 0; i < path.size(); ++i) {
      const auto tag = static_cast<std::size_t>(path[i]);
      s += scores[kept[i] * k + tag];
      if (i > 0) s += transitions[static_cast<std::size_t>(path[i - 1]) * k + tag];
    }
    return s;
  };
  double total = 0;
  found.best = -INFINITY;
  found.of_tag.assign(kept.size(), Numbers(k, 0));
  std::vector<int> path(kept.size(), 0);
  for (;;) {
    const double s = score(path);
    total += std::exp(s);
    for (std::size_t i = 0; i < path.size(); ++i)
      found.of_tag[i][static_cast<std::size_t>(path[i])] += std::exp(s);
    if (s > found.best) {
      found.best = s;
      found.path = path;
    }
    std::size_t i = path.size();
    while (i > 0 && path[i - 1] + 1 == static_cast<int>(k)) path[--i] = 0;
    if (i == 0) break;
    ++path[i - 1];
  }
  for (Numbers& p : found.of_tag)
    for (double& v : p) v /= total;
  found.log_z = std::log(total);
  if (tags) {
    std::vector<int> told;
    for (std::size_t at : kept) told.push_back(static_cast<int>(numbers(tags)[at]));
    found.tagged = score(told);
  }
  return found;
}

Tensors cast_all(Tensors in, DType dtype) {
  for (Tensor& t : in) t = cast(t, dtype);
  return in;
}

TEST(Crf, SumsOverAllSequences) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64})
    for (const Size& s : std::vector<Size>{{1, 1, 1}, {4, 4, 3}, {2, 5, 2}, {5, 1, 4}, {3, 6, 3}})
      for (bool masked : {false, true}) {
        SCOPED_TRACE(join(dtype, " ", s.n, " ", s.t, " ", s.k, masked ? ", masked" : ""));
        const double within = dtype == DType::kFloat32 ? 2e-6 : 1e-12;
        const Tensor mask = masked ? mask_for(s) : Tensor();
        const Tensor tags = tags_for(s, mask, DType::kInt64);
        const Tensors in = cast_all(spread(shapes(s), -2, 2, 1), dtype);
        const Numbers all = numbers(crf_loss(in[0], in[1], in[2], in[3], {}, mask));
        const Numbers loss = numbers(crf_loss(in[0], in[1], in[2], in[3], tags, mask));
        const Numbers p = numbers(crf_marginals(in[0], in[1], in[2], in[3], mask));
        const Tensors best = viterbi(in[0], in[1], in[2], in[3], mask);
        const Numbers path = numbers(best[0]), score = numbers(best[1]);
        for (std::int64_t row = 0; row < s.n; ++row) {
          const auto r = static_cast<std::size_t>(row);
          const Brute want = brute(in, tags, mask, row);
          EXPECT_NEAR(all[r], want.log_z, within * (1 + std::abs(want.log_z)));
          EXPECT_NEAR(loss[r], want.log_z - want.tagged, within * 10);
          EXPECT_NEAR(score[r], want.best, within * 10);
          std::size_t i = 0;
          for (std::int64_t t = 0; t < s.t; ++t) {
            const auto at = static_cast<std::size_t>(row * s.t + t);
            const bool kept = !mask || numbers(mask)[at] != 0;
            EXPECT_EQ(path[at], kept ? want.path[i] : 0) << row << " " << t;
            for (std::size_t j = 0; j < static_cast<std::size_t>(s.k); ++j)
              EXPECT_NEAR(p[at * static_cast<std::size_t>(s.k) + j], kept ? want.of_tag[i][j] : 0,
                          within);
            if (kept) ++i;
          }
        }
      }
}

// The loss, or the sum over all sequences, of each row.
Function loss_of(const Size& s, bool tagged, const Tensor& mask) {
  const Tensor tags = tagged ? tags_for(s, mask) : Tensor();
  return [=](const Tensors& in) { return crf_loss(in[0], in[1], in[2], in[3], tags, mask); };
}

TEST(Crf, DerivativesAreThoseOfDifferences) {
  const Size s{4, 4, 3};
  for (bool tagged : {false, true})
    for (bool masked : {false, true}) {
      SCOPED_TRACE(join(tagged, " ", masked));
      const Function f = loss_of(s, tagged, masked ? mask_for(s) : Tensor());
      const Tensors x = spread(shapes(s), -1, 1, 1);
      const Tensor weights = spread({{s.n}}, -1, 1, 2)[0];
      const Tensors grads = gradient(f, x, weights);
      for (std::size_t k = 0; k < x.size(); ++k)
        EXPECT_LT(relative_error(numbers(grads[k]), difference(f, x, k, weights)), 1e-8) << k;
      // And once more: the slope along a direction.
      const Tensors directions = spread(shapes(s), -1, 1, 3);
      const Function slope = [&](const Tensors& at) {
        const Tensors first = gradient(f, at, weights);
        Tensor total = scalar(0, DType::kFloat64);
        for (std::size_t k = 0; k < at.size(); ++k)
          total = total + sum_all(first[k] * directions[k]);
        return total;
      };
      const Tensor unit = scalar(1, DType::kFloat64);
      const Tensors second = gradient(slope, x, unit);
      for (std::size_t k = 0; k < x.size(); ++k)
        EXPECT_LT(relative_error(numbers(second[k]), difference(slope, x, k, unit)), 1e-6) << k;
    }
}

const std::vector<Size> kSizes = {{1, 1, 1},  {3, 4, 7},   {9, 5, 8}, {2, 6, 17}, {17, 3, 33},
                                  {2, 40, 9}, {3, 2, 120}, {0, 3, 4}, {3, 0, 4}};

TEST(Crf, FusedLoopsGiveTheDefinition) {
  for (const Size& s : kSizes)
    for (bool tagged : {false, true})
      for (bool masked : {false, true}) {
        SCOPED_TRACE(
            join(s.n, " ", s.t, " ", s.k, tagged ? ", tagged" : "", masked ? ", masked" : ""));
        const Function f = loss_of(s, tagged, masked ? mask_for(s) : Tensor());
        const Tensors x = cast_all(spread(shapes(s), -4, 4, 1), DType::kFloat32);
        const Tensors wide = cast_all(x, DType::kFloat64);
        const Tensor weights = cast(spread({{s.n}}, -1, 1, 2)[0], DType::kFloat32);
        EXPECT_LT(relative_error(numbers(f(x)), numbers(f(wide))), 2e-6);
        const Tensors got = gradient(f, x, weights);
        const Tensors want = gradient(f, wide, cast(weights, DType::kFloat64));
        for (std::size_t k = 0; k < x.size(); ++k)
          EXPECT_LT(relative_error(numbers(got[k]), numbers(want[k])), 1e-5) << k;
        const Tensor mask = masked ? mask_for(s) : Tensor();
        EXPECT_EQ(numbers(viterbi(x[0], x[1], x[2], x[3], mask)[0]),
                  numbers(viterbi(wide[0], wide[1], wide[2], wide[3], mask)[0]));
      }
}

// Long chains of large scores: sums of a thousand numbers near 50.
TEST(Crf, LongChainsKeepTheirDigits) {
  const Size s{2, 1000, 5};
  const Tensors x = cast_all(spread(shapes(s), 20, 80, 1), DType::kFloat32);
  const Function f = loss_of(s, true, Tensor());
  const Tensor weights = ones({DType::kFloat32, Shape{s.n}});
  const Tensors wide = cast_all(x, DType::kFloat64);
  EXPECT_LT(relative_error(numbers(f(x)), numbers(f(wide))), 1e-6);
  const Tensors got = gradient(f, x, weights);
  const Tensors want = gradient(f, wide, cast(weights, DType::kFloat64));
  for (std::size_t k = 0; k < x.size(); ++k)
    EXPECT_LT(relative_error(numbers(got[k]), numbers(want[k])), 1e-4) << k;
}

TEST(Crf, ForbiddenTransitionsAreNeverTaken) {
  const Size s{4, 9, 5};
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    Tensors x = spread(shapes(s), -3, 3, 1);
    Numbers transitions = numbers(x[1]), first = numbers(x[2]);
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 5; ++j)
        if (j != (i + 1) % 5) transitions[i * 5 + j] = -INFINITY;
    for (std::size_t j = 1; j < 5; ++j) first[j] = -INFINITY;
    x[1] = tensor(transitions, {5, 5});
    x[2] = tensor(first, {5});
    x = cast_all(x, dtype);
    const Numbers path = numbers(viterbi(x[0], x[1], x[2], x[3], {})[0]);
    for (std::size_t i = 0; i < path.size(); ++i)
      EXPECT_EQ(path[i], static_cast<double>(i % 9 % 5)) << i;
    // The only sequence has all the probability, and its gradients are finite.
    const Numbers p = numbers(crf_marginals(x[0], x[1], x[2], x[3], {}));
    for (std::size_t i = 0; i < p.size(); ++i) EXPECT_EQ(p[i], i % 5 == i / 5 % 9 % 5 ? 1 : 0);
  }
}

TEST(Crf, TheSameBitsOnAnyNumberOfThreadsAndInAnyBatch) {
  const Size s{37, 6, 19};
  const Tensor mask = mask_for(s);
  const Tensors x = cast_all(spread(shapes(s), -2, 2, 1), DType::kFloat32);
  const Tensor weights = cast(spread({{s.n}}, -1, 1, 2)[0], DType::kFloat32);
  const Function f = loss_of(s, true, mask);
  const auto everything = [&](const Tensors& in) {
    Tensors all = gradient(f, in, weights);
    all.push_back(f(in));
    all.push_back(viterbi(in[0], in[1], in[2], in[3], mask)[0]);
    return all;
  };
  Tensors first;
  for (int threads : {1, 3}) {
    force_team_size(threads);
    Trace trace;
    Tensors inputs;
    for (const Tensor& t : x) inputs.push_back(trace.input(t.type()));
    const auto graph = trace.finish(everything(inputs));
    const Tensors planned = Plan(*graph, backend(), true).run(x);
    const Tensors eager = everything(x);
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
    EXPECT_EQ(numbers(row(crf_marginals(x[0], x[1], x[2], x[3], mask), i)),
              numbers(crf_marginals(row(x[0], i), x[1], x[2], x[3], row(mask, i))));
}

TEST(Crf, TellsWhatDoesNotFit) {
  const Size s{2, 3, 4};
  const Tensors x = spread(shapes(s), -1, 1, 1, DType::kFloat32);
  const Tensor tags = tags_for(s, {});
  const auto with = [&](std::size_t k, const Shape& shape) {
    Tensors in = x;
    in[k] = spread({shape}, -1, 1, 1, DType::kFloat32)[0];
    return message_of([&] { crf_loss(in[0], in[1], in[2], in[3], tags, {}); });
  };
  EXPECT_EQ(with(0, {2, 3}), "[crf_loss] expected scores (batch, steps, tags), got shape [2, 3]");
  EXPECT_EQ(with(1, {3, 4}),
            "[crf_loss] the matrix of transitions has shape [3, 4], expected [4, 4]");
  EXPECT_EQ(with(3, {1}), "[crf_loss] the vector of last scores has shape [1], expected [4]");
  EXPECT_EQ(with(0, {2, 5, 4}),
            "[crf_loss] the tags have shape [2, 3], scores of shape [2, 5, 4] expect [2, 5]");
  EXPECT_EQ(message_of([&] { viterbi(x[0], x[1], x[2], x[3], mask_for({2, 2, 4})); }),
            "[viterbi] the mask has shape [2, 2], expected [2, 3]");
  for (double bad : {-1.0, 4.0})
    EXPECT_EQ(message_of([&] {
                crf_loss(x[0], x[1], x[2], x[3],
                         tensor({0, 1, 2, bad, 1, 1}, {2, 3}, DType::kInt32), {});
              }),
              "[crf_loss] a label is outside the range [0, 4) of the 4 classes");
}

}  // namespace
}  // namespace deepcore::testing
