// Expansion, constants, equal nodes and a little algebra.
#include <cmath>
#include <map>
#include <optional>

#include "deepcore/ops/ops.h"
#include "deepcore/plan/fold_weights.h"
#include "deepcore/plan/loops.h"
#include "deepcore/plan/passes.h"

namespace deepcore {

namespace {

// Larger results of constants are computed at run time rather than kept.
constexpr std::int64_t kMostFolded = 1 << 14;

// The number that fills a concrete f32 tensor, if one does.
std::optional<float> splat(const Tensor& t) {
  if (t.is_symbolic() || t.dtype() != DType::kFloat32 || t.elements() == 0) return {};
  const float* p = t.data<float>();
  for (std::int64_t i = 1; i < t.elements(); ++i)
    if (!(p[i] == p[0])) return {};
  return p[0];
}

bool is_number(const Tensor& t, float number) {
  const std::optional<float> value = splat(t);
  return value && *value == number && !std::signbit(*value);
}

class Simplifier {
 public:
  Simplifier(const Backend& backend, bool optimize) : backend_(backend), optimize_(optimize) {}

  std::shared_ptr<Graph> run(const Graph& graph) {
    WeightFolder folder(graph, rewriting_);
    folder_ = &folder;
    return rewriting_.run(graph, [&](const Node& node, const Tensors& in) {
      const Tensors out = visit(node, in);
      folder.made(node, out);
      return out;
    });
  }
  bool changed() const { return changed_; }

 private:
  Tensors visit(const Node& node, Tensors in) {
    if (optimize_) {
      if (Tensor same = algebra(*node.op, in)) {
        changed_ = true;
        return {same};
      }
      if (dynamic_cast<const Binary*>(node.op.get()) || dynamic_cast<const Select*>(node.op.get()))
        drop_broadcasts(*node.op, in);
    }
    const Types types = types_of(in);
    const Types out = node.op->infer(types);
    if (!node.op->traits().view && !runs_bodies(*node.op) &&
        !backend_.runner(*node.op, types, out)) {
      const Tensors made = node.op->compose(in);
      require<TypeError>(!made.empty(), node.op->name(), "is not available for ",
                         types.empty() ? out[0] : types[0]);
      changed_ = true;
      return made;
    }
    return emit(node.op, in, out);
  }

  // Equal nodes once; nodes of constants at once, when small.
  Tensors emit(const OpPtr& op, const Tensors& in, const Types& out) {
    bool constant = optimize_ && !op->traits().effect;
    for (const Tensor& t : in) constant = constant && !t.is_symbolic();
    for (const Type& type : out) constant = constant && type.elements() <= kMostFolded;
    if (constant) return apply(op, in);
    if (!optimize_ || op->traits().effect) return rewriting_.append(op, in);
    std::vector<const void*> key;  // constants by identity, symbols by value
    for (const Tensor& t : in)
      key.push_back(t.is_symbolic() ? reinterpret_cast<const void*>(
                                          static_cast<std::intptr_t>(t.value()) * 2 + 1)
                                    : t.id());
    auto& twins = seen_[{std::string(op->name()), key}];
    for (const auto& [twin, made] : twins)
      if (twin->equal(*op)) return made;
    twins.emplace_back(op, rewriting_.append(op, in));
    return twins.back().second;
  }

  // Whatever broadcasts by itself needs no BroadcastTo, and a filled tensor is as good as a scalar.
  void drop_broadcasts(const Op& op, Tensors& in) {
    const Shape shape = op.infer(types_of(in))[0].shape;
    for (Tensor& t : in) {
      Tensor before = t;
      if (const Node* maker = rewriting_.maker(t);
          maker && dynamic_cast<const BroadcastTo*>(maker->op.get()))
        t = rewriting_.input_of(*maker, 0);
      else if (const std::optional<float> value = t.rank() > 0 ? splat(t) : std::nullopt)
        t = scalar(*value, DType::kFloat32);
      else
        continue;
      if (!(op.infer(types_of(in))[0].shape == shape))
        t = before;  // it alone gave the result its shape
    }
  }

