// The axes of a reduction, merged into the fewest groups, and cut into pieces by their sizes alone.
#pragma once

#include <algorithm>

#include "deepcore/core/shape.h"

namespace deepcore {

// Neighbouring axes that are both kept or both reduced act as one. What remains alternates:
// x: (outer kept and outer reduced axes ..., run, inner), where `run` is the last reduced group and
// `inner` the kept ones behind it. inner == 1: a run is a contiguous row. Else it is a column of
// rows.
struct ReduceAxes {
  Dims kept, kept_stride;        // in front of the run
  Dims reduced, reduced_stride;  // in front of the run
  std::int64_t run = 1, inner = 1;
  std::int64_t outer = 1;   // outputs in front of `inner`
  std::int64_t rounds = 1;  // runs that meet in one output
  std::int64_t count = 1;   // elements that meet in one output

  ReduceAxes(const Shape& shape, const Dims& axes) {
    Dims sizes;
    bool last_reduced = false;
    std::array<bool, kMaxRank> is_reduced{};
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape[i] == 1) continue;
      const bool r = axes.contains(i);
      if (r) count *= shape[i];
      if (!sizes.empty() && r == last_reduced) {
        sizes[sizes.size() - 1] *= shape[i];
      } else {
        is_reduced[static_cast<std::size_t>(sizes.size())] = r;
        sizes.push_back(shape[i]);
      }
      last_reduced = r;
    }
    int n = sizes.size();
    if (n > 0 && !last_reduced) inner = sizes[--n];
    if (n > 0) run = sizes[--n];
    std::int64_t stride = run * inner;
    for (int i = n - 1; i >= 0; --i) {
      const bool r = is_reduced[static_cast<std::size_t>(i)];
      (r ? reduced : kept).insert(0, sizes[i]);
      (r ? reduced_stride : kept_stride).insert(0, stride);
      (r ? rounds : outer) *= sizes[i];
      stride *= sizes[i];
    }
  }

  bool nothing_reduced() const { return count == 1; }
  // Where output `o` (in front of inner) begins, and where its round `k` is from there.
  std::int64_t output_offset(std::int64_t o) const { return offset(kept, kept_stride, o); }
  std::int64_t round_offset(std::int64_t k) const { return offset(reduced, reduced_stride, k); }

 private:
  static std::int64_t offset(const Dims& sizes, const Dims& strides, std::int64_t index) {
    std::int64_t at = 0;
    for (int i = sizes.size() - 1; i > 0; --i) {
      at += index % sizes[i] * strides[i];
      index /= sizes[i];
    }
    return sizes.empty() ? 0 : at + index * strides[0];
  }
};

// Rows of a block of the column loops: pieces take whole ones.
constexpr std::int64_t kColumnRows = 128;

// Rows that meet in one partial sum down the columns. Few are halved: a step's last sums of a batch
// would keep one thread busy, and the others waiting.
inline std::int64_t column_piece(std::int64_t rows) {
  constexpr std::int64_t kPiece = 1024, kMost = 64;  // more rows a piece if there were many pieces
  if (rows < 2 * kPiece)
    return std::max(kColumnRows, (rows / 2 + kColumnRows - 1) / kColumnRows * kColumnRows);
  return std::max(kPiece, (rows / kMost + kPiece - 1) / kPiece * kPiece);
}

// Every output is the combination of `partials` numbers, each over `per_partial` segments: pieces
// of `segment` elements of a run, or whole runs. Sizes come from what is reduced, not from how many
// outputs there are: a sample reduced alone or in a batch goes the same way.
struct ReducePieces {
  std::int64_t segment, per_run, segments, per_partial, partials;

  explicit ReducePieces(const ReduceAxes& a) {
    // Rows of 32,768 elements (128 KiB, a few us); columns of 1,024 rows.
    const std::int64_t most = a.inner == 1 ? kRowPiece : column_piece(a.run);
    segment = std::min(a.run, most);
    per_run = segment == 0 ? 0 : (a.run + segment - 1) / segment;
    segments = a.rounds * per_run;
    per_partial = segment == 0 ? 1
                               : std::clamp<std::int64_t>(most / segment, 1,
                                                          std::max<std::int64_t>(segments, 1));
    partials = (segments + per_partial - 1) / per_partial;
  }

 private:
  static constexpr std::int64_t kRowPiece = 32768;
};

}  // namespace deepcore
