#include "demofs/app/daemon_status.hpp"

#include <algorithm>
#include <asyncdrop/teardown_export.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "demofs/app/amount_text.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

namespace {

using Json = nlohmann::json;

// Of an operation that the store has not answered yet.
constexpr double worth_telling_s = 1;

double seconds_of(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// Types, the most frequent first.
Json guards_by_type(const std::vector<asyncdrop::LiveGuard>& guards) {
    struct Count {
        std::size_t live = 0;
        std::size_t dropping = 0;
        double oldest_s = 0;
    };
    std::map<std::string, Count> types;
    for (const asyncdrop::LiveGuard& guard : guards) {
        Count& count = types[guard.type];
        ++count.live;
        if (guard.dropping) ++count.dropping;
        count.oldest_s = std::max(count.oldest_s, seconds_of(guard.age));
    }
    Json list = Json::array();
    for (const auto& [type, count] : types) {
        Json entry;
        entry["type"] = type;
        entry["live"] = count.live;
        entry["dropping"] = count.dropping;
        entry["oldest_s"] = count.oldest_s;
        list.push_back(std::move(entry));
    }
    return list;
}

Json parse(const std::string& given) {
    Json json = Json::parse(given, nullptr, false);
    if (json.is_discarded() || !json.contains("guards"))
        throw Error::saying(std::errc::protocol_error, "the daemon's status cannot be read");
    return json;
}

void line(std::string& text, const std::string& name, const std::string& value) {
    std::string padded = name;
    padded.resize(std::max<std::size_t>(padded.size(), 16), ' ');
    text += "  " + padded + value + "\n";
}

}  // namespace

std::string waiting_for(const asyncdrop::TeardownReport& report) {
    std::string text;
    for (const asyncdrop::NodeReport& node : report.nodes) {
        if (node.state != asyncdrop::NodeState::dropping || !node.started) continue;
        text += (text.empty() ? "" : "; ") + node.name + ", since " +
                decimal_text(seconds_of(report.ended - *node.started), "s");
    }
    return text;
}

std::string to_json(const DaemonStatus& status) {
    Json json;
    json["vault"] = status.vault;
    json["mount_point"] = status.mount_point;
    json["pid"] = status.pid;
    json["read_only"] = status.read_only;
    json["state"] = status.state;
    json["device"] = status.device.empty() ? Json() : Json(status.device);
    json["mounted_on"] = status.mounted_on;
    json["requests"] = status.requests;
    json["in_flight"] = status.in_flight;
    json["open_handles"] = status.files ? Json(status.files->open_handles) : Json();
    json["unsaved_files"] = status.files ? Json(status.files->unsaved) : Json();
    json["buffered_files"] = status.files ? Json(status.files->buffered) : Json();
    json["tree_bytes"] = status.memory ? Json(status.memory->tree_bytes) : Json();
    json["tree_dirty_bytes"] = status.memory ? Json(status.memory->tree_dirty_bytes) : Json();
    json["unsaved_bytes"] = status.memory ? Json(status.memory->unsaved_bytes) : Json();
    json["cache_limit_bytes"] = status.memory ? Json(status.memory->cache_limit_bytes) : Json();
    json["last_commit"] = status.memory ? Json(status.memory->last_commit) : Json();
    json["last_commit_age_s"] = status.memory && status.memory->last_commit_age
                                    ? Json(status.memory->last_commit_age->count())
                                    : Json();
    json["store_waits_for"] = status.store_wait ? Json(status.store_wait->operation) : Json();
    json["store_waits_s"] = status.store_wait ? Json(seconds_of(status.store_wait->age)) : Json();
    json["store_faults"] = status.store_faults;
    json["held_operations"] = status.held_operations;
    json["storage_failure"] = status.storage_failure.empty() ? Json() : Json(status.storage_failure);
    json["guards"] = guards_by_type(status.guards);
    json["waiting_for"] = status.waiting_for.empty() ? Json() : Json(status.waiting_for);
    json["teardown"] =
        status.teardown ? Json::parse(asyncdrop::to_json(*status.teardown), nullptr, false) : Json();
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ServedFilesystem served_filesystem(const std::string& given) {
    const Json json = parse(given);
    ServedFilesystem served;
    if (json.at("device").is_string()) served.device = json.at("device").get<std::string>();
    served.mounted_on = json.at("mounted_on").get<std::vector<std::string>>();
    return served;
}

std::optional<double> RequestRates::look(const std::string& given, Clock::time_point now) {
    const Json json = parse(given);
    const Look seen{json.at("requests").get<std::uint64_t>(), now};
    const auto [entry, is_new] = last_.try_emplace(json.at("pid").get<pid_t>(), seen);
    const Look before = std::exchange(entry->second, seen);
    if (is_new || now <= before.when || seen.requests < before.requests) return std::nullopt;  // going down
    return static_cast<double>(seen.requests - before.requests) / seconds_of(now - before.when);
}

std::string describe_status(const std::string& given, std::optional<double> requests_per_s) {
    const Json json = parse(given);
    const auto number = [&json](const char* key) {
        return json.at(key).is_number() ? json.at(key).get<std::uint64_t>() : 0;
    };
    const auto text_of = [&json](const char* key) {
        return json.at(key).is_string() ? json.at(key).get<std::string>() : std::string();
    };
    std::string text = text_of("mount_point") + "\n";
    line(text, "vault", text_of("vault") + (json.at("read_only").get<bool>() ? " (read-only)" : ""));
    line(text, "state", text_of("state") + ", process " + std::to_string(number("pid")));
    for (const Json& place : json.at("mounted_on")) {
        if (place != json.at("mount_point")) line(text, "mounted on", place.get<std::string>());
    }
    line(text, "requests",
         std::to_string(number("requests")) + " served" +
             (requests_per_s ? " (" + decimal_text(*requests_per_s, "a second") + ")" : "") + ", " +
             std::to_string(number("in_flight")) + " in flight");
    if (json.at("open_handles").is_number()) {
        line(text, "open handles", std::to_string(number("open_handles")));
        line(text, "to be saved",
             std::to_string(number("unsaved_files")) + " files and directories, " +
                 bytes_text(number("unsaved_bytes") + number("tree_dirty_bytes")));
    }
    if (json.at("last_commit").is_number()) {
        line(text, "memory",
             bytes_text(number("tree_bytes")) + " metadata, block cache of at most " +
                 bytes_text(number("cache_limit_bytes")));
        line(text, "last commit",
             std::to_string(number("last_commit")) +
                 (json.at("last_commit_age_s").is_number()
                      ? ", " + std::to_string(number("last_commit_age_s")) + " s ago"
                      : ""));
    }
    if (json.at("store_waits_s").is_number() && json.at("store_waits_s").get<double>() >= worth_telling_s)
        line(text, "store",
             text_of("store_waits_for") + ", waiting for " +
                 decimal_text(json.at("store_waits_s").get<double>(), "s"));
    for (const Json& fault : json.at("store_faults")) line(text, "injected fault", fault.get<std::string>());
    if (const std::uint64_t held = number("held_operations"); held > 0)
        line(text, "hanging", count_text(held, "operation") + " of the store, by injected faults");
    if (const std::string failure = text_of("storage_failure"); !failure.empty())
        line(text, "storage failed", failure);
    if (const std::string stuck = text_of("waiting_for"); !stuck.empty()) line(text, "waiting for", stuck);
    std::string guards;
    for (const Json& entry : json.at("guards")) {
        guards += (guards.empty() ? "" : ", ") + entry.at("type").get<std::string>() + " " +
                  std::to_string(entry.at("live").get<std::uint64_t>());
    }
    line(text, "live guards", guards.empty() ? "none" : guards);
    return text;
}

}  // namespace demofs::app
