// The loops of this family as plain functions of pointers and sizes: convolution loops that are not
// plain gemm. Read by the SIMD files too, so nothing here may need the C++ library.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "deepcore/cpu/kernels/epilogue.h"

namespace deepcore {

// The most pixels of a tile, on any machine: 12 where there are 32 registers, else 6.
constexpr int kMostConvRows = 12;
// A tile of fewer pixels takes as long: its sums would wait for each other.
constexpr int kLeastConvRows = 4;

// One kernel cell (or a row of cells that are neighbours in memory) as a tile of pixels sees it.
struct ConvTap {
  int64_t b;                      // the first row of the packed kernel that belongs to it
  ptrdiff_t step;                 // between neighbours among x, where all are as far apart; else 0
  const float* x[kMostConvRows];  // each pixel's run of input; zeros where it is outside the image
};

// A tile: output pixels, with the taps that at least one of them has inside the image.
struct ConvTile {
  const ConvTap* taps;
  int64_t count;
  int rows;                 // pixels that exist; x, y and residual are given for all the same
  float* y[kMostConvRows];  // pixels that only fill up the tile point to a row that nobody reads
  const float* residual[kMostConvRows];  // beside y; set only when the panel has one
};

// y[pixel][column + j] (+)= sum over taps and k < run of x[pixel][shift + k] * b[tap.b + k][j],
// then the epilogue. One chain of multiply-adds over rising taps and k.
struct ConvPanel {
  int64_t run;
  ptrdiff_t shift;   // into each run of input: the group's and the block's first channel
  const float* b;    // rows of `cols` floats, missing columns as zeros
  ptrdiff_t column;  // of y
  int n;             // columns that exist, at most `cols`
  bool accumulate;   // go on from y
  Finish finish;     // of these columns
  bool residual;
  const float* ahead;  // what is read next: fetched meanwhile, for it may lie in memory
  int64_t ahead_floats;
  bool past;  // y goes past the caches: whole lines of whole registers, of one block
};

// y[i y_step + c] = sum over taps of x[i x_step + x_tap + c] * w[w_tap + c], then the epilogue, for
// pixels i in a line that have the same taps: depthwise.
struct DepthwiseLine {
  int64_t pixels, channels, taps;
  const float* x;
  ptrdiff_t x_step;
  const int64_t* x_tap;
  const float* w;
  const int64_t* w_tap;
  float* y;
  ptrdiff_t y_step;
  Finish finish;
  const float* residual;  // lies as y does; null without
  bool past;              // y goes past the caches: whole lines
};

// The same for a 3 x 3 kernel and pixels whose three columns are all inside the image.
struct DepthwiseRow {
  int64_t pixels, channels;
  const float* x[3];   // the first pixel's first cell in each row; null where a row is outside
  ptrdiff_t column;    // between columns of x and of y
  int stride;          // 1 or 2
  const float* w;      // of the first cell
  ptrdiff_t w_step;    // from cell to cell
  const float* ahead;  // what the next row reads, beside x: fetched meanwhile; null without
  float* y;
  Finish finish;
  const float* residual;  // lies as y does; null without
  bool past;              // y goes past the caches: whole lines
};

// out[r][j] (+)= sum over p of x[row[r] + pixel[p]] * gy[p][j]; `rows` is a multiple of the tile's.
// A group of so many rows has its own range of p: the others fall on padding.
struct FilterPanel {
  const float* x;
  const int32_t* row;
  int64_t rows;
  const int32_t* pixel;
  const int32_t* range;  // [2 * group]: begin and end
  const float* gy;       // rows of gy_row floats, `cols` of them read
  ptrdiff_t gy_row;
  float* out;  // rows of `cols` floats
  int n;       // columns that are wanted; of half a panel or less, the other half is left alone
  bool accumulate;
};

// out[w_tap[t] + c] += sum over rows r and pixels p of x[r x_row + p x_step + x_tap[t] + c] *
// gy[r gy_row + p gy_step + c], where all rows and pixels have the same taps inside the image.
struct DepthwiseFilter {
  int64_t rows, pixels, channels, taps;
  const float* x;
  ptrdiff_t x_row, x_step;
  const int64_t* x_tap;
  const float* gy;
  ptrdiff_t gy_row, gy_step;
  float* out;
  const int64_t* w_tap;
  ptrdiff_t x_ahead, gy_ahead;  // how far away what is read next lies: fetched meanwhile
};

// F(4x4, 3x3): a tile of 6 x 6 cells gives 4 x 4 sums of 3 x 3 products from 36 multiplications.
// A block holds the 36 numbers of each tile and channel in planes of their own.
constexpr int kWinogradIn = 6, kWinogradOut = 4, kWinogradPlanes = 36;

// One tile of an image and one row of each plane, from one to the other. Cells (i, j) of the tile
// with top <= i < bottom and left <= j < right are inside the image; the others read as zeros and
// are not written. Rows of planes are padded to whole registers.
struct WinogradTile {
  const float* from;
  float* to;
  ptrdiff_t row, column;  // between neighbours in the image
  ptrdiff_t plane;
  int top, bottom, left, right;
  int64_t channels;
};

// `floats` neighbours of each of the 9 cells of a kernel and of the 36 planes.
struct WinogradKernel {
  float* cell[9];
  float* planes;
  ptrdiff_t plane;
  int64_t floats;
};

// c[tile][j] (+)= sum over k of a[tile][k] b[k][j] in each of the 36 planes, for tiles < m, j < n.
struct WinogradProduct {
  int64_t m, n, k;
  const float* a;
  ptrdiff_t a_row, a_plane;
  const float* b;  // panels of rows of two registers
  ptrdiff_t b_panel, b_plane;
  float* c;  // columns up to a whole register are written
  ptrdiff_t c_row, c_plane;
  bool accumulate;
  const float* ahead;  // what the next products are made of: fetched meanwhile
  int64_t ahead_floats;
};

struct WinogradKernels {
  void (*kernel)(const WinogradKernel& job);      // planes = G g G', cell after cell
  void (*kernel_sum)(const WinogradKernel& job);  // cells = G' planes G
  void (*input)(const WinogradTile& tile);        // planes = B' d B, of 6 x 6 cells
  void (*gradient)(const WinogradTile& tile);     // planes = A d A', of 4 x 4 cells
  void (*products)(const WinogradProduct& job);
  // 4 x 4 = A' planes A, then the epilogue. `residual` lies as `to` does; null without.
  void (*output)(const WinogradTile& tile, const Finish& finish, const float* residual);
};

struct ConvKernels {
  int rows;  // of a tile
  int cols;  // of a panel: two registers
  void (*panel)(const ConvPanel& panel, const ConvTile* tiles, int64_t count);
  void (*depthwise)(const DepthwiseLine& line);
  void (*depthwise_row)(const DepthwiseRow& row);
  void (*filter)(const FilterPanel& panel);
  void (*depthwise_filter)(const DepthwiseFilter& job);
  WinogradKernels winograd;
};

}  // namespace deepcore
