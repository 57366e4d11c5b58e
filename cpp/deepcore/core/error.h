// One way to fail: a message that names the op, what came and what was expected.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace deepcore {

// A value of the wrong kind or shape; Python sees ValueError.
class ValueError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
// A value of the wrong type; Python sees TypeError.
class TypeError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
// A position outside its axis; Python sees IndexError.
class IndexError : public std::out_of_range {
  using std::out_of_range::out_of_range;
};

template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// require(ok, "conv2d", "the input has ", c, " channels, the kernel expects ", k)
template <class Error = ValueError, class... Parts>
inline void require(bool ok, std::string_view op, const Parts&... parts) {
  if (!ok) [[unlikely]]
    throw Error(join("[", op, "] ", parts...));
}

}  // namespace deepcore
