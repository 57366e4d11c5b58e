// ConvGather: a convolution, or its gradient for the input, as one sum for each pixel it writes:
//   out[p][:] = sum over taps t of in[base(p) + step(t)][:] B[t],   taps outside the image left
//   out.
// The two directions differ only in how positions map, which is settled here once, axis by axis.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/conv_gather_axis.h"
#include "deepcore/cpu/kernels/conv.h"
#include "deepcore/graph/backend.h"

namespace deepcore {

class ConvGather {
 public:
  ConvGather(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue);

  // Inputs: what is read, the kernel, and the epilogue's. A constant kernel is packed once.
  static Runner runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue,
                       bool constant_kernel = false);

 private:
  struct Pixel {
    std::int32_t in, out;  // positions in the sample; `in` may be outside the image
    std::int32_t type;     // of states_
  };
  struct Tap {
    std::int64_t offset;  // of its run of input from where the pixel's first would start
    std::int64_t b;       // its first row of the packed kernel
  };
  enum State : std::uint8_t { kOutside, kInside, kPartly };  // of a tap's run
  struct Block {  // taps [begin, end), their floats [from, from + run): what one pass adds
    std::int64_t begin, end, from, run;
  };
  struct Stretch {  // of memory
    const float* first;
    std::int64_t floats;
  };
  struct Task {
    const float* in;
    const float* kernel;  // packed
    const float* zeros;
    Finish finish;
    const float* residual;
    float* out;
    std::int64_t sample, samples, strip_begin, strip_end, panel_begin, panel_end, tile_count;
    ConvTile* tiles;
    ConvTap* taps;
    float* copies;
    float* unread;  // where the rows that only fill up a tile go
    bool past;      // the result goes past the caches

    std::int64_t pixels() const { return (strip_end - strip_begin) * samples; }
    Range tile(std::int64_t index) const {  // of an even number of pixels, but for the last one
      const Range pairs = piece((pixels() + 1) / 2, tile_count, index);
      return {2 * pairs.begin, std::min(2 * pairs.end, pixels())};
    }
  };

  void list_taps();
  void order_pixels();
  void cut();
  void cut_depth();
  std::size_t zero_floats() const;
  std::size_t packed_floats() const;
  std::size_t copied_floats() const;
  std::size_t scratch_bytes() const;
  std::int64_t pack_tasks() const;
  void pack(const float* kernel, float* packed, std::int64_t task) const;
  Task task(const Call& call, std::int64_t index, void* scratch) const;
  void run(const Task& task) const;
  void run_panels(const Task& task, const Block& block, std::int64_t tiles, Stretch after) const;
  Stretch kernel_rows(const Task& task, std::int64_t panel, const Block& block) const;
  Stretch input_after(const Task& task, std::int64_t pixels) const;
  void fill_tile(const Task& task, Range pixels, const Block& block, ConvTile& tile, ConvTap* taps,
                 float* copies) const;
  const float* run_of(const Pixel& pixel, const float* first, std::int64_t tap, float* copy) const;

  ConvShape shape_;
  ConvDirection direction_;
  Epilogue epilogue_;
  GatherAxis rows_, cols_;
  std::int64_t in_w_, in_pixels_, out_pixels_;
  std::int64_t in_channels_, out_channels_;  // of all groups
  std::int64_t depth_, width_;               // of one group: channels read, channels written
  bool merged_;                              // a whole row of the kernel is one tap
  std::int64_t taps_, run_;                  // floats of one tap
  std::int64_t tile_rows_;
  std::int64_t panels_;  // of one group
  std::int64_t samples_a_task_, strips_, panel_cuts_;
  std::vector<Pixel> pixels_;  // strip after strip; inside a strip, equal patterns together
  std::vector<Tap> tap_list_;
  std::vector<State> states_;  // [type of pixel][tap]
  std::vector<Block> blocks_;
  bool pointwise_;  // a pixel reads what lies where it does
  bool past_;       // the result goes past the caches, where it lies well
};

}  // namespace deepcore
