// Scaled dot-product attention.
#include "deepcore/ops/attention.h"

#include <numbers>

#include "deepcore/ops/check.h"

namespace deepcore {
namespace {

void require_score_shape(std::string_view op, std::string_view what, const Shape& got,
                         const Shape& scores) {
  bool fits = got.rank() == 4;
  for (int i = 0; fits && i < 4; ++i) fits = got[i] == 1 || got[i] == scores[i];
  require(fits, op, "the ", what, " has shape ", got, ", scores (batch, heads, queries, keys) of ",
          scores, " expect it or ones in their places");
}

// The shape rule of q, k and v, and the sizes that all else is checked against.
struct Sizes {
  std::int64_t n, t, s, h, g, d, e;

  Sizes(std::string_view op, const Types& in) {
    const Shape &q = in[0].shape, &k = in[1].shape, &v = in[2].shape;
    require_floats(op, in[0]);
    require_same_dtype(op, in[0], in[1]);
    require_same_dtype(op, in[0], in[2]);
    require(q.rank() == 4 && k.rank() == 4 && v.rank() == 4, op,
            "expected query, key and value (batch, length, heads, features), got shapes ", q, ", ",
            k, " and ", v);
    require(k[0] == q[0] && v[0] == q[0], op, "the batch sizes of query ", q, ", key ", k,
            " and value ", v, " differ");
    require(k[1] == v[1] && k[2] == v[2], op, "key ", k, " and value ", v,
            " differ in length or heads");
    require(q[3] == k[3], op, "query ", q, " and key ", k, " differ in features: ", q[3], " and ",
            k[3]);
    require(k[2] > 0 && q[2] % k[2] == 0, op, "the ", q[2],
            " heads of the query are no multiple of the ", k[2], " of key and value");
    n = q[0], t = q[1], s = k[1], h = q[2], g = k[2], d = q[3], e = v[3];
  }

  Shape scores() const { return {n, h, t, s}; }
  Shape statistics() const { return {n, h, 2, t}; }
  Shape grouped(std::int64_t last) const { return {n, g, h / g * t, last}; }
};

void require_options(std::string_view op, const Types& in, std::size_t at, bool masked, bool biased,
                     const Shape& scores) {
  if (masked) {
    require<TypeError>(in[at].dtype == DType::kBool, op, "the mask must be bool, got ",
                       in[at].dtype);
    require_score_shape(op, "mask", in[at].shape, scores);
    ++at;
  }
  if (biased) {
    require_same_dtype(op, in[0], in[at]);
    require_score_shape(op, "bias", in[at].shape, scores);
  }
}

// (N,L,H,X) <-> (N,H,L,X)
Tensor turned(const Tensor& x) { return transpose(x, {0, 2, 1, 3}); }

// The definition, with the scores as a whole. Heads that share keys lie one below the other.
struct Parts {
  Sizes sizes;
  Tensor q, k, v;          // (N,G,H/G T,D), (N,G,S,D), (N,G,S,E)
  Tensor counts;           // bool, to the scores' shape; undefined: all do
  Tensor scores, weights;  // (N,H,T,S)

  template <class O>
  Parts(const O& op, const Tensors& in, std::size_t options)
      : sizes(O::kName, types_of(in)),
        q(reshape(turned(in[0]), sizes.grouped(sizes.d))),
        k(turned(in[1])),
        v(turned(in[2])) {
    scores = reshape(matmul(q, k, false, true), sizes.scores()) * op.scale;
    if (op.masked) counts = in[options++];
    if (op.biased) scores = scores + in[options];
    if (op.causal) {
      const Tensor rows = reshape(arange(sizes.t, DType::kInt32), {sizes.t, 1});
      const Tensor seen = greater_equal(rows, arange(sizes.s, DType::kInt32));
      counts = counts ? logical_and(counts, seen) : seen;
    }
    if (counts) scores = where(counts, scores, scalar(kMaskedScore, scores.dtype()));
    weights = sizes.s == 0 ? scores : softmax(scores);
  }

