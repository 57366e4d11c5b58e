#include "deepcore/graph/profile.h"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace deepcore {

namespace {

ForkSafeMutex open_mutex;
std::vector<std::shared_ptr<Profile>> open_profiles;  // guarded by open_mutex

std::vector<std::shared_ptr<Profile>> all_open() {
  std::lock_guard lock(open_mutex);
  return open_profiles;
}

// Small numbers in the order in which threads are first seen.
int thread_number() {
  static std::atomic<int> next{0};
  thread_local const int number = next.fetch_add(1);
  return number;
}

std::int64_t bytes_of(const Types* types) {
  std::int64_t total = 0;
  if (types)
    for (const Type& type : *types) total += static_cast<std::int64_t>(type.bytes());
  return total;
}

void append(std::string& text, const Types* types) {
  if (types)
    for (const Type& type : *types) text += join(' ', type);
}

}  // namespace

std::atomic<int> Profile::count{0};

void Profile::open(const std::shared_ptr<Profile>& profile) {
  thread_number();
  std::scoped_lock lock(open_mutex, profile->mutex_);
  require(!profile->open_, "profile", "it is open already");
  profile->open_ = true;
  profile->opened_ = ProfiledRun::now();
  if (profile->origin_ < 0) profile->origin_ = profile->opened_;
  open_profiles.push_back(profile);
  count.fetch_add(1);
}

void Profile::close(const std::shared_ptr<Profile>& profile) {
  std::scoped_lock lock(open_mutex, profile->mutex_);
  if (!profile->open_) return;
  profile->open_ = false;
  profile->total_ += ProfiledRun::now() - profile->opened_;
  std::erase(open_profiles, profile);
  count.fetch_sub(1);
}

std::vector<Profile::Row> Profile::rows() const {
  std::lock_guard lock(mutex_);
  return rows_;
}

std::vector<Profile::Event> Profile::events() const {
  std::lock_guard lock(mutex_);
  return events_;
}

std::int64_t Profile::nanoseconds() const {
  std::lock_guard lock(mutex_);
  return total_ + (open_ ? ProfiledRun::now() - opened_ : 0);
}

int Profile::row_of(const Step& step) {
  // A feed has no inputs of its own: it reads the arrays of somebody else.
  std::string op = step.op ? step.op->str() : step.in ? "copy" : "feed";
  std::string key = op;
  append(key, step.in_types);
  key += " ->";
  append(key, step.out_types);
  std::lock_guard lock(mutex_);
  const auto [found, fresh] = index_.try_emplace(std::move(key), static_cast<int>(rows_.size()));
  if (fresh) {
    Row row;
    row.name = step.op ? std::string(step.op->name()) : op;
    row.op = std::move(op);
    if (step.in_types) row.in = *step.in_types;
    if (step.out_types) row.out = *step.out_types;
    row.flops = step.op ? step.op->flops(row.in, row.out) : 0;
    row.bytes = bytes_of(step.in_types) + bytes_of(step.out_types);
    rows_.push_back(std::move(row));
  }
  return found->second;
}

ProfiledRun::ProfiledRun(std::span<const Step> steps, int threads)
    : slots_(static_cast<std::size_t>(std::max(1, threads))) {
  thread_number();  // the caller's before its helpers'
  for (std::shared_ptr<Profile>& profile : all_open()) {
    Reader reader{std::move(profile), {}};
    add_rows(reader, steps);
    readers_.push_back(std::move(reader));
  }
}

void ProfiledRun::add_rows(Reader& reader, std::span<const Step> steps) {
  for (const Step& step : steps) {
    reader.rows.push_back(step.loop ? -1 : reader.profile->row_of(step));
    if (step.loop) add_rows(reader, step.loop->steps);
  }
}

std::int64_t ProfiledRun::now() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

void ProfiledRun::ran(int rank, std::size_t step, std::int64_t begin) {
  slots_[static_cast<std::size_t>(rank)].part = {step, thread_number(), begin, now()};
}

void ProfiledRun::settle() {
  std::int64_t begin = -1, end = -1;
  std::size_t step = 0;
  for (const auto& [part] : slots_) {
    if (part.end < 0) continue;
    begin = begin < 0 ? part.begin : std::min(begin, part.begin);
    end = std::max(end, part.end);
    step = part.step;
  }
  if (end < 0) return;
  for (const Reader& reader : readers_) {
    Profile& profile = *reader.profile;
    std::lock_guard lock(profile.mutex_);
    if (!profile.open_) continue;
    const int number = reader.rows[step];
    Profile::Row& row = profile.rows_[static_cast<std::size_t>(number)];
    ++row.calls;
    row.nanoseconds += end - begin;
    for (const auto& [part] : slots_)
      if (part.end >= 0 && profile.events_.size() < Profile::kMostEvents)
        profile.events_.push_back(
            {number, part.thread, part.begin - profile.origin_, part.end - profile.origin_});
  }
  for (Slot& slot : slots_) slot.part.end = -1;
}

}  // namespace deepcore
