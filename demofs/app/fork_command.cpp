// `demofs fork list` and `demofs fork accept`: what histories a vault has that did not know of each other, and the
// decision for the one that every mount shows. Listing reads only; accepting makes a commit that gives the others
// up, so it takes the vault's lock.
#include <asyncdrop/install.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "demofs/app/amount_text.hpp"
#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/history_id.hpp"
#include "demofs/app/json_failure.hpp"
#include "demofs/app/password.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/app/vault_stack.hpp"
#include "demofs/app/verdict.hpp"
#include "demofs/base/time_text.hpp"
#include "demofs/crypto/hex.hpp"

namespace demofs::app {

namespace asio = boost::asio;

namespace {

std::string machine_of(const tree::HistoryHead& history) {
    return crypto::to_hex(history.version.replica.bytes);
}

bool is_ours(const tree::HistoryHead& history, const VaultStack& stack) {
    return stack.replica() == history.version.replica;
}

nlohmann::json json_of(const VaultStack& stack) {
    nlohmann::json histories = nlohmann::json::array();
    for (const tree::HistoryHead& history : stack.histories()) {
        histories.push_back({{"id", text_of(history.id())},
                             {"commit", raw(history.version.commit.generation)},
                             {"time", utc_text(history.time)},
                             {"machine", machine_of(history)},
                             {"this_machine", is_ours(history, stack)},
                             {"inodes", history.counters.inodes},
                             {"data_bytes", history.counters.data_bytes},
                             {"shown", histories.empty()}});
    }
    return {{"verdict", name_of(stack.verdict())}, {"histories", std::move(histories)}};
}

void print(const VaultStack& stack, const std::string& directory, bool accepted) {
    const bool several = stack.histories().size() > 1;
    std::cout << "The vault " << directory << " has "
              << (several ? std::to_string(stack.histories().size()) +
                                " histories that did not know of each other"
                          : "one history")
              << ":\n";
    for (const tree::HistoryHead& history : stack.histories()) {
        std::cout << "  " << text_of(history.id()) << ": commit " << raw(history.version.commit.generation)
                  << " of " << utc_text(history.time) << " by "
                  << (is_ours(history, stack) ? "this machine" : "the machine " + machine_of(history)) << ": "
                  << count_text(history.counters.inodes, "inode") << ", "
                  << exact_bytes_text(history.counters.data_bytes) << " of file data\n";
    }
    if (!several) {
        std::cout << std::flush;
        return;
    }
    if (accepted) {
        std::cout << "The vault goes on with the first one; the others are given up." << std::endl;
        return;
    }
    std::cout << "A mount with --read-only shows the first one, with --history ID each of them.\n"
              << "demofs fork accept " << directory << " ID goes on with one and gives the others up."
              << std::endl;
}

asio::awaitable<void> look(VaultStack&) {
    co_return;  // what there is to see is seen when the vault is opened
}

// A session's first commit is made also if nothing has changed, and names what it gives up.
asio::awaitable<void> give_up_the_others(VaultStack& stack) {
    if (stack.histories().size() > 1) co_await stack.tree().commit();
}

int decide(const ForkSettings& settings) {
    const Notice notice = say_notice;
    const bool accept = settings.action == "accept";
    if (settings.history && !accept)
        throw Failure(exit_usage, "fork list shows all histories: it takes no id");
    StackSettings opened;
    opened.accept_fork = accept;
    if (settings.history) opened.history = history_id(*settings.history);
    const std::string directory = vault_directory(settings.vault);
    const crypto::VaultConfig config = read_config(directory, notice);
    const std::unique_ptr<crypto::VaultKeys> keys =
        unlock(config, read_credential(settings.password, Prompt::once), notice);
    asio::io_context context(1);
    asyncdrop::install(context);
    VaultStack stack(context.get_executor(), directory, *keys, notice);
    const VaultStack::Work work = accept ? give_up_the_others : look;
    std::exception_ptr failed;
    asio::co_spawn(context, stack.use(accept ? Access::read_write : Access::read_only, work, opened),
                   [&failed](const std::exception_ptr& error) { failed = error; });
    context.run();
    if (failed) std::rethrow_exception(failed);
    if (settings.json) {
        std::cout << json_of(stack).dump(2) << std::endl;
    } else {
        print(stack, directory, accept);
    }
    return exit_code_of(stack.verdict());
}

}  // namespace

int run_fork(const ForkSettings& settings) {
    return failing_in_json(settings.json, [&settings] { return decide(settings); });
}

}  // namespace demofs::app
