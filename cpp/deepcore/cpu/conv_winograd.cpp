// Forward and backward data by Winograd: the kernel's planes once, then blocks of tiles through
// input transform, 36 products and output transform without leaving L2.
#include "deepcore/cpu/conv_winograd.h"

#include <algorithm>
#include <memory>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/core/switches.h"

namespace deepcore {
namespace {

constexpr std::int64_t kBlockFloats = 160 << 10;  // planes of a block of tiles: 640 of 1024 KB of L2
constexpr std::int64_t kMostTiles = 64, kFewTiles = 12;
constexpr std::int64_t kColumns = 64;  // of the products at a time
constexpr std::int64_t kPackedRows = 32;
constexpr std::int64_t kLine = 16;  // floats: planes a power of two apart would share few sets
constexpr std::int64_t kEnoughTasks = 8;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

class Winograd {
 public:
  Winograd(const ConvShape& s, ConvDirection direction, const Epilogue& epilogue)
      : forward_(direction == ConvDirection::kForward), epilogue_(epilogue) {
    in_h_ = forward_ ? s.h : s.oh;
    in_w_ = forward_ ? s.w : s.ow;
    depth_ = forward_ ? s.c : s.o;
    width_ = forward_ ? s.o : s.c;
    tiles_ = {s.n, forward_ ? s.oh : s.h, forward_ ? s.ow : s.w};
    // Backward, gx[i] = sum over k of gy[i + pad - k] w[k]: the kernel turned around.
    top_ = forward_ ? s.window.pad_low[0] : 2 - s.window.pad_low[0];
    left_ = forward_ ? s.window.pad_low[1] : 2 - s.window.pad_low[1];
    cols_ = kernels().gemm.cols;
    panels_ = ceil_div(width_, cols_);
    packed_plane_ = panels_ * cols_ * depth_ + kLine;
    in_row_ = ceil_div(depth_, kLine) * kLine + kLine;
    panels_at_once_ = std::min(panels_, std::max<std::int64_t>(1, kColumns / cols_));
    out_row_ = panels_at_once_ * cols_ + kLine;
    cut();
  }

  Runner runner(const std::shared_ptr<const Winograd>& self) const {
    Runner r;
    r.workspace = static_cast<std::size_t>(kWinogradPlanes * packed_plane_) * sizeof(float);
    const std::int64_t planes = kWinogradPlanes * (in_plane() + out_plane());
    r.scratch =
        static_cast<std::size_t>(std::max(planes, 9 * kPackedRows * cols_)) * sizeof(float);
    const bool empty = tiles_.count() * width_ == 0;
    r.phases.push_back({empty ? 0 : panels_ * ceil_div(depth_, kPackedRows),
                        [self](const Call& call, std::int64_t task, void* scratch) {
                          self->pack(call, task, static_cast<float*>(scratch));
                        }});
    r.phases.push_back({empty ? 0 : blocks_ * panel_cuts_,
                        [self](const Call& call, std::int64_t task, void* scratch) {
                          self->run(call, task, static_cast<float*>(scratch));
                        }});
    return r;
  }

 private:
  std::int64_t in_plane() const { return block_tiles_ * in_row_ + kLine; }
  std::int64_t out_plane() const { return block_tiles_ * out_row_ + kLine; }

  void cut() {
    const std::int64_t count = std::max<std::int64_t>(tiles_.count(), 1);
    const std::int64_t fit = kBlockFloats / kWinogradPlanes / (in_row_ + out_row_);
    const std::int64_t share = ceil_div(count, kEnoughTasks);
    block_tiles_ = std::min(std::clamp(fit, kFewTiles, kMostTiles), std::max(share, kFewTiles));
    blocks_ = ceil_div(count, block_tiles_);
    panel_cuts_ = std::clamp<std::int64_t>(ceil_div(kEnoughTasks, blocks_), 1,
                                           ceil_div(panels_, panels_at_once_));
  }

