// Planning of a gathered convolution: the order of pixels, the blocks of the sum, the tasks.
#include "deepcore/cpu/conv_gather.h"

#include <algorithm>
#include <memory>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/finish.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/past_caches.h"

namespace deepcore {
namespace {

constexpr std::int64_t kTilesAtOnce = 8;     // that share a panel of B while it is in L1
constexpr std::int64_t kBlockFloats = 6144;  // of B at once: 24 KB of a 32 KB L1
constexpr std::int64_t kPixelsATask = 192;   // reading B gets cheap, and there is enough to share
constexpr std::int64_t kFewTasks = 8, kLeastWork = 1 << 17;  // multiply-adds that pay for a task
constexpr std::int64_t kPackedChannels = 64;                 // of a cell, packed at a time
constexpr std::int64_t kMergedChannels = 8;  // below this a row of the kernel is read as one run

std::size_t aligned(std::size_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace

ConvGather::ConvGather(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue)
    : shape_(shape),
      direction_(direction),
      epilogue_(epilogue),
      rows_(shape, direction, 0),
      cols_(shape, direction, 1) {
  const bool forward = direction == ConvDirection::kForward;
  in_w_ = forward ? shape.w : shape.ow;
  in_pixels_ = forward ? shape.h * shape.w : shape.oh * shape.ow;
  out_pixels_ = forward ? shape.oh * shape.ow : shape.h * shape.w;
  in_channels_ = forward ? shape.c : shape.o;
  out_channels_ = forward ? shape.o : shape.c;
  depth_ = forward ? shape.cg : shape.og;
  width_ = forward ? shape.og : shape.cg;
  merged_ = shape.groups == 1 && depth_ < kMergedChannels && cols_.contiguous();
  taps_ = rows_.taps() * (merged_ ? 1 : cols_.taps());
  run_ = depth_ * (merged_ ? cols_.taps() : 1);
  pointwise_ = shape.pointwise();
  tile_rows_ = kernels().conv.rows;
  panels_ = (width_ + kernels().conv.cols - 1) / kernels().conv.cols;
  cut();
  list_taps();
  order_pixels();
  past_ = blocks_.size() == 1 && !finishes_stored(epilogue) && width_ % kFloatsALine == 0 &&
          past_caches(shape.n * out_pixels_ * out_channels_, out_channels_);
}

void ConvGather::cut() {
  const std::int64_t pixels = std::max<std::int64_t>(out_pixels_, 1);
  strips_ = std::max<std::int64_t>(1, (pixels + kPixelsATask / 2) / kPixelsATask);
  if (strips_ > 1 && strips_ < 2 * kFewTasks) strips_ = (strips_ + 3) / 4 * 4;  // even shares
  samples_a_task_ = std::max<std::int64_t>(1, kPixelsATask / pixels);
  panel_cuts_ = 1;
  const auto tasks = [&] {
    return (shape_.n + samples_a_task_ - 1) / samples_a_task_ * strips_ * panel_cuts_;
  };
  while (samples_a_task_ > 1 && tasks() < kFewTasks && samples_a_task_ * pixels >= 8 * tile_rows_)
    samples_a_task_ = (samples_a_task_ + 1) / 2;
  // Few large samples: whichever of the kernel and the image is larger is not read twice.
  const std::int64_t sums = taps_ * run_ * out_channels_;
  const bool large_kernel = sums > in_pixels_ * in_channels_;
  while (tasks() > 0 && tasks() < kFewTasks &&
         pixels * samples_a_task_ * sums / (strips_ * panel_cuts_) >= 2 * kLeastWork) {
    const bool panels_can = 2 * panel_cuts_ <= shape_.groups * panels_;
    const bool strips_can = pixels / strips_ >= 4 * tile_rows_;
    if (!panels_can && !strips_can) break;
    (panels_can && (large_kernel || !strips_can) ? panel_cuts_ : strips_) *= 2;
  }
  cut_depth();
}

// The sum goes by blocks of rows of B, which stay in L1 from tile to tile.
void ConvGather::cut_depth() {
  const std::int64_t rows = (pointwise_ ? 2 : 1) * kBlockFloats / kernels().conv.cols;
  if (run_ > rows) {
    const std::int64_t pieces = (run_ + rows - 1) / rows;
    for (std::int64_t t = 0; t < taps_; ++t)
      for (std::int64_t i = 0; i < pieces; ++i) {
        const Range r = piece(run_, pieces, i);
        blocks_.push_back({t, t + 1, r.begin, r.end - r.begin});
      }
  } else {
    const std::int64_t pieces = std::max<std::int64_t>(1, (taps_ * run_ + rows - 1) / rows);
    for (std::int64_t i = 0; i < pieces; ++i) {
      const Range r = piece(taps_, pieces, i);
      if (r.begin < r.end || pieces == 1) blocks_.push_back({r.begin, r.end, 0, run_});
    }
  }
}

void ConvGather::list_taps() {
  for (std::size_t a = 0; a < rows_.step.size(); ++a)
    for (std::size_t b = 0; b < (merged_ ? 1 : cols_.step.size()); ++b) {
      const std::int64_t index = static_cast<std::int64_t>(tap_list_.size());
      tap_list_.push_back({(rows_.step[a] * in_w_ + cols_.step[b]) * in_channels_, index * run_});
    }
  for (const auto& down : rows_.valid)
    for (const auto& across : cols_.valid)
      for (std::uint8_t row : down) {
        const std::int64_t inside = std::count(across.begin(), across.end(), 1);
        if (merged_)
          states_.push_back(row == 0 || inside == 0  ? kOutside
                            : inside == cols_.taps() ? kInside
                                                     : kPartly);
        else
          for (std::uint8_t col : across) states_.push_back(row && col ? kInside : kOutside);
      }
}

void ConvGather::order_pixels() {
  const std::size_t width = cols_.base.size();
  for (std::size_t p = 0; p < static_cast<std::size_t>(out_pixels_); ++p) {
    const std::size_t i = p / width, j = p % width;
    const std::size_t type = rows_.type[i] * cols_.valid.size() + cols_.type[j];
    pixels_.push_back({static_cast<std::int32_t>(rows_.base[i] * in_w_ + cols_.base[j]),
                       static_cast<std::int32_t>(p), static_cast<std::int32_t>(type)});
  }
  // Pixels with the same taps side by side: their tiles leave out all that lies outside the image.
  for (std::int64_t s = 0; s < strips_; ++s) {
    const Range strip = piece(out_pixels_, strips_, s);
    std::stable_sort(pixels_.begin() + strip.begin, pixels_.begin() + strip.end,
                     [](const Pixel& a, const Pixel& b) { return a.type < b.type; });
  }
}

std::size_t ConvGather::zero_floats() const {
  return aligned(static_cast<std::size_t>(std::max(run_, in_channels_)));
}

std::size_t ConvGather::packed_floats() const {
  return static_cast<std::size_t>(shape_.groups * panels_ * taps_ * run_ * kernels().conv.cols);
}

std::size_t ConvGather::copied_floats() const {
  return merged_ ? static_cast<std::size_t>(kTilesAtOnce * taps_ * tile_rows_ * run_) : 0;
}

std::size_t ConvGather::scratch_bytes() const {
  return aligned(static_cast<std::size_t>(out_channels_) + copied_floats()) * sizeof(float) +
         kTilesAtOnce * (sizeof(ConvTile) + static_cast<std::size_t>(taps_) * sizeof(ConvTap));
}

// The kernel is packed some channels of one cell at a time: rows as they follow one another in it.
std::int64_t ConvGather::pack_tasks() const {
  const std::int64_t pieces = (depth_ + kPackedChannels - 1) / kPackedChannels;
  return std::max<std::int64_t>(1, shape_.groups * shape_.taps() * pieces);
}

void ConvGather::pack(const float* kernel, float* packed, std::int64_t task) const {
  const bool forward = direction_ == ConvDirection::kForward;
  const std::int64_t pieces = (depth_ + kPackedChannels - 1) / kPackedChannels;
  const std::int64_t cols = kernels().conv.cols, rows = taps_ * run_;
  if (rows * width_ == 0) return;
  const std::int64_t g = task / pieces / shape_.taps(), t = task / pieces % shape_.taps();
  const std::int64_t k = task % pieces * kPackedChannels;
  const std::int64_t a = rows_.cell[static_cast<std::size_t>(t / shape_.kw)];
  const std::int64_t b = cols_.cell[static_cast<std::size_t>(t % shape_.kw)];
  const std::int64_t down = forward ? shape_.o : 1, across = forward ? 1 : shape_.o;
  const float* from =
      kernel + (a * shape_.kw + b) * shape_.cg * shape_.o + g * shape_.og + k * down;
  float* to = packed + (g * panels_ * rows + t * depth_ + k) * cols;
  kernels().gemm.pack_b(std::min(kPackedChannels, depth_ - k), width_, from, down, across, to,
                        rows * cols);
}

ConvGather::Task ConvGather::task(const Call& call, std::int64_t index, void* scratch) const {
  Task t{};
  t.in = call.input(0);
  t.zeros = static_cast<const float*>(call.workspace);
  t.kernel = t.zeros + zero_floats();
  t.finish = finish_of(epilogue_, call);
  t.residual = residual_of(epilogue_, call);
  t.out = call.output(0);
  const Range panels = piece(shape_.groups * panels_, panel_cuts_, index % panel_cuts_);
  const Range strip = piece(out_pixels_, strips_, index / panel_cuts_ % strips_);
  t.panel_begin = panels.begin;
  t.panel_end = panels.end;
  t.strip_begin = strip.begin;
  t.strip_end = strip.end;
  t.sample = index / panel_cuts_ / strips_ * samples_a_task_;
  t.samples = std::min(samples_a_task_, shape_.n - t.sample);
  t.tile_count = (t.pixels() + tile_rows_ - 1) / tile_rows_;
  t.unread = static_cast<float*>(scratch);
  t.copies = t.unread + out_channels_;
  t.tiles = reinterpret_cast<ConvTile*>(
      t.unread + aligned(static_cast<std::size_t>(out_channels_) + copied_floats()));
  t.taps = reinterpret_cast<ConvTap*>(t.tiles + kTilesAtOnce);
  t.past = past_ && begins_line(t.out);
  return t;
}

void ConvGather::run(const Task& task) const {
  const std::int64_t tiles = task.tile_count;
  const std::int64_t copy = merged_ ? tile_rows_ * taps_ * run_ : 0;
  for (const Block& block : blocks_)
    for (std::int64_t first = 0; first < tiles; first += kTilesAtOnce) {
      const std::int64_t count = std::min(kTilesAtOnce, tiles - first);
      for (std::int64_t i = 0; i < count; ++i)
        fill_tile(task, task.tile(first + i), block, task.tiles[i], task.taps + i * taps_,
                  task.copies + i * copy);
      const bool last = first + count == tiles && &block != &blocks_.back();
      run_panels(task, block, count,
                 last ? kernel_rows(task, task.panel_begin, (&block)[1])
                      : input_after(task, task.tile(first + count - 1).end));
    }
}

// What a block reads of the packed kernel's panel q.
ConvGather::Stretch ConvGather::kernel_rows(const Task& task, std::int64_t q,
                                            const Block& block) const {
  const std::int64_t cols = kernels().conv.cols;
  return {task.kernel + (q * taps_ * run_ + block.begin * run_ + block.from) * cols,
          (block.end - block.begin) * block.run * cols};
}

// The input that follows that of the task's first pixels, whoever needs it.
ConvGather::Stretch ConvGather::input_after(const Task& task, std::int64_t pixels) const {
  if (!pointwise_ || blocks_.size() > 1 || task.samples > 1) return {nullptr, 0};
  return {task.in + (task.sample * in_pixels_ + task.strip_begin + pixels) * in_channels_,
          kTilesAtOnce * tile_rows_ * in_channels_};
}

void ConvGather::run_panels(const Task& task, const Block& block, std::int64_t tiles,
                            Stretch after) const {
  const ConvKernels& k = kernels().conv;
  const bool last = &block == &blocks_.back();
  for (std::int64_t q = task.panel_begin; q < task.panel_end; ++q) {
    const std::int64_t g = q / panels_, first = q % panels_ * k.cols;
    const std::int64_t column = g * width_ + first;
    const Stretch ahead = q + 1 < task.panel_end ? kernel_rows(task, q + 1, block) : after;
    k.panel({.run = block.run,
             .shift = g * depth_ + block.from,
             .b = task.kernel + (q * taps_ * run_ + block.from) * k.cols,
             .column = column,
             .n = static_cast<int>(std::min<std::int64_t>(k.cols, width_ - first)),
             .accumulate = &block != &blocks_.front(),
             .finish = last ? task.finish.from_column(column) : Finish{},
             .residual = last && task.residual,
             .ahead = ahead.first,
             .ahead_floats = ahead.floats,
             .past = task.past},
            task.tiles, tiles);
  }
}

Runner ConvGather::runner(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue,
                          bool constant_kernel) {
  const auto conv = std::make_shared<const ConvGather>(shape, direction, epilogue);
  Runner r;
  r.workspace = (conv->zero_floats() + conv->packed_floats()) * sizeof(float);
  r.scratch = conv->scratch_bytes();
  const std::int64_t pixels = shape.n * conv->out_pixels_ * conv->out_channels_;
  if (constant_kernel) r.absorbed = kKernelInput;
  (constant_kernel ? r.setup : r.phases)
      .push_back(
          {pixels > 0 ? conv->pack_tasks() : 0, [conv](const Call& call, std::int64_t task, void*) {
             float* zeros = static_cast<float*>(call.workspace);
             if (task == 0) std::fill_n(zeros, conv->zero_floats(), 0.0f);
             conv->pack(call.input(1), zeros + conv->zero_floats(), task);
           }});
  const std::int64_t groups = (shape.n + conv->samples_a_task_ - 1) / conv->samples_a_task_;
  r.phases.push_back({pixels > 0 ? groups * conv->strips_ * conv->panel_cuts_ : 0,
                      [conv](const Call& call, std::int64_t task, void* scratch) {
                        conv->run(conv->task(call, task, scratch));
                      }});
  return r;
}

}  // namespace deepcore
