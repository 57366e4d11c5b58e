// Running a kernel gradient: copies of x and gy that the inner loop likes, and the sum of the
// blocks.
#include <algorithm>

#include "deepcore/cpu/conv_filter.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

// With fewer rows than this, gy is read too seldom to be worth a copy.
constexpr std::int64_t kRowsWorthPacking = 24;

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

// Where each row of the job's part of gW reads the copy of x, from where a pixel does.
void ConvFilter::list_rows(const Job& job, std::int32_t* row) const {
  const ConvShape& s = shape_;
  const std::int64_t real = s.taps() * job.channels, count = rows(job);
  for (std::int64_t r = 0; r < count; ++r) {
    const std::int64_t at = std::min(r, real - 1);  // rows that fill up repeat the last
    const std::int64_t tap = at / job.channels, c = at % job.channels;
    const std::int64_t down = tap / s.kw * s.window.dilation[0];
    const std::int64_t across = tap % s.kw * s.window.dilation[1];
    row[r] = static_cast<std::int32_t>((down * plane_w_ + across) * job.channels + c);
  }
}

// Where each pixel reads the copy of x. Packed gy has the samples' rows of one height side by side,
// so that a range of heights is a range of pixels; gy as it is has sample after sample.
void ConvFilter::list_pixels(const Unit& unit, const Job& job, std::int32_t* pixel) const {
  const bool by_height = packs(job);
  const std::int64_t outer = by_height ? unit.rows : unit.samples;
  const std::int64_t inner = by_height ? unit.samples : unit.rows;
  for (std::int64_t a = 0; a < outer; ++a)
    for (std::int64_t b = 0; b < inner; ++b) {
      const std::int64_t i = by_height ? a : b, n = by_height ? b : a;
      const std::int64_t line = (n * plane_h_ + i * shape_.window.stride[0]) * plane_w_;
      for (std::int64_t j = 0; j < unit.cols; ++j)
        *pixel++ = static_cast<std::int32_t>((line + j * shape_.window.stride[1]) * job.channels);
    }
}

// The pixels that each group of rows needs: those whose cells are not all above or below the image.
void ConvFilter::list_ranges(const Unit& unit, const Job& job, std::int32_t* range) const {
  const std::int64_t stride = shape_.window.stride[0], last = shape_.taps() * job.channels - 1;
  const std::int64_t line = unit.samples * unit.cols;
  const bool by_height = packs(job) || unit.samples == 1;
  for (std::int64_t first = 0; first <= last; first += tile_rows_) {
    const std::int64_t top = first / job.channels / shape_.kw;
    const std::int64_t bottom = std::min(first + tile_rows_ - 1, last) / job.channels / shape_.kw;
    // Heights i with 0 <= i stride + at(cell) < H for a cell between top and bottom.
    const std::int64_t from = -input_position(shape_.window, 0, 0, bottom);
    const std::int64_t to = shape_.h - input_position(shape_.window, 0, 0, top);
    const std::int64_t begin = from <= 0 ? 0 : (from + stride - 1) / stride;
    const std::int64_t end = to <= 0 ? 0 : (to + stride - 1) / stride;
    const auto inside = [&](std::int64_t i) {
      return std::clamp<std::int64_t>(i - unit.i, 0, unit.rows) * line;
    };
    *range++ = static_cast<std::int32_t>(by_height ? inside(begin) : 0);
    *range++ =
        static_cast<std::int32_t>(by_height ? std::max(inside(begin), inside(end)) : unit.pixels());
  }
}

// Panels of the job's columns of gy, missing columns as zeros.
void ConvFilter::pack_gy(const float* gy, const Unit& unit, const Job& job, float* to) const {
  const ConvShape& s = shape_;
  for (std::int64_t q = job.panel; q < job.panel + job.panels; ++q) {
    const std::int64_t n = std::min<std::int64_t>(panel_, s.og - q * panel_);
    for (std::int64_t i = 0; i < unit.rows; ++i)
      for (std::int64_t sample = 0; sample < unit.samples; ++sample) {
        const float* from = gy + q * panel_ + (sample * s.oh + i) * s.ow * s.o;
        for (std::int64_t j = 0; j < unit.cols; ++j, from += s.o, to += panel_) {
          std::copy_n(from, n, to);
          std::fill_n(to + n, panel_ - n, 0.0f);
        }
      }
  }
}

bool ConvFilter::packs(const Job& job) const {
  // Rows of half a panel lie as packed ones would.
  if (shape_.groups == 1 && shape_.o == panel_ / 2) return false;
  return rows(job) > kRowsWorthPacking || shape_.og % panel_ != 0;
}

void ConvFilter::run(const Call& call, std::int64_t block, std::int64_t index,
                     void* scratch) const {
  const ConvShape& s = shape_;
  const ConvKernels& k = kernels().conv;
  const Job job = this->job(index);
  const std::int64_t rows = this->rows(job);
  float* sum = static_cast<float*>(call.workspace) + (block * jobs_ + index) * job_floats_;
  std::int32_t* row = static_cast<std::int32_t*>(scratch);
  std::int32_t* range = row + rows;
  std::int32_t* pixel = range + rows;
  list_rows(job, row);
  const Range units = piece(units_, blocks_, block);
  for (std::int64_t u = units.begin; u < units.end; ++u) {
    const Unit unit = this->unit(u);
    list_pixels(unit, job, pixel);
    float* x = reinterpret_cast<float*>(pixel + unit.pixels());
    copy_x(call.input(0), unit, job, x);
    const float* gy =
        call.input(1) + ((unit.n * s.oh + unit.i) * s.ow + unit.j) * s.o + job.group * s.og;
    const bool accumulate = u > units.begin;
    list_ranges(unit, job, range);
    float* packed = x + unit.samples * plane_h_ * plane_w_ * job.channels;
    if (packs(job)) pack_gy(gy, unit, job, packed);
    for (std::int64_t q = 0; q < job.panels; ++q)
      k.filter({x, row, rows, pixel, range,
                packs(job) ? packed + q * unit.pixels() * panel_ : gy + (job.panel + q) * panel_,
                packs(job) ? panel_ : s.o, sum + q * rows * panel_,
                static_cast<int>(std::min<std::int64_t>(panel_, s.og - (job.panel + q) * panel_)),
                accumulate});
  }
}

// One cell of a job's part of gW: the sum of all blocks in their order.
void ConvFilter::add_blocks(const float* sums, float* out, std::int64_t tap,
                            std::int64_t index) const {
  const ConvShape& s = shape_;
  const auto add = [&](const float* from, std::int64_t n, float* to) {
    if (units_ == 0) {
      std::fill_n(to, n, 0.0f);
    } else if (blocks_ == 1) {
      std::copy_n(from, n, to);
    } else {
      const std::int64_t apart = jobs_ * job_floats_;
      for (std::int64_t j = 0; j < n; ++j) to[j] = from[j] + from[apart + j];
      for (std::int64_t b = 2; b < blocks_; ++b)
        for (std::int64_t j = 0; j < n; ++j) to[j] += from[b * apart + j];
    }
  };
  const Job job = this->job(index);
  sums += index * job_floats_;
  const std::int64_t rows = this->rows(job);
  for (std::int64_t c = 0; c < job.channels; ++c)
    for (std::int64_t q = 0; q < job.panels; ++q) {
      const std::int64_t column = (job.panel + q) * panel_;
      add(sums + (q * rows + tap * job.channels + c) * panel_,
          std::min<std::int64_t>(panel_, s.og - column),
          out + (tap * s.cg + job.c + c) * s.o + job.group * s.og + column);
    }
}

}  // namespace deepcore
