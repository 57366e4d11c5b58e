// The Program interpreter: every instruction runs over a whole block before the next one starts, so
// that one dispatch pays for hundreds of floats. Full float inputs are read, and outputs written,
// where they lie.
#include "deepcore/cpu/kernels/elementwise.h"

#include "deepcore/cpu/simd/instructions.h"
#include "deepcore/cpu/simd/operand.h"

namespace deepcore::DEEPCORE_ISA {
namespace {  // a class's functions would be weak symbols otherwise

// The registers of one run of a program and where their floats live.
class Interpreter {
 public:
  Interpreter(const Program& program, const Operand* operands, const void* const* in,
              void* const* out, int64_t begin, int64_t end, float* scratch)
      : program_(program), operands_(operands), in_(in), out_(out) {
    float* free = splat(scratch);
    find_lifetimes();
    find_direct();
    // What is left needs memory: a vector each for the ragged end, and a block each.
    int buffered = 0;
    for (int r = 0; r < program.registers; ++r) {
      if (is_splat(r)) continue;
      tail_[r] = {free, 1};
      for (int i = 0; i < kLanes; ++i) free[i] = 0.0f;
      free += kLanes;
      buffered += home_[r] == nullptr;
    }
    choose_block(buffered, kProgramScratch - (free - scratch), end - begin);
    for (int r = 0; r < program.registers; ++r) {
      if (is_splat(r) || home_[r] != nullptr) continue;
      slots_[r] = {free, 1};
      free += block_;
      if (r < program.inputs && kept(r)) fetch(operands[r], in[r], begin, block_, slots_[r].at);
    }
  }

  void run(int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += block_) {
      const int64_t n = lesser(block_, end - at), whole = n / kLanes * kLanes;
      if (whole > 0) run_whole(at, whole);
      if (whole < n) run_tail(at + whole, n - whole);
    }
  }

 private:
  static constexpr int kMax = Program::kMaxRegisters;
  static constexpr int kEnd = Program::kMaxInstrs;

  int first_temporary() const { return program_.inputs + program_.n_constants; }
  bool is_splat(int r) const {
    return r < program_.inputs ? operands_[r].pattern == Pattern::kScalar : r < first_temporary();
  }

  // Numbers that are the same everywhere take one vector.
  float* splat(float* free) {
    for (int r = 0; r < first_temporary(); ++r) {
      if (!is_splat(r)) continue;
      if (r < program_.inputs) {
        fetch(operands_[r], in_[r], 0, kLanes, free);
      } else {
        store(free, set(program_.constants[r - program_.inputs]));
      }
      slots_[r] = tail_[r] = {free, 0};
      free += kLanes;
    }
    return free;
  }

  void find_lifetimes() {
    for (int r = 0; r < kMax; ++r) {
      first_write_[r] = kEnd;
      last_read_[r] = -1;
      home_[r] = nullptr;
    }
    for (int i = 0; i < program_.instrs; ++i) {
      const Instr& instr = program_.code[i];
      last_read_[instr.a] = i;
      if (instr.kind >= Kind::kAdd) last_read_[instr.b] = i;
      if (instr.kind == Kind::kSelect) last_read_[instr.c] = i;
      if (first_write_[instr.out] == kEnd) first_write_[instr.out] = i;
    }
    for (int k = 0; k < program_.outputs; ++k) last_read_[program_.output_register[k]] = kEnd;
  }

