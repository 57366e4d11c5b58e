// ConvFilter: the gradient of a convolution for its kernel, gW[k][o] = sum over pixels x[p][k]
// gy[p][o]. The pixels of a batch are cut into units (some rows of a sample, or some small
// samples), the units into at most 16 blocks, each with a sum of its own; a second phase adds the
// blocks in order. Where the kernel is so large that 16 sums would fill the caches, there are fewer
// blocks and more jobs: ranges of channels by ranges of filters.
#pragma once

#include <cstdint>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/conv_shape.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

class ConvFilter {
 public:
  explicit ConvFilter(const ConvShape& shape);
  static Runner runner(const ConvShape& shape);  // (x, gy) -> gW

 private:
  struct Job {  // channels [c, c + channels) of x by panels [panel, panel + panels) of gy
    std::int64_t group, c, channels, panel, panels;
  };
  struct Unit {  // samples [n, n + samples), output rows [i, i + rows), columns [j, j + cols)
    std::int64_t n, samples, i, rows, j, cols;

    std::int64_t pixels() const { return samples * rows * cols; }
  };

  void cut_units();
  void cut_jobs();
  Job job(std::int64_t index) const;
  Unit unit(std::int64_t index) const;
  std::int64_t rows(const Job& job) const;  // of the job's part of gW, a multiple of the tile's
  bool packs(const Job& job) const;         // gy into panels
  std::size_t scratch_bytes() const;
  void run(const Call& call, std::int64_t block, std::int64_t job, void* scratch) const;
  void copy_x(const float* x, const Unit& unit, const Job& job, float* to) const;
  void list_rows(const Job& job, std::int32_t* row) const;
  void list_pixels(const Unit& unit, const Job& job, std::int32_t* pixel) const;
  void list_ranges(const Unit& unit, const Job& job, std::int32_t* range) const;
  void pack_gy(const float* gy, const Unit& unit, const Job& job, float* to) const;
  void add_blocks(const float* sums, float* out, std::int64_t tap, std::int64_t job) const;

  ConvShape shape_;
  std::int64_t tile_rows_;
  int panel_;            // columns of a panel
  std::int64_t panels_;  // of one group
  std::int64_t samples_a_unit_, row_cuts_, col_cuts_, units_, blocks_;
  std::int64_t channels_a_job_, panels_a_job_, channel_cuts_, panel_cuts_, jobs_;
  std::int64_t plane_h_, plane_w_;  // the largest copy of x with its padding, in pixels
  std::int64_t job_floats_;         // of gW in one sum
};

}  // namespace deepcore
