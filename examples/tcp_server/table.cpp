#include "table.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace tcp_server {

asyncdrop::AsyncDropBox<Table> Table::open(const std::string& file) {
    std::unordered_map<std::string, std::string> values;
    if (!file.empty() && std::filesystem::exists(file)) {
        std::ifstream in(file, std::ios::binary);
        std::string key;
        std::size_t length = 0;
        while (in >> key >> length) {
            if (length > max_value_bytes) throw std::runtime_error(file + " is damaged");
            std::string value(length, '\0');
            in.get();  // the end of the line
            if (!in.read(value.data(), static_cast<std::streamsize>(length))) {
                throw std::runtime_error(file + " ends too early");
            }
            values.insert_or_assign(std::move(key), std::move(value));
        }
        if (!in.eof()) throw std::runtime_error(file + " is damaged, or could not be read");
    }
    return asyncdrop::make_box<Table>(file, std::move(values));
}

bool Table::put(const std::string& key, std::string value) {
    if (values_.size() >= max_keys && !values_.contains(key)) return false;
    values_.insert_or_assign(key, std::move(value));
    return true;
}

const std::string* Table::get(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
}

// This blocks the server's only thread, as it may: whoever uses the table has been cleaned up before.
asio::awaitable<void> Table::async_drop_impl() {
    if (file_.empty()) co_return;
    const std::string fresh = file_ + ".new";
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    for (const auto& [key, value] : values_) out << key << ' ' << value.size() << '\n' << value << '\n';
    out.close();
    if (!out) throw std::runtime_error("the table could not be written to " + fresh);
    std::filesystem::rename(fresh, file_);
}

}  // namespace tcp_server
