// Every directory and every inode gets one place: the first name that leads to it; a file's other names are
// links. What the output refuses because of its name goes where the nameless are. (What is put there is in
// salvage_contents.cpp.)
#include "demofs/fs/salvage/salvage_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/salvage/output_names.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t files_between_reports = 64;

}  // namespace

SalvageFiles::SalvageFiles(store::ObjectStore& store, SalvageState& state, SalvageOutput& output,
                           const SalvageSettings& settings, SalvageReport& report)
    : state_(state),
      entries_(state.entries()),
      output_(output),
      settings_(settings),
      report_(report),
      content_(store, state.catalog(), output) {}

asio::awaitable<void> SalvageFiles::write_all() {
    choose_lost_folder();
    directories_.insert(raw(root_inode));
    std::vector<Directory> pending(1);
    pending[0].inode = raw(root_inode);
    auto writing = write_below(std::move(pending));
    co_await std::move(writing);
    co_await write_nameless_directories();
    co_await write_nameless_files();
    co_await write_nameless_contents();
    co_await finish_directories();
}

// --- what is said --------------------------------------------------------------------------------

void SalvageFiles::tell(std::string path, std::string what, std::vector<SalvagedRange> ranges) {
    report_.findings.push_back({std::move(path), std::move(what), std::move(ranges), false});
}

void SalvageFiles::tell_lost(std::string path, std::string what) {
    ++report_.lost_files;
    report_.findings.push_back({std::move(path), std::move(what), {}, true});
}

void SalvageFiles::count(const std::vector<SalvagedRange>& ranges) {
    for (const SalvagedRange& range : ranges) {
        if (range.kind == SalvagedRange::Kind::missing) report_.missing_bytes += range.bytes;
        if (range.kind == SalvagedRange::Kind::older) report_.older_bytes += range.bytes;
        if (range.kind == SalvagedRange::Kind::by_header) report_.by_header_bytes += range.bytes;
    }
    report_.content_bytes = content_.written_bytes() + inline_bytes_;
}

void SalvageFiles::progress() {
    if (++looked_at_ % files_between_reports == 0 && settings_.on_progress) settings_.on_progress(report_);
}

// --- directories ---------------------------------------------------------------------------------

// One that no file in the root directory has.
void SalvageFiles::choose_lost_folder() {
    lost_folder_ = "lost+found";
    const auto names = entries_.names_in(raw(root_inode));
    while (std::ranges::any_of(names, [this](const auto& name) { return name.name == lost_folder_; }))
        lost_folder_ += "+";
}

// The place for what has no name.
asio::awaitable<std::string> SalvageFiles::path_in_lost_folder(std::uint64_t number) {
    if (report_.lost_folder.empty()) {
        co_await output_.make_directory(lost_folder_);
        report_.lost_folder = lost_folder_;
    }
    std::string path = lost_folder_ + "/inode-" + std::to_string(number);
    co_return path;
}

asio::awaitable<void> SalvageFiles::write_below(std::vector<Directory> pending) {
    while (!pending.empty()) {
        const Directory directory = pending.back();
        pending.pop_back();
        finished_.push_back(directory);
        for (const FoundEntries::Name& name : entries_.names_in(directory.inode)) {
            const FoundEntries::Inode* const inode = entries_.inode(name.inode);
            const bool is_directory = inode != nullptr ? inode->record.is_directory() : name.type == S_IFDIR;
            progress();
            if (!is_directory) {
                co_await write_named(directory.path, name);
            } else if (directories_.insert(name.inode).second) {  // else it has a place already
                Directory below;
                below.inode = name.inode;
                below.path = co_await make_directory(directory.path, name);
                pending.push_back(std::move(below));
            }
        }
    }
}

// Returns where it is.
asio::awaitable<std::string> SalvageFiles::make_directory(std::string above, FoundEntries::Name name) {
    const std::string wanted = joined(above, name.name);
    std::exception_ptr error;
    bool made = false;
    if (is_usable_name(name.name)) {
        try {
            co_await output_.make_directory(wanted);
            made = true;
        } catch (const Error&) {
            error = std::current_exception();
        }
    }
    if (error && !is_about_name(error)) std::rethrow_exception(error);
    std::string path = wanted;
    if (!made) {
        path = co_await path_in_lost_folder(name.inode);
        co_await output_.make_directory(path);
        tell(path, unusable(wanted));
    }
    if (entries_.inode(name.inode) == nullptr) tell(path, "the directory's attributes are lost");
    ++report_.directories;
    co_return path;
}

