// Linear-chain conditional random fields.
#include "deepcore/ops/crf.h"

#include "deepcore/ops/recurrent_steps.h"

namespace deepcore {
namespace {

// The shape rule: what all else is checked against.
struct Chain {
  std::int64_t batch, steps, tags;
  DType dtype;

  Chain(std::string_view op, const Type& scores) : dtype(scores.dtype) {
    require_floats(op, scores);
    require(scores.shape.rank() == 3 && scores.shape[2] >= 1, op,
            "expected scores (batch, steps, tags), got shape ", scores.shape);
    batch = scores.shape[0];
    steps = scores.shape[1];
    tags = scores.shape[2];
  }
  Chain(std::string_view op, const Types& in) : Chain(op, in[0]) {
    require_type(op, "matrix of transitions", in[1], type({tags, tags}));
    require_type(op, "vector of first scores", in[2], type({tags}));
    require_type(op, "vector of last scores", in[3], type({tags}));
  }
  Type type(const Shape& shape) const { return {dtype, shape}; }
  Type rows() const { return type({batch}); }
  Type sequence() const { return type({batch, steps, tags}); }

  void check_tags(std::string_view op, const Type& got) const {
    require_indices(op, got);
    require(got.shape == Shape({batch, steps}), op, "the tags have shape ", got.shape,
            ", scores of shape ", sequence().shape, " expect ", Shape{batch, steps});
  }
  void check_mask(std::string_view op, const Types& in, std::size_t without) const {
    if (in.size() > without)
      require_type(op, "mask", in[without], {DType::kBool, Shape{batch, steps}});
  }
};

// (N, T, K) -> (N, K)
Tensor zeros_beside(const Tensor& scores) {
  return zeros({scores.dtype(), Shape{scores.shape()[0], scores.shape()[2]}});
}

Tensor narrow(const Tensor& column) { return squeeze(column, Dims{1}); }

// The derivative of a sum over nothing but -inf would be 0 / 0.
Tensor bounded(const Tensor& x) { return maximum(x, scalar(-1e30, x.dtype())); }

// All true where there is no mask. (N, T)
Tensor whole(const Tensor& mask, const Tensor& scores) {
  if (mask) return mask;
  return full(Shape{scores.shape()[0], scores.shape()[1]}, 1, DType::kBool);
}

// The score of the given tags, (N).
Tensor score_of(const Tensors& in, const Tensor& tags, const Tensor& mask) {
  const Tensor &scores = in[0], &transitions = in[1];
  const std::int64_t k = scores.shape()[2];
  const Tensor zero = scalar(0, scores.dtype());
  Tensor total = zeros({scores.dtype(), Shape{scores.shape()[0]}});
  Tensor before = full(Shape{scores.shape()[0]}, 0, tags.dtype());
  Tensor begun = full(Shape{scores.shape()[0]}, 0, DType::kBool);
  const Tensor flat = reshape(transitions, Shape{k * k});
  for (std::int64_t t = 0; t < scores.shape()[1]; ++t) {
    const Tensor keep = at_step(mask, t);
    const Tensor tag = where(keep, at_step(tags, t), zeros(before.type()));
    // A bad tag is found here: in a pair it would name another pair.
    const Tensor opening = take(in[2], tag, 0);
    const Tensor pair = take(flat, before * static_cast<double>(k) + tag, 0);
    const Tensor at = deepcore::equal(expand_dims(tag, Dims{-1}), arange(k, tag.dtype()));
    const Tensor own = sum(where(at, at_step(scores, t), zero), {-1});
    total = total + where(keep, where(begun, pair, opening) + own, zero);
    before = where(keep, tag, before);
    begun = where(keep, keep, begun);
  }
  return total + where(begun, take(in[3], before, 0), zero);
}

}  // namespace

// ---- CrfLoss

Types CrfLoss::infer(const Types& in) const {
  const Chain chain(kName, in);
  if (tagged) chain.check_tags(kName, in[4]);
  chain.check_mask(kName, in, tagged ? 5 : 4);
  return {chain.rows(), chain.sequence()};
}

Tensors CrfLoss::compose(const Tensors& in) const {
  const Tensor scores = bounded(in[0]), transitions = bounded(in[1]), first = bounded(in[2]),
               last = bounded(in[3]);
  const Tensor mask = whole(mask_of(in, tagged ? 5 : 4), scores);
  StepList messages(scores.type());
  Tensor alpha = zeros_beside(scores);
  Tensor shift = zeros({scores.dtype(), Shape{scores.shape()[0], 1}});
  Tensor begun = full(shift.shape(), 0, DType::kBool);
  for (std::int64_t t = 0; t < scores.shape()[1]; ++t) {
    const Tensor keep = kept_rows(mask, t);
    const Tensor reached = logsumexp(expand_dims(alpha, Dims{2}) + transitions, {1});
    const Tensor message = where(begun, reached, broadcast_to(first, alpha.shape()));
    messages.put(t, where(keep, message, zeros(alpha.type())));
    const Tensor now = message + at_step(scores, t);
    const Tensor largest = max(now, {-1}, kKeep);
    alpha = where(keep, now - largest, alpha);
    shift = where(keep, shift + largest, shift);
    begun = where(keep, keep, begun);
  }
  const Tensor all = shift + logsumexp(alpha + last, {-1}, kKeep);
  Tensor loss = narrow(where(begun, all, zeros(all.type())));
  if (tagged) loss = loss - score_of(in, in[4], mask);
  return {loss, messages.stacked()};
}

Tensors CrfLoss::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  if (grad[1]) return Op::vjp(in, out, with_zeros(out, grad));
  Tensors from{in[0], in[1], in[2], in[3], out[1], grad[0]};
  from.insert(from.end(), in.begin() + 4, in.end());
  Tensors g = deepcore::apply(std::make_shared<CrfLossGrad>(tagged), from);
  g.resize(in.size());  // none for tags and mask
  return g;
}

