// Convolution and its two gradients: which way each type takes.
#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/conv_depthwise.h"
#include "deepcore/cpu/conv_depthwise_filter.h"
#include "deepcore/cpu/conv_filter.h"
#include "deepcore/cpu/conv_gather.h"
#include "deepcore/cpu/conv_plain.h"
#include "deepcore/cpu/conv_winograd.h"
#include "deepcore/cpu/gemm.h"

namespace deepcore {

namespace {

Runner gathered(const ConvShape& shape, ConvDirection direction, const Epilogue& epilogue,
                Constants constants) {
  const bool constant_kernel = constants & kKernelInput;
  if (shape.depthwise()) return depthwise_runner(shape, direction, epilogue);
  if (winograd_pays(shape)) return winograd_runner(shape, direction, epilogue, constant_kernel);
  return ConvGather::runner(shape, direction, epilogue, constant_kernel);
}

Runner filter_gradient(const ConvShape& shape) {
  if (winograd_pays(shape)) return winograd_filter_runner(shape);
  if (shape.depthwise()) return depthwise_filter_runner(shape);
  if (!shape.pointwise()) return ConvFilter::runner(shape);
  Gemm product;  // x' gy over all pixels
  product.m = shape.c;
  product.n = shape.o;
  product.k = shape.n * shape.h * shape.w;
  product.ta = true;
  product.chains = chains_of(product);
  return gemm_runner(product);
}

}  // namespace

void register_conv(CpuBackend& backend) {
  backend.on<Conv>([](const Conv& op, const Types& in, const Types& out,
                      Constants constants) -> std::optional<Runner> {
    const ConvShape shape =
        conv_shape(in[0].shape, in[1].shape, out[0].shape, op.window, op.groups);
    if (in[0].dtype == DType::kFloat32)
      return gathered(shape, ConvDirection::kForward, op.epilogue, constants);
    return plain_conv(shape, op.epilogue, in[0].dtype);
  });
  backend.on<ConvGradInput>([](const ConvGradInput& op, const Types& in, const Types&,
                               Constants constants) -> std::optional<Runner> {
    const ConvShape shape = conv_shape(op.input, in[1].shape, in[0].shape, op.window, op.groups);
    if (in[0].dtype == DType::kFloat32)
      return gathered(shape, ConvDirection::kBackward, {}, constants);
    return plain_conv_grad_input(shape, in[0].dtype);
  });
  backend.on<ConvGradFilter>([](const ConvGradFilter& op, const Types& in,
                                const Types&) -> std::optional<Runner> {
    const ConvShape shape = conv_shape(in[0].shape, op.kernel, in[1].shape, op.window, op.groups);
    if (in[0].dtype == DType::kFloat32) return filter_gradient(shape);
    return plain_conv_grad_filter(shape, in[0].dtype);
  });
}

}  // namespace deepcore
