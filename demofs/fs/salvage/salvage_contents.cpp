// One inode each: a file with its content, a symbolic link, a special file.
#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "demofs/base/error.hpp"
#include "demofs/fs/records/keys.hpp"
#include "demofs/fs/salvage/output_names.hpp"
#include "demofs/fs/salvage/salvage_files.hpp"
#include "demofs/tree/node.hpp"
#include "demofs/tree/node_codec.hpp"

namespace demofs::fs {

namespace asio = boost::asio;

namespace {

std::optional<OutputAttributes> attributes_of_file(const FoundEntries::Inode* inode) {
    if (inode == nullptr) return std::nullopt;
    return attributes_to_keep(inode->record);
}

}  // namespace

OutputAttributes attributes_to_keep(const InodeRecord& inode) {
    OutputAttributes kept;
    kept.mode = inode.mode & ~static_cast<std::uint32_t>(S_IFMT);
    kept.uid = inode.uid;
    kept.gid = inode.gid;
    kept.accessed = inode.accessed;
    kept.modified = inode.modified;
    return kept;
}

// `type` is what a name says, in case that nothing else does.
asio::awaitable<void> SalvageFiles::write_inode(std::string path, std::uint64_t number, std::uint32_t type,
                                                std::string what) {
    File file;
    file.path = std::move(path);
    file.number = number;
    file.inode = entries_.inode(number);
    file.data = file.inode != nullptr ? raw(file.inode->record.data_id) : number;
    file.what = std::move(what);
    if (file.inode != nullptr) type = file.inode->record.mode & S_IFMT;
    places_[number] = std::string();
    contents_.insert(file.data);
    if (type == S_IFREG || type == 0) {
        auto writing = write_file(std::move(file));
        co_await std::move(writing);
    } else if (type == S_IFLNK) {
        auto writing = write_symlink(std::move(file));
        co_await std::move(writing);
    } else {
        auto writing = write_special(std::move(file));
        co_await std::move(writing);
    }
}

asio::awaitable<void> SalvageFiles::write_file(File file) {
    ContentToSalvage content = state_.content_of(file.data, file.inode);
    const FoundEntries::Inline* const small = entries_.inline_of(file.data);
    // Blocks that are newer than inline data have taken its place.
    const bool in_blocks = std::ranges::any_of(content.sources, [&](const ContentSource& source) {
        return small == nullptr || source.time > small->as_of ||
               (file.inode != nullptr && !file.inode->record.has_inline_data);
    });
    SharedBytes bytes;
    if (small != nullptr && !in_blocks) {
        bytes = co_await read_inline(file.data);
        if (file.inode == nullptr) content.size_bytes = bytes.size();
    }
    if (!bytes) {
        const bool lost = co_await is_lost(file, content);
        if (lost) co_return;
    }
    const std::string place = co_await create_file(file.path, file.number);
    if (place != file.path) file.what = unusable(file.path);
    std::vector<SalvagedRange> ranges;
    const std::optional<OutputAttributes> attributes = attributes_of_file(file.inode);
    std::exception_ptr error;
    try {
        if (bytes) {
            const std::size_t size = std::min<std::uint64_t>(bytes.size(), content.size_bytes);
            std::vector<SharedBytes> pieces(1, bytes.slice(0, size));
            auto writing = output_.write(0, std::move(pieces));
            co_await std::move(writing);
            inline_bytes_ += size;
            if (size > 0 && state_.may_be_older(small->as_of, file.inode)) {
                SalvagedRange older;
                older.bytes = size;
                older.kind = SalvagedRange::Kind::older;
                older.generation = small->as_of;
                ranges.push_back(older);
            }
        } else {
            ranges = co_await content_.write(content);
        }
        co_await output_.finish_file(content.size_bytes, attributes);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (error && !is_about_size(error)) std::rethrow_exception(error);
    if (error) {
        co_await output_.finish_file(0, attributes);
        file.what = "its size of " + std::to_string(content.size_bytes) + " bytes is not possible here";
    }
    places_[file.number] = place;
    ++report_.files;
    count(ranges);
    if (file.inode == nullptr && file.what.empty()) file.what = "its attributes are lost";
    if (!file.what.empty() || !ranges.empty()) tell(place, file.what, std::move(ranges));
}

// Of a file whose content is in blocks, if it should have any and none can be read. Says so.
asio::awaitable<bool> SalvageFiles::is_lost(const File& file, const ContentToSalvage& content) {
    const bool has_inline = entries_.inline_of(file.data) != nullptr ||
                            (file.inode != nullptr && file.inode->record.has_inline_data);
    const bool is_hole = content.sources.empty() && content.gaps_are_holes && !has_inline;
    if (file.inode != nullptr && (content.size_bytes == 0 || is_hole)) co_return false;
    bool readable = false;
    if (content.size_bytes > 0) readable = co_await content_.is_readable(content);
    if (readable) co_return false;
    std::string what = "only its name is left";
    if (content.size_bytes > 0)
        what = "none of its " + std::to_string(content.size_bytes) + " bytes can be read";
    tell_lost(file.path, what);
    co_return true;
}

// Returns where it is.
asio::awaitable<std::string> SalvageFiles::create_file(std::string path, std::uint64_t number) {
    std::exception_ptr error;
    try {
        co_await output_.create_file(path);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (error && !is_about_name(error)) std::rethrow_exception(error);
    if (error) {
        path = co_await path_in_lost_folder(number);
        co_await output_.create_file(path);
    }
    co_return path;
}

// Null if the leaf cannot be read any more.
asio::awaitable<SharedBytes> SalvageFiles::read_inline(std::uint64_t data) {
    SharedBytes bytes;
    const FoundEntries::Inline* const place = entries_.inline_of(data);
    if (place == nullptr) co_return bytes;
    const tree::Key key = inline_data_key(DataId{data});
    try {
        const SharedBytes payload = co_await state_.log().read(place->leaf, block::BlockKind::node);
        tree::NodeTally tally;
        const tree::NodePtr node = tree::decode_node(payload, tally);
        const std::size_t index = node->lower_bound(key);
        if (node->is_leaf() && index < node->count() && node->key_at(index) == key)
            bytes = SharedBytes::copy_of(node->value(node->leaf[index]));
    } catch (const Error&) {
        bytes = SharedBytes();
    }
    co_return bytes;
}

asio::awaitable<void> SalvageFiles::write_symlink(File file) {
    const SharedBytes bytes = co_await read_inline(file.data);
    const std::string target(as_text(bytes));
    if (target.empty() || target.find('\0') != std::string::npos) {
        tell_lost(file.path, "the target of this symbolic link is lost");
        co_return;
    }
    const std::optional<OutputAttributes> attributes = attributes_of_file(file.inode);
    std::exception_ptr error;
    try {
        co_await output_.make_symlink(file.path, target, attributes);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (error && !is_about_name(error)) std::rethrow_exception(error);
    if (error) {
        file.what = unusable(file.path);
        file.path = co_await path_in_lost_folder(file.number);
        co_await output_.make_symlink(file.path, target, attributes);
    }
    places_[file.number] = file.path;
    ++report_.symlinks;
    if (file.inode == nullptr && file.what.empty()) file.what = "its attributes are lost";
    if (!file.what.empty()) tell(file.path, file.what);
}

asio::awaitable<void> SalvageFiles::write_special(File file) {
    if (file.inode == nullptr) {
        tell_lost(file.path, "the attributes of this special file are lost");
        co_return;
    }
    const InodeRecord& record = file.inode->record;
    const std::optional<OutputAttributes> attributes = attributes_of_file(file.inode);
    std::exception_ptr error;
    try {
        co_await output_.make_special(file.path, record.mode & S_IFMT, record.device, attributes);
    } catch (const Error&) {
        error = std::current_exception();
    }
    if (error && !is_about_name(error)) std::rethrow_exception(error);
    if (error) {
        tell_lost(file.path, "this special file cannot be made here: " + describe(error));
        co_return;
    }
    places_[file.number] = file.path;
    ++report_.specials;
    if (!file.what.empty()) tell(file.path, file.what);
}

}  // namespace demofs::fs
