// Running a kernel gradient: copies of x and gy that the inner loop likes, and the sum of the
// blocks.
#include <algorithm>

#include "deepcore/cpu/conv_filter.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// With fewer rows than this, gy is read too seldom to be worth a copy.
constexpr std::int64_t kRowsWorthPacking = 24;

// gy's columns [first, first + n) of `pixels` rows, as panels of `cols`, missing columns as zeros.
void pack_panels(const float* gy, std::int64_t stride, std::int64_t pixels, std::int64_t n,
                 std::int64_t cols, float* to) {
  for (; n > 0; n -= cols, gy += cols) {
    const std::int64_t here = std::min(n, cols);
    for (std::int64_t p = 0; p < pixels; ++p, to += cols) {
      std::copy_n(gy + p * stride, here, to);
      std::fill_n(to + here, cols - here, 0.0f);
    }
  }
}

}  // namespace

// The unit's part of x with its padding: (samples, plane_h, plane_w, channels of the job).
void ConvFilter::copy_x(const float* x, const Unit& unit, const Job& job, float* to) const {
  const ConvShape& s = shape_;
  const std::int64_t top = input_position(s.window, 0, unit.i, 0);
  const std::int64_t left = input_position(s.window, 1, unit.j, 0);
  const std::int64_t height =
      (unit.rows - 1) * s.window.stride[0] + (s.kh - 1) * s.window.dilation[0] + 1;
  const std::int64_t begin = std::clamp<std::int64_t>(-left, 0, plane_w_);
  const std::int64_t end = std::clamp<std::int64_t>(s.w - left, begin, plane_w_);
  const std::int64_t channels = job.channels, first = job.group * s.cg + job.c;
  for (std::int64_t n = 0; n < unit.samples; ++n)
    for (std::int64_t h = 0; h < height; ++h) {
      float* row = to + (n * plane_h_ + h) * plane_w_ * channels;
      if (top + h < 0 || top + h >= s.h) {
        std::fill_n(row, plane_w_ * channels, 0.0f);
        continue;
      }
      const float* from = x + (((unit.n + n) * s.h + top + h) * s.w + left) * s.c + first;
      std::fill(row, row + begin * channels, 0.0f);
      if (channels == s.c)
        std::copy(from + begin * s.c, from + end * s.c, row + begin * channels);
      else
        for (std::int64_t w = begin; w < end; ++w)
          std::copy_n(from + w * s.c, channels, row + w * channels);
      std::fill(row + end * channels, row + plane_w_ * channels, 0.0f);
    }
}

void ConvFilter::run(const Call& call, std::int64_t block, std::int64_t index,
                     void* scratch) const {
  const ConvShape& s = shape_;
  const ConvKernels& k = kernels().conv;
  const Job job = this->job(index);
  const std::int64_t rows = s.depthwise() ? s.taps() : this->rows(job);
  float* sum = static_cast<float*>(call.workspace) + (block * jobs_ + index) * job_floats_;

  std::int32_t* row = static_cast<std::int32_t*>(scratch);
  std::int32_t* pixel = row + this->rows(job);
  const std::int64_t step = s.depthwise() ? job.channels : 1;  // depthwise rows are whole pixels
  const std::int64_t real = s.taps() * job.channels / step;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = std::min(r, real - 1) * step;
    const std::int64_t tap = at / job.channels, c = at % job.channels;
    const std::int64_t down = tap / s.kw * s.window.dilation[0];
    const std::int64_t across = tap % s.kw * s.window.dilation[1];
    row[r] = static_cast<std::int32_t>((down * plane_w_ + across) * job.channels + c);
  }
  const Range units = piece(units_, blocks_, block);
  for (std::int64_t u = units.begin; u < units.end; ++u) {
    const Unit unit = this->unit(u);
    std::int32_t* to = pixel;
    for (std::int64_t n = 0; n < unit.samples; ++n)
      for (std::int64_t i = 0; i < unit.rows; ++i)
        for (std::int64_t j = 0; j < unit.cols; ++j)
          *to++ = static_cast<std::int32_t>(
              ((n * plane_h_ + i * s.window.stride[0]) * plane_w_ + j * s.window.stride[1]) *
              job.channels);
    float* x = reinterpret_cast<float*>(to);
    copy_x(call.input(0), unit, job, x);
    const float* gy = call.input(1) + ((unit.n * s.oh + unit.i) * s.ow + unit.j) * s.o;
    const bool accumulate = u > units.begin;
    if (s.depthwise()) {
      k.depthwise_filter(
          {x, row, rows, pixel, unit.pixels(), gy + job.c, s.o, job.channels, sum, accumulate});
      continue;
    }
    gy += job.group * s.og + job.panel * panel_;
    const std::int64_t wide =
        std::min<std::int64_t>(job.panels * panel_, s.og - job.panel * panel_);
    const bool pack = rows > kRowsWorthPacking || wide % panel_ != 0;
    float* packed = x + unit.samples * plane_h_ * plane_w_ * job.channels;
    if (pack) pack_panels(gy, s.o, unit.pixels(), wide, panel_, packed);
    for (std::int64_t q = 0; q < job.panels; ++q)
      k.filter({x, row, rows, pixel, unit.pixels(),
                pack ? packed + q * unit.pixels() * panel_ : gy + q * panel_, pack ? panel_ : s.o,
                sum + q * rows * panel_, accumulate});
  }
}

// One kernel cell of one group, from the sums of all blocks in their order.
void ConvFilter::add_blocks(const float* sums, float* out, std::int64_t tap,
                            std::int64_t group) const {
  const ConvShape& s = shape_;
  const std::int64_t jobs = channel_cuts_ * panel_cuts_;
  for (std::int64_t index = group * jobs; index < (group + 1) * jobs; ++index) {
    const Job job = this->job(index);
    const std::int64_t lines = s.depthwise() ? 1 : job.channels;
    for (std::int64_t q = 0; q < job.panels; ++q)
      for (std::int64_t c = 0; c < lines; ++c) {
        const std::int64_t column = (job.panel + q) * panel_;
        const std::int64_t n =
            s.depthwise() ? job.channels : std::min<std::int64_t>(panel_, s.og - column);
        float* to = s.depthwise() ? out + tap * s.o + job.c
                                  : out + (tap * s.cg + job.c + c) * s.o + group * s.og + column;
        if (units_ == 0) {
          std::fill_n(to, n, 0.0f);
          continue;
        }
        const std::int64_t row = s.depthwise() ? 0 : tap * job.channels + c;
        const float* from = sums + index * job_floats_ +
                            (s.depthwise() ? tap * job.channels : (q * rows(job) + row) * panel_);
        std::copy_n(from, n, to);
        for (std::int64_t b = 1; b < blocks_; ++b) {
          from += jobs_ * job_floats_;
          for (std::int64_t j = 0; j < n; ++j) to[j] += from[j];
        }
      }
  }
}

}  // namespace deepcore