  // Registers that need no buffer: full float inputs, and temporaries that end as a float output,
  // unless an input at the same address is still to be read when they are first written.
  void find_direct() {
    for (int r = 0; r < program_.inputs; ++r) {
      if (operands_[r].pattern != Pattern::kFull || operands_[r].element != Element::kF32) continue;
      bool overwritten =
          false;  // an input that is an output, while another output is stored over it
      for (int k = 0; k < program_.outputs; ++k)
        overwritten |=
            last_read_[r] == kEnd && out_[k] == in_[r] && program_.output_register[k] != r;
      if (!overwritten) home_[r] = (float*)in_[r];
    }
    for (int k = 0; k < program_.outputs; ++k) {
      const int r = program_.output_register[k];
      if (r < first_temporary() || out_[k] == nullptr || home_[r] != nullptr ||
          program_.output_element[k] != Element::kF32)
        continue;
      bool needed = false;
      for (int j = 0; j < program_.inputs; ++j)
        needed |= in_[j] == out_[k] && home_[j] != nullptr && last_read_[j] > first_write_[r];
      if (!needed) home_[r] = (float*)out_[k];
    }
  }

  // As long as fits; and of whole periods, if it can be, so that a bias is spread out once, not
  // every block.
  void choose_block(int buffered, int64_t room, int64_t count) {
    constexpr int64_t kLongest = 2048;
    block_ = buffered == 0 ? kLongest : lesser(kLongest, room / buffered);
    block_ = lesser(block_ / kLanes, (count + kLanes - 1) / kLanes) * kLanes;
    for (int r = 0; r < program_.inputs; ++r) {
      if (operands_[r].pattern != Pattern::kSuffix) continue;
      int64_t period = operands_[r].period;
      while (period % kLanes != 0) period *= 2;
      if (period > block_) continue;
      block_ = block_ / period * period;
      return;
    }
  }
  // Is the block of this input the same at every step?
  bool kept(int r) const {
    return operands_[r].pattern == Pattern::kSuffix && block_ % operands_[r].period == 0;
  }

  void execute(const Slot* slots, int64_t n) {
    for (int i = 0; i < program_.instrs; ++i) {
      const Instr& instr = program_.code[i];
      // A kind of fewer operands leaves the others unread: any register will do for them.
      const Slot a = slots[instr.a];
      run_instruction(instr.kind, slots[instr.out].at, a,
                      instr.kind >= Kind::kAdd ? slots[instr.b] : a,
                      instr.kind == Kind::kSelect ? slots[instr.c] : a, n);
    }
  }

  void store_outputs(const Slot* slots, int64_t begin, int64_t n) {
    for (int k = 0; k < program_.outputs; ++k) {
      const Slot& slot = slots[program_.output_register[k]];
      if (out_[k] != nullptr)
        put(program_.output_element[k], slot.at, slot.step, begin, n, out_[k]);
    }
  }

  void run_whole(int64_t begin, int64_t n) {
    for (int r = 0; r < program_.registers; ++r) {
      if (home_[r] != nullptr) {
        slots_[r] = {home_[r] + begin, 1};
      } else if (r < program_.inputs && !is_splat(r) && !kept(r)) {
        fetch(operands_[r], in_[r], begin, n, slots_[r].at);
      }
    }
    execute(slots_, n);
    store_outputs(slots_, begin, n);
  }

  // The last n < kLanes positions: through the same code, on vectors of their own.
  void run_tail(int64_t begin, int64_t n) {
    for (int r = 0; r < program_.inputs; ++r)
      if (!is_splat(r)) fetch(operands_[r], in_[r], begin, n, tail_[r].at);
    execute(tail_, kLanes);
    store_outputs(tail_, begin, n);
  }

  const Program& program_;
  const Operand* operands_;
  const void* const* in_;
  void* const* out_;
  int64_t block_ = 0;
  Slot slots_[kMax], tail_[kMax];
  float* home_[kMax];  // where a register lies in an input or output, or null
  int first_write_[kMax], last_read_[kMax];
};

void run_program(const Program& program, const Operand* operands, const void* const* in,
                 void* const* out, int64_t begin, int64_t end, float* scratch) {
  if (begin < end) Interpreter(program, operands, in, out, begin, end, scratch).run(begin, end);
}

}  // namespace

extern const ElementwiseKernels elementwise_kernels;
const ElementwiseKernels elementwise_kernels = {run_program};

}  // namespace deepcore::DEEPCORE_ISA