  Tensor grouped(const Tensor& scores_like) const {
    return reshape(scores_like, sizes.grouped(sizes.s));
  }
  Tensor heads(const Tensor& x, std::int64_t last) const {  // (N,G,H/G T,X) -> (N,T,H,X)
    return turned(reshape(x, {sizes.n, sizes.h, sizes.t, last}));
  }
};

Tensors optional_inputs(const Tensors& in, std::size_t first) {
  return Tensors(in.begin() + static_cast<std::ptrdiff_t>(first), in.end());
}

}  // namespace

// ---- Attention

Types Attention::infer(const Types& in) const {
  const Sizes s(kName, in);
  require_options(kName, in, 3, masked, biased, s.scores());
  return {{in[0].dtype, Shape{s.n, s.t, s.h, s.e}, in[0].device},
          {in[0].dtype, s.statistics(), in[0].device}};
}

Tensors Attention::compose(const Tensors& in) const {
  const Parts p(*this, in, 3);
  const Tensor y = p.heads(matmul(p.grouped(p.weights), p.v), p.sizes.e);
  if (p.sizes.s == 0) return {y, broadcast_to(scalar(0, y.dtype()), p.sizes.statistics())};
  const Tensor fixed = stop_gradient(p.scores), largest = max(fixed, {-1});
  const Tensor total = sum(exp(fixed - expand_dims(largest, Dims{-1})), {-1});
  return {y, stack({largest * std::numbers::log2e, 1.0 / total}, 2)};
}

Tensors Attention::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  if (!grad[0]) return Tensors(in.size());
  Tensors given{in[0], in[1], in[2], out[0], out[1], grad[0]};
  for (const Tensor& t : optional_inputs(in, 3)) given.push_back(t);
  Tensors grads = apply_all(AttentionGrad{scale, causal, masked, biased}, given);
  if (masked) grads.emplace_back();
  // The gradient of a bias is as large as the scores: by the definition, when somebody wants it.
  if (biased) grads.push_back(Op::vjp(in, out, {grad[0], zeros(out[1].type())}).back());
  return grads;
}

std::int64_t Attention::flops(const Types& in, const Types&) const {
  const Sizes s(kName, in);
  return 2 * s.scores().elements() * (s.d + s.e);
}

// ---- AttentionGrad

Types AttentionGrad::infer(const Types& in) const {
  const Sizes s(kName, in);
  require(in[3].shape == Shape({s.n, s.t, s.h, s.e}) && in[5] == in[3], kName, "the result ", in[3],
          " and its gradient ", in[5], " do not fit the query ", in[0]);
  require(in[4].shape == s.statistics(), kName, "the statistics have shape ", in[4].shape,
          ", expected ", s.statistics());
  require_options(kName, in, 6, masked, biased, s.scores());
  return {in[0], in[1], in[2]};
}

// Of q, k, v and gy alone, so that its derivative is that of the whole.
Tensors AttentionGrad::compose(const Tensors& in) const {
  const Parts p(*this, in, 6);
  const Tensor gy = reshape(turned(in[5]), p.sizes.grouped(p.sizes.e));
  const Tensor slope = reshape(matmul(gy, p.v, false, true), p.sizes.scores());
  Tensor gs = p.weights * (slope - sum(slope * p.weights, {-1}, kKeep)) * scale;
  if (p.counts) gs = where(p.counts, gs, scalar(0, gs.dtype()));
  const Tensor g = p.grouped(gs);
  return {p.heads(matmul(g, p.k), p.sizes.d), turned(matmul(g, p.q, true)),
          turned(matmul(p.grouped(p.weights), gy, true))};
}

Tensors AttentionGrad::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  Tensors all = grad;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (!all[i]) all[i] = zeros(out[i].type());
  return Op::vjp(in, out, all);
}

// Computing the scores once more is the price of their memory, no work of the gradient.
std::int64_t AttentionGrad::flops(const Types& in, const Types&) const {
  const Sizes s(kName, in);
  return 4 * s.scores().elements() * (s.d + s.e);
}

// ---- functions

Tensor dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                             const Tensor& bias, double scale, bool causal) {
  Tensors in{q, k, v};
  if (mask) in.push_back(mask);
  if (bias) in.push_back(bias);
  return apply1(Attention{scale, causal, bool(mask), bool(bias)}, in);
}

}  // namespace deepcore
