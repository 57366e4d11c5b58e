#include "deepcore/graph/graph.h"

#include <algorithm>
#include <stdexcept>

#include "deepcore/graph/variable.h"

namespace deepcore {

std::string Graph::str() const {
  std::ostringstream out;
  for (Value v : inputs) out << '%' << v << " = input : " << values[v] << '\n';
  for (const auto& [variable, v] : reads)
    out << '%' << v << " = variable " << variable->name << " : " << values[v] << '\n';
  for (const auto& [v, tensor] : constants)
    out << '%' << v << " = constant : " << values[v] << '\n';
  for (const Node& node : nodes) {
    for (std::size_t i = 0; i < node.out.size(); ++i) out << (i ? ", " : "") << '%' << node.out[i];
    out << " = " << node.op->str();
    for (std::size_t i = 0; i < node.in.size(); ++i) out << (i ? ", %" : " %") << node.in[i];
    out << " :";
    for (Value v : node.out) out << ' ' << values[v];
    out << '\n';
  }
  for (const auto& [variable, v] : writes)
    out << "variable " << variable->name << " <- %" << v << '\n';
  out << "return";
  for (Value v : outputs) out << " %" << v;
  out << '\n';
  return out.str();
}

const Tensor* Graph::constant(Value v) const {
  const auto found = std::ranges::lower_bound(constants, v, {}, &std::pair<Value, Tensor>::first);
  return found != constants.end() && found->first == v ? &found->second : nullptr;
}

void Graph::verify() const {
  if (!std::ranges::is_sorted(constants, {}, &std::pair<Value, Tensor>::first))
    throw std::logic_error("graph: the constants are not in order");
  std::vector<bool> made(values.size(), false);
  auto define = [&](Value v) {
    if (v < 0 || static_cast<std::size_t>(v) >= values.size() || made[v])
      throw std::logic_error(
          join("graph: value %", v, " is out of range or defined twice\n", str()));
    made[v] = true;
  };
  auto use = [&](Value v) {
    if (v < 0 || static_cast<std::size_t>(v) >= values.size() || !made[v])
      throw std::logic_error(join("graph: value %", v, " is used before it is defined\n", str()));
  };
  for (Value v : inputs) define(v);
  for (const auto& read : reads) define(read.second);
  for (const auto& constant : constants) define(constant.first);
  for (const Node& node : nodes) {
    for (Value v : node.in) use(v);
    for (Value v : node.out) define(v);
  }
  for (Value v : outputs) use(v);
  for (const auto& write : writes) {
    use(write.second);
    if (!(values[write.second] == write.first->type()))
      throw std::logic_error("graph: a variable is assigned a value of another type");
  }
}

std::int64_t Graph::flops() const {
  std::int64_t total = 0;
  for (const Node& node : nodes) {
    Types in, out;
    for (Value v : node.in) in.push_back(values[v]);
    for (Value v : node.out) out.push_back(values[v]);
    total += node.op->flops(in, out);
  }
  return total;
}

}  // namespace deepcore
