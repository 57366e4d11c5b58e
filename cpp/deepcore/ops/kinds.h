// Every op that a graph can hold, with its fields; what they mean is told in each family's .cpp.
// Letters: N batch, H W height and width, C channels, O filters. Contiguous, channels last.
#pragma once

#include <array>
#include <optional>

#include "deepcore/graph/op.h"
#include "deepcore/ops/program.h"

namespace deepcore {

std::string_view name_of(Kind kind);  // Keras's name of the function: "true_divide"
std::ostream& operator<<(std::ostream& out, Kind kind);
constexpr bool gives_bool(Kind k) {
  return (k >= Kind::kLogicalNot && k <= Kind::kIsFinite) ||
         (k >= Kind::kEqual && k <= Kind::kLogicalXor);
}

#define DEEPCORE_OP_META(NAME)                    \
  static constexpr std::string_view kName = NAME; \
  Types infer(const Types& in) const override
#define DEEPCORE_OP_VJP \
  Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const override
#define DEEPCORE_OP_COMPOSE Tensors compose(const Tensors& in) const override

// ---- elementwise (elementwise.cpp): inputs broadcast together; dtypes agree (see promote.h)

struct Unary final : OpOf<Unary> {  // (x) -> y
  DEEPCORE_OP_META("unary");
  DEEPCORE_OP_VJP;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
  auto fields() const { return std::tie(kind); }
  Kind kind;
  explicit Unary(Kind k) : kind(k) {}
};

struct Binary final : OpOf<Binary> {  // (a, b) -> y
  DEEPCORE_OP_META("binary");
  DEEPCORE_OP_VJP;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
  auto fields() const { return std::tie(kind); }
  Kind kind;
  explicit Binary(Kind k) : kind(k) {}
};

struct Select final : OpOf<Select> {  // (bool condition, a, b) -> y
  DEEPCORE_OP_META("where");
  DEEPCORE_OP_VJP;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
};

struct Cast final : OpOf<Cast> {  // (x) -> y
  DEEPCORE_OP_META("cast");
  DEEPCORE_OP_VJP;
  Traits traits() const override { return {.elementwise = true}; }
  auto fields() const { return std::tie(to); }
  DType to;
  explicit Cast(DType d) : to(d) {}
};

// Made by the planner: a chain of the above over f32 (and bool, u8, i32 at the edges).
struct Fused final : OpOf<Fused> {  // (inputs...) -> (outputs...), all of the broadcast shape
  DEEPCORE_OP_META("fused");
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
  bool equal(const Op& other) const override { return this == &other; }
  std::string str() const override;
  Program program;
  explicit Fused(const Program& p) : program(p) {}
};

// Made by the planner: a Program whose last `sums` outputs are added up, over all axes but the last
// or over the last ones.
struct FusedSum final : OpOf<FusedSum> {  // (inputs...) -> (outputs..., sums...)
  DEEPCORE_OP_META("fused_sum");
  Traits traits() const override { return {.elementwise = true, .in_place = true, .apart = sums}; }
  bool equal(const Op& other) const override { return this == &other; }
  std::string str() const override;
  Program program;
  int sums;
  int trailing;   // how many of the last axes; 0: all but the last
  bool keepdims;  // of the last ones
  FusedSum(const Program& p, int n, int last = 0, bool keep = false)
      : program(p), sums(n), trailing(last), keepdims(keep) {}
};

// ---- reductions (reduce.cpp)

enum class ReduceKind : std::uint8_t { kSum, kProd, kMax, kMin, kAny, kAll };
std::ostream& operator<<(std::ostream& out, ReduceKind kind);

struct Reduce final : OpOf<Reduce> {  // (x) -> y; axes sorted and non-negative
  DEEPCORE_OP_META("reduce");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(kind, axes, keepdims); }
  ReduceKind kind;
  Dims axes;
  bool keepdims;
  Reduce(ReduceKind k, const Dims& a, bool keep) : kind(k), axes(a), keepdims(keep) {}
};

// (x) -> int32 position of the first extreme along `axis`
struct ArgReduce final : OpOf<ArgReduce> {
  DEEPCORE_OP_META("argreduce");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(largest, axis, keepdims); }
  bool largest;
  int axis;
  bool keepdims;
  ArgReduce(bool l, int a, bool keep) : largest(l), axis(a), keepdims(keep) {}
};

// (x: (..., C)) -> mean (C), population variance (C) over all axes but the last
struct Moments final : OpOf<Moments> {
  DEEPCORE_OP_META("moments");
  DEEPCORE_OP_VJP;
  DEEPCORE_OP_COMPOSE;
};

