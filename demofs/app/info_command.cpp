// `demofs info`: what anybody may know of a vault and, with the password, what it holds.
#include <asyncdrop/install.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <iomanip>
#include <iostream>

#include "demofs/app/amount_text.hpp"
#include "demofs/app/commands.hpp"
#include "demofs/app/failure.hpp"
#include "demofs/app/key_slot_text.hpp"
#include "demofs/app/password.hpp"
#include "demofs/app/user_messages.hpp"
#include "demofs/app/vault.hpp"
#include "demofs/app/vault_stack.hpp"
#include "demofs/app/verdict.hpp"
#include "demofs/base/time_text.hpp"
#include "demofs/crypto/aead.hpp"

namespace demofs::app {

namespace {

void line(const std::string& name, const std::string& value) {
    std::cout << std::left << std::setw(18) << name << value << '\n';
}

boost::asio::awaitable<void> look_inside(VaultStack& stack) {
    const tree::Counters& counters = stack.tree().counters();
    line("state", std::string(name_of(stack.verdict())));
    line("last commit", std::to_string(raw(stack.tree().generation())));
    line("inodes", std::to_string(counters.inodes));
    line("file data", exact_bytes_text(counters.data_bytes));
    line("segments", std::to_string(stack.segment_count()) + ", " + exact_bytes_text(stack.stored_bytes()));
    co_return;
}

}  // namespace

int run_info(const InfoSettings& settings) {
    const Notice notice = say_notice;
    const std::string directory = vault_directory(settings.vault);
    const crypto::VaultConfig config = read_config(directory, notice);
    line("vault", directory);
    line("format", "demofs " + std::to_string(crypto::vault_format_version));
    line("cipher", std::string(crypto::cipher_name(config.cipher)));
    line("made", utc_text(config.created));
    for (const crypto::KeySlot& slot : config.slots)
        line("key slot " + std::to_string(slot.id), slot_text(slot) + ", " + cost_text(slot.kdf));
    for (const crypto::ForeignSlot& slot : config.foreign_slots)
        line("key slot " + std::to_string(slot.id), slot.kind + ", needs a newer demofs");
    if (!settings.unlock && !settings.password.chosen()) return exit_ok;

    const std::unique_ptr<crypto::VaultKeys> keys =
        unlock(config, read_credential(settings.password, Prompt::once), notice);
    boost::asio::io_context context(1);
    asyncdrop::install(context);
    VaultStack stack(context.get_executor(), directory, *keys, notice);
    std::exception_ptr failed;
    boost::asio::co_spawn(context, stack.use(Access::read_only, look_inside),
                          [&failed](const std::exception_ptr& error) { failed = error; });
    context.run();
    if (failed) std::rethrow_exception(failed);
    return exit_code_of(stack.verdict());
}

}  // namespace demofs::app
