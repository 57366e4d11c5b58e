// The rows of a batch are cut into bands, the bands into at most 16 blocks, each with a sum of its
// own; a second phase adds the blocks in order. By shape alone.
#include "deepcore/cpu/conv_depthwise_filter.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/conv_depthwise_taps.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// Floats of gy in a band: it and the x beside it stay in L2 from one register of channels to the
// next.
constexpr std::int64_t kFloatsABand = 48 << 10;
// So many rows before they are read, they are fetched.
constexpr std::int64_t kRowsAhead = 3;
constexpr std::int64_t kMostBlocks = 16, kEnoughTasks = 8;
constexpr std::int64_t kChannelsATask = 64;  // at least, where channels are cut
constexpr std::int64_t kSumGrain = 1 << 13;  // floats that one task adds up
constexpr std::int64_t kMostSums = 1 << 20;  // floats of all blocks' sums

class DepthwiseGradient {
 public:
  explicit DepthwiseGradient(const ConvShape& shape)
      : s_(shape),
        rows_(shape, ConvDirection::kForward, 0),
        cols_(shape, ConvDirection::kForward, 1) {
    const std::int64_t row = std::max<std::int64_t>(1, s_.ow * s_.c);
    const std::int64_t most = std::max<std::int64_t>(1, s_.oh);
    const std::int64_t at_most = std::clamp<std::int64_t>(kFloatsABand / row, 1, most);
    bands_ = (s_.oh + at_most - 1) / at_most;
    band_rows_ = bands_ > 0 ? (s_.oh + bands_ - 1) / bands_ : 1;
    const std::int64_t room = kMostSums / std::max<std::int64_t>(1, floats());
    blocks_ = std::clamp<std::int64_t>(std::min(s_.n * bands_, room), 1, kMostBlocks);
    while (blocks_ * cuts_ < kEnoughTasks && s_.c >= 2 * cuts_ * kChannelsATask) cuts_ *= 2;
    find_runs(rows_, row_runs_);
    find_runs(cols_, col_runs_);
    taps_ = depthwise_taps(rows_, cols_, s_.w, s_.kw, s_.c);
  }

  std::int64_t floats() const { return s_.taps() * s_.c; }  // of one sum
  std::int64_t tasks() const { return blocks_ * cuts_; }
  std::size_t workspace() const {
    return static_cast<std::size_t>(blocks_ * floats()) * sizeof(float);
  }

  void run(const Call& call, std::int64_t task) const {
    const Range channels = piece(s_.c, cuts_, task % cuts_);
    const std::int64_t block = task / cuts_;
    float* sum = static_cast<float*>(call.workspace) + block * floats() + channels.begin;
    for (std::int64_t t = 0; t < s_.taps(); ++t)
      std::fill_n(sum + t * s_.c, channels.end - channels.begin, 0.0f);
    const Range bands = piece(s_.n * bands_, blocks_, block);
    for (std::int64_t band = bands.begin; band < bands.end; ++band)
      run_band(call, band, channels, sum);
  }

  // gW in the range from the sums of all blocks in their order.
  void add(const Call& call, Range range) const {
    const float* from = static_cast<const float*>(call.workspace);
    float* to = call.output(0);
    std::copy(from + range.begin, from + range.end, to + range.begin);
    for (std::int64_t block = 1; block < blocks_; ++block)
      for (std::int64_t i = range.begin; i < range.end; ++i) to[i] += from[block * floats() + i];
  }

 private:
  struct Run {  // neighbouring positions with the same taps inside the image
    std::int64_t begin, end;
    std::size_t type;
  };

  static void find_runs(const GatherAxis& axis, std::vector<Run>& runs) {
    for (std::size_t i = 0; i < axis.type.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      if (runs.empty() || runs.back().type != axis.type[i]) runs.push_back({at, at, axis.type[i]});
      runs.back().end = at + 1;
    }
  }

  void run_band(const Call& call, std::int64_t band, Range channels, float* sum) const {
    const std::int64_t n = band / bands_, first = band % bands_ * band_rows_;
    const std::int64_t last = std::min(first + band_rows_, s_.oh);
    const float* x = call.input(0) + n * s_.h * s_.w * s_.c + channels.begin;
    const float* gy = call.input(1) + n * s_.oh * s_.ow * s_.c + channels.begin;
    const std::int64_t down = s_.window.stride[0] * s_.w * s_.c;
    const std::int64_t below = (s_.kh - 1) * s_.window.dilation[0] * s_.w * s_.c;
    for (const Run& rows : row_runs_) {
      const std::int64_t i = std::max(rows.begin, first), end = std::min(rows.end, last);
      if (i >= end) continue;
      for (const Run& cols : col_runs_) {
        const DepthwiseTaps& taps = taps_[rows.type * cols_.valid.size() + cols.type];
        if (taps.x.empty()) continue;
        const std::int64_t base = rows_.base[static_cast<std::size_t>(i)] * s_.w +
                                  cols_.base[static_cast<std::size_t>(cols.begin)];
        kernels().conv.depthwise_filter({
            .rows = end - i,
            .pixels = cols.end - cols.begin,
            .channels = channels.end - channels.begin,
            .taps = static_cast<std::int64_t>(taps.x.size()),
            .x = x + base * s_.c,
            .x_row = down,
            .x_step = s_.window.stride[1] * s_.c,
            .x_tap = taps.x.data(),
            .gy = gy + (i * s_.ow + cols.begin) * s_.c,
            .gy_row = s_.ow * s_.c,
            .gy_step = s_.c,
            .out = sum,
            .w_tap = taps.w.data(),
            .x_ahead = kRowsAhead * down + below,
            .gy_ahead = kRowsAhead * s_.ow * s_.c,
        });
      }
    }
  }

  ConvShape s_;
  GatherAxis rows_, cols_;
  std::int64_t band_rows_, bands_;  // bands of a sample
  std::int64_t blocks_, cuts_ = 1;  // cuts of the channels
  std::vector<Run> row_runs_, col_runs_;
  std::vector<DepthwiseTaps> taps_;  // [pattern of the row][pattern of the column]
};

}  // namespace

Runner depthwise_filter_runner(const ConvShape& shape) {
  const auto gradient = std::make_shared<const DepthwiseGradient>(shape);
  const std::int64_t floats = gradient->floats(), sums = tasks_for(floats, kSumGrain);
  return {.phases = {{floats > 0 ? gradient->tasks() : 0,
                      [gradient](const Call& call, std::int64_t task, void*) {
                        gradient->run(call, task);
                      }},
                     {sums,
                      [gradient, floats, sums](const Call& call, std::int64_t task, void*) {
                        gradient->add(call, piece(floats, sums, task));
                      }}},
          .workspace = gradient->workspace()};
}

}  // namespace deepcore