  Tensor algebra(const Op& op, const Tensors& in) {
    if (auto* unary = dynamic_cast<const Unary*>(&op)) {
      if (unary->kind == Kind::kIdentity || unary->kind == Kind::kStopGradient) return in[0];
    } else if (auto* cast = dynamic_cast<const Cast*>(&op)) {
      if (cast->to == in[0].dtype()) return in[0];
    } else if (auto* broadcast = dynamic_cast<const BroadcastTo*>(&op)) {
      if (broadcast->shape == in[0].shape()) return in[0];
    } else if (auto* reshape = dynamic_cast<const Reshape*>(&op)) {
      if (reshape->shape == in[0].shape()) return in[0];
      if (const Node* maker = rewriting_.maker(in[0]);
          maker && dynamic_cast<const Reshape*>(maker->op.get()))
        return deepcore::reshape(rewriting_.input_of(*maker, 0), reshape->shape);
    } else if (auto* transpose = dynamic_cast<const Transpose*>(&op)) {
      return simpler_transpose(*transpose, in[0]);
    } else if (auto* slice = dynamic_cast<const Slice*>(&op)) {
      return simpler_slice(*slice, in[0]);
    } else if (auto* unslice = dynamic_cast<const Unslice*>(&op)) {
      if (unslice->shape == in[0].shape())  // turned axes alone, which turn back
        return deepcore::slice(in[0], unslice->begin, unslice->shape, unslice->stride);
    } else if (auto* reduce = dynamic_cast<const Reduce*>(&op)) {
      bool trivial = true;
      for (std::int64_t axis : reduce->axes)
        trivial = trivial && in[0].shape()[static_cast<int>(axis)] == 1;
      const Type out = op.infer(types_of(in))[0];
      if (trivial && out.dtype == in[0].dtype()) return deepcore::reshape(in[0], out.shape);
    } else if (auto* binary = dynamic_cast<const Binary*>(&op)) {
      const Tensor simpler = simpler_binary(*binary, in);
      return simpler ? simpler : folder_->simpler(*binary, in);
    } else if (auto* matmul = dynamic_cast<const MatMul*>(&op)) {
      return fold_transposes(*matmul, in);
    } else if (auto* conv = dynamic_cast<const Conv*>(&op)) {
      return fold_padding(*conv, in);
    }
    return {};
  }

  Tensor simpler_transpose(const Transpose& op, const Tensor& x) {
    // Moving axes of size 1 moves no data.
    std::int64_t last = -1;
    bool in_order = true;
    for (std::int64_t axis : op.perm)
      if (x.shape()[static_cast<int>(axis)] != 1) {
        in_order = in_order && axis > last;
        last = axis;
      }
    if (in_order) return deepcore::reshape(x, op.infer({x.type()})[0].shape);
    const Node* maker = rewriting_.maker(x);
    auto* inner = maker ? dynamic_cast<const Transpose*>(maker->op.get()) : nullptr;
    if (!inner) return {};
    Dims both;
    for (std::int64_t axis : op.perm) both.push_back(inner->perm[static_cast<int>(axis)]);
    return deepcore::transpose(rewriting_.input_of(*maker, 0), both);
  }

  // A slice of a slice is one; of a sequence turned twice nothing is left.
  Tensor simpler_slice(const Slice& op, const Tensor& x) {
    Slice both = op;
    const Node* maker = rewriting_.maker(x);
    auto* inner = maker ? dynamic_cast<const Slice*>(maker->op.get()) : nullptr;
    const Tensor from = inner ? rewriting_.input_of(*maker, 0) : x;
    if (inner)
      for (int i = 0; i < op.begin.size(); ++i) {
        both.begin[i] = inner->begin[i] + op.begin[i] * inner->stride[i];
        both.stride[i] = op.stride[i] * inner->stride[i];
      }
    bool whole = from.shape() == Shape(both.size);
    for (int i = 0; i < both.size.size(); ++i)
      whole = whole && (both.stride[i] == 1 || both.size[i] == 1);
    if (whole) return from;
    return inner ? deepcore::slice(from, both.begin, both.size, both.stride) : Tensor();
  }

