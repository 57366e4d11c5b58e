#include "deepcore/cpu/conv_depthwise.h"

#include <algorithm>
#include <memory>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/finish.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

class Depthwise {
 public:
  Depthwise(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue)
      : epilogue_(epilogue), rows_(shape, direction, 0), cols_(shape, direction, 1) {
    const bool forward = direction == ConvDirection::kForward;
    samples_ = shape.n;
    channels_ = shape.c;
    in_h_ = forward ? shape.h : shape.oh;
    in_w_ = forward ? shape.w : shape.ow;
    out_h_ = forward ? shape.oh : shape.h;
    out_w_ = forward ? shape.ow : shape.w;
    bands_ =
        tasks_for(out_h_ * out_w_ * channels_, kFloatsATask, std::max<std::int64_t>(out_h_, 1));
    find_lines();
    list_taps(shape.kw);
  }

  std::int64_t tasks() const { return samples_ * bands_; }

  void run(const Call& call, std::int64_t task) const {
    const std::int64_t n = task / bands_;
    const float* in = call.input(0) + n * in_h_ * in_w_ * channels_;
    const std::int64_t at_out = n * out_h_ * out_w_ * channels_;
    float* out = call.output(0) + at_out;
    const Finish finish = finish_of(epilogue_, call);
    const float* residual = residual_of(epilogue_, call);
    if (residual) residual += at_out;
    const Range rows = piece(out_h_, bands_, task % bands_);
    for (std::int64_t i = rows.begin; i < rows.end; ++i)
      for (const Line& line : lines_) {
        const Taps& taps = taps_[rows_.type[at(i)] * cols_.valid.size() + line.type];
        kernels().conv.depthwise({
            .pixels = line.count,
            .channels = channels_,
            .taps = static_cast<std::int64_t>(taps.x.size()),
            .x = in + (rows_.base[at(i)] * in_w_ + line.base) * channels_,
            .x_step = line.base_step * channels_,
            .x_tap = taps.x.data(),
            .w = call.input(1),
            .w_tap = taps.w.data(),
            .y = out + (i * out_w_ + line.first) * channels_,
            .y_step = line.step * channels_,
            .finish = finish,
            .residual = residual ? residual + (i * out_w_ + line.first) * channels_ : nullptr,
        });
      }
  }

 private:
  static constexpr std::int64_t kFloatsATask = 1 << 14;
  struct Line {  // written columns with the same taps, evenly spaced, as what they read is
    std::size_t type;
    std::int64_t first, step, base, base_step, count;
  };
  struct Taps {
    std::vector<std::int64_t> x, w;
  };
  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

  void find_lines() {
    for (std::size_t type = 0; type < cols_.valid.size(); ++type) {
      bool open = false;
      for (std::int64_t j = 0; j < out_w_; ++j) {
        if (cols_.type[at(j)] != type) continue;
        const std::int64_t base = cols_.base[at(j)];
        Line* line = open ? &lines_.back() : nullptr;
        if (line && line->count == 1) {
          line->step = j - line->first;
          line->base_step = base - line->base;
        }
        if (line && j == line->first + line->count * line->step &&
            base == line->base + line->count * line->base_step)
          ++line->count;
        else
          lines_.push_back({type, j, 1, base, 1, 1});
        open = true;
      }
    }
  }

  void list_taps(std::int64_t kernel_w) {
    for (const auto& down : rows_.valid)
      for (const auto& across : cols_.valid) {
        Taps& taps = taps_.emplace_back();
        for (std::size_t a = 0; a < down.size(); ++a)
          for (std::size_t b = 0; b < across.size(); ++b) {
            if (!down[a] || !across[b]) continue;
            taps.x.push_back((rows_.step[a] * in_w_ + cols_.step[b]) * channels_);
            taps.w.push_back((rows_.cell[a] * kernel_w + cols_.cell[b]) * channels_);
          }
      }
  }

  Epilogue epilogue_;
  GatherAxis rows_, cols_;
  std::int64_t samples_, channels_, in_h_, in_w_, out_h_, out_w_, bands_;
  std::vector<Line> lines_;
  std::vector<Taps> taps_;  // [pattern of the row][pattern of the column]
};

}  // namespace

Runner depthwise_runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue) {
  const auto conv = std::make_shared<const Depthwise>(shape, direction, epilogue);
  return {.phases = {{conv->tasks(), [conv](const Call& call, std::int64_t task, void*) {
                        conv->run(call, task);
                      }}}};
}

}  // namespace deepcore
