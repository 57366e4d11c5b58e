// The gradient for the kernel by Winograd: gW = G' [sum over tiles of (B' x B) (A gy A')] G. Jobs
// are ranges of channels by ranges of filters; the tiles are cut into blocks with sums of their
// own, which a second phase adds in order.
#include <algorithm>
#include <memory>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/conv_winograd.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

constexpr std::int64_t kChannels = 32, kFilters = 64;  // of a job: its planes stay in L2
constexpr std::int64_t kTilesAtOnce = 32;
constexpr std::int64_t kMostBlocks = 16, kEnoughTasks = 8;
constexpr std::int64_t kSumBytes = 4 << 20;
constexpr std::int64_t kLine = 16;  // floats: planes a power of two apart would share few sets

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

class WinogradFilter {
 public:
  explicit WinogradFilter(const ConvShape& shape) : s_(shape), tiles_{shape.n, shape.oh, shape.ow} {
    const std::int64_t cols = kernels().gemm.cols;
    channel_cuts_ = ceil_div(s_.c, kChannels);
    filter_cuts_ = ceil_div(s_.o, kFilters);
    channels_ = ceil_div(s_.c, std::max<std::int64_t>(channel_cuts_, 1));
    filters_ = ceil_div(s_.o, std::max<std::int64_t>(filter_cuts_, 1));
    x_row_ = ceil_div(channels_, kLine) * kLine + kLine;
    gy_row_ = ceil_div(filters_, cols) * cols + kLine;
    jobs_ = channel_cuts_ * filter_cuts_;
    const std::int64_t sums = std::max<std::int64_t>(jobs_ * 9 * channels_ * gy_row_ * 4, 1);
    const std::int64_t most = std::min(kMostBlocks, ceil_div(tiles_.count(), kTilesAtOnce));
    blocks_ = std::clamp<std::int64_t>(kSumBytes / sums, 1, std::max<std::int64_t>(most, 1));
  }

  Runner runner(const std::shared_ptr<const WinogradFilter>& self) const {
    Runner r;
    r.workspace = static_cast<std::size_t>(blocks_ * jobs_ * job_floats()) * sizeof(float);
    r.scratch = static_cast<std::size_t>(kWinogradPlanes * (x_plane() + gy_plane() + sum_plane())) *
                sizeof(float);
    r.phases.push_back({tiles_.count() > 0 ? blocks_ * jobs_ : 0,
                        [self](const Call& call, std::int64_t task, void* scratch) {
                          self->run(call, task / self->jobs_, task % self->jobs_,
                                    static_cast<float*>(scratch));
                        }});
    r.phases.push_back({9 * channel_cuts_, [self](const Call& call, std::int64_t task, void*) {
                          self->add_blocks(call, task / self->channel_cuts_,
                                           task % self->channel_cuts_);
                        }});
    return r;
  }

 private:
  std::int64_t x_plane() const { return kTilesAtOnce * x_row_ + kLine; }
  std::int64_t gy_plane() const { return kTilesAtOnce * gy_row_ + kLine; }
  std::int64_t sum_plane() const { return channels_ * gy_row_ + kLine; }
  std::int64_t job_floats() const { return 9 * channels_ * gy_row_; }

