// Forward and backward data by Winograd: blocks of tiles go through input transform, 36 products
// and output transform without leaving L2. The planes of a small kernel are made once, by a phase
// before; those of a large one would not stay in L2 and are made again for each block of tiles,
// some channels at a time: cheaper than to fetch them from memory, and none is needed.
#include "deepcore/cpu/conv_winograd.h"

#include <algorithm>
#include <memory>

#include "deepcore/core/switches.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/finish.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

constexpr std::int64_t kBlockFloats = 160
                                      << 10;  // planes of a block of tiles: 640 of 1024 KB of L2
constexpr std::int64_t kMostTiles = 64, kFewTiles = 12;
constexpr std::int64_t kLargeKernel = 160 * 160;          // channels x filters
constexpr std::int64_t kPassDepth = 64, kPassTiles = 32;  // of a large kernel
constexpr std::int64_t kColumns = 64;                     // of the products at a time
constexpr std::int64_t kPackedRows = 32;
constexpr std::int64_t kLine = 16;  // floats: planes a power of two apart would share few sets
constexpr std::int64_t kEnoughTasks = 8;
// The transforms cost more than they save with fewer channels, or less than this many fewer
// products.
constexpr std::int64_t kFewChannels = 16, kGain = 2;

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
    panels_at_once_ = std::min(panels_, std::max<std::int64_t>(1, kColumns / cols_));
    large_ = depth_ * width_ >= kLargeKernel;
    pass_ = large_ ? kPassDepth : std::max<std::int64_t>(depth_, 1);
    packed_plane_ = (large_ ? panels_at_once_ : panels_) * cols_ * pass_ + kLine;
    in_row_ = ceil_div(pass_, kLine) * kLine + kLine;
    out_row_ = panels_at_once_ * cols_ + kLine;
    cut();
  }

  Runner runner(const std::shared_ptr<const Winograd>& self) const {
    Runner r;
    const std::int64_t packed = kWinogradPlanes * packed_plane_;
    const std::int64_t planes = kWinogradPlanes * (in_plane() + out_plane());
    const std::int64_t scratch = large_ ? cells() + packed + planes : std::max(cells(), planes);
    r.scratch = static_cast<std::size_t>(scratch) * sizeof(float);
    const bool empty = tiles_.count() * width_ == 0;
    if (!large_) {
      r.workspace = static_cast<std::size_t>(packed) * sizeof(float);
      r.phases.push_back({empty ? 0 : panels_ * ceil_div(depth_, kPackedRows),
                          [self](const Call& call, std::int64_t task, void* scratch) {
                            self->pack_once(call, task, static_cast<float*>(scratch));
                          }});
    }
    r.phases.push_back({empty ? 0 : blocks_ * panel_cuts_,
                        [self](const Call& call, std::int64_t task, void* scratch) {
                          self->run(call, task, static_cast<float*>(scratch));
                        }});
    return r;
  }

 private:
  std::int64_t in_plane() const { return block_tiles_ * in_row_ + kLine; }
  std::int64_t out_plane() const { return block_tiles_ * out_row_ + kLine; }

  std::int64_t cells() const { return 9 * std::max(kPackedRows, kPassDepth) * cols_; }

  void cut() {
    const std::int64_t count = std::max<std::int64_t>(tiles_.count(), 1);
    const std::int64_t fit =
        large_ ? kPassTiles : kBlockFloats / kWinogradPlanes / (in_row_ + out_row_);
    const std::int64_t groups = std::max<std::int64_t>(ceil_div(panels_, panels_at_once_), 1);
    const std::int64_t share =
        ceil_div(count, large_ ? ceil_div(kEnoughTasks, groups) : kEnoughTasks);
    const std::int64_t most =
        std::min(std::clamp(fit, kFewTiles, kMostTiles), std::max(share, kFewTiles));
    blocks_ = ceil_div(count, most);
    block_tiles_ = ceil_div(count, blocks_);
    panel_cuts_ =
        large_ ? groups : std::clamp<std::int64_t>(ceil_div(kEnoughTasks, blocks_), 1, groups);
  }

  // Rows [k, k + rows) of panel q: the nine cells packed, then their 36 planes.
  void pack(const float* kernel, std::int64_t q, std::int64_t k, std::int64_t rows, float* cells,
            float* planes) const {
    const std::int64_t n = std::min<std::int64_t>(cols_, width_ - q * cols_);
    const std::int64_t row = forward_ ? width_ : 1, column = forward_ ? 1 : depth_;
    WinogradKernel job{};
    for (std::int64_t t = 0; t < 9; ++t) {
      const float* from =
          kernel + (forward_ ? t : 8 - t) * depth_ * width_ + k * row + q * cols_ * column;
      job.cell[t] = cells + t * rows * cols_;
      kernels().gemm.pack_b(rows, n, from, row, column, job.cell[t], rows * cols_);
    }
    job.planes = planes;
    job.plane = packed_plane_;
    job.floats = rows * cols_;
    kernels().conv.winograd.kernel(job);
  }

  void pack_once(const Call& call, std::int64_t task, float* cells) const {
    const std::int64_t pieces = ceil_div(depth_, kPackedRows);
    const std::int64_t q = task / pieces, k = task % pieces * kPackedRows;
    pack(call.input(1), q, k, std::min(kPackedRows, depth_ - k), cells,
         static_cast<float*>(call.workspace) + (q * depth_ + k) * cols_);
  }

  void run(const Call& call, std::int64_t task, float* scratch) const {
    const Range tiles = piece(tiles_.count(), blocks_, task / panel_cuts_);
    const std::int64_t groups = ceil_div(panels_, panels_at_once_);
    const Range cut = piece(groups, panel_cuts_, task % panel_cuts_);
    float* planes = large_ ? scratch + cells() + kWinogradPlanes * packed_plane_ : scratch;
    float* products = planes + kWinogradPlanes * in_plane();
    for (std::int64_t g = cut.begin; g < cut.end; ++g) {
      const Range panels{g * panels_at_once_, std::min((g + 1) * panels_at_once_, panels_)};
      const std::int64_t column = panels.begin * cols_;
      const std::int64_t n = std::min(panels.end * cols_, width_) - column;
      for (std::int64_t k = 0; k < depth_ || k == 0; k += pass_) {
        const std::int64_t depth = std::min(pass_, depth_ - k);
        if (large_ || g == cut.begin) transform_input(call.input(0) + k, tiles, depth, planes);
        const float* packed =
            static_cast<const float*>(call.workspace) + panels.begin * depth_ * cols_;
        if (large_) {
          float* own = scratch + cells();
          for (std::int64_t q = panels.begin; q < panels.end; ++q)
            pack(call.input(1), q, k, depth, scratch, own + (q - panels.begin) * depth * cols_);
          packed = own;
        }
        multiply(planes, packed, tiles.end - tiles.begin, n, depth, k > 0, products);
      }
      transform_output(call, tiles, column, n, products);
    }
  }

  void multiply(const float* planes, const float* packed, std::int64_t m, std::int64_t n,
                std::int64_t depth, bool accumulate, float* products) const {
    for (std::int64_t i = 0; i < kWinogradPlanes; ++i)
      kernels().gemm.block(
          {.m = m,
           .n = n,
           .k = depth,
           .a = planes + i * in_plane(),
           .a_row = in_row_,
           .a_k = 1,
           .a_panel = kernels().gemm.rows * in_row_,
           .b = packed + i * packed_plane_,
           .b_k = cols_,
           .b_panel = cols_ * depth,
           .b_padded = true,
           .to = {.c = products + i * out_plane(), .c_row = out_row_, .accumulate = accumulate}});
  }

  void transform_input(const float* in, Range tiles, std::int64_t depth, float* planes) const {
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
                                     .channels = depth});
    }
  }

  void transform_output(const Call& call, Range tiles, std::int64_t column, std::int64_t n,
                        const float* planes) const {
    const Finish finish = finish_of(epilogue_, call).from_column(column);
    const float* residual = residual_of(epilogue_, call);
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
                                     finish, residual ? residual + at.offset + column : nullptr);
    }
  }

  bool forward_, large_;
  Epilogue epilogue_;
  WinogradTiles tiles_;
  std::int64_t in_h_, in_w_, depth_, width_, top_, left_;
  std::int64_t cols_, panels_, packed_plane_;
  std::int64_t pass_;  // channels at a time
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
  const WinogradTiles tiles{1, s.oh, s.ow};
  return enabled(FastPath::kWinograd) && winograd_fits(s) && std::min(s.c, s.o) >= kFewChannels &&
         kGain * kWinogradPlanes * tiles.count() <= 9 * s.oh * s.ow;
}

Runner winograd_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue) {
  const auto conv = std::make_shared<const Winograd>(shape, direction, epilogue);
  return conv->runner(conv);
}

}  // namespace deepcore