// ---- shaping (shaping.cpp)

struct Reshape final : OpOf<Reshape> {  // shares memory
  DEEPCORE_OP_META("reshape");
  DEEPCORE_OP_VJP;
  Traits traits() const override { return {.view = true}; }
  auto fields() const { return std::tie(shape); }
  Shape shape;
  explicit Reshape(const Shape& s) : shape(s) {}
};

struct Transpose final : OpOf<Transpose> {  // y.shape[i] = x.shape[perm[i]]
  DEEPCORE_OP_META("transpose");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(perm); }
  Dims perm;
  explicit Transpose(const Dims& p) : perm(p) {}
};

struct BroadcastTo final : OpOf<BroadcastTo> {
  DEEPCORE_OP_META("broadcast_to");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(shape); }
  Shape shape;
  explicit BroadcastTo(const Shape& s) : shape(s) {}
};

// y[i] = x[begin + i * stride], for `size` positions an axis; strides may be negative.
struct Slice final : OpOf<Slice> {
  DEEPCORE_OP_META("slice");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(begin, size, stride); }
  Dims begin, size, stride;
  Slice(const Dims& b, const Dims& s, const Dims& st) : begin(b), size(s), stride(st) {}
};

// The gradient of Slice: zeros of `shape` with x written at begin + i * stride.
struct Unslice final : OpOf<Unslice> {
  DEEPCORE_OP_META("unslice");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(shape, begin, stride); }
  Shape shape;
  Dims begin, stride;
  Unslice(const Shape& s, const Dims& b, const Dims& st) : shape(s), begin(b), stride(st) {}
};

struct Pad final : OpOf<Pad> {  // (x, scalar fill) -> y; low and high are >= 0
  DEEPCORE_OP_META("pad");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(low, high); }
  Dims low, high;
  Pad(const Dims& l, const Dims& h) : low(l), high(h) {}
};

struct Concat final : OpOf<Concat> {  // (x...) -> y
  DEEPCORE_OP_META("concatenate");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(axis); }
  int axis;
  explicit Concat(int a) : axis(a) {}
};

// ---- indexing (indexing.cpp)

// (x, int indices) -> x.shape[:axis] + indices.shape + x.shape[axis+1:]
// Negative indices count from the end; outside is a Fault.
struct Gather final : OpOf<Gather> {
  DEEPCORE_OP_META("take");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(axis); }
  int axis;
  explicit Gather(int a) : axis(a) {}
};

// (grad of a Gather, indices) -> zeros(shape) with grad added in
struct ScatterAdd final : OpOf<ScatterAdd> {
  DEEPCORE_OP_META("scatter_add");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(shape, axis); }
  Shape shape;
  int axis;
  ScatterAdd(const Shape& s, int a) : shape(s), axis(a) {}
};

// ---- matmul (matmul.cpp)

// What a matmul or convolution does to its sums on the way out: act(sum * scale + bias + residual),
// each step rounded as it would be alone. What is true is an input, in this order, after the
// operands.
struct Epilogue {
  bool scale = false, bias = false;   // (O)
  bool residual = false;              // of the result's shape
  Kind activation = Kind::kIdentity;  // kRelu, kRelu6, kTanh, kSigmoid

  bool operator==(const Epilogue&) const = default;
  std::size_t bias_at() const { return scale ? 3 : 2; }  // among the inputs
  std::size_t residual_at() const { return bias_at() + (bias ? 1 : 0); }
};
std::ostream& operator<<(std::ostream& out, const Epilogue& epilogue);

// (a: (..., M, K), b: (..., K, N), epilogue...) -> (..., M, N); `ta`: a is (..., K, M). Leading
// axes broadcast. Each element is a chain of multiply-adds over rising K, or several (cpu/gemm.h).
struct MatMul final : OpOf<MatMul> {
  DEEPCORE_OP_META("matmul");
  DEEPCORE_OP_VJP;
  DEEPCORE_OP_COMPOSE;  // the epilogue; nothing without one
  std::int64_t flops(const Types& in, const Types& out) const override;
  auto fields() const { return std::tie(ta, tb, epilogue); }
  bool ta = false, tb = false;
  Epilogue epilogue;
  MatMul(bool transpose_a, bool transpose_b, Epilogue e = {})
      : ta(transpose_a), tb(transpose_b), epilogue(e) {}
};

// ---- convolution (conv.cpp)

