// `demofs status`: asks daemons what they are doing, those that are on their way down included.
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "demofs/app/commands.hpp"
#include "demofs/app/control_socket.hpp"
#include "demofs/app/daemon_status.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/mounted_directory.hpp"

namespace demofs::app {

namespace {

constexpr std::chrono::seconds answer_time(5);

// One line of JSON; nothing if the daemon is gone. One that is there and says nothing hangs: counted.
std::string ask(ControlClient& daemon, std::size_t& hanging) {
    daemon.ask("status");
    const auto deadline = ControlClient::Clock::now() + answer_time;
    while (const auto message = daemon.next(deadline)) {
        if (message->kind == "status") return message->text;
    }
    if (!daemon.over()) ++hanging;
    return "";
}

}  // namespace

int run_status(const StatusSettings& settings) {
    std::vector<ControlClient> daemons;
    if (settings.mount_point) {
        MountedDirectory found = find_mounted(*settings.mount_point);
        if (!found.daemon) {
            throw Failure(exit_not_mounted,
                          "no demofs of this user is mounted on " + found.directory +
                              (found.mount ? "; what is mounted there is a " + found.mount->type : ""));
        }
        daemons.push_back(std::move(*found.daemon));
    } else {
        daemons = ControlClient::connect_all();
    }
    std::size_t shown = 0, hanging = 0;
    if (settings.json) std::cout << '[';
    for (ControlClient& daemon : daemons) {
        const std::string json = ask(daemon, hanging);
        if (json.empty()) continue;
        if (settings.json) {
            std::cout << (shown == 0 ? "" : ",\n ") << json;
        } else {
            std::cout << describe_status(json);
        }
        ++shown;
    }
    if (settings.json) std::cout << "]\n";
    if (!settings.json && shown + hanging == 0) std::cout << "nothing is mounted\n";
    std::cout << std::flush;
    if (hanging > 0) {
        throw Failure(exit_timed_out,
                      settings.mount_point
                          ? "the daemon does not answer"
                          : std::to_string(hanging) + " of the daemons of this user do not answer");
    }
    return exit_ok;
}

}  // namespace demofs::app
