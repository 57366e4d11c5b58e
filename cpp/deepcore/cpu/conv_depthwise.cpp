#include "deepcore/cpu/conv_depthwise.h"

#include <algorithm>
#include <memory>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/conv_depthwise_taps.h"
#include "deepcore/cpu/finish.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/past_caches.h"

namespace deepcore {
namespace {

// Floats of a task, and the fewest channels of one.
constexpr std::int64_t kFloatsATask = 1 << 13, kChannelsATask = 64;
// Floats of an input that lies too far away to be waited for.
constexpr std::int64_t kFetched = 1 << 18;

class Depthwise {
 public:
  Depthwise(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue, bool by_rows)
      : epilogue_(epilogue),
        by_rows_(by_rows),
        stride_(direction == ConvDirection::kForward ? shape.window.stride[1] : 1),
        down_(direction == ConvDirection::kForward ? shape.window.stride[0] : 1),
        rows_(shape, direction, 0),
        cols_(shape, direction, 1) {
    const bool forward = direction == ConvDirection::kForward;
    samples_ = shape.n;
    channels_ = shape.c;
    in_h_ = forward ? shape.h : shape.oh;
    in_w_ = forward ? shape.w : shape.ow;
    out_h_ = forward ? shape.oh : shape.h;
    out_w_ = forward ? shape.ow : shape.w;
    past_ = !finishes_stored(epilogue) &&
            past_caches(samples_ * out_h_ * out_w_ * channels_, channels_);
    ahead_ = samples_ * in_h_ * in_w_ * channels_ > kFetched;
    cut();
    find_lines();
    taps_ = depthwise_taps(rows_, cols_, in_w_, shape.kw, channels_);
  }

  std::int64_t tasks() const { return samples_ * bands_ * channel_cuts_; }

  void run(const Call& call, std::int64_t task) const {
    const std::int64_t n = task / channel_cuts_ / bands_;
    const Range registers = piece((channels_ + kChannelsATask - 1) / kChannelsATask, channel_cuts_,
                                  task % channel_cuts_);
    const std::int64_t channel = registers.begin * kChannelsATask;
    Line line;
    line.channels = std::min(registers.end * kChannelsATask, channels_) - channel;
    line.in = call.input(0) + n * in_h_ * in_w_ * channels_ + channel;
    line.w = call.input(1) + channel;
    line.finish = finish_of(epilogue_, call).from_column(channel);
    const std::int64_t at_out = n * out_h_ * out_w_ * channels_ + channel;
    line.out = call.output(0) + at_out;
    line.past = past_ && begins_line(line.out);
    line.residual = residual_of(epilogue_, call);
    if (line.residual) line.residual += at_out;
    const Range rows = piece(out_h_, bands_, task / channel_cuts_ % bands_);
    for (std::int64_t i = rows.begin; i < rows.end; ++i)
      for (const Columns& columns : lines_)
        if (columns.whole && by_rows_)
          run_row(line, i, columns);
        else
          run_line(line, i, columns);
  }

 private:
  struct Columns {  // written columns with the same taps, evenly spaced, as what they read is
    std::size_t type;
    std::int64_t first, step, base, base_step, count;
    bool whole;  // side by side, with every tap inside
  };
  struct Line {  // what the lines of a task have in common
    const float *in, *w, *residual;
    float* out;
    std::int64_t channels;
    Finish finish;
    bool past;
  };
  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

  // Bands of rows; few long rows are cut across channels too.
  void cut() {
    const std::int64_t rows = std::max<std::int64_t>(out_h_, 1);
    std::int64_t tasks = tasks_for(out_h_ * out_w_ * channels_, kFloatsATask);
    if (tasks > 1 && tasks < 16) tasks = (tasks + 3) / 4 * 4;  // even shares
    channel_cuts_ =
        rows < 4 * tasks ? std::clamp<std::int64_t>(channels_ / kChannelsATask, 1, 4) : 1;
    bands_ = std::clamp<std::int64_t>(tasks / channel_cuts_, 1, rows);
  }

