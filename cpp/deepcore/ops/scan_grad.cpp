// The derivative of a loop: a loop from its last step to its first over what a longer version of
// the loop has kept of each step.
#include <algorithm>

#include "deepcore/graph/apply.h"
#include "deepcore/ops/control.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace {

using Values = std::vector<Value>;

bool contains(const Values& list, Value v) { return std::ranges::find(list, v) != list.end(); }
void append(Tensors& to, const Tensors& from) { to.insert(to.end(), from.begin(), from.end()); }

// The body's derivative cut in two: what a step forward keeps, and what a step back does with it.
class Halves {
 public:
  Halves(const Scan& scan, const std::vector<bool>& wanted) : scan_(scan) {
    std::vector<bool> started(scan.body->inputs.size(), false);
    std::fill(started.begin() + std::ptrdiff_t(scan.carries + scan.sliced), started.end(), true);
    d_ = derivative(*scan.body, wanted, started);
    maker_.assign(d_.graph->values.size(), -1);
    varies_.assign(d_.graph->values.size(), false);
    for (std::size_t i = 0; i < scan.carries + scan.sliced; ++i) varies_[d_.in[i]] = true;
    for (std::size_t i = 0; i < d_.forward; ++i)
      for (Value out : d_.graph->nodes[i].out) {
        maker_[out] = static_cast<int>(i);
        for (Value in : d_.graph->nodes[i].in) varies_[out] = varies_[out] || varies_[in];
      }
    again_.assign(d_.forward, false);
    for (std::size_t i = d_.forward; i < d_.graph->nodes.size(); ++i)
      for (Value v : d_.graph->nodes[i].in) need(v);
    for (Value v : d_.in_grads)
      if (v >= 0) need(v);
    make_forward();
    make_backward();
  }

  // Over the rounds `first` to `first + count` of the loop, with the carries before them; the
  // gradients of the carries after them and what is added to those of captured values come in and
  // go out. Gives the gradients of xs.
  Tensors run(const Tensors& carry, const Tensors& xs, const Tensors& captured, const Tensors& gys,
              std::int64_t count, Tensors& moving) const {
    Scan forward = scan_;
    forward.body = forward_;
    forward.base = scan_.body;
    forward.length = count;
    forward.segment = forward.keep = 0;
    Tensors in = carry;
    append(in, xs);
    append(in, captured);
    const Tensors kept = apply_all(forward, in);

    Scan backward;
    backward.body = backward_;
    backward.carries = moving.size();
    backward.length = count;
    backward.reverse = !scan_.reverse;
    Tensors back = moving;
    for (std::size_t i : x_needed_) back.push_back(xs[i]);
    for (std::size_t k : kept_) back.push_back(kept[k]);
    append(back, gys);
    backward.sliced = back.size() - moving.size();
    for (std::size_t i : captured_needed_) back.push_back(captured[i]);
    Tensors out = apply_all(backward, back);
    const auto split = out.begin() + std::ptrdiff_t(moving.size());
    moving.assign(out.begin(), split);
    return {split, out.end()};
  }

  // Which carries, xs and captured values have gradients: `run` takes and gives those alone.
  std::vector<std::size_t> carry_grads, x_grads, captured_grads;

 private:
  // The backward half reads this value. It takes inputs and kept values, and makes again what costs
  // no memory to make: views, and what does not vary from step to step.
  void need(Value v) {
    const bool input = contains(d_.in, v);
    if (!input && maker_[v] < 0) return;  // a constant, a gradient, or the backward half's own
    if (contains(needed_, v)) return;
    const int made = maker_[v];
    if (!input && (!varies_[v] || d_.graph->nodes[std::size_t(made)].op->traits().view)) {
      again_[std::size_t(made)] = true;
      for (Value in : d_.graph->nodes[std::size_t(made)].in) need(in);
    } else {
      needed_.push_back(v);
    }
  }

  void make_forward() {
    auto graph = std::make_shared<Graph>(*d_.graph);
    graph->nodes.resize(d_.forward);
    graph->inputs = d_.in;
    graph->outputs = d_.out;
    const std::size_t c = scan_.carries, s = scan_.sliced;
    for (Value v : needed_) {
      const auto at = std::size_t(std::ranges::find(d_.in, v) - d_.in.begin());
      if (at < d_.in.size() && at >= c) {
        (at < c + s ? x_needed_ : captured_needed_).push_back(at - c - (at < c + s ? 0 : s));
        continue;
      }
      // One of ys, or one more.
      const auto y = std::find(graph->outputs.begin() + std::ptrdiff_t(c), graph->outputs.end(), v);
      kept_.push_back(std::size_t(y - graph->outputs.begin()));
      if (y == graph->outputs.end()) graph->outputs.push_back(v);
    }
    forward_ = graph;
  }

