#include "demofs/app/history_id.hpp"

#include "demofs/app/failure.hpp"
#include "demofs/crypto/hex.hpp"

namespace demofs::app {

std::string text_of(const tree::HistoryId& id) {
    return crypto::to_hex(id);
}

tree::HistoryId history_id(const std::string& text) {
    tree::HistoryId id{};
    if (!crypto::from_hex(text, id)) {
        throw Failure(exit_usage, "\"" + text +
                                      "\" is no id of a history: eight digits of 0-9 and a-f, as "
                                      "demofs fork list prints them");
    }
    return id;
}

}  // namespace demofs::app
