// Filling in the tiles of a gathered convolution: which runs of input each pixel reads.
#include <algorithm>

#include "deepcore/cpu/conv_gather.h"

namespace deepcore {

// The run of input that a tap of a pixel reads; null when it is all outside the image. A merged run
// that is partly outside is copied, with zeros, into `copy`.
const float* ConvGather::run_of(const Pixel& pixel, const float* first, std::int64_t tap,
                                float* copy) const {
  const std::size_t t = static_cast<std::size_t>(tap);
  const float* from = first + tap_list_[t].offset;
  const State state = states_[static_cast<std::size_t>(pixel.type * taps_ + tap)];
  if (state == kOutside) return nullptr;
  if (state == kInside) return from;
  const auto& across = cols_.valid[static_cast<std::size_t>(pixel.type) % cols_.valid.size()];
  for (std::size_t b = 0; b < across.size(); ++b)
    for (std::int64_t c = 0; c < depth_; ++c) *copy++ = across[b] ? from[c + b * depth_] : 0;
  return copy - run_;
}

void ConvGather::fill_tile(const Task& task, Range pixels, const Block& block, ConvTile& tile,
                           ConvTap* taps, float* copies) const {
  const Pixel* pixel[kMostConvRows];
  const float* x[kMostConvRows];
  bool alike = true;
  for (int r = 0; r < tile_rows_; ++r) {
    // A row that only fills up the tile repeats the last pixel.
    const std::int64_t at = std::min(pixels.begin + r, pixels.end - 1);
    const std::int64_t p = task.samples == 1 ? at : at / task.samples;  // spares the division
    const std::int64_t n = task.sample + at - p * task.samples;
    pixel[r] = &pixels_[static_cast<std::size_t>(task.strip_begin + p)];
    x[r] = task.in + (n * in_pixels_ + pixel[r]->in) * in_channels_;
    const std::int64_t y = (n * out_pixels_ + pixel[r]->out) * out_channels_;
    tile.y[r] = pixels.begin + r > at ? task.unread : task.out + y;
    if (task.residual) tile.residual[r] = task.residual + y;
    alike = alike && pixel[r]->type == pixel[0]->type;
  }
  // Rows of pixels that lie side by side; those of the kernel's tile that fill it up are not.
  std::ptrdiff_t step = alike ? x[1] - x[0] : 0;
  const auto rows = static_cast<int>(pixels.end - pixels.begin);
  if (rows % 2 != 0 || rows < kLeastConvRows) step = 0;
  for (int r = 2; r < rows && step != 0; ++r)
    if (x[r] - x[r - 1] != step) step = 0;
  const State* states = &states_[static_cast<std::size_t>(pixel[0]->type * taps_)];
  ConvTap* to = taps;
  for (std::int64_t t = block.begin; t < block.end; ++t) {
    const Tap& tap = tap_list_[static_cast<std::size_t>(t)];
    to->b = tap.b;
    to->step = step;
    if (alike && states[t] != kPartly) {
      for (int r = 0; r < tile_rows_; ++r) to->x[r] = x[r] + tap.offset;
      to += states[t] == kInside;
      continue;
    }
    to->step = 0;
    bool any = false;
    for (int r = 0; r < tile_rows_; ++r) {
      const float* run = run_of(*pixel[r], x[r], t, copies + (r * taps_ + t) * run_);
      any = any || run;
      to->x[r] = run ? run : task.zeros;
    }
    to += any;
  }
  tile.rows = rows;
  tile.taps = taps;
  tile.count = to - taps;
}

}  // namespace deepcore