  void make_backward() {
    auto graph = std::make_shared<Graph>(*d_.graph);
    const std::size_t c = scan_.carries, s = scan_.sliced;
    Values carries, slices, captured, new_carries, gxs;
    for (std::size_t k = 0; k < c; ++k) {
      if (d_.grads[k] < 0) continue;
      carry_grads.push_back(k);
      carries.push_back(d_.grads[k]);
      new_carries.push_back(d_.in_grads[k] >= 0 ? d_.in_grads[k]
                                                : add_zeros(*graph, graph->values[d_.in[k]]));
    }
    for (std::size_t i = c; i < d_.in.size(); ++i) {
      if (d_.in_grads[i] < 0) continue;
      if (i < c + s) {
        x_grads.push_back(i - c);
        gxs.push_back(d_.in_grads[i]);
      } else {
        captured_grads.push_back(i - c - s);
        carries.push_back(d_.start[i]);
        new_carries.push_back(d_.in_grads[i]);
      }
    }
    for (std::size_t i : x_needed_) slices.push_back(d_.in[c + i]);
    for (std::size_t k : kept_) slices.push_back(forward_->outputs[k]);
    for (std::size_t k = c; k < d_.grads.size(); ++k)
      if (d_.grads[k] >= 0) slices.push_back(d_.grads[k]);
    for (std::size_t i : captured_needed_) captured.push_back(d_.in[c + s + i]);

    std::vector<Node> nodes;
    for (std::size_t i = 0; i < graph->nodes.size(); ++i)
      if (i >= d_.forward || again_[i]) nodes.push_back(graph->nodes[i]);
    graph->nodes = std::move(nodes);
    graph->inputs = carries;
    graph->inputs.insert(graph->inputs.end(), slices.begin(), slices.end());
    graph->inputs.insert(graph->inputs.end(), captured.begin(), captured.end());
    graph->outputs = new_carries;
    graph->outputs.insert(graph->outputs.end(), gxs.begin(), gxs.end());
    backward_ = graph;
  }

  const Scan& scan_;
  Derivative d_;
  std::vector<int> maker_;    // the node of the forward half that makes a value
  std::vector<bool> varies_;  // from step to step
  std::vector<bool> again_;   // the nodes of the forward half that are in the backward half too
  Values needed_;
  std::vector<std::size_t> x_needed_, captured_needed_, kept_;  // kept_: among the outputs
  GraphPtr forward_, backward_;
};

// The rows of `count` rounds from `first` on, of the `length` rounds that x has rows for.
Tensors rows_of(const Tensors& xs, std::int64_t length, std::int64_t first, std::int64_t count,
                bool reverse) {
  Tensors parts;
  for (const Tensor& x : xs) {
    Dims begin = Dims::filled(x.rank(), 0), size(x.shape());
    begin[0] = reverse ? length - first - count : first;
    size[0] = count;
    parts.push_back(count == length ? x : slice(x, begin, size, Dims::filled(x.rank(), 1)));
  }
  return parts;
}

// (segments * length, ...) -> (segments, length, ...), and back.
Tensor in_segments(const Tensor& x, std::int64_t length) {
  Shape shape = x.shape();
  shape[0] /= length;
  shape.insert(1, length);
  return reshape(x, shape);
}
Tensor joined(const Tensor& x) {
  Shape shape = x.shape();
  shape[1] *= shape[0];
  shape.erase(0);
  return reshape(x, shape);
}

Tensor squeezed(const Tensor& x) { return squeeze(x, Dims{0}); }

