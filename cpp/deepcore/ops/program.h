// Program: a chain of elementwise operations as plain data, run over short blocks that stay in L1.
// Read by the SIMD loops too, so nothing here may need the C++ library.
#pragma once

#include <stdint.h>

namespace deepcore {

// One kind serves the Unary and Binary ops and the Program's instructions.
enum class Kind : uint8_t {
  // unary
  kIdentity,
  kNegative,
  kAbs,
  kSign,
  kSquare,
  kSqrt,
  kRsqrt,
  kReciprocal,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kLog2,
  kLog10,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  kAsinh,
  kAcosh,
  kAtanh,
  kSigmoid,
  kSoftplus,
  kErf,
  kRelu,
  kRelu6,
  kFloor,
  kCeil,
  kRound,
  kTrunc,
  kLogicalNot,  // the kinds from here to kIsFinite give bool
  kIsNan,
  kIsInf,
  kIsFinite,
  kStopGradient,
  // binary
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kMod,  // the sign of the divisor, as NumPy's
  kPower,
  kMaximum,
  kMinimum,
  kArctan2,
  kEqual,  // the kinds from here on give bool
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kLogicalAnd,
  kLogicalOr,
  kLogicalXor,
  // ternary
  kSelect,  // a ? b : c
};

// In a Program a bool is the float 0 or 1; loads and stores convert.
enum class Element : uint8_t { kF32, kBool, kU8, kI32 };

struct Instr {
  Kind kind;
  uint8_t out, a, b, c;  // registers
};

// Registers [0, inputs) hold the inputs, the next `constants` hold splatted numbers, the rest are
// temporaries.
struct Program {
  static constexpr int kMaxInputs = 12;
  static constexpr int kMaxOutputs = 6;
  static constexpr int kMaxConstants = 8;
  static constexpr int kMaxInstrs = 32;
  static constexpr int kMaxRegisters = 32;

  Instr code[kMaxInstrs];
  float constants[kMaxConstants];
  Element input_element[kMaxInputs];
  Element output_element[kMaxOutputs];
  uint8_t output_register[kMaxOutputs];
  uint8_t instrs, inputs, outputs, n_constants, registers;
};

}  // namespace deepcore
