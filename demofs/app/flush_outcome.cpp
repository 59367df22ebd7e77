#include "demofs/app/flush_outcome.hpp"

#include <nlohmann/json.hpp>

#include "demofs/app/amount_text.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

using Json = nlohmann::json;

std::string to_json(const FlushOutcome& outcome) {
    Json json;
    json["going_down"] = outcome.going_down;
    json["files"] = outcome.files;
    json["bytes"] = outcome.bytes;
    json["commit"] = outcome.commit;
    json["error"] = outcome.error.empty() ? Json() : Json(outcome.error);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

FlushOutcome parse_flush_outcome(const std::string& text) {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.contains("going_down"))
        throw Error::saying(std::errc::protocol_error, "the daemon's answer cannot be read");
    FlushOutcome outcome;
    outcome.going_down = json.at("going_down").get<bool>();
    outcome.files = json.at("files").get<std::size_t>();
    outcome.bytes = json.at("bytes").get<std::uint64_t>();
    outcome.commit = json.at("commit").get<std::uint64_t>();
    if (json.at("error").is_string()) outcome.error = json.at("error").get<std::string>();
    return outcome;
}

std::string describe_flush(const FlushOutcome& outcome) {
    const std::string commit = "commit " + std::to_string(outcome.commit);
    if (outcome.files == 0) return "Flushed: nothing was left to save, " + commit;
    return "Flushed: " + count_text(outcome.files, "file") + ", " + bytes_text(outcome.bytes) + ", " + commit;
}

}  // namespace demofs::app
