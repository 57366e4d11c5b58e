// The taps of a depthwise convolution that lie inside the image, for each pattern of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "deepcore/cpu/conv_gather_axis.h"

namespace deepcore {

// Offsets of each tap's channels: of what is read from where the pixel's first tap would be, and in
// the kernel.
struct DepthwiseTaps {
  std::vector<std::int64_t> x, w;
};

// [pattern of the row * patterns of columns + pattern of the column]
inline std::vector<DepthwiseTaps> depthwise_taps(const GatherAxis& rows, const GatherAxis& cols,
                                                 std::int64_t in_w, std::int64_t kernel_w,
                                                 std::int64_t channels) {
  std::vector<DepthwiseTaps> all;
  for (const auto& down : rows.valid)
    for (const auto& across : cols.valid) {
      DepthwiseTaps& taps = all.emplace_back();
      for (std::size_t a = 0; a < down.size(); ++a)
        for (std::size_t b = 0; b < across.size(); ++b) {
          if (!down[a] || !across[b]) continue;
          taps.x.push_back((rows.step[a] * in_w + cols.step[b]) * channels);
          taps.w.push_back((rows.cell[a] * kernel_w + cols.cell[b]) * channels);
        }
    }
  return all;
}

}  // namespace deepcore
