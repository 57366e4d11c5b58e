// Runners of Random and Dropout. Tasks begin at whole Philox blocks; how they are cut changes no
// bit.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

constexpr std::int64_t kUnit = 1024;  // elements, whole blocks in float32 and float64
constexpr std::int64_t kGrain = 8;    // units: about 10 us

RandomKey read_key(const Call& call, int input) {
  const std::int64_t* key = call.input<std::int64_t>(input);
  return {static_cast<std::uint64_t>(key[0]), static_cast<std::uint64_t>(key[1])};
}

// body(call, first element, how many)
template <class F>
Runner by_units(std::int64_t elements, F body) {
  const std::int64_t units = (elements + kUnit - 1) / kUnit, tasks = tasks_for(units, kGrain);
  return {{{tasks, [elements, units, tasks, body](const Call& call, std::int64_t task, void*) {
              const Range r = piece(units, tasks, task);
              const std::int64_t begin = r.begin * kUnit;
              body(call, begin, std::min(r.end * kUnit, elements) - begin);
            }}}};
}

auto loop_of(RandomKind kind) {
  switch (kind) {
    case RandomKind::kUniform:
      return kernels().random.uniform;
    case RandomKind::kNormal:
      return kernels().random.normal;
    default:
      return kernels().random.truncated_normal;
  }
}

// z with P(|Z| < |z|) = |x| for a normal Z, and x's sign; q = 1 - |x| > 0. Abramowitz and Stegun
// 26.2.23 (error 4.5e-4), then two steps of Halley's rule, each of which cubes the error.
double normal_quantile(double x, double q) {
  const double p = q / 2, t = std::sqrt(-2 * std::log(p));
  double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                     (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int step = 0; step < 2; ++step) {
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    const double e = (std::erfc(z / std::numbers::sqrt2) / 2 - p) / density;
    z += e / (1 - z * e / 2);
  }
  return std::copysign(z, x);
}

double draw(RandomKind kind, std::uint64_t bits53) {
  if (kind == RandomKind::kUniform) return static_cast<double>(bits53) * 0x1p-53;
  // Centred: s + 1/2 over 2^52 in (-1, 1), and the distance from +-1 without rounding.
  const std::int64_t half = std::int64_t{1} << 52, s = static_cast<std::int64_t>(bits53) - half;
  const std::int64_t a = s < 0 ? ~s : s;
  const double x = (static_cast<double>(s) + 0.5) * 0x1p-52;
  const double q = (static_cast<double>(half - 1 - a) + 0.5) * 0x1p-52;
  if (kind == RandomKind::kNormal) return normal_quantile(x, q);
  const double share = std::erf(std::numbers::sqrt2);  // of [-2, 2]
  return std::clamp(normal_quantile(x, 1 - share * std::fabs(x)), -2.0, 2.0);
}

// Element i is made of words 2 (i % 2) and the next of block i / 2: 53 bits.
void fill_f64(RandomKind kind, RandomKey key, std::int64_t first, double* y, std::int64_t n) {
  std::uint32_t words[512];
  for (std::int64_t i = 0; i < n; i += 256) {
    const std::int64_t count = std::min<std::int64_t>(256, n - i);
    kernels().random.words(key, static_cast<std::uint64_t>(first + i) / 2, words, 2 * count);
    for (std::int64_t k = 0; k < count; ++k) {
      const std::uint64_t high = words[2 * k] >> 5, low = words[2 * k + 1] >> 6;
      y[i + k] = draw(kind, (high << 26) | low);
    }
  }
}

}  // namespace

void register_random(CpuBackend& backend) {
  using Result = std::optional<Runner>;
  backend.on<Random>([](const Random& op, const Types&, const Types& out) -> Result {
    if (out[0].dtype == DType::kFloat64)
      return by_units(out[0].elements(),
                      [kind = op.kind](const Call& call, std::int64_t begin, std::int64_t n) {
                        fill_f64(kind, read_key(call, 0), begin, call.output<double>(0) + begin, n);
                      });
    if (out[0].dtype != DType::kFloat32) return std::nullopt;
    return by_units(out[0].elements(), [loop = loop_of(op.kind)](
                                           const Call& call, std::int64_t begin, std::int64_t n) {
      loop(read_key(call, 0), static_cast<std::uint64_t>(begin) / 4, call.output(0) + begin, n);
    });
  });
  backend.on<Dropout>([](const Dropout& op, const Types& in, const Types&) -> Result {
    if (in[0].dtype != DType::kFloat32) return std::nullopt;
    const auto rate = static_cast<float>(op.rate), scale = static_cast<float>(1 / (1 - op.rate));
    return by_units(
        in[0].elements(), [rate, scale](const Call& call, std::int64_t begin, std::int64_t n) {
          kernels().random.dropout(read_key(call, 1), static_cast<std::uint64_t>(begin) / 4,
                                   call.input(0) + begin, call.output(0) + begin, n, rate, scale);
        });
  });
}

}  // namespace deepcore