  // One panel of some rows: the nine cells packed, then their 36 planes.
  void pack(const Call& call, std::int64_t task, float* cells) const {
    const std::int64_t pieces = ceil_div(depth_, kPackedRows);
    const std::int64_t q = task / pieces, k = task % pieces * kPackedRows;
    const std::int64_t rows = std::min(kPackedRows, depth_ - k);
    const std::int64_t n = std::min<std::int64_t>(cols_, width_ - q * cols_);
    const std::int64_t row = forward_ ? width_ : 1, column = forward_ ? 1 : depth_;
    WinogradKernel job{};
    for (std::int64_t t = 0; t < 9; ++t) {
      const float* from = call.input(1) + (forward_ ? t : 8 - t) * depth_ * width_ + k * row +
                          q * cols_ * column;
      job.cell[t] = cells + t * rows * cols_;
      kernels().gemm.pack_b(rows, n, from, row, column, job.cell[t], rows * cols_);
    }
    job.planes = static_cast<float*>(call.workspace) + (q * depth_ + k) * cols_;
    job.plane = packed_plane_;
    job.floats = rows * cols_;
    kernels().conv.winograd.kernel(job);
  }

  void run(const Call& call, std::int64_t task, float* scratch) const {
    const Range tiles = piece(tiles_.count(), blocks_, task / panel_cuts_);
    const Range panels = piece(panels_, panel_cuts_, task % panel_cuts_);
    float* products = scratch + kWinogradPlanes * in_plane();
    transform_input(call.input(0), tiles, scratch);
    for (std::int64_t q = panels.begin; q < panels.end; q += panels_at_once_) {
      const std::int64_t column = q * cols_;
      const std::int64_t end = std::min(q + panels_at_once_, panels.end) * cols_;
      const std::int64_t n = std::min(end, width_) - column;
      const float* packed = static_cast<const float*>(call.workspace) + q * depth_ * cols_;
      for (std::int64_t i = 0; i < kWinogradPlanes; ++i)
        kernels().gemm.block({.m = tiles.end - tiles.begin,
                              .n = n,
                              .k = depth_,
                              .a = scratch + i * in_plane(),
                              .a_row = in_row_,
                              .a_k = 1,
                              .a_panel = kernels().gemm.rows * in_row_,
                              .b = packed + i * packed_plane_,
                              .b_k = cols_,
                              .b_panel = cols_ * depth_,
                              .b_padded = true,
                              .to = {.c = products + i * out_plane(), .c_row = out_row_}});
      transform_output(call, tiles, column, n, products);
    }
  }

  void transform_input(const float* in, Range tiles, float* planes) const {
    for (std::int64_t t = tiles.begin; t < tiles.end; ++t) {
      const WinogradPlace at = winograd_place(tiles_, t, in_h_, in_w_, depth_, top_, left_);
      kernels().conv.winograd.input({.from = in + at.offset,
                                     .to = planes + (t - tiles.begin) * in_row_,
                                     .row = in_w_ * depth_,
                                     .column = depth_,
                                     .plane = in_plane(),
                                     .top = at.top,
                                     .bottom = at.bottom,
                                     .left = at.left,
                                     .right = at.right,
                                     .channels = depth_});
    }
  }

  void transform_output(const Call& call, Range tiles, std::int64_t column, std::int64_t n,
                        const float* planes) const {
    const WinogradFinish finish{epilogue_.bias ? call.input(2) + column : nullptr,
                                epilogue_.activation};
    for (std::int64_t t = tiles.begin; t < tiles.end; ++t) {
      const WinogradPlace at = winograd_place(tiles_, t, tiles_.h, tiles_.w, width_, 0, 0);
      kernels().conv.winograd.output({.from = planes + (t - tiles.begin) * out_row_,
                                      .to = call.output(0) + at.offset + column,
                                      .row = tiles_.w * width_,
                                      .column = width_,
                                      .plane = out_plane(),
                                      .top = at.top,
                                      .bottom = at.bottom,
                                      .left = at.left,
                                      .right = at.right,
                                      .channels = n},
                                     finish);
    }
  }

  bool forward_;
  Epilogue epilogue_;
  WinogradTiles tiles_;
  std::int64_t in_h_, in_w_, depth_, width_, top_, left_;
  std::int64_t cols_, panels_, packed_plane_;
  std::int64_t in_row_, out_row_, panels_at_once_;
  std::int64_t block_tiles_, blocks_, panel_cuts_;
};

}  // namespace

bool winograd_fits(const ConvShape& s) {
  const std::array<int, 2> one{1, 1};
  return s.kh == 3 && s.kw == 3 && s.groups == 1 && s.window.stride == one &&
         s.window.dilation == one;
}

bool winograd_pays(const ConvShape& s) {
  return enabled(FastPath::kWinograd) && winograd_fits(s) && s.c >= 16 && s.o >= 16;
}

Runner winograd_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue) {
  const auto conv = std::make_shared<const Winograd>(shape, direction, epilogue);
  return conv->runner(conv);
}

}  // namespace deepcore