// ---- CrfLossGrad

Types CrfLossGrad::infer(const Types& in) const {
  const Chain chain(kName, in);
  require_type(kName, "messages", in[4], chain.sequence());
  require_type(kName, "gradient", in[5], chain.rows());
  if (tagged) chain.check_tags(kName, in[6]);
  chain.check_mask(kName, in, tagged ? 7 : 6);
  return {in[0], in[1], in[2], in[3]};
}

Tensors CrfLossGrad::compose(const Tensors& in) const {
  const CrfLoss loss(tagged);
  Tensors from(in.begin(), in.begin() + 4);
  from.insert(from.end(), in.begin() + 6, in.end());
  Tensors g = loss.Op::vjp(from, {}, {in[5], zeros(in[4].type())});
  g.resize(4);
  for (std::size_t i = 0; i < g.size(); ++i)
    if (!g[i]) g[i] = zeros(in[i].type());  // of no steps
  return g;
}

// ---- Viterbi

Types Viterbi::infer(const Types& in) const {
  const Chain chain(kName, in);
  chain.check_mask(kName, in, 4);
  return {{DType::kInt32, Shape{chain.batch, chain.steps}, in[0].device}, chain.rows()};
}

Tensors Viterbi::compose(const Tensors& in) const {
  const Tensor &scores = in[0], &transitions = in[1];
  const std::int64_t n = scores.shape()[0], steps = scores.shape()[1], k = scores.shape()[2];
  const Tensor mask = whole(mask_of(in, 4), scores);
  Tensor best = zeros_beside(scores);
  Tensor begun = full(Shape{n, 1}, 0, DType::kBool);
  Tensors from;  // the best tag before each tag; itself at masked steps
  const Tensor stay = broadcast_to(arange(k, DType::kInt32), Shape{n, k});
  for (std::int64_t t = 0; t < steps; ++t) {
    const Tensor keep = kept_rows(mask, t);
    const Tensor sums = expand_dims(best, Dims{2}) + transitions;
    const Tensor message = where(begun, max(sums, {1}), broadcast_to(in[2], Shape{n, k}));
    from.push_back(where(logical_and(keep, begun), argreduce(true, sums, 1), stay));
    best = where(keep, message + at_step(scores, t), best);
    begun = where(keep, keep, begun);
  }
  const Tensor ends = best + in[3];
  const Tensor score = where(begun, max(ends, {-1}, kKeep), zeros({scores.dtype(), Shape{n, 1}}));
  Tensor tag = argreduce(true, ends, -1);
  StepList tags({DType::kInt32, Shape{n, steps}});
  const Tensor none = zeros(tag.type());
  for (std::int64_t t = steps - 1; t >= 0; --t) {
    tags.put(t, where(at_step(mask, t), tag, none));
    const Tensor at = deepcore::equal(expand_dims(tag, Dims{-1}), arange(k, DType::kInt32));
    tag = sum(where(at, from[static_cast<std::size_t>(t)], scalar(0, DType::kInt32)), {-1});
  }
  return {tags.stacked(), narrow(score)};
}

Tensors Viterbi::vjp(const Tensors& in, const Tensors&, const Tensors&) const {
  return Tensors(in.size());
}

// ---- functions

namespace {

Tensors with(Tensors in, const Tensor& a, const Tensor& b) {
  if (a) in.push_back(a);
  if (b) in.push_back(b);
  return in;
}

}  // namespace

Tensor crf_loss(const Tensor& scores, const Tensor& transitions, const Tensor& first,
                const Tensor& last, const Tensor& tags, const Tensor& mask) {
  const bool tagged = static_cast<bool>(tags);
  return deepcore::apply(std::make_shared<CrfLoss>(tagged),
                         with({scores, transitions, first, last}, tags, mask))[0];
}

Tensor crf_marginals(const Tensor& scores, const Tensor& transitions, const Tensor& first,
                     const Tensor& last, const Tensor& mask) {
  const Tensors in{scores, transitions, first, last};
  const Tensors out = deepcore::apply(std::make_shared<CrfLoss>(false), with(in, {}, mask));
  Tensors from = in;
  from.push_back(out[1]);
  from.push_back(ones(out[0].type()));
  return deepcore::apply(std::make_shared<CrfLossGrad>(false), with(from, {}, mask))[0];
}

Tensors viterbi(const Tensor& scores, const Tensor& transitions, const Tensor& first,
                const Tensor& last, const Tensor& mask) {
  return deepcore::apply(std::make_shared<Viterbi>(),
                         with({scores, transitions, first, last}, {}, mask));
}

}  // namespace deepcore
