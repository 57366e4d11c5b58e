// Bias and activation into the matmul or convolution that made their input: one pass over memory
// less each.
#include <algorithm>

#include "deepcore/ops/kinds.h"
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
  return kind == Kind::kRelu || kind == Kind::kTanh || kind == Kind::kSigmoid;
}

class EpilogueFuser {
 public:
  EpilogueFuser(const Graph& graph, const Backend& backend)
      : graph_(std::make_shared<Graph>(graph)),
        backend_(backend),
        maker_(graph.values.size(), -1),
        uses_(graph.values.size(), 0),
        dead_(graph.nodes.size(), false) {
    for (const Node& node : graph.nodes)
      for (Value v : node.in) ++uses_[v];
    for (Value v : graph.outputs) ++uses_[v];
    for (const auto& write : graph.writes) ++uses_[write.second];
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      for (Value v : graph.nodes[i].out) maker_[v] = static_cast<int>(i);
  }

  std::shared_ptr<Graph> run() {
    for (std::size_t i = 0; i < graph_->nodes.size(); ++i) {
      Node& node = graph_->nodes[i];
      if (auto* binary = dynamic_cast<const Binary*>(node.op.get());
          binary && binary->kind == Kind::kAdd) {
        if (!fuse(i, node.in[0], node.in[1], Kind::kIdentity))
          fuse(i, node.in[1], node.in[0], Kind::kIdentity);
      } else if (auto* unary = dynamic_cast<const Unary*>(node.op.get());
                 unary && is_epilogue_activation(unary->kind)) {
        fuse(i, node.in[0], -1, unary->kind);
      }
    }
    std::vector<Node> alive;
    for (std::size_t i = 0; i < graph_->nodes.size(); ++i)
      if (!dead_[i]) alive.push_back(std::move(graph_->nodes[i]));
    graph_->nodes = std::move(alive);
    return graph_;
  }

 private:
  // Node `at` adds `bias` (or applies `activation`) to `product`; if nobody else reads the product,
  // the matmul moves here and does it. Everything it needs was defined before.
  bool fuse(std::size_t at, Value product, Value bias, Kind activation) {
    const int maker = maker_[product];
    if (maker < 0 || uses_[product] != 1) return false;
    const Node& source = graph_->nodes[static_cast<std::size_t>(maker)];
    const Epilogue* before = epilogue_of(*source.op);
    const Type& type = graph_->values[product];
    if (!before || before->activation != Kind::kIdentity || type.dtype != DType::kFloat32)
      return false;
    Epilogue after = *before;
    Node fused{nullptr, source.in, graph_->nodes[at].out};
    if (bias >= 0) {
      const Type& b = graph_->values[bias];
      if (before->bias || b.shape.rank() != 1 || b.shape[0] != type.shape.back()) return false;
      after.bias = true;
      fused.in.push_back(bias);
    }
    after.activation = activation;
    fused.op = with_epilogue(*source.op, after);
    Types in;
    for (Value v : fused.in) in.push_back(graph_->values[v]);
    if (!backend_.runner(*fused.op, in, {type})) return false;
    dead_[static_cast<std::size_t>(maker)] = true;
    graph_->nodes[at] = std::move(fused);
    return true;
  }

  std::shared_ptr<Graph> graph_;
  const Backend& backend_;
  std::vector<int> maker_, uses_;
  std::vector<bool> dead_;
};

}  // namespace

std::shared_ptr<Graph> fuse_epilogues(const Graph& graph, const Backend& backend) {
  return EpilogueFuser(graph, backend).run();
}

}  // namespace deepcore
