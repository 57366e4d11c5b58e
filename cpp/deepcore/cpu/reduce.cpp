// Runners of Reduce and ArgReduce.
// Sums are made of fixed pieces, in float inside a piece of at most 1,024 additions a chain and in
// double across pieces, combined in their order: the same bits for any number of threads.
#include <algorithm>
#include <cstring>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/reduce_axes.h"
#include "deepcore/cpu/reduce_loops.h"

namespace deepcore {
namespace {

constexpr std::int64_t kGrain = 32768;  // elements a task should read at least
constexpr std::int64_t kStrip = 1024;   // columns at a time: 8 KiB of totals stay in L1

int loop_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::kSum:
      return ReduceKernels::kSum;
    case ReduceKind::kProd:
      return ReduceKernels::kProd;
    case ReduceKind::kMax:
    case ReduceKind::kAny:
      return ReduceKernels::kMax;
    default:
      return ReduceKernels::kMin;
  }
}

template <class T, class A>
void finish(const A* total, std::int64_t n, T* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(total[i]);
}

// All that the tasks know. Item (o, p, s) is partial p of output o's columns of strip s.
template <class T>
struct Reduction {
  using A = Total<T>;

  ReduceAxes axes;
  ReducePieces pieces;
  int kind;
  std::int64_t elements;
  std::int64_t strips = (axes.inner + kStrip - 1) / kStrip;
  decltype(ReduceLoops<T>::rows_of(0)) rows = ReduceLoops<T>::rows_of(kind);
  decltype(ReduceLoops<T>::columns_of(0)) columns = ReduceLoops<T>::columns_of(kind);

  std::int64_t items() const { return axes.outer * pieces.partials * strips; }
  std::int64_t item_elements() const {
    return pieces.segment * pieces.per_partial * std::min(axes.inner, kStrip);
  }
  bool direct() const { return pieces.partials == 1; }

  void run(const T* x, Range items, T* y, A* partials) const {
    A total[kStrip];
    if (axes.inner == 1 && pieces.segments == 1) {  // neighbouring rows, each a whole output
      for (std::int64_t o = items.begin; o < items.end; o += kStrip) {
        const std::int64_t n = std::min(kStrip, items.end - o);
        rows(x + o * axes.run, n, axes.run, total);
        finish(total, n, y + o);
      }
      return;
    }
    for (std::int64_t item = items.begin; item < items.end; ++item) {
      const std::int64_t strip = item % strips, p = item / strips % pieces.partials;
      const std::int64_t o = item / strips / pieces.partials, c = strip * kStrip;
      const std::int64_t cols = std::min(kStrip, axes.inner - c);
      A* to = direct() ? total : partials + (o * pieces.partials + p) * axes.inner + c;
      std::fill_n(to, cols, reduce_identity<A>(kind));
      partial(x, axes.output_offset(o) + c, p, cols, to);
      if (direct()) finish(to, cols, y + o * axes.inner + c);
    }
  }

  void partial(const T* x, std::int64_t base, std::int64_t p, std::int64_t cols, A* to) const {
    const std::int64_t begin = p * pieces.per_partial;
    const std::int64_t end = std::min(begin + pieces.per_partial, pieces.segments);
    for (std::int64_t s = begin; s < end; ++s) {
      const std::int64_t first = s % pieces.per_run * pieces.segment;
      const std::int64_t at = base + axes.round_offset(s / pieces.per_run) + first * axes.inner;
      const std::int64_t n = std::min(pieces.segment, axes.run - first);
      if (axes.inner == 1) {
        A sum;
        rows(x + at, 1, n, &sum);
        *to = reduce_combine(kind, *to, sum);
      } else {
        columns(x + at, n, axes.inner, cols, elements - at, to);
      }
    }
  }

  void combine(const A* partials, Range outputs, T* y) const {
    for (std::int64_t i = outputs.begin; i < outputs.end; ++i) {
      const A* from = partials + i / axes.inner * pieces.partials * axes.inner + i % axes.inner;
      A total = reduce_identity<A>(kind);
      for (std::int64_t p = 0; p < pieces.partials; ++p)
        total = reduce_combine(kind, total, from[p * axes.inner]);
      y[i] = static_cast<T>(total);
    }
  }
};