  void run(const Call& call, std::int64_t block, std::int64_t job, float* x) const {
    const std::int64_t c = job / filter_cuts_ * channels_, o = job % filter_cuts_ * filters_;
    const std::int64_t channels = std::min(channels_, s_.c - c);
    const std::int64_t filters = std::min(filters_, s_.o - o);
    float* gy = x + kWinogradPlanes * x_plane();
    float* sums = gy + kWinogradPlanes * gy_plane();
    const Range tiles = piece(tiles_.count(), blocks_, block);
    for (std::int64_t t = tiles.begin; t < tiles.end; t += kTilesAtOnce) {
      const Range some{t, std::min(t + kTilesAtOnce, tiles.end)};
      transform_x(call.input(0) + c, some, channels, x);
      transform_gy(call.input(1) + o, some, filters, gy);
      for (std::int64_t i = 0; i < kWinogradPlanes; ++i)
        kernels().gemm.block(
            {.m = channels,
             .n = filters,
             .k = some.end - some.begin,
             .a = x + i * x_plane(),
             .a_row = 1,
             .a_k = x_row_,
             .a_panel = kernels().gemm.rows,
             .b = gy + i * gy_plane(),
             .b_k = gy_row_,
             .b_panel = kernels().gemm.cols,
             .b_padded = true,
             .to = {.c = sums + i * sum_plane(), .c_row = gy_row_, .accumulate = t > tiles.begin}});
    }
    WinogradKernel last{};
    float* to = static_cast<float*>(call.workspace) + (block * jobs_ + job) * job_floats();
    for (int i = 0; i < 9; ++i) last.cell[i] = to + i * channels_ * gy_row_;
    last.planes = sums;
    last.plane = sum_plane();
    last.floats = channels * gy_row_;
    kernels().conv.winograd.kernel_sum(last);
  }

  void transform_x(const float* x, Range tiles, std::int64_t channels, float* planes) const {
    for (std::int64_t t = tiles.begin; t < tiles.end; ++t) {
      const WinogradPlace at =
          winograd_place(tiles_, t, s_.h, s_.w, s_.c, s_.window.pad_low[0], s_.window.pad_low[1]);
      kernels().conv.winograd.input({.from = x + at.offset,
                                     .to = planes + (t - tiles.begin) * x_row_,
                                     .row = s_.w * s_.c,
                                     .column = s_.c,
                                     .plane = x_plane(),
                                     .top = at.top,
                                     .bottom = at.bottom,
                                     .left = at.left,
                                     .right = at.right,
                                     .channels = channels});
    }
  }

  void transform_gy(const float* gy, Range tiles, std::int64_t filters, float* planes) const {
    for (std::int64_t t = tiles.begin; t < tiles.end; ++t) {
      const WinogradPlace at = winograd_place(tiles_, t, s_.oh, s_.ow, s_.o, 0, 0);
      kernels().conv.winograd.gradient({.from = gy + at.offset,
                                        .to = planes + (t - tiles.begin) * gy_row_,
                                        .row = s_.ow * s_.o,
                                        .column = s_.o,
                                        .plane = gy_plane(),
                                        .top = at.top,
                                        .bottom = at.bottom,
                                        .left = at.left,
                                        .right = at.right,
                                        .channels = filters});
    }
  }

  // Cell `tap` of a range of channels: the sums of all blocks in their order.
  void add_blocks(const Call& call, std::int64_t tap, std::int64_t cut) const {
    const std::int64_t first = cut * channels_, channels = std::min(channels_, s_.c - first);
    float* out = call.output(0) + (tap * s_.c + first) * s_.o;
    if (tiles_.count() == 0) {
      std::fill_n(out, channels * s_.o, 0.0f);
      return;
    }
    const std::int64_t apart = jobs_ * job_floats();
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t f = 0; f < filter_cuts_; ++f) {
        const std::int64_t o = f * filters_, n = std::min(filters_, s_.o - o);
        const float* from = static_cast<const float*>(call.workspace) +
                            (cut * filter_cuts_ + f) * job_floats() +
                            (tap * channels_ + c) * gy_row_;
        float* to = out + c * s_.o + o;
        std::copy_n(from, n, to);
        for (std::int64_t b = 1; b < blocks_; ++b)
          for (std::int64_t j = 0; j < n; ++j) to[j] += from[b * apart + j];
      }
  }

  ConvShape s_;
  WinogradTiles tiles_;
  std::int64_t channels_, filters_, channel_cuts_, filter_cuts_, jobs_, blocks_;
  std::int64_t x_row_, gy_row_;
};

}  // namespace

Runner winograd_filter_runner(const ConvShape& shape) {
  const auto filter = std::make_shared<const WinogradFilter>(shape);
  return filter->runner(filter);
}

}  // namespace deepcore
