// Between memory and the registers of a Program: an input's block spread out and converted to
// floats, an output's converted back.
#pragma once

#include "deepcore/cpu/kernels/elementwise.h"
#include "deepcore/cpu/simd/math.h"

namespace deepcore::DEEPCORE_ISA {

// A bool is 0 or 1 in memory too.
template <class T>
DC_INLINE void convert(const T* from, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = (float)from[i];
}

DC_INLINE int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

// to[0, n) = positions [begin, begin + n) of an input of element type T.
template <class T>
static void fetch_as(const Operand& o, const T* data, int64_t begin, int64_t n, float* to) {
  switch (o.pattern) {
    case Pattern::kFull:
      return convert(data + begin, n, to);
    case Pattern::kScalar:
      for (int64_t i = 0; i < n; ++i) to[i] = (float)data[0];
      return;
    case Pattern::kSuffix:
      for (int64_t i = 0, at = begin % o.period; i < n; at = 0) {
        const int64_t run = lesser(o.period - at, n - i);
        convert(data + at, run, to + i);
        i += run;
      }
      return;
    case Pattern::kPrefix:
      for (int64_t i = 0, row = begin / o.period, at = begin % o.period; i < n; ++row, at = 0) {
        const int64_t run = lesser(o.period - at, n - i);
        const float x = (float)data[row];
        for (int64_t j = 0; j < run; ++j) to[i + j] = x;
        i += run;
      }
      return;
    case Pattern::kStrided:
      break;
  }
  // An odometer over the axes; the innermost in a loop of its own.
  int64_t index[8] = {}, offset = 0, rest = begin;
  for (int axis = o.rank - 1; axis >= 0; --axis) {
    index[axis] = rest % o.size[axis];
    rest /= o.size[axis];
    offset += index[axis] * o.stride[axis];
  }
  const int last = o.rank - 1;
  for (int64_t i = 0; i < n;) {
    const int64_t run = lesser(o.size[last] - index[last], n - i), step = o.stride[last];
    if (step == 1) {
      convert(data + offset, run, to + i);
    } else {
      for (int64_t j = 0; j < run; ++j) to[i + j] = (float)data[offset + j * step];
    }
    i += run;
    index[last] += run;
    offset += run * step;
    for (int axis = last; axis > 0 && index[axis] == o.size[axis]; --axis) {
      index[axis] = 0;
      offset += o.stride[axis - 1] - o.size[axis] * o.stride[axis];
      ++index[axis - 1];
    }
  }
}

static void fetch(const Operand& o, const void* data, int64_t begin, int64_t n, float* to) {
  switch (o.element) {
    case Element::kF32:
      return fetch_as(o, (const float*)data, begin, n, to);
    case Element::kBool:
    case Element::kU8:
      return fetch_as(o, (const uint8_t*)data, begin, n, to);
    case Element::kI32:
      return fetch_as(o, (const int32_t*)data, begin, n, to);
  }
}

// Positions [begin, begin + n) of an output. To integers: truncated, saturated, NaN gives 0.
static void put(Element element, const float* from, int64_t step, int64_t begin, int64_t n,
                void* out) {
  switch (element) {
    case Element::kF32: {
      float* to = (float*)out + begin;
      if (from == to) return;
      for (int64_t i = 0; i < n; ++i) to[i] = from[i * step];
      return;
    }
    case Element::kBool: {
      uint8_t* to = (uint8_t*)out + begin;
      for (int64_t i = 0; i < n; ++i) to[i] = from[i * step] != 0.0f;
      return;
    }
    case Element::kU8: {
      uint8_t* to = (uint8_t*)out + begin;
      for (int64_t i = 0; i < n; ++i) {
        const float x = from[i * step];
        to[i] = x > 0.0f ? (uint8_t)(int32_t)(x < 255.0f ? x : 255.0f) : (uint8_t)0;
      }
      return;
    }
    case Element::kI32: {
      int32_t* to = (int32_t*)out + begin;
      for (int64_t i = 0; i < n; ++i) {
        const float x = from[i * step];
        to[i] = x >= 0x1p31f ? INT32_MAX : x >= -0x1p31f ? (int32_t)x : x < 0.0f ? INT32_MIN : 0;
      }
      return;
    }
  }
}

}  // namespace deepcore::DEEPCORE_ISA
