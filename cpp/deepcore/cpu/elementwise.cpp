// Unary, Binary, Select, Cast and Fused. Whatever touches float32 is a Program, of one instruction
// when the op stands alone: so an op gives the same bits eagerly and inside a chain. The rest are
// plain loops.
#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/elementwise_plain.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/cpu/operand_of.h"

namespace deepcore {

namespace {

std::optional<Element> element_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return Element::kF32;
    case DType::kBool:
      return Element::kBool;
    case DType::kUInt8:
      return Element::kU8;
    case DType::kInt32:
      return Element::kI32;
    default:
      return std::nullopt;
  }
}

// Additions' worth of time, about.
int cost_of(Kind kind) {
  switch (kind) {
    case Kind::kDivide:
    case Kind::kReciprocal:
    case Kind::kSqrt:
    case Kind::kRsqrt:
      return 2;
    case Kind::kExp:
    case Kind::kExpm1:
    case Kind::kLog:
    case Kind::kLog1p:
    case Kind::kTanh:
    case Kind::kSigmoid:
    case Kind::kSoftplus:
    case Kind::kErf:
      return 8;
    case Kind::kFloorDivide:
    case Kind::kMod:
      return 64;
    case Kind::kLog2:
    case Kind::kLog10:
    case Kind::kPower:
    case Kind::kArctan2:
      return 24;
    default:
      return kind >= Kind::kSin && kind <= Kind::kAtanh ? 24 : 1;
  }
}

// Elements a task should have: about 10 us of work, be it memory or arithmetic.
std::int64_t grain_of(const Program& program) {
  int cost = (program.inputs + program.outputs + 1) / 2;
  for (int i = 0; i < program.instrs; ++i) cost += cost_of(program.code[i].kind);
  return std::max<std::int64_t>(2048, 65536 / cost);
}

Runner program_runner(const Program& program, const Types& in, const Type& out) {
  // Whole cache lines, so that no two tasks write one.
  constexpr std::int64_t kLine = 64;
  const std::int64_t count = out.elements(), tasks = tasks_for(count, grain_of(program));
  std::vector<Operand> operands;
  for (std::size_t i = 0; i < in.size(); ++i)
    operands.push_back(operand_of(in[i].shape, program.input_element[i], out.shape));
  auto run = [program, operands = std::move(operands), count, tasks](
                 const Call& call, std::int64_t task, void* scratch) {
    auto edge = [&](std::int64_t at) { return std::min(count, (at + kLine - 1) / kLine * kLine); };
    const auto [begin, end] = piece(count, tasks, task);
    kernels().elementwise.run(program, operands.data(), call.in, call.out, edge(begin), edge(end),
                              static_cast<float*>(scratch));
  };
  return {.phases = {{tasks, std::move(run)}},
          .workspace = 0,
          .scratch = kProgramScratch * sizeof(float)};
}

// One instruction over the inputs; nullopt when no float32 is involved or a type does not fit a
// register.
std::optional<Runner> single(Kind kind, const Types& in, const Type& out) {
  Program program{};
  bool floats = out.dtype == DType::kFloat32;
  for (const Type& x : in) {
    const auto element = element_of(x.dtype);
    if (!element) return std::nullopt;
    floats = floats || x.dtype == DType::kFloat32;
    program.input_element[program.inputs++] = *element;
  }
  const auto element = element_of(out.dtype);
  if (!element || !floats) return std::nullopt;
  program.code[0] = {kind, program.inputs, 0, 1, 2};
  program.instrs = program.outputs = 1;
  program.output_register[0] = program.inputs;
  program.output_element[0] = *element;
  program.registers = static_cast<std::uint8_t>(program.inputs + 1);
  return program_runner(program, in, out);
}

}  // namespace

void register_elementwise(CpuBackend& backend) {
  backend.on<Unary>([](const Unary& op, const Types& in, const Types& out) {
    auto runner = single(op.kind, in, out[0]);
    return runner ? runner : plain_unary(op.kind, in, out[0]);
  });
  backend.on<Binary>([](const Binary& op, const Types& in, const Types& out) {
    auto runner = single(op.kind, in, out[0]);
    return runner ? runner : plain_binary(op.kind, in, out[0]);
  });
  backend.on<Select>([](const Select&, const Types& in, const Types& out) {
    auto runner = single(Kind::kSelect, in, out[0]);
    return runner ? runner : plain_select(in, out[0]);
  });
  backend.on<Cast>([](const Cast&, const Types& in, const Types& out) {
    auto runner = single(Kind::kIdentity, in, out[0]);
    return runner ? runner : plain_cast(in, out[0]);
  });
  backend.on<Fused>(
      [](const Fused& op, const Types& in, const Types& out) -> std::optional<Runner> {
        return program_runner(op.program, in, out[0]);
      });
}

}  // namespace deepcore