template <class T>
Runner reduce_runner(const Reduce& op, const Type& in, const Type& out) {
  const std::int64_t outputs = out.elements();
  const int kind = loop_of(op.kind);
  if (in.elements() == 0) {  // each output is a reduction of nothing
    T nothing = static_cast<T>(kind == ReduceKernels::kProd);
    if (op.kind == ReduceKind::kAll) nothing = static_cast<T>(true);
    return {{{outputs > 0 ? 1 : 0, [outputs, nothing](const Call& call, std::int64_t, void*) {
                std::fill_n(call.output<T>(0), outputs, nothing);
              }}}};
  }
  const ReduceAxes axes(in.shape, op.axes);
  if (axes.nothing_reduced()) {
    const std::int64_t tasks = tasks_for(outputs, 2 * kGrain);
    return {{{tasks, [outputs, tasks](const Call& call, std::int64_t task, void*) {
                const Range r = piece(outputs, tasks, task);
                std::memcpy(call.output<T>(0) + r.begin, call.input<T>(0) + r.begin,
                            static_cast<std::size_t>(r.end - r.begin) * sizeof(T));
              }}}};
  }
  using A = Total<T>;
  const Reduction<T> reduction{axes, ReducePieces(axes), kind, in.elements()};
  const std::int64_t items = reduction.items();
  const std::int64_t tasks =
      tasks_for(items, std::max<std::int64_t>(1, kGrain / reduction.item_elements()));
  Runner runner;
  runner.phases.push_back(
      {tasks, [reduction, items, tasks](const Call& call, std::int64_t task, void*) {
         reduction.run(call.input<T>(0), piece(items, tasks, task), call.output<T>(0),
                       static_cast<A*>(call.workspace));
       }});
  if (!reduction.direct()) {
    const std::int64_t partials = reduction.pieces.partials;
    runner.workspace = static_cast<std::size_t>(outputs * partials) * sizeof(A);
    const std::int64_t parts = tasks_for(outputs, std::max<std::int64_t>(1, kGrain / partials));
    runner.phases.push_back(
        {parts, [reduction, outputs, parts](const Call& call, std::int64_t task, void*) {
           reduction.combine(static_cast<const A*>(call.workspace), piece(outputs, parts, task),
                             call.output<T>(0));
         }});
  }
  return runner;
}

// x: (outer, n, inner) -> y: (outer, inner). Item: one output's strip of at most 64 columns.
template <class T>
Runner argreduce_runner(const ArgReduce& op, const Shape& shape) {
  constexpr std::int64_t kColumns = 64;
  const std::int64_t outer = shape.elements(0, op.axis), n = shape[op.axis];
  const std::int64_t inner = shape.elements(op.axis + 1, shape.rank());
  const std::int64_t strips = (inner + kColumns - 1) / kColumns, items = outer * strips;
  const std::int64_t work = std::max<std::int64_t>(1, n * std::min(inner, kColumns));
  const std::int64_t tasks = tasks_for(items, std::max<std::int64_t>(1, kGrain / work));
  const bool largest = op.largest;
  return {{{tasks, [=](const Call& call, std::int64_t task, void*) {
              const Range range = piece(items, tasks, task);
              if constexpr (std::is_same_v<T, float>) {
                if (inner == 1)
                  return kernels().reduce.first_extremes(
                      call.input<T>(0) + range.begin * n, range.end - range.begin, n, largest,
                      call.output<std::int32_t>(0) + range.begin);
              }
              for (std::int64_t item = range.begin; item < range.end; ++item) {
                const std::int64_t c = item % strips * kColumns,
                                   cols = std::min(kColumns, inner - c);
                const T* x = call.input<T>(0) + item / strips * n * inner + c;
                std::int32_t* y = call.output<std::int32_t>(0) + item / strips * inner + c;
                Total<T> best[kColumns];
                for (std::int64_t i = 0; i < cols; ++i) best[i] = reduce_read(x, i), y[i] = 0;
                for (std::int64_t j = 1; j < n; ++j)
                  for (std::int64_t i = 0; i < cols; ++i) {
                    const Total<T> v = reduce_read(x, j * inner + i);
                    // The first NaN stays: nothing compares with it, and it is not taken again.
                    const bool better =
                        (largest ? v > best[i] : v < best[i]) || (v != v && best[i] == best[i]);
                    if (better) best[i] = v, y[i] = static_cast<std::int32_t>(j);
                  }
              }
            }}}};
}

bool computes(DType d) { return d != DType::kFloat16 && d != DType::kBFloat16; }

}  // namespace

void register_reduce(CpuBackend& backend) {
  backend.on<Reduce>([](const Reduce& op, const Types& in,
                        const Types& out) -> std::optional<Runner> {
    if (!computes(in[0].dtype)) return std::nullopt;
    return dispatch(in[0].dtype,
                    [&](auto zero) { return reduce_runner<decltype(zero)>(op, in[0], out[0]); });
  });
  backend.on<ArgReduce>([](const ArgReduce& op, const Types& in,
                           const Types&) -> std::optional<Runner> {
    if (!computes(in[0].dtype)) return std::nullopt;
    return dispatch(in[0].dtype,
                    [&](auto zero) { return argreduce_runner<decltype(zero)>(op, in[0].shape); });
  });
}

}  // namespace deepcore
