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
constexpr std::int64_t kMostTiles = 64, kFewTiles = 8;
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
  Winograd(const ConvShape& s, ConvDirection direction, const Epilogue& epilogue, bool constant)
      : forward_(direction == ConvDirection::kForward), constant_(constant), epilogue_(epilogue) {
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
    large_ = depth_ * width_ >= kLargeKernel;
    // One block of tiles of a large kernel: its planes are made once, for all tasks.
    together_ = large_ && tiles_.count() <= kPassTiles;
    panels_at_once_ = std::min(panels_, std::max<std::int64_t>(1, kColumns / cols_));
    const std::int64_t tasks = ceil_div(tiles_.count(), kFewTiles) * panels_ / panels_at_once_;
    if (together_ || tasks < kEnoughTasks) panels_at_once_ = std::min<std::int64_t>(panels_, 1);
    pass_ = large_ ? kPassDepth : std::max<std::int64_t>(depth_, 1);
    packed_plane_ = (large_ ? panels_at_once_ : panels_) * cols_ * pass_ + kLine;
    in_row_ = ceil_div(together_ ? depth_ : pass_, kLine) * kLine + kLine;
    out_row_ = panels_at_once_ * cols_ + kLine;
    cut();
  }

  Runner runner(const std::shared_ptr<const Winograd>& self) const {
    Runner r;
    const std::int64_t own = kWinogradPlanes * ((together_ ? 0 : in_plane()) + out_plane());
    r.scratch = static_cast<std::size_t>(large_ ? cells() + kWinogradPlanes * packed_plane_ + own
                                                : std::max(cells(), own)) *
                sizeof(float);
    r.workspace =
        static_cast<std::size_t>(kept() + (together_ ? kWinogradPlanes * in_plane() : 0)) *
        sizeof(float);
    const bool empty = tiles_.count() * width_ == 0;
    if (constant_) r.absorbed = kKernelInput;
    if (constant_ || !large_)
      (constant_ ? r.setup : r.phases)
          .push_back({empty ? 0 : panels_ * ceil_div(depth_, once_rows()),
                      [self](const Call& call, std::int64_t task, void* scratch) {
                        self->pack_once(call, task, static_cast<float*>(scratch));
                      }});
    if (together_)
      r.phases.push_back(
          {empty ? 0 : tiles_.count(), [self](const Call& call, std::int64_t task, void*) {
             self->transform_input(call.input(0), {task, task + 1}, self->depth_,
                                   self->shared_planes(call) + task * self->in_row_);
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

  std::int64_t cells() const { return 9 * std::max(kPackedRows, kPassDepth) * cols_; }

  // What is made of the whole kernel at once: the planes of a small one, the cells of a large one.
  std::int64_t kept() const {
    if (!large_) return kWinogradPlanes * packed_plane_;
    return constant_ ? 9 * panels_ * cols_ * depth_ : 0;
  }
  std::int64_t once_rows() const { return large_ ? kPassDepth : kPackedRows; }

  float* shared_planes(const Call& call) const {
    return static_cast<float*>(call.workspace) + kept();
  }

  void cut() {
    const std::int64_t count = std::max<std::int64_t>(tiles_.count(), 1);
    const std::int64_t fit =
        large_ ? kPassTiles : kBlockFloats / kWinogradPlanes / (in_row_ + out_row_);
    const std::int64_t groups = std::max<std::int64_t>(ceil_div(panels_, panels_at_once_), 1);
    const std::int64_t share =
        ceil_div(count, large_ ? ceil_div(kEnoughTasks, groups) : kEnoughTasks);
    const std::int64_t most =
        std::min(std::clamp(fit, kFewTiles, kMostTiles), std::max(share, kFewTiles));
    blocks_ = together_ ? 1 : ceil_div(count, most);
    block_tiles_ = ceil_div(count, blocks_);
    panel_cuts_ =
        large_ ? groups : std::clamp<std::int64_t>(ceil_div(kEnoughTasks, blocks_), 1, groups);
  }

  // Rows [k, k + rows) of panel q of the nine cells, one cell after the other.
  void pack_cells(const float* kernel, std::int64_t q, std::int64_t k, std::int64_t rows,
                  float* cells) const {
    const std::int64_t n = std::min<std::int64_t>(cols_, width_ - q * cols_);
    const std::int64_t row = forward_ ? width_ : 1, column = forward_ ? 1 : depth_;
    for (std::int64_t t = 0; t < 9; ++t) {
      const float* from =
          kernel + (forward_ ? t : 8 - t) * depth_ * width_ + k * row + q * cols_ * column;
      kernels().gemm.pack_b(rows, n, from, row, column, cells + t * rows * cols_, rows * cols_);
    }
  }

  // The 36 planes of so many rows of a panel.
  void spread(const float* cells, std::int64_t rows, float* planes) const {
    WinogradKernel job{};
    for (std::int64_t t = 0; t < 9; ++t)
      job.cell[t] = const_cast<float*>(cells) + t * rows * cols_;  // read only
    job.planes = planes;
    job.plane = packed_plane_;
    job.floats = rows * cols_;
    kernels().conv.winograd.kernel(job);
  }

  const float* kept_cells(const Call& call, std::int64_t q, std::int64_t k) const {
    return static_cast<const float*>(call.workspace) + 9 * (q * depth_ + k) * cols_;
  }

  // What a pass of a large kernel reads, which comes from memory; it goes on at the next panel.
  std::int64_t ahead_floats(std::int64_t k) const {
    return large_ && constant_ && k < depth_ ? 9 * std::min(pass_, depth_ - k) * cols_ : 0;
  }

  void pack_once(const Call& call, std::int64_t task, float* cells) const {
    const std::int64_t pieces = ceil_div(depth_, once_rows());
    const std::int64_t q = task / pieces, k = task % pieces * once_rows();
    const std::int64_t rows = std::min(once_rows(), depth_ - k);
    if (large_) {
      pack_cells(call.input(1), q, k, rows, const_cast<float*>(kept_cells(call, q, k)));
    } else {
      pack_cells(call.input(1), q, k, rows, cells);
      spread(cells, rows, static_cast<float*>(call.workspace) + (q * depth_ + k) * cols_);
    }
  }

  void run(const Call& call, std::int64_t task, float* scratch) const {
    const Range tiles = piece(tiles_.count(), blocks_, task / panel_cuts_);
    const std::int64_t groups = ceil_div(panels_, panels_at_once_);
    const Range cut = piece(groups, panel_cuts_, task % panel_cuts_);
    float* own = scratch + cells();  // planes of a large kernel
    float* products = large_ ? own + kWinogradPlanes * packed_plane_ : scratch;
    float* planes = together_ ? shared_planes(call) : products + kWinogradPlanes * out_plane();
    for (std::int64_t g = cut.begin; g < cut.end; ++g) {
      const Range panels{g * panels_at_once_, std::min((g + 1) * panels_at_once_, panels_)};
      const std::int64_t column = panels.begin * cols_;
      const std::int64_t n = std::min(panels.end * cols_, width_) - column;
      for (std::int64_t k = 0; k < depth_ || k == 0; k += pass_) {
        const std::int64_t depth = std::min(pass_, depth_ - k);
        if (!together_ && (large_ || g == cut.begin))
          transform_input(call.input(0) + k, tiles, depth, planes);
        const float* packed =
            large_ ? own
                   : static_cast<const float*>(call.workspace) + panels.begin * depth_ * cols_;
        for (std::int64_t q = panels.begin; large_ && q < panels.end; ++q) {
          if (!constant_) pack_cells(call.input(1), q, k, depth, scratch);
          spread(constant_ ? kept_cells(call, q, k) : scratch, depth,
                 own + (q - panels.begin) * depth * cols_);
        }
        kernels().conv.winograd.products({.m = tiles.end - tiles.begin,
                                          .n = n,
                                          .k = depth,
                                          .a = planes + (together_ ? k : 0),
                                          .a_row = in_row_,
                                          .a_plane = in_plane(),
                                          .b = packed,
                                          .b_panel = cols_ * depth,
                                          .b_plane = packed_plane_,
                                          .c = products,
                                          .c_row = out_row_,
                                          .c_plane = out_plane(),
                                          .accumulate = k > 0,
                                          .ahead = kept_cells(call, panels.begin, k + depth),
                                          .ahead_floats = ahead_floats(k + depth)});
      }
      transform_output(call, tiles, column, n, products);
    }
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

  bool forward_, constant_, large_, together_;
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

Runner winograd_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue,
                       bool constant_kernel) {
  const auto conv = std::make_shared<const Winograd>(shape, direction, epilogue, constant_kernel);
  return conv->runner(conv);
}

}  // namespace deepcore
