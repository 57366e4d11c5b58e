// Buffer: counted, 64-byte aligned memory; or somebody else's memory, kept alive by a handle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace deepcore {

class Buffer {
 public:
  Buffer() = default;
  static Buffer allocate(std::size_t bytes);  // uninitialised; 0 bytes is a valid buffer
  // Borrows `data`; `owner` is released with the last copy.
  static Buffer borrow(void* data, std::size_t bytes, std::shared_ptr<void> owner);

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  // How many Buffers share this memory: 1 means that writing in place disturbs nobody.
  long use_count() const { return owner_.use_count(); }
  bool borrowed() const { return borrowed_; }
  explicit operator bool() const { return owner_ != nullptr; }

  // Since the process began: what the tests of "no allocation per step" count.
  static std::uint64_t allocations();

 private:
  std::shared_ptr<void> owner_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool borrowed_ = false;
};

}  // namespace deepcore
