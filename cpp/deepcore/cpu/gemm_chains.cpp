// Which products are cut along K, into chains that are added up.
#include <algorithm>
#include <functional>

#include "deepcore/core/switches.h"
#include "deepcore/cpu/gemm.h"

namespace deepcore {
namespace {

// Rows that a chain of a kernel's gradient has at least, and how many there may be.
constexpr std::int64_t kChainRows = 448, kMostChains = 16;
// Longer chains would lose digits that the sums of others keep.
constexpr std::int64_t kLongestChain = 1 << 15;
// Elements of the result, and of all the chains' results: those cost a pass through memory.
constexpr std::int64_t kMostResult = 1 << 16, kMostResults = 1 << 19;
// A kernel this high, and so many times higher than wide, but no column.
constexpr std::int64_t kHigh = 512, kTimesHigher = 8, kLeastWidth = 8;

// The gradients of kernels: A' B over thousands of rows, whose result is small. Every chain packs
// rows that no other one needs, and all threads have work whatever the result's size.
std::int64_t chains_of_gradient(const Gemm& g) {
  std::int64_t chains = 1;
  if (g.m * g.n > kMostResult) {
    while (2 * chains <= kMostChains && g.k > chains * kLongestChain) chains *= 2;
    return chains;
  }
  while (2 * chains <= kMostChains && g.k >= 2 * chains * kChainRows &&
         2 * chains * g.m * g.n <= kMostResults)
    chains *= 2;
  return chains;
}

}  // namespace

std::int64_t chains_of(const Gemm& g) {
  if (!enabled(FastPath::kSplitProducts) || g.batch.rank() > 0 || g.tb || g.m * g.n == 0) return 1;
  if (g.ta) return g.epilogue == Epilogue{} ? chains_of_gradient(g) : 1;
  // A high kernel: each half of its rows stays with one thread, as its gradient and its update do.
  // What goes from core to core is C, once a chain.
  return g.k >= kHigh && g.k >= kTimesHigher * g.n && g.n >= kLeastWidth ? 2 : 1;
}

void sum_chains(const float* from, std::int64_t apart, std::int64_t chains, std::int64_t begin,
                std::int64_t end, float* to) {
  std::transform(from + begin, from + end, from + apart + begin, to + begin, std::plus<float>());
  for (std::int64_t chain = 2; chain < chains; ++chain) {
    const float* next = from + chain * apart;
    for (std::int64_t i = begin; i < end; ++i) to[i] += next[i];
  }
}

}  // namespace deepcore
