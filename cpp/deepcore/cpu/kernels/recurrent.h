// One step of a recurrent network for some rows of the batch: the gates, given the products.
// Read by the SIMD files too, so nothing here may need the C++ library. U units; states and
// products are contiguous, sequences have strides between rows. Where `mask` is false a row keeps
// its state.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "deepcore/ops/program.h"

namespace deepcore {

struct RecurrentRows {
  int64_t rows, units;
  const bool* mask;  // of each row, mask_row apart; null: all true
  ptrdiff_t mask_row;
};

// h' = act(x + product)
struct SimpleStep : RecurrentRows {
  Kind activation;
  const float* x;  // h_row apart, and may be h_out
  const float* product;
  float* h;  // the state, in and out
  float* h_out;
  ptrdiff_t h_row;
};
// gx = (gh + g) act'(h); g becomes what a masked row passes on, 0 elsewhere.
struct SimpleStepGrad : RecurrentRows {
  Kind activation;
  const float *h, *gh;
  float* gx;  // may be h
  ptrdiff_t h_row;
  float* g;        // (rows, U)
  float* product;  // gx once more, (rows, U)
};

// See Lstm. Rows of x and gates (which may be x, or null) lie gate_row apart, the four gates of a
// row gate_step; rows of h_out and c_out h_row.
struct LstmStep : RecurrentRows {
  const float* x;
  float* product;       // (rows, 4U); overwritten without gates
  float *h, *c;         // the states, in and out
  ptrdiff_t state_row;  // between rows of those
  float* gates;
  ptrdiff_t gate_row, gate_step;
  float *h_out, *c_out;  // c_out may be null
  ptrdiff_t h_row;
};
// gx (which may be the gates) and, once more, `product` (rows, 4U); g and gc (rows, U) come with
// the gradients of the states after and leave with what does not go through the product.
struct LstmStepGrad : RecurrentRows {
  const float* gates;
  float* gx;
  ptrdiff_t gate_row;
  const float *c, *gh, *gc_in;  // gc_in may be null
  ptrdiff_t h_row;
  const float* c_before;
  ptrdiff_t before_row;
  float *g, *gc;
  float* product;
};

// See Gru. In two halves: the products of the reset gate lie between them when it comes before.
struct GruStep : RecurrentRows {
  const float* x;
  ptrdiff_t x_row;
  const float* product;  // (rows, product_row), of z and r at least
  ptrdiff_t product_row;
  const float* inner;  // n's share of the product, inner_row apart
  ptrdiff_t inner_row;
  bool reset_after;
  float* gates;  // may be x
  ptrdiff_t gate_row;
  float* h;      // in and out
  float* reset;  // (rows, U): r h, when the reset comes before
  float* h_out;  // h_row apart, as
  float* keep;   // inner once more, or null
  ptrdiff_t h_row;
};
struct GruStepGrad : RecurrentRows {
  const float* gates;
  ptrdiff_t gate_row;
  float* gx;  // may be the gates
  ptrdiff_t gx_row;
  const float *gh, *inner;  // inner: null when the reset comes before
  ptrdiff_t h_row;
  const float* h_before;
  ptrdiff_t before_row;
  float* g;        // (rows, U): of the state; leaves with what does not go through a product
  float* product;  // (rows, product_row): the gradient of the recurrent product
  ptrdiff_t product_row;
  float* product_out;       // the same, gate_row apart, or null
  const float* of_product;  // (rows, U): of r h, for the second half
};

struct RecurrentKernels {
  void (*simple)(const SimpleStep& step);
  void (*simple_grad)(const SimpleStepGrad& step);
  void (*lstm)(const LstmStep& step);
  void (*lstm_grad)(const LstmStepGrad& step);
  void (*gru_open)(const GruStep& step);   // z, r, and r h
  void (*gru_close)(const GruStep& step);  // n and the new state
  // gn, gz, and with the reset after gr too: all is done then.
  void (*gru_close_grad)(const GruStepGrad& step);
  void (*gru_open_grad)(const GruStepGrad& step);  // gr, with the reset before
};

}  // namespace deepcore
