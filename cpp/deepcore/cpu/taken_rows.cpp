#include "deepcore/cpu/taken_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "deepcore/cpu/backend.h"

namespace deepcore {
namespace {

constexpr std::int64_t kMost = 0xffffffff;
// Indices that a task counts.
constexpr std::int64_t kChunk = 8192;
// Bits of a row's number that one pass of sorting looks at.
constexpr int kDigit = 11;

bool failed(const Call& call) { return call.fault->load(std::memory_order_relaxed) != 0; }

}  // namespace

bool TakenRows::fits(const Indices& indices) {
  return indices.size <= kMost && indices.count <= kMost;
}

TakenRows::TakenRows(const Indices& indices, std::int64_t most) : indices_(indices) {
  most = std::clamp<std::int64_t>(most, 1, kMostStretches);
  const std::int64_t least = std::max<std::int64_t>(1, (indices.size + most - 1) / most);
  shift_ = std::bit_width(static_cast<std::uint64_t>(least - 1));
  passes_ = (shift_ + kDigit - 1) / kDigit;
  stretches_ = (indices.size + (std::int64_t{1} << shift_) - 1) >> shift_;
  chunks_ = std::max<std::int64_t>(1, tasks_for(indices.count, kChunk, 16));
}

std::size_t TakenRows::workspace() const {
  const std::int64_t numbers = stretches_ + 1 + chunks_ * stretches_;
  return 2 * static_cast<std::size_t>(indices_.count) * sizeof(Taken) +
         static_cast<std::size_t>(numbers) * sizeof(std::uint32_t);
}

std::vector<Phase> TakenRows::sorting(int input) const {
  if (chunks_ == 1)
    return {{1, [*this, input](const Call& call, std::int64_t, void*) {
               count(call, call.in[input], 0);
               distribute(call, call.in[input], 0);
               for (std::int64_t s = 0; s < stretches_; ++s) sort(call, s);
             }}};
  return {{chunks_, [*this, input](const Call& call, std::int64_t chunk,
                                   void*) { count(call, call.in[input], chunk); }},
          {chunks_, [*this, input](const Call& call, std::int64_t chunk,
                                   void*) { distribute(call, call.in[input], chunk); }},
          {stretches_,
           [*this](const Call& call, std::int64_t stretch, void*) { sort(call, stretch); }}};
}

void TakenRows::count(const Call& call, const void* indices, std::int64_t chunk) const {
  const Range r = piece(indices_.count, chunks_, chunk);
  std::uint32_t* counts = this->counts(call, chunk);
  std::fill_n(counts, stretches_, 0u);
  for (std::int64_t i = r.begin; i < r.end; ++i) {
    const std::int64_t row = indices_.at(indices, i);
    if (row < 0) return report_outside(call);
    ++counts[row >> shift_];
  }
}

// To their stretches, those of earlier chunks first.
void TakenRows::distribute(const Call& call, const void* indices, std::int64_t chunk) const {
  if (failed(call)) return;
  std::array<std::uint32_t, kMostStretches> at;
  std::uint32_t begin = 0;
  for (std::int64_t s = 0; s < stretches_; ++s) {
    if (chunk == 0) begins(call)[s] = begin;
    for (std::int64_t c = 0; c < chunks_; ++c) {
      if (c == chunk) at[static_cast<std::size_t>(s)] = begin;
      begin += counts(call, c)[s];
    }
  }
  if (chunk == 0) begins(call)[stretches_] = begin;
  Taken* to = half(call, 0);
  const Range r = piece(indices_.count, chunks_, chunk);
  for (std::int64_t i = r.begin; i < r.end; ++i) {
    const std::int64_t row = indices_.at(indices, i);
    to[at[static_cast<std::size_t>(row >> shift_)]++] = {static_cast<std::uint32_t>(row),
                                                         static_cast<std::uint32_t>(i)};
  }
}

// By the rows of a stretch: each pass of a radix sort keeps the order that it finds.
void TakenRows::sort(const Call& call, std::int64_t stretch) const {
  if (failed(call)) return;
  const std::int64_t begin = begins(call)[stretch], n = begins(call)[stretch + 1] - begin;
  Taken *from = half(call, 0) + begin, *to = half(call, 1) + begin;
  for (int pass = 0; pass < passes_; ++pass, std::swap(from, to)) {
    const int low = pass * kDigit, bits = std::min(kDigit, shift_ - low);
    const auto digit = [=](const Taken& t) {
      return static_cast<std::size_t>(t.row >> low) & ((std::size_t{1} << bits) - 1);
    };
    std::array<std::uint32_t, 1 << kDigit> at;
    std::fill_n(at.begin(), 1 << bits, 0u);
    for (std::int64_t i = 0; i < n; ++i) ++at[digit(from[i])];
    std::uint32_t before = 0;
    for (std::int64_t d = 0; d < 1 << bits; ++d)
      before += std::exchange(at[static_cast<std::size_t>(d)], before);
    for (std::int64_t i = 0; i < n; ++i) to[at[digit(from[i])]++] = from[i];
  }
}

}  // namespace deepcore
