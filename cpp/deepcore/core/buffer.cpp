#include "deepcore/core/buffer.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace deepcore {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector
// Blocks this large lie on pages of 2 MB where the kernel gives them: a TLB entry and a page fault
// for each 4 KB cost: touching 100 MB first takes 7 ms so, 46 otherwise.
constexpr std::size_t kHugePage = std::size_t{2} << 20, kSmallestHuge = 2 * kHugePage;

std::atomic<std::uint64_t> allocation_count{0};

struct Block {
  void* data = nullptr;
  std::size_t capacity = 0;
};

// Each thread keeps a few of the blocks it freed last. glibc gives blocks of 128 KiB and more back
// to the kernel on every free, so an eager temporary would fault in all its pages again, and
// zeroing them takes longer than most ops do. Small blocks are left to malloc. Large ones are lent:
// the kernel may take their pages when it is short of memory. Nothing is shared between threads:
// nothing to lock, and a forked child owns its copy of the forking thread's.
constexpr std::size_t kSmallestKept = std::size_t{64} << 10;
constexpr std::size_t kMostKept = std::size_t{16} << 20;  // bytes a thread, not lent
#if defined(MADV_HUGEPAGE) && defined(MADV_FREE)
constexpr std::size_t kMostLent = std::size_t{256} << 20;  // bytes a thread, lent
#else
constexpr std::size_t kMostLent = 0;
#endif
constexpr std::size_t kLargestKept = kMostLent > kMostKept ? kMostLent : kMostKept;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeeps = false;  // a reused block would hide a use after free
#else
constexpr bool kKeeps = true;
#endif

// Blocks of at most so many bytes together; the oldest makes place.
class Shelf {
 public:
  explicit Shelf(std::size_t most) : most_(most) {}
  ~Shelf() { clear(); }

  void clear() {
    for (Block& b : blocks_) std::free(std::exchange(b, Block{}).data);
    held_ = 0;
  }

  // A block of at least `bytes`, wasting at most a quarter; null when there is none.
  Block take(std::size_t bytes) {
    for (Block& b : blocks_) {
      if (b.data && b.capacity >= bytes && b.capacity - bytes <= bytes / 4) {
        held_ -= b.capacity;
        return std::exchange(b, Block{});
      }
    }
    return {};
  }

  void give(Block block) {
    Block& old = blocks_[next_++ % blocks_.size()];
    held_ += block.capacity - old.capacity;
    std::free(std::exchange(old, block).data);
    for (std::size_t i = 0; held_ > most_ && i < blocks_.size(); ++i) {
      Block& b = blocks_[(next_ + i) % blocks_.size()];
      held_ -= b.capacity;
      std::free(std::exchange(b, Block{}).data);
    }
  }

 private:
  std::array<Block, 8> blocks_{};
  std::size_t next_ = 0, held_ = 0, most_;
};

class Cache {
 public:
  ~Cache() { alive = false; }

  Block take(std::size_t bytes) { return shelf(bytes).take(bytes); }

  void clear() {
    kept_.clear();
    lent_.clear();
  }

  void give(Block block) {
#if defined(MADV_HUGEPAGE) && defined(MADV_FREE)
    if (block.capacity > kMostKept)
      madvise(block.data, block.capacity / kHugePage * kHugePage, MADV_FREE);
#endif
    shelf(block.capacity).give(block);
  }

  static Cache* mine() {
    if (!alive) return nullptr;  // this thread is ending: its thread_locals are gone
    thread_local Cache cache;
    return &cache;
  }

 private:
  static thread_local bool alive;  // trivially destructible, so readable to the very end
  Shelf& shelf(std::size_t bytes) { return bytes > kMostKept ? lent_ : kept_; }
  Shelf kept_{kMostKept}, lent_{kMostLent};
};
thread_local bool Cache::alive = true;

void release(Block block) {
  Cache* cache = kKeeps && block.capacity >= kSmallestKept && block.capacity <= kLargestKept
                     ? Cache::mine()
                     : nullptr;
  if (cache) {
    cache->give(block);
  } else {
    std::free(block.data);
  }
}

// Only pages that lie whole in the block are asked for: not a byte more becomes resident.
Block fresh(std::size_t capacity) {
#if defined(MADV_HUGEPAGE)
  if (capacity >= kSmallestHuge) {
    void* data = nullptr;  // aligned_alloc takes multiples of the alignment alone
    if (posix_memalign(&data, kHugePage, capacity) != 0) return {nullptr, 0};
    madvise(data, capacity / kHugePage * kHugePage, MADV_HUGEPAGE);
    return {data, capacity};
  }
#endif
  // 0 bytes still get an address of their own.
  return {std::aligned_alloc(kAlignment, capacity ? capacity : kAlignment), capacity};
}

Block acquire(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
  const std::size_t capacity = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  Cache* cache = kKeeps ? Cache::mine() : nullptr;
  if (cache && capacity >= kSmallestKept && capacity <= kLargestKept)
    if (Block block = cache->take(capacity); block.data) return block;
  Block block = fresh(capacity);
  if (!block.data && cache) {  // what is kept may be in the way
    cache->clear();
    block = fresh(capacity);
  }
  if (!block.data) throw std::bad_alloc();
  return block;
}

}  // namespace

Buffer Buffer::allocate(std::size_t bytes) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  const Block block = acquire(bytes);
  Buffer buffer;
  buffer.owner_ = std::shared_ptr<void>(block.data, [block](void*) { release(block); });
  buffer.data_ = block.data;
  buffer.bytes_ = bytes;
  return buffer;
}

Buffer Buffer::borrow(void* data, std::size_t bytes, std::shared_ptr<void> owner) {
  Buffer buffer;
  // An owner of nothing still makes a buffer that is there.
  buffer.owner_ = owner ? std::move(owner) : std::shared_ptr<void>(data, [](void*) {});
  buffer.data_ = data;
  buffer.bytes_ = bytes;
  buffer.borrowed_ = true;
  return buffer;
}

std::uint64_t Buffer::allocations() { return allocation_count.load(std::memory_order_relaxed); }

}  // namespace deepcore
