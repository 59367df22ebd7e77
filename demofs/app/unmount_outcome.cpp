// JSON in both directions, and the words for people.
#include "demofs/app/unmount_outcome.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "demofs/app/amount_text.hpp"
#include "demofs/base/error.hpp"

namespace demofs::app {

namespace {

using Json = nlohmann::json;

Json parse(const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded())
        throw Error::saying(std::errc::protocol_error, "the daemon's report cannot be read");
    return json;
}

// Times are microseconds since the begin of the teardown; a part that was skipped has none.
double milliseconds(const Json& time) {
    return time.is_number() ? time.get<double>() / 1000 : 0;
}

constexpr int bar_width = 24;

std::string bar_of(const Json& node, double total_ms) {
    if (!node.at("started_us").is_number()) return std::string(bar_width, ' ');
    const auto column = [total_ms](double ms) {
        return total_ms > 0 ? std::clamp(static_cast<int>(ms / total_ms * bar_width), 0, bar_width) : 0;
    };
    const double end_ms = node.at("ended_us").is_number() ? milliseconds(node.at("ended_us")) : total_ms;
    const int begin = std::min(column(milliseconds(node.at("started_us"))), bar_width - 1);
    const int end = std::max(begin + 1, column(end_ms));
    std::string bar(static_cast<std::size_t>(begin), ' ');
    bar.append(static_cast<std::size_t>(end - begin), '=');
    bar.resize(bar_width, ' ');
    return bar;
}

std::string timeline_of(const Json& teardown) {
    if (!teardown.is_object() || !teardown.contains("nodes")) return "";
    const double total_ms = milliseconds(teardown.at("duration_us"));
    const Json& nodes = teardown.at("nodes");
    constexpr double never = std::numeric_limits<double>::infinity();
    std::vector<std::pair<double, std::size_t>> order;  // of their begins, and as they were added
    std::size_t width = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const Json& started = nodes[i].at("started_us");
        order.emplace_back(started.is_number() ? started.get<double>() : never, i);
        width = std::max(width, nodes[i].at("name").get<std::string>().size());
    }
    std::sort(order.begin(), order.end());
    std::string text;
    for (const auto& [begin, number] : order) {
        const Json& node = nodes[number];
        std::string name = node.at("name").get<std::string>();
        name.resize(width, ' ');
        const bool ran = node.at("started_us").is_number() && node.at("ended_us").is_number();
        const std::string took =
            ran ? decimal_text(milliseconds(node.at("ended_us")) - milliseconds(node.at("started_us")), "ms")
                : "";
        text += "  " + name + "  |" + bar_of(node, total_ms) + "|  " + took;
        const std::string state = node.at("state").get<std::string>();
        if (state != "dropped") text += (took.empty() ? "" : ", ") + state;
        if (node.at("error").is_string()) text += ": " + node.at("error").get<std::string>();
        text += "\n";
    }
    return text;
}

}  // namespace

std::string to_json(const UnmountOutcome& outcome) {
    Json json;
    json["code"] = outcome.code;
    json["files"] = outcome.files;
    json["bytes"] = outcome.bytes;
    json["commit"] = outcome.commit;
    json["problems"] = outcome.problems;
    json["not_saved_files"] = outcome.not_saved_files;
    json["not_saved"] = Json::array();
    for (const UnsavedFile& file : outcome.not_saved) {
        Json entry;
        entry["inode"] = raw(file.inode);
        entry["path"] = file.path.empty() ? Json() : Json(file.path);
        json["not_saved"].push_back(std::move(entry));
    }
    json["teardown"] = Json::parse(outcome.teardown, nullptr, false);
    if (json["teardown"].is_discarded()) json["teardown"] = Json();
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

OutcomeText describe_outcome(const std::string& text, double seconds) {
    const Json json = parse(text);
    OutcomeText shown;
    shown.timeline = timeline_of(json.at("teardown"));
    const std::string commit = "commit " + std::to_string(json.at("commit").get<std::uint64_t>());
    const auto files = json.at("files").get<std::uint64_t>();
    const auto lost = json.at("not_saved_files").get<std::uint64_t>();
    if (json.at("code").get<int>() == 0) {
        shown.summary = files == 0 ? "All saved: nothing was left to save, " + commit
                                   : "All saved: " + count_text(files, "file") + ", " +
                                         bytes_text(json.at("bytes").get<std::uint64_t>()) + ", " + commit;
        shown.summary += ", " + decimal_text(seconds, "s");
        return shown;
    }
    shown.summary = "Not saved: " + (lost == 0 ? "see above" : "changes of " + count_text(lost, "file")) +
                    "; the vault holds " + commit + ", " + decimal_text(seconds, "s");
    for (const Json& problem : json.at("problems")) shown.details.push_back(problem.get<std::string>());
    for (const Json& file : json.at("not_saved")) {
        shown.details.push_back("  " +
                                (file.at("path").is_string()
                                     ? file.at("path").get<std::string>()
                                     : "inode " + std::to_string(file.at("inode").get<std::uint64_t>())));
    }
    if (const std::size_t listed = json.at("not_saved").size(); listed < lost)
        shown.details.push_back("  and " + std::to_string(lost - listed) + " more");
    return shown;
}

std::string to_json(const UnmountAnswer& answer) {
    const auto object_in = [](const std::optional<std::string>& text) {
        Json json = Json::parse(text.value_or("{}"), nullptr, false);
        return json.is_object() ? json : Json::object();
    };
    Json json = object_in(answer.outcome);
    json["code"] = answer.code;
    json["error"] = answer.error.empty() ? Json() : Json(answer.error);
    json["mount_point"] = answer.mount_point;
    json["seconds"] = answer.seconds;
    json["detached"] = answer.detached;
    json["notices"] = answer.notices;
    json["users"] = Json::array();
    for (const MountUser& user : answer.users) {
        Json entry;
        entry["pid"] = user.pid;
        entry["command"] = user.command;
        entry["holds"] = user.holds;
        json["users"].push_back(std::move(entry));
    }
    if (answer.flushed) json["flushed"] = object_in(answer.flushed);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace demofs::app
