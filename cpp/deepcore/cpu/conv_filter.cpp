// Planning of a kernel gradient: units, blocks and jobs, by shape alone.
#include "deepcore/cpu/conv_filter.h"

#include <algorithm>
#include <memory>

#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

constexpr std::int64_t kPixelsAUnit = 192;  // enough to hide loading and storing the sums
constexpr std::int64_t kMostBlocks = 16;
constexpr std::int64_t kSumBytes = 4 << 20;                  // of all blocks together
constexpr std::int64_t kChannelsAJob = 64, kPanelsAJob = 8;  // a job's part of gW stays in L2
constexpr std::int64_t kEnoughTasks = 8;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

ConvFilter::ConvFilter(const ConvShape& shape)
    : shape_(shape), tile_rows_(kernels().conv.rows), panel_(kernels().conv.cols) {
  panels_ = ceil_div(shape.og, panel_);
  cut_units();
  cut_jobs();
}

void ConvFilter::cut_units() {
  const ConvShape& s = shape_;
  const std::int64_t pixels = std::max<std::int64_t>(1, s.oh * s.ow);
  samples_a_unit_ = std::max<std::int64_t>(1, kPixelsAUnit / pixels);
  col_cuts_ = s.ow > 2 * kPixelsAUnit ? ceil_div(s.ow, kPixelsAUnit) : 1;
  row_cuts_ = col_cuts_ > 1 ? s.oh
                            : std::clamp<std::int64_t>(pixels / kPixelsAUnit, 1,
                                                       std::max<std::int64_t>(1, s.oh));
  units_ = pixels * s.n == 0 ? 0 : ceil_div(s.n, samples_a_unit_) * row_cuts_ * col_cuts_;
  const std::int64_t gw = s.taps() * s.groups * s.cg * panels_ * panel_ * 4;
  blocks_ = std::clamp<std::int64_t>(std::min(units_, kSumBytes / std::max<std::int64_t>(gw, 1)), 1,
                                     kMostBlocks);
  const std::int64_t rows = ceil_div(s.oh, row_cuts_), cols = ceil_div(s.ow, col_cuts_);
  plane_h_ = (rows - 1) * s.window.stride[0] + (s.kh - 1) * s.window.dilation[0] + 1;
  plane_w_ = (cols - 1) * s.window.stride[1] + (s.kw - 1) * s.window.dilation[1] + 1;
}

void ConvFilter::cut_jobs() {
  const auto even = [](std::int64_t count, std::int64_t most) {
    return count <= most ? std::max<std::int64_t>(count, 1)
                         : ceil_div(count, ceil_div(count, most));
  };
  channels_a_job_ = even(shape_.cg, kChannelsAJob);
  panels_a_job_ = even(panels_, kPanelsAJob);
  const auto jobs = [&] {
    channel_cuts_ = ceil_div(shape_.cg, channels_a_job_);
    panel_cuts_ = ceil_div(panels_, panels_a_job_);
    return shape_.groups * channel_cuts_ * panel_cuts_;
  };
  const auto work = [&] {
    return shape_.n * shape_.oh * shape_.ow / blocks_ * shape_.taps() * channels_a_job_ *
           panels_a_job_ * panel_;
  };
  while (jobs() * blocks_ < kEnoughTasks && work() > 1 << 19) {
    if (panels_a_job_ > 1)
      panels_a_job_ = ceil_div(panels_a_job_, 2);
    else if (channels_a_job_ >= 32)
      channels_a_job_ = ceil_div(channels_a_job_, 2);
    else
      break;
  }
  jobs_ = jobs();
  job_floats_ = rows({0, 0, channels_a_job_, 0, 0}) * panels_a_job_ * panel_;
}

std::int64_t ConvFilter::rows(const Job& job) const {
  return ceil_div(shape_.taps() * job.channels, tile_rows_) * tile_rows_;
}

ConvFilter::Job ConvFilter::job(std::int64_t index) const {
  const std::int64_t panel = index % panel_cuts_ * panels_a_job_;
  const std::int64_t c = index / panel_cuts_ % channel_cuts_ * channels_a_job_;
  return {index / panel_cuts_ / channel_cuts_, c, std::min(channels_a_job_, shape_.cg - c), panel,
          std::min(panels_a_job_, panels_ - panel)};
}

ConvFilter::Unit ConvFilter::unit(std::int64_t index) const {
  const Range cols = piece(shape_.ow, col_cuts_, index % col_cuts_);
  const Range rows = piece(shape_.oh, row_cuts_, index / col_cuts_ % row_cuts_);
  const std::int64_t n = index / col_cuts_ / row_cuts_ * samples_a_unit_;
  return {n,          std::min(samples_a_unit_, shape_.n - n),
          rows.begin, rows.end - rows.begin,
          cols.begin, cols.end - cols.begin};
}

std::size_t ConvFilter::scratch_bytes() const {
  const ConvShape& s = shape_;
  const std::int64_t pixels =
      samples_a_unit_ * ceil_div(s.oh, row_cuts_) * ceil_div(s.ow, col_cuts_);
  const std::int64_t x = samples_a_unit_ * plane_h_ * plane_w_ * channels_a_job_;
  const std::int64_t gy = pixels * panels_a_job_ * panel_;
  const std::int64_t tables = 2 * rows({0, 0, channels_a_job_, 0, 0}) + pixels;
  return static_cast<std::size_t>(x + gy + tables + 64) * 4;
}

Runner ConvFilter::runner(const ConvShape& shape) {
  const auto filter = std::make_shared<const ConvFilter>(shape);
  const ConvFilter& f = *filter;
  Runner r;
  r.workspace = static_cast<std::size_t>(f.blocks_ * f.jobs_ * f.job_floats_) * sizeof(float);
  r.scratch = f.scratch_bytes();
  r.phases.push_back({f.units_ > 0 ? f.blocks_ * f.jobs_ : 0,
                      [filter](const Call& call, std::int64_t task, void* scratch) {
                        filter->run(call, task / filter->jobs_, task % filter->jobs_, scratch);
                      }});
  constexpr std::int64_t kFloatsATask = 1 << 13;
  const std::int64_t pieces = shape.taps() * f.jobs_;
  const std::int64_t tasks =
      std::min(pieces, tasks_for(shape.taps() * shape.cg * shape.o, kFloatsATask));
  r.phases.push_back({tasks, [filter, pieces, tasks](const Call& call, std::int64_t task, void*) {
                        const Range range = piece(pieces, tasks, task);
                        for (std::int64_t i = range.begin; i < range.end; ++i)
                          filter->add_blocks(static_cast<const float*>(call.workspace),
                                             call.output(0), i / filter->jobs_, i % filter->jobs_);
                      }});
  return r;
}

}  // namespace deepcore
