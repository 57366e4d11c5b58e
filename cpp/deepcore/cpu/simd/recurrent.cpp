// The gates of recurrent networks: a step of some rows, between two products.
#include "deepcore/cpu/simd/recurrent_gru.h"
#include "deepcore/cpu/simd/recurrent_lstm.h"
#include "deepcore/cpu/simd/recurrent_simple.h"

namespace deepcore::DEEPCORE_ISA {

extern const RecurrentKernels recurrent_kernels;
const RecurrentKernels recurrent_kernels = {
    simple_step, simple_step_grad, lstm_step,      lstm_step_grad,
    gru_open,    gru_close,        gru_close_grad, gru_open_grad,
};

}  // namespace deepcore::DEEPCORE_ISA