// The loop back over segments, each of which goes forward again first. The carries before each are
// kept by a version of the loop.
Tensors by_segments(const Scan& scan, const Halves& halves, const Tensors& in, const Tensors& gys,
                    Tensors& moving) {
  const auto at = [&](std::size_t i) { return in.begin() + std::ptrdiff_t(i); };
  const Tensors xs(at(scan.carries), at(scan.carries + scan.sliced));
  const Tensors captured(at(scan.carries + scan.sliced), in.end());
  Scan keeping = scan;
  keeping.keep = scan.segment;
  const Tensors all = apply_all(keeping, in);
  const Tensors kept(all.end() - std::ptrdiff_t(scan.carries), all.end());
  const std::int64_t full = scan.length / scan.segment, tail = scan.length % scan.segment;
  const std::int64_t covered = full * scan.segment;

  Tensors gxs;
  if (tail > 0) {
    Tensors carry = rows_of(kept, full + 1, full, 1, scan.reverse);
    for (Tensor& t : carry) t = squeezed(t);
    gxs = halves.run(carry, rows_of(xs, scan.length, covered, tail, scan.reverse), captured,
                     rows_of(gys, scan.length, covered, tail, scan.reverse), tail, moving);
  }

  Scan outer;
  outer.length = full;
  outer.reverse = !scan.reverse;
  outer.carries = moving.size();
  Tensors from = moving;
  append(from, rows_of(kept, full + (tail > 0 ? 1 : 0), 0, full, scan.reverse));
  for (const Tensors* list : {&xs, &gys})
    for (const Tensor& t : rows_of(*list, scan.length, 0, covered, scan.reverse))
      from.push_back(in_segments(t, scan.segment));
  outer.sliced = from.size() - moving.size();
  append(from, captured);
  {
    Trace trace(Trace::Of::kRule);
    Tensors inside;
    for (std::size_t i = 0; i < from.size(); ++i) {
      Type type = from[i].type();
      if (i >= outer.carries && i < outer.carries + outer.sliced) type.shape.erase(0);
      inside.push_back(trace.input(type));
    }
    auto next = inside.begin();
    const auto some = [&](std::size_t count) {
      const auto first = next;
      next += std::ptrdiff_t(count);
      return Tensors(first, next);
    };
    Tensors moved = some(moving.size());
    const Tensors carry = some(scan.carries), x = some(xs.size()), gy = some(gys.size());
    const Tensors gx = halves.run(carry, x, {next, inside.end()}, gy, scan.segment, moved);
    append(moved, gx);
    outer.body = trace.finish(moved);
  }
  const Tensors out = apply_all(outer, from);
  const auto split = out.begin() + std::ptrdiff_t(moving.size());
  for (std::size_t i = 0; i < std::size_t(out.end() - split); ++i) {
    const Tensor gx = joined(split[std::ptrdiff_t(i)]);
    if (tail == 0)
      gxs.push_back(gx);
    else
      gxs[i] = scan.reverse ? concatenate({gxs[i], gx}, 0) : concatenate({gx, gxs[i]}, 0);
  }
  moving.assign(out.begin(), split);
  return gxs;
}

}  // namespace

Tensors Scan::vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const {
  const bool of_kept = std::any_of(grad.begin() + std::ptrdiff_t(body->outputs.size()), grad.end(),
                                   [](const Tensor& g) { return bool(g); });
  if (of_kept) {  // the second derivative of a loop by segments
    Tensors all = grad;
    for (std::size_t k = 0; k < all.size(); ++k)
      if (!all[k]) all[k] = zeros(out[k].type());
    return Op::vjp(in, out, all);
  }
  std::vector<bool> wanted(body->outputs.size(), true);
  Tensors gys;
  for (std::size_t k = carries; k < wanted.size(); ++k) {
    wanted[k] = bool(grad[k]);
    if (wanted[k] && is_floating(out[k].dtype()))
      gys.push_back(broadcast_to(grad[k], out[k].shape()));
  }
  const Halves halves(*this, wanted);

  Tensors moving;  // the gradients of carries, then the sums of those of captured values
  for (std::size_t k : halves.carry_grads)
    moving.push_back(grad[k] ? broadcast_to(grad[k], out[k].shape()) : zeros(out[k].type()));
  for (std::size_t i : halves.captured_grads)
    moving.push_back(zeros(in[carries + sliced + i].type()));
  const auto at = [&](std::size_t i) { return in.begin() + std::ptrdiff_t(i); };
  const Tensors gxs =
      segment > 0 && segment < length
          ? by_segments(*this, halves, in, gys, moving)
          : halves.run({in.begin(), at(carries)}, {at(carries), at(carries + sliced)},
                       {at(carries + sliced), in.end()}, gys, length, moving);

  Tensors result(in.size());
  std::size_t next = 0;
  for (std::size_t k : halves.carry_grads) result[k] = moving[next++];
  for (std::size_t i : halves.captured_grads) result[carries + sliced + i] = moving[next++];
  for (std::size_t i = 0; i < gxs.size(); ++i) result[carries + halves.x_grads[i]] = gxs[i];
  return result;
}

}  // namespace deepcore