// From the inside out: what is put into a directory changes its times, and its mode may forbid that.
asio::awaitable<void> SalvageFiles::finish_directories() {
    for (auto directory = finished_.rbegin(); directory != finished_.rend(); ++directory) {
        const FoundEntries::Inode* const inode = entries_.inode(directory->inode);
        if (inode == nullptr || directory->path.empty()) continue;  // the output's own folder stays as it is
        const OutputAttributes attributes = attributes_to_keep(inode->record);
        co_await output_.finish_directory(directory->path, attributes);
    }
}

// --- files ---------------------------------------------------------------------------------------

asio::awaitable<void> SalvageFiles::write_named(std::string above, FoundEntries::Name name) {
    std::string path = joined(above, name.name);
    const FoundEntries::Inode* const inode = entries_.inode(name.inode);
    if (inode != nullptr && inode->record.links == 0) co_return;  // its name is older than its end
    const auto known = places_.find(name.inode);
    if (known != places_.end() && is_usable_name(name.name)) {
        const std::string existing = known->second;
        co_await write_link(existing, path);
        co_return;
    }
    std::string what;
    if (!is_usable_name(name.name)) {
        what = unusable(path);
        if (known != places_.end()) {
            tell(known->second, "its other name was \"" + path + "\", which cannot be used here");
            co_return;
        }
        path = co_await path_in_lost_folder(name.inode);
    }
    co_await write_inode(path, name.inode, name.type, what);
}

asio::awaitable<void> SalvageFiles::write_link(std::string existing, std::string path) {
    if (existing.empty()) {
        tell_lost(path, "nothing of it can be read");
        co_return;
    }
    std::exception_ptr error;
    try {
        co_await output_.make_link(existing, path);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (error && !is_about_name(error)) std::rethrow_exception(error);
    if (error) {
        tell_lost(path,
                  "it is another name of " + existing + ", and cannot be made here: " + describe(error));
    } else {
        ++report_.links;
    }
}

// --- what has no name ----------------------------------------------------------------------------

asio::awaitable<void> SalvageFiles::write_nameless_directories() {
    std::set<std::uint64_t> left;
    std::unordered_set<std::uint64_t> named;
    for (const FoundEntries::Name& name : entries_.names()) {
        if (!directories_.contains(name.directory)) left.insert(name.directory);
        named.insert(name.inode);
    }
    for (const auto& [number, inode] : entries_.inodes()) {
        if (inode.record.is_directory() && inode.record.links != 0 && !directories_.contains(number))
            left.insert(number);
    }
    // Those that have a name in another one of these find their place below that.
    for (const std::uint64_t number : left) {
        if (!named.contains(number) && !directories_.contains(number))
            co_await write_nameless_directory(number);
    }
    // But in a circle, which versions of different times can make, none is the first.
    for (const std::uint64_t number : left) {
        if (!directories_.contains(number)) co_await write_nameless_directory(number);
    }
}

asio::awaitable<void> SalvageFiles::write_nameless_directory(std::uint64_t number) {
    directories_.insert(number);
    std::vector<Directory> pending(1);
    pending[0].inode = number;
    pending[0].path = co_await path_in_lost_folder(number);
    co_await output_.make_directory(pending[0].path);
    ++report_.directories;
    tell(pending[0].path, "the directory's name is lost");
    auto writing = write_below(std::move(pending));
    co_await std::move(writing);
}

asio::awaitable<void> SalvageFiles::write_nameless_files() {
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, inode] : entries_.inodes()) {
        contents_.insert(raw(inode.record.data_id));
        const bool to_write =
            !inode.record.is_directory() && inode.record.links != 0 && !places_.contains(number);
        if (to_write) numbers.push_back(number);
    }
    std::ranges::sort(numbers);
    const std::string what = "its name is lost";
    for (const std::uint64_t number : numbers) {
        const std::string path = co_await path_in_lost_folder(number);
        co_await write_inode(path, number, 0, what);
        progress();
    }
}

// Content whose inode is lost: only where that may be so, since what was deleted has blocks, too.
asio::awaitable<void> SalvageFiles::write_nameless_contents() {
    const std::string what = "its name and attributes are lost";
    const std::vector<std::uint64_t> ids = state_.contents();
    for (const std::uint64_t data : ids) {
        if (contents_.contains(data) || entries_.is_given_up(data)) continue;
        if (entries_.inode(data) != nullptr) continue;  // which has other content by now
        const ContentToSalvage content = state_.content_of(data, nullptr);
        if (content.sources.empty() && entries_.inline_of(data) == nullptr) continue;
        const std::string path = co_await path_in_lost_folder(data);
        co_await write_inode(path, data, 0, what);
        progress();
    }
}

}  // namespace demofs::fs
