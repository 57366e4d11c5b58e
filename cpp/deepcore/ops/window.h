// What Conv and Pool share: the checks of a window and where it fits.
#pragma once

#include "deepcore/ops/check.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

inline void require_window(std::string_view op, const Window2D& w) {
  for (std::size_t i = 0; i < 2; ++i) {
    require(w.stride[i] >= 1, op, "strides must be positive, got ", w);
    require(w.dilation[i] >= 1, op, "dilation must be positive, got ", w);
    require(w.pad_low[i] >= 0 && w.pad_high[i] >= 0, op, "padding must not be negative, got ", w);
  }
}

// OH and OW: the places along x (N,H,W,C) of a window that covers so many cells, dilation included.
inline std::array<std::int64_t, 2> places(std::string_view op, std::string_view what,
                                          const Window2D& w, const Shape& x,
                                          std::array<std::int64_t, 2> covers) {
  const std::array<std::int64_t, 2> padded{x[1] + w.pad_low[0] + w.pad_high[0],
                                           x[2] + w.pad_low[1] + w.pad_high[1]};
  require(covers[0] <= padded[0] && covers[1] <= padded[1], op, "the ", what, " covers ", covers[0],
          "x", covers[1], " cells", what == "kernel" ? " (dilation included)" : "",
          ", the padded input has ", padded[0], "x", padded[1]);
  return {(padded[0] - covers[0]) / w.stride[0] + 1, (padded[1] - covers[1]) / w.stride[1] + 1};
}

}  // namespace deepcore
