// Scale, bias, residual and activation into the matmul or convolution that made their input: one
// pass over memory less each. The bits stay those of the separate ops.
#include <algorithm>
#include <iterator>
#include <optional>

#include "deepcore/ops/kinds.h"
#include "deepcore/ops/ops.h"
#include "deepcore/plan/passes.h"

namespace deepcore {

namespace {

const Epilogue* epilogue_of(const Op& op) {
  if (auto* matmul = dynamic_cast<const MatMul*>(&op)) return &matmul->epilogue;
  if (auto* conv = dynamic_cast<const Conv*>(&op)) return &conv->epilogue;
  return nullptr;
}

OpPtr with_epilogue(const Op& op, const Epilogue& epilogue) {
  if (auto* matmul = dynamic_cast<const MatMul*>(&op))
    return std::make_shared<MatMul>(matmul->ta, matmul->tb, epilogue);
  auto& conv = static_cast<const Conv&>(op);
  return std::make_shared<Conv>(conv.window, conv.groups, epilogue);
}

bool is_epilogue_activation(Kind kind) {
  return kind == Kind::kRelu || kind == Kind::kRelu6 || kind == Kind::kTanh ||
         kind == Kind::kSigmoid;
}

constexpr Value kNone = -1;

class EpilogueFuser {
 public:
  EpilogueFuser(const Graph& graph, const Backend& backend)
      : old_(graph),
        graph_(std::make_shared<Graph>(graph)),
        backend_(backend),
        maker_(graph.values.size(), -1),
        uses_(graph.values.size(), 0) {
    for (const Node& node : graph.nodes)
      for (Value v : node.in) ++uses_[v];
    for (Value v : graph.outputs) ++uses_[v];
    for (const auto& write : graph.writes) ++uses_[write.second];
  }

  std::shared_ptr<Graph> run() {
    for (const Node& node : old_.nodes)
      if (!fuse(node)) append(node);
    graph_->nodes.clear();
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (alive_[i]) graph_->nodes.push_back(std::move(nodes_[i]));
    return graph_;
  }

 private:
  // What a node does to a product, if an epilogue can do it: a kind and, but for activations, the
  // other operand.
  struct Step {
    Kind kind;
    Value other = kNone;
  };
  // A product that nobody else reads, and the view of it that the step sees.
  struct Product {
    std::size_t maker;
    std::optional<std::size_t> view;
  };

  bool fuse(const Node& node) {
    const auto try_on = [&](Value value, const Step& step) {
      const std::optional<Product> product = product_of(value);
      return product && fuse(node, *product, step);
    };
    if (auto* unary = dynamic_cast<const Unary*>(node.op.get()))
      return is_epilogue_activation(unary->kind) && try_on(node.in[0], {unary->kind});
    auto* binary = dynamic_cast<const Binary*>(node.op.get());
    if (!binary || (binary->kind != Kind::kAdd && binary->kind != Kind::kMultiply)) return false;
    return try_on(node.in[0], {binary->kind, node.in[1]}) ||
           try_on(node.in[1], {binary->kind, node.in[0]});
  }

  // Looks through one reshape that keeps the channels: a Dense layer on sequences has it between
  // its product and its bias.
  std::optional<Product> product_of(Value value) const {
    if (maker_[value] < 0 || uses_[value] != 1) return {};
    const std::size_t maker = static_cast<std::size_t>(maker_[value]);
    if (epilogue_of(*nodes_[maker].op)) return Product{maker, {}};
    if (!dynamic_cast<const Reshape*>(nodes_[maker].op.get())) return {};
    const Value whole = nodes_[maker].in[0];
    const Shape &from = graph_->values[whole].shape, &to = graph_->values[value].shape;
    if (maker_[whole] < 0 || uses_[whole] != 1 || to.rank() == 0 || from.rank() == 0 ||
        from.back() != to.back())
      return {};
    const std::size_t inner = static_cast<std::size_t>(maker_[whole]);
    if (!epilogue_of(*nodes_[inner].op)) return {};
    return Product{inner, maker};
  }

  // The matmul moves to where the step was; everything it needs was made before.
  bool fuse(const Node& node, const Product& product, const Step& step) {
    const Node& source = nodes_[product.maker];
    const Value whole = source.out[0];
    const Type type = graph_->values[whole];  // values may move below
    if (type.dtype != DType::kFloat32) return false;
    Epilogue after = *epilogue_of(*source.op);
    if (after.activation != Kind::kIdentity) return false;
    std::optional<Node> turn;  // a residual into the product's shape
    Value operand = kNone;
    if (step.other == kNone) {
      after.activation = step.kind;
    } else if ((operand = channels(step.other, type.shape.back())) != kNone) {
      if (after.bias || after.residual || (after.scale && step.kind == Kind::kMultiply))
        return false;
      (step.kind == Kind::kMultiply ? after.scale : after.bias) = true;
    } else {
      if (step.kind != Kind::kAdd || after.residual ||
          !(graph_->values[step.other] == graph_->values[node.out[0]]))
        return false;
      after.residual = true;
      operand = step.other;
      if (product.view) {
        operand = new_value(type);
        turn = Node{std::make_shared<Reshape>(type.shape), {step.other}, {operand}};
      }
    }
    if (!(graph_->values[node.out[0]].shape == view_shape(product, whole))) return false;
    Node fused{with_epilogue(*source.op, after), source.in, {whole}};
    if (operand != kNone) fused.in.push_back(operand);
    Types in;
    for (Value v : fused.in) in.push_back(graph_->values[v]);
    if (!backend_.runner(*fused.op, in, {type})) return false;

    alive_[product.maker] = false;
    if (turn) append(*turn);
    if (product.view) {
      alive_[*product.view] = false;
      const Node view{nodes_[*product.view].op, {whole}, node.out};
      append(fused);
      append(view);
    } else {
      fused.out = node.out;
      append(fused);
    }
    return true;
  }

  Shape view_shape(const Product& product, Value whole) const {
    return graph_->values[product.view ? nodes_[*product.view].out[0] : whole].shape;
  }

  // The value as one number a channel, if it is that or a constant scalar; a new constant then.
  Value channels(Value v, std::int64_t count) {
    const Type type = graph_->values[v];
    if (type.dtype != DType::kFloat32) return kNone;
    if (type.shape == Shape{count}) return v;
    if (type.shape.rank() > 0) return kNone;
    for (const auto& [value, tensor] : graph_->constants)
      if (value == v) {
        const Value wide = new_value({type.dtype, Shape{count}, type.device});
        const double number = static_cast<double>(*tensor.data<float>());
        graph_->constants.emplace_back(wide, full(Shape{count}, number, DType::kFloat32));
        return wide;
      }
    return kNone;
  }

  Value new_value(const Type& type) {
    maker_.push_back(-1);
    uses_.push_back(1);
    return graph_->add_value(type);
  }

  void append(const Node& node) {
    for (Value v : node.out) maker_[v] = static_cast<int>(nodes_.size());
    nodes_.push_back(node);
    alive_.push_back(true);
  }

  const Graph& old_;
  std::shared_ptr<Graph> graph_;  // with the old nodes until the end
  const Backend& backend_;
  std::vector<Node> nodes_;
  std::vector<bool> alive_;
  std::vector<int> maker_;  // of each value, among nodes_
  std::vector<int> uses_;
};

}  // namespace

std::shared_ptr<Graph> fuse_epilogues(const Graph& graph, const Backend& backend) {
  return EpilogueFuser(graph, backend).run();
}

}  // namespace deepcore
