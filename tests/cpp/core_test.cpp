#include <gtest/gtest.h>

#include <new>
#include <thread>

#include "deepcore/core/buffer.h"
#include "deepcore/core/dtype.h"
#include "deepcore/core/shape.h"

namespace deepcore {
namespace {

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(DType, NamesAndSizes) {
  for (const char* name :
       {"bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"})
    EXPECT_EQ(name_of(dtype_from(name)), name);
  EXPECT_EQ(size_of(DType::kBFloat16), 2u);
  EXPECT_EQ(size_of(DType::kInt64), 8u);
  EXPECT_EQ(message_of([] { dtype_from("float8"); }),
            "[dtype] unknown dtype 'float8', expected one of bool, uint8, int32, int64, float16, "
            "bfloat16, float32, float64");
}

TEST(DType, DispatchGivesTheCppType) {
  for (DType d : {DType::kBool, DType::kUInt8, DType::kInt32, DType::kInt64, DType::kFloat32,
                  DType::kFloat64})
    dispatch(d, [&](auto zero) { EXPECT_EQ(DTypeOf<decltype(zero)>::value, d); });
}

TEST(Dims, PrintsInsertsErasesAndCompares) {
  Dims d{8, 32, 3};
  EXPECT_EQ(join(d), "[8, 32, 3]");
  EXPECT_EQ(join(Dims{}), "[]");
  d.insert(1, 7);
  EXPECT_EQ(d, (Dims{8, 7, 32, 3}));
  d.erase(0);
  EXPECT_EQ(d, (Dims{7, 32, 3}));
  EXPECT_FALSE(d == (Dims{7, 32}));
  EXPECT_EQ(message_of([] { Dims::filled(9, 1); }), "[shape] at most 8 axes are supported");
}

TEST(Shape, Broadcast) {
  EXPECT_EQ(broadcast("add", {2, 1, 4}, {3, 1}), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast("add", {}, {3}), (Shape{3}));
  EXPECT_EQ(broadcast("add", {0, 3}, {1}), (Shape{0, 3}));
  EXPECT_EQ(message_of([] { broadcast("add", {2, 3}, {4}); }),
            "[add] shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(message_of([] { broadcast("add", {0}, {3}); }),
            "[add] shapes [0] and [3] do not broadcast");
}

TEST(Shape, Axes) {
  EXPECT_EQ(normalize_axis("sum", -1, 3), 2);
  EXPECT_EQ(normalize_axes("sum", {2, -3}, 3), (Dims{0, 2}));
  EXPECT_EQ(message_of([] { normalize_axis("sum", 3, 3); }),
            "[sum] axis 3 is outside a tensor of 3 axes");
  EXPECT_EQ(message_of([] { normalize_axis("sum", 0, 0); }),
            "[sum] axis 0 is outside a tensor of 0 axes");
  EXPECT_EQ(message_of([] { normalize_axes("sum", {1, -1}, 2); }),
            "[sum] axis -1 is given twice in [1, -1]");
}

TEST(Shape, Strides) {
  EXPECT_EQ(strides_of({2, 3, 4}), (Dims{12, 4, 1}));
  EXPECT_EQ(broadcast_strides({3, 1}, {2, 3, 4}), (Dims{0, 1, 0}));
  EXPECT_EQ(broadcast_strides({}, {2, 3}), (Dims{0, 0}));
}

TEST(Buffer, IsAlignedAndCounted) {
  const std::uint64_t before = Buffer::allocations();
  for (std::size_t bytes : {0, 1, 63, 64, 65, 1 << 20}) {
    const Buffer b = Buffer::allocate(bytes);
    EXPECT_TRUE(b);
    EXPECT_EQ(b.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.data()) % 64, 0u);
  }
  EXPECT_EQ(Buffer::allocations() - before, 6u);
}

TEST(Buffer, SharesAndLetsGo) {
  auto owner = std::make_shared<int>(7);
  std::weak_ptr<int> watch = owner;
  int value = 3;
  {
    Buffer a = Buffer::borrow(&value, sizeof value, std::move(owner));
    EXPECT_TRUE(a.borrowed());
    EXPECT_EQ(a.use_count(), 1);
    Buffer b = a;
    EXPECT_EQ(a.use_count(), 2);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
  EXPECT_FALSE(Buffer());
}

TEST(Buffer, RefusesWhatNoMachineHas) {
  EXPECT_THROW(Buffer::allocate(~std::size_t{0}), std::bad_alloc);
#if !defined(__SANITIZE_ADDRESS__)  // which ends the program over a size like this
  EXPECT_THROW(Buffer::allocate(std::size_t{1} << 62), std::bad_alloc);
#endif
}

TEST(Buffer, LiveBlocksNeverOverlap) {
  // Enough sizes and rounds to go through the blocks that a thread keeps.
  std::vector<Buffer> live(12);
  for (int round = 0; round < 200; ++round) {
    const std::size_t slot = static_cast<std::size_t>(round * 7) % live.size();
    live[slot] = Buffer::allocate(static_cast<std::size_t>((round * 37) % 300) << 10);
    std::fill_n(static_cast<unsigned char*>(live[slot].data()), live[slot].bytes(),
                static_cast<unsigned char>(slot));
    for (std::size_t i = 0; i < live.size(); ++i) {
      const auto* bytes = static_cast<const unsigned char*>(live[i].data());
      for (std::size_t j = 0; j < live[i].bytes(); j += 1024) ASSERT_EQ(bytes[j], i);
    }
  }
}

TEST(Buffer, MayBeFreedByAnotherThread) {
  for (int i = 0; i < 20; ++i) {
    Buffer b = Buffer::allocate(1 << 18);
    std::thread([moved = std::move(b)]() mutable { moved = Buffer(); }).join();
  }
}

}  // namespace
}  // namespace deepcore
