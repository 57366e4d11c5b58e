// The rows of a (rows, cols) array in pieces for sums down the columns, as Reduce cuts them: a
// fused sum has the bits of a sum of its own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "deepcore/cpu/reduce_axes.h"

namespace deepcore {

struct ColumnPieces {
  std::int64_t rows, cols;
  std::int64_t piece;   // rows of a task
  std::int64_t pieces;  // partial results to be combined, in order
  std::int64_t chunk;   // rows at a time: whole blocks of the column loops, about kChunk elements

  static constexpr std::int64_t kChunk = 16384;  // 64 KiB: in L2 with all that is read beside

  ColumnPieces(std::int64_t r, std::int64_t c)
      : rows(r),
        cols(c),
        piece(std::min(r, column_piece(r))),
        pieces((r + piece - 1) / piece),
        chunk(
            std::min(piece, std::max<std::int64_t>(1, kChunk / (kColumnRows * c)) * kColumnRows)) {}

  std::int64_t first(std::int64_t p) const { return p * piece; }
  std::int64_t last(std::int64_t p) const { return std::min(rows, (p + 1) * piece); }
};

}  // namespace deepcore