  Tensor simpler_binary(const Binary& op, const Tensors& in) {
    const Shape shape = op.infer(types_of(in))[0].shape;
    auto whole = [&](int i) { return in[static_cast<std::size_t>(i)].shape() == shape; };
    switch (op.kind) {
      case Kind::kMultiply:
        if (whole(0) && is_number(in[1], 1)) return in[0];
        if (whole(1) && is_number(in[0], 1)) return in[1];
        return {};
      case Kind::kDivide:
        return whole(0) && is_number(in[1], 1) ? in[0] : Tensor();
      case Kind::kPower:  // a multiplication instead of exp and log
        return whole(0) && is_number(in[1], 2) ? square(in[0]) : Tensor();
      case Kind::kSubtract:
        return whole(0) && is_number(in[1], 0) ? in[0] : Tensor();
      default:
        return {};
    }
  }

  Tensor fold_transposes(const MatMul& op, const Tensors& in) {
    auto swapped = [&](const Tensor& t) -> Tensor {
      const Node* maker = rewriting_.maker(t);
      auto* inner = maker ? dynamic_cast<const Transpose*>(maker->op.get()) : nullptr;
      if (!inner) return {};
      const int rank = t.rank();
      for (int i = 0; i < rank - 2; ++i)
        if (inner->perm[i] != i) return {};
      return inner->perm[rank - 1] == rank - 2 ? rewriting_.input_of(*maker, 0) : Tensor();
    };
    Tensors plain = in;
    MatMul folded = op;
    if (Tensor a = swapped(in[0])) plain[0] = a, folded.ta = !folded.ta;
    if (Tensor b = swapped(in[1])) plain[1] = b, folded.tb = !folded.tb;
    return folded.equal(op) ? Tensor() : apply1(folded, plain);
  }

  // A convolution pads with zeros by itself: it leaves them out of its sums.
  Tensor fold_padding(const Conv& op, const Tensors& in) {
    const Node* maker = rewriting_.maker(in[0]);
    auto* pad = maker ? dynamic_cast<const Pad*>(maker->op.get()) : nullptr;
    if (!pad || !is_number(rewriting_.input_of(*maker, 1), 0)) return {};
    if (pad->low[0] + pad->high[0] + pad->low[3] + pad->high[3] > 0) return {};
    Conv folded = op;
    for (int i = 0; i < 2; ++i) {
      const auto axis = static_cast<std::size_t>(i);
      folded.window.pad_low[axis] += static_cast<int>(pad->low[i + 1]);
      folded.window.pad_high[axis] += static_cast<int>(pad->high[i + 1]);
    }
    Tensors plain = in;
    plain[0] = rewriting_.input_of(*maker, 0);
    return apply1(folded, plain);
  }

  const Backend& backend_;
  bool optimize_;
  bool changed_ = false;
  Rewriting rewriting_;
  WeightFolder* folder_ = nullptr;  // of this run
  std::map<std::pair<std::string, std::vector<const void*>>, std::vector<std::pair<OpPtr, Tensors>>>
      seen_;
};

}  // namespace

std::shared_ptr<Graph> simplify(const Graph& graph, const Backend& backend, bool optimize) {
  std::shared_ptr<Graph> now = remove_dead(graph);
  for (;;) {
    Simplifier simplifier(backend, optimize);
    now = remove_dead(*simplifier.run(*now));
    if (!simplifier.changed()) return now;
  }
}

}  // namespace deepcore
