// Convolution loops that are not plain gemm.
#include "deepcore/cpu/kernels/conv.h"

#include "deepcore/cpu/simd/conv_depthwise.h"
#include "deepcore/cpu/simd/conv_depthwise_filter.h"
#include "deepcore/cpu/simd/conv_depthwise_row.h"
#include "deepcore/cpu/simd/conv_filter.h"
#include "deepcore/cpu/simd/conv_tile.h"
#include "deepcore/cpu/simd/conv_winograd.h"
#include "deepcore/cpu/simd/conv_winograd_product.h"
#include "deepcore/cpu/simd/vec.h"

namespace deepcore::DEEPCORE_ISA {

extern const ConvKernels conv_kernels;
const ConvKernels conv_kernels = {kConvRows,
                                  2 * kLanes,
                                  conv_panel,
                                  conv_depthwise,
                                  conv_depthwise_row,
                                  conv_filter,
                                  conv_depthwise_filter,
                                  {winograd_kernel, winograd_kernel_sum, winograd_input,
                                   winograd_gradient, winograd_products, winograd_output}};

}  // namespace deepcore::DEEPCORE_ISA
