#include "deepcore/plan/program_builder.h"

#include <algorithm>
#include <unordered_map>

#include "deepcore/ops/kinds.h"

namespace deepcore {

namespace {

Element element_of(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return Element::kBool;
    case DType::kUInt8:
      return Element::kU8;
    case DType::kInt32:
      return Element::kI32;
    default:
      return Element::kF32;
  }
}

Kind kind_of(const Op& op) {
  if (auto* unary = dynamic_cast<const Unary*>(&op)) return unary->kind;
  if (auto* binary = dynamic_cast<const Binary*>(&op)) return binary->kind;
  return dynamic_cast<const Select*>(&op) ? Kind::kSelect
                                          : Kind::kIdentity;  // a Cast loads converted
}

class Builder {
 public:
  Builder(const Graph& graph, const std::vector<const float*>& number,
          const std::vector<int>& members, const std::vector<Value>& outputs,
          const std::vector<Value>& sums)
      : graph_(graph), number_(number), members_(members), outputs_(outputs), sums_(sums) {
    outputs_.insert(outputs_.end(), sums.begin(), sums.end());
  }

  std::optional<BuiltProgram> build() {
    if (members_.size() > Program::kMaxInstrs || outputs_.size() > Program::kMaxOutputs) return {};
    for (int member : members_) inside_[graph_.nodes[member].out[0]] = -1;
    if (!collect_inputs()) return {};
    for (std::size_t i = 0; i < members_.size(); ++i)
      for (Value v : graph_.nodes[members_[i]].in) last_use_[v] = static_cast<int>(i);
    for (Value v : outputs_) last_use_[v] = Program::kMaxInstrs;

    Program& p = built_.program;
    next_ = static_cast<int>(p.inputs + p.n_constants);
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (!instruction(static_cast<int>(i))) return {};
    p.instrs = static_cast<std::uint8_t>(members_.size());
    p.registers = static_cast<std::uint8_t>(next_);
    p.outputs = static_cast<std::uint8_t>(outputs_.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      p.output_register[i] = static_cast<std::uint8_t>(registers_.at(outputs_[i]));
      p.output_element[i] = element_of(graph_.values[outputs_[i]].dtype);
    }
    return std::move(built_);
  }

 private:
  const float* number(Value v) const { return number_[static_cast<std::size_t>(v)]; }

  bool collect_inputs() {
    Program& p = built_.program;
    p = Program{};
    std::vector<Value> numbers;
    for (int member : members_)
      for (Value v : graph_.nodes[member].in) {
        if (inside_.contains(v)) continue;
        std::vector<Value>& list = number(v) ? numbers : built_.inputs;
        if (std::find(list.begin(), list.end(), v) == list.end()) list.push_back(v);
      }
    for (Value v : sums_)  // added up as it comes in
      if (!inside_.contains(v) &&
          std::find(built_.inputs.begin(), built_.inputs.end(), v) == built_.inputs.end())
        built_.inputs.push_back(v);
    // Numbers beyond what a Program holds come in as scalar inputs.
    while (numbers.size() > Program::kMaxConstants) {
      built_.inputs.push_back(numbers.back());
      numbers.pop_back();
    }
    if (built_.inputs.size() > Program::kMaxInputs) return false;
    for (std::size_t i = 0; i < built_.inputs.size(); ++i) {
      p.input_element[i] = element_of(graph_.values[built_.inputs[i]].dtype);
      registers_[built_.inputs[i]] = static_cast<int>(i);
    }
    p.inputs = static_cast<std::uint8_t>(built_.inputs.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      p.constants[i] = *number(numbers[i]);
      registers_[numbers[i]] = static_cast<int>(p.inputs + i);
    }
    p.n_constants = static_cast<std::uint8_t>(numbers.size());
    return true;
  }

  bool instruction(int i) {
    const Node& node = graph_.nodes[members_[static_cast<std::size_t>(i)]];
    Instr& instr = built_.program.code[i];
    instr.kind = kind_of(*node.op);
    std::uint8_t* operands[] = {&instr.a, &instr.b, &instr.c};
    for (std::size_t k = 0; k < node.in.size(); ++k)
      *operands[k] = static_cast<std::uint8_t>(registers_.at(node.in[k]));
    // A temporary whose last reader this is gives its register to the result.
    for (Value v : node.in)
      if (inside_.contains(v) && last_use_.at(v) == i &&
          std::find(free_.begin(), free_.end(), registers_.at(v)) == free_.end())
        free_.push_back(registers_.at(v));
    int out;
    if (!free_.empty()) {
      out = free_.back();
      free_.pop_back();
    } else {
      if (next_ >= Program::kMaxRegisters) return false;
      out = next_++;
    }
    registers_[node.out[0]] = out;
    instr.out = static_cast<std::uint8_t>(out);
    return true;
  }

  const Graph& graph_;
  const std::vector<const float*>& number_;
  const std::vector<int>& members_;
  std::vector<Value> outputs_;
  const std::vector<Value>& sums_;
  BuiltProgram built_;
  std::unordered_map<Value, int> inside_, last_use_, registers_;
  std::vector<int> free_;
  int next_ = 0;
};

}  // namespace

ProgramBuilder::ProgramBuilder(const Graph& graph)
    : graph_(graph), number_(graph.values.size(), nullptr) {
  for (const auto& [value, tensor] : graph.constants)
    if (tensor.rank() == 0 && tensor.dtype() == DType::kFloat32)
      number_[static_cast<std::size_t>(value)] = tensor.data<float>();
}

std::optional<BuiltProgram> ProgramBuilder::build(const std::vector<int>& members,
                                                  const std::vector<Value>& outputs,
                                                  const std::vector<Value>& sums) const {
  return Builder(graph_, number_, members, outputs, sums).build();
}

}  // namespace deepcore