struct Window2D {  // [0] is height, [1] is width
  std::array<int, 2> stride{1, 1}, dilation{1, 1}, pad_low{0, 0}, pad_high{0, 0};
  bool operator==(const Window2D&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Window2D& window);

// (x: (N,H,W,C), kernel: (KH,KW,C/groups,O), epilogue...) -> (N,OH,OW,O); cross-correlation, as
// Keras's.
struct Conv final : OpOf<Conv> {
  DEEPCORE_OP_META("conv");
  DEEPCORE_OP_VJP;
  DEEPCORE_OP_COMPOSE;  // the epilogue; nothing without one
  std::int64_t flops(const Types& in, const Types& out) const override;
  auto fields() const { return std::tie(window, groups, epilogue); }
  Window2D window;
  int groups;
  Epilogue epilogue;
  Conv(const Window2D& w, int g, Epilogue e = {}) : window(w), groups(g), epilogue(e) {}
};

// (gy: (N,OH,OW,O), kernel) -> gx of `input` shape
struct ConvGradInput final : OpOf<ConvGradInput> {
  DEEPCORE_OP_META("conv_grad_input");
  DEEPCORE_OP_VJP;
  std::int64_t flops(const Types& in, const Types& out) const override;
  auto fields() const { return std::tie(window, groups, input); }
  Window2D window;
  int groups;
  Shape input;  // (N,H,W,C)
  ConvGradInput(const Window2D& w, int g, const Shape& i) : window(w), groups(g), input(i) {}
};

struct ConvGradFilter final : OpOf<ConvGradFilter> {  // (x: (N,H,W,C), gy: (N,OH,OW,O)) -> gkernel
  DEEPCORE_OP_META("conv_grad_filter");
  DEEPCORE_OP_VJP;
  std::int64_t flops(const Types& in, const Types& out) const override;
  auto fields() const { return std::tie(window, groups, kernel); }
  Window2D window;
  int groups;
  Shape kernel;  // (KH,KW,C/groups,O)
  ConvGradFilter(const Window2D& w, int g, const Shape& k) : window(w), groups(g), kernel(k) {}
};

// ---- pooling (pool.cpp)

// Averages count the cells inside the input alone.
enum class PoolKind : std::uint8_t { kMax, kAverage };
std::ostream& operator<<(std::ostream& out, PoolKind kind);

struct Pool final : OpOf<Pool> {  // (x: (N,H,W,C)) -> (N,OH,OW,C)
  DEEPCORE_OP_META("pool");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(kind, size, window); }
  PoolKind kind;
  std::array<int, 2> size;
  Window2D window;  // dilation is 1
  Pool(PoolKind k, std::array<int, 2> s, const Window2D& w) : kind(k), size(s), window(w) {}
};

// (x, gy) -> gx: to the first largest cell of each window
struct MaxPoolGrad final : OpOf<MaxPoolGrad> {
  DEEPCORE_OP_META("max_pool_grad");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(size, window); }
  std::array<int, 2> size;
  Window2D window;
  MaxPoolGrad(std::array<int, 2> s, const Window2D& w) : size(s), window(w) {}
};

// (x, v of x's shape) -> v at the first largest cell of each of x's windows: the transpose of
// MaxPoolGrad.
struct MaxPoolTake final : OpOf<MaxPoolTake> {
  DEEPCORE_OP_META("max_pool_take");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(size, window); }
  std::array<int, 2> size;
  Window2D window;
  MaxPoolTake(std::array<int, 2> s, const Window2D& w) : size(s), window(w) {}
};

struct AveragePoolGrad final : OpOf<AveragePoolGrad> {  // (gy) -> gx of `input` shape
  DEEPCORE_OP_META("average_pool_grad");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(size, window, input); }
  std::array<int, 2> size;
  Window2D window;
  Shape input;
  AveragePoolGrad(std::array<int, 2> s, const Window2D& w, const Shape& i)
      : size(s), window(w), input(i) {}
};

// ---- softmax and losses (softmax.cpp); rows are the last axis

struct Softmax final : OpOf<Softmax> {  // (x) -> y
  DEEPCORE_OP_META("softmax");
  DEEPCORE_OP_VJP;
  DEEPCORE_OP_COMPOSE;
  Traits traits() const override { return {.in_place = true}; }
};

struct SoftmaxGrad final : OpOf<SoftmaxGrad> {  // (y, gy) -> y * (gy - sum(gy * y))
  DEEPCORE_OP_META("softmax_grad");
  DEEPCORE_OP_COMPOSE;
};

