// Winograd's F(4x4, 3x3): a 3x3 convolution of stride 1, or a gradient of one, with a quarter of
// the multiplications. Tiles of 4 x 4 outputs and 6 x 6 inputs become 36 matrix products over
// channels. What happens to a tile depends on that tile alone. Relative error (of the largest
// result) below 1e-5 up to 512 channels: tests/cpp/conv_winograd_test.cpp.
#pragma once

#include <cstdint>

#include "deepcore/cpu/conv_gather_axis.h"
#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

// Can it, whatever the cost?
bool winograd_fits(const ConvShape& shape);
// Is it measured to be faster? A rule of the layer's shape: the batch must not change the bits.
bool winograd_pays(const ConvShape& shape);

// What can be made of a constant kernel is made once.
Runner winograd_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue,
                       bool constant_kernel = false);
Runner winograd_filter_runner(const ConvShape& shape);  // (x, gy) -> gW

// The tiles that cover (h, w) cells of each of n samples, 4 x 4 cells a tile.
struct WinogradTiles {
  std::int64_t n, h, w;

  std::int64_t across() const { return (w + 3) / 4; }
  std::int64_t of_sample() const { return (h + 3) / 4 * across(); }
  std::int64_t count() const { return n * of_sample(); }
};

// The tile `index` of an image (n, h, w, all_channels) whose cell (0, 0) is the image's (4 i - top,
// 4 j - left), as offset of that cell and what of `cells` x `cells` is inside.
struct WinogradPlace {
  std::ptrdiff_t offset;
  int top, bottom, left, right;
};
inline WinogradPlace winograd_place(const WinogradTiles& tiles, std::int64_t index, std::int64_t h,
                                    std::int64_t w, std::int64_t all_channels, std::int64_t top,
                                    std::int64_t left) {
  const std::int64_t sample = index / tiles.of_sample(), tile = index % tiles.of_sample();
  const std::int64_t i = tile / tiles.across() * 4 - top, j = tile % tiles.across() * 4 - left;
  const auto cell = [](std::int64_t v) {
    return static_cast<int>(v < 0 ? 0 : v > kWinogradIn ? kWinogradIn : v);
  };
  return {((sample * h + i) * w + j) * all_channels, cell(-i), cell(h - i), cell(-j), cell(w - j)};
}

}  // namespace deepcore