  void run_row(const Line& line, std::int64_t i, const Columns& columns) const {
    const std::vector<std::uint8_t>& inside = rows_.valid[rows_.type[at(i)]];
    const std::int64_t to = (i * out_w_ + columns.first) * channels_;
    const float* first = line.in + (columns.base + cols_.step[0]) * channels_;
    const auto row_at = [&](std::int64_t h) { return first + h * in_w_ * channels_; };
    const std::int64_t base = rows_.base[at(i)];
    DepthwiseRow row{.pixels = columns.count,
                     .channels = line.channels,
                     .x = {},
                     .column = channels_,
                     .stride = stride_,
                     .w = line.w + (3 * rows_.cell[0] + cols_.cell[0]) * channels_,
                     .w_step = (cols_.cell[1] - cols_.cell[0]) * channels_,
                     .ahead = ahead_ ? row_at(base + rows_.step[2] + down_) : nullptr,
                     .y = line.out + to,
                     .finish = line.finish,
                     .residual = line.residual ? line.residual + to : nullptr,
                     .past = line.past};
    for (std::size_t a = 0; a < 3; ++a)
      if (inside[a]) row.x[a] = row_at(base + rows_.step[a]);
    kernels().conv.depthwise_row(row);
  }

  void run_line(const Line& line, std::int64_t i, const Columns& columns) const {
    const DepthwiseTaps& taps = taps_[rows_.type[at(i)] * cols_.valid.size() + columns.type];
    const std::int64_t to = (i * out_w_ + columns.first) * channels_;
    kernels().conv.depthwise({
        .pixels = columns.count,
        .channels = line.channels,
        .taps = static_cast<std::int64_t>(taps.x.size()),
        .x = line.in + (rows_.base[at(i)] * in_w_ + columns.base) * channels_,
        .x_step = columns.base_step * channels_,
        .x_tap = taps.x.data(),
        .w = line.w,
        .w_tap = taps.w.data(),
        .y = line.out + to,
        .y_step = columns.step * channels_,
        .finish = line.finish,
        .residual = line.residual ? line.residual + to : nullptr,
        .past = line.past && kernels().conv.cols == 2 * kFloatsALine,  // a register is a line
    });
  }

  void find_lines() {
    for (std::size_t type = 0; type < cols_.valid.size(); ++type) {
      bool open = false;
      for (std::int64_t j = 0; j < out_w_; ++j) {
        if (cols_.type[at(j)] != type) continue;
        const std::int64_t base = cols_.base[at(j)];
        Columns* line = open ? &lines_.back() : nullptr;
        if (line && line->count == 1) {
          line->step = j - line->first;
          line->base_step = base - line->base;
        }
        if (line && j == line->first + line->count * line->step &&
            base == line->base + line->count * line->base_step)
          ++line->count;
        else
          lines_.push_back({type, j, 1, base, 1, 1, false});
        open = true;
      }
    }
    for (Columns& columns : lines_) {
      const std::vector<std::uint8_t>& inside = cols_.valid[columns.type];
      columns.whole = std::count(inside.begin(), inside.end(), 1) == std::ssize(inside) &&
                      (columns.count == 1 || (columns.step == 1 && columns.base_step == stride_));
    }
  }

  Epilogue epilogue_;
  bool by_rows_;
  bool past_;   // the result goes past the caches
  bool ahead_;  // the next row is fetched meanwhile
  int stride_, down_;
  GatherAxis rows_, cols_;
  std::int64_t samples_, channels_, in_h_, in_w_, out_h_, out_w_, bands_, channel_cuts_;
  std::vector<Columns> lines_;
  std::vector<DepthwiseTaps> taps_;  // [pattern of the row][pattern of the column]
};

}  // namespace

bool depthwise_rows_fit(const ConvShape& shape, ConvDirection direction) {
  const std::array<int, 2> one{1, 1};
  return shape.kh == 3 && shape.kw == 3 && shape.window.dilation == one &&
         (direction == ConvDirection::kForward ? shape.window.stride[1] <= 2
                                               : shape.window.stride == one);
}

Runner depthwise_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue,
                        bool by_rows) {
  const bool rows = by_rows && depthwise_rows_fit(shape, direction);
  const auto conv = std::make_shared<const Depthwise>(shape, direction, epilogue, rows);
  return {.phases = {{conv->tasks(), [conv](const Call& call, std::int64_t task, void*) {
                        conv->run(call, task);
                      }}}};
}

}  // namespace deepcore