struct LogSoftmax final : OpOf<LogSoftmax> {  // (x) -> y
  DEEPCORE_OP_META("log_softmax");
  DEEPCORE_OP_VJP;
  DEEPCORE_OP_COMPOSE;
  Traits traits() const override { return {.in_place = true}; }
};

// (x: (..., C), int labels: (...)) -> loss (...). from_logits: log-sum-exp(x) - x[label];
// else -log(clip(x[label], 1e-7, 1 - 1e-7)), as Keras. A label outside [0, C) is a Fault, unless it
// equals ignore: then loss and gradient are 0.
struct SparseCrossEntropy final : OpOf<SparseCrossEntropy> {
  DEEPCORE_OP_META("sparse_categorical_crossentropy");
  DEEPCORE_OP_VJP;
  DEEPCORE_OP_COMPOSE;
  auto fields() const { return std::tie(from_logits, ignore); }
  bool from_logits;
  std::optional<std::int64_t> ignore;
  explicit SparseCrossEntropy(bool logits, std::optional<std::int64_t> i = {})
      : from_logits(logits), ignore(i) {}
};

struct SparseCrossEntropyGrad final : OpOf<SparseCrossEntropyGrad> {  // (x, labels, g: (...)) -> gx
  DEEPCORE_OP_META("sparse_categorical_crossentropy_grad");
  DEEPCORE_OP_COMPOSE;
  auto fields() const { return std::tie(from_logits, ignore); }
  bool from_logits;
  std::optional<std::int64_t> ignore;
  SparseCrossEntropyGrad(bool logits, std::optional<std::int64_t> i)
      : from_logits(logits), ignore(i) {}
};

// ---- random (random.cpp): Philox4x32-10; element i depends on the key and i alone

// [0,1); N(0,1); N(0,1) in [-2,2]
enum class RandomKind : std::uint8_t { kUniform, kNormal, kTruncatedNormal };
std::ostream& operator<<(std::ostream& out, RandomKind kind);

struct Random final : OpOf<Random> {  // (key: int64[2] = seed, counter) -> f32 or f64 of `shape`
  DEEPCORE_OP_META("random");
  DEEPCORE_OP_VJP;
  auto fields() const { return std::tie(kind, shape, dtype); }
  RandomKind kind;
  Shape shape;
  DType dtype;
  Random(RandomKind k, const Shape& s, DType d) : kind(k), shape(s), dtype(d) {}
};

// (x, key) -> x / (1 - rate) where a uniform draw is >= rate, else 0. Its gradient is itself: no
// mask is kept.
struct Dropout final : OpOf<Dropout> {
  DEEPCORE_OP_META("dropout");
  DEEPCORE_OP_VJP;
  DEEPCORE_OP_COMPOSE;
  Traits traits() const override { return {.in_place = true}; }
  auto fields() const { return std::tie(rate); }
  double rate;
  explicit Dropout(double r) : rate(r) {}
};

// ---- optimizer updates (update.cpp): no derivative

// (p, g, lr: ()[, velocity]) -> (p'[, velocity']). momentum 0: p - lr g.
// Else v' = momentum v - lr g; p' = p + v', or with nesterov p + momentum v' - lr g (Keras SGD).
struct SgdUpdate final : OpOf<SgdUpdate> {
  DEEPCORE_OP_META("sgd_update");
  DEEPCORE_OP_COMPOSE;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
  auto fields() const { return std::tie(momentum, nesterov); }
  double momentum;
  bool nesterov;
  SgdUpdate(double m, bool n) : momentum(m), nesterov(n) {}
};

// (p, g, alpha: (), m, v) -> (p', m', v'): m' = m + (g - m)(1 - b1); v' = v + (g*g - v)(1 - b2);
// p' = p - alpha m' / (sqrt(v') + eps), alpha = lr sqrt(1 - b2^t) / (1 - b1^t) (Keras Adam; Kingma
// & Ba 2015).
struct AdamUpdate final : OpOf<AdamUpdate> {
  DEEPCORE_OP_META("adam_update");
  DEEPCORE_OP_COMPOSE;
  Traits traits() const override { return {.elementwise = true, .in_place = true}; }
  auto fields() const { return std::tie(beta1, beta2, epsilon); }
  double beta1, beta2, epsilon;
  AdamUpdate(double b1, double b2, double e) : beta1(b1), beta2(b2), epsilon(e) {}
};

#undef DEEPCORE_OP_META
#undef DEEPCORE_OP_VJP
#undef DEEPCORE_OP_COMPOSE

}  // namespace deepcore
