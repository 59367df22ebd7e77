"""The rules whose breach must not go unnoticed: each as one small change of the source that breaks it, and nothing else.

`old` occurs exactly once in the file. `tests` are the programs that are built and run with the change; the first that fails has
caught it.
"""

from dataclasses import dataclass

TREE = ("tree_test", "tree_crash_test", "fs_enumeration_test")
BLOCK = ("block_test", *TREE)
KEYS = ("crypto_test", "vault_config_crash_test")


@dataclass
class Mutation:
    rule: str
    file: str
    old: str
    new: str
    tests: tuple = TREE


MUTATIONS = (
    # -- what is durable before what ------------------------------------------------------------------------------
    Mutation("A commit is synced before it counts", "demofs/tree/commit.cpp",
             "    co_await blocks.sync();\n", ""),
    Mutation("A sync covers what was appended, not only what was written", "demofs/block/write_pipeline_writing.cpp",
             "    const std::uint64_t target = appended_;\n", "    const std::uint64_t target = written_;\n", BLOCK),
    Mutation("A batch that a sync waits for is written with a sync", "demofs/block/write_pipeline_writing.cpp",
             "sync_with_it ? store::Durability::synced : store::Durability::buffered", "store::Durability::buffered", BLOCK),
    Mutation("A segment is durable before the next one is written", "demofs/block/segment_log.cpp",
             "        co_await finish_segment();\n        open_.pop_front();", "        co_await writer_.async_drop();\n        open_.pop_front();",
             BLOCK),
    Mutation("The blocks are durable before the seal says so", "demofs/block/segment_log.cpp",
             "    const bool synced = co_await fill_page(store::Durability::synced);\n    if (!synced) {\n        co_await writer_->sync();\n"
             "        learn_from_sync();\n    }\n    if (!writer_->ended()) {",
             "    co_await fill_page(store::Durability::buffered);\n    if (!writer_->ended()) {", BLOCK),
    Mutation("No page with acknowledged bytes is written again (the 4 KiB rule)", "demofs/block/segment_log.cpp",
             "    const std::uint32_t boundary = align_up(open.reserved_end);\n    if (boundary == open.reserved_end) return;",
             "    const std::uint32_t boundary = align_up(open.reserved_end);\n    if (boundary > 0) return;", BLOCK),
    Mutation("A commit record starts on a boundary", "demofs/block/segment_log.cpp",
             "placement == Placement::aligned ? align_up(open.reserved_end) : open.reserved_end",
             "placement == Placement::aligned ? open.reserved_end : open.reserved_end", BLOCK),
    Mutation("The record's ranges hold what was appended before it", "demofs/tree/commit.cpp",
             "    co_await append_nodes();\n", "    record->log = co_await blocks.digest();\n    co_await append_nodes();\n"),
    Mutation("Numbers are given out only below a limit that is durable", "demofs/tree/commit.cpp",
             "std::max(number_limit, counters.next_number + settings.number_reserve)", "counters.next_number"),
    Mutation("A failed attempt uses its generation up", "demofs/tree/recovery_search.cpp",
             "    result_.seen_generation = std::max(result_.seen_generation, Generation{block.header.birth_generation});\n", ""),
    Mutation("Buffered content is in the commit that promises its size", "demofs/fs/filesystem_durability.cpp",
             "    const Result<Nothing> flushed = co_await state.flush_file(inode);\n",
             "    const Result<Nothing> flushed = Nothing{};\n"),
    Mutation("Who waits for a commit that fails is told", "demofs/fs/filesystem_durability.cpp",
             "    const std::errc code = report(error);\n    co_return durability_error(code);\n",
             "    report(error);\n    co_return Nothing{};\n"),
    # -- what recovery believes -----------------------------------------------------------------------------------
    Mutation("The hash over the tags decides whether a commit is whole", "demofs/tree/recovery.cpp",
             "co_return seen.tags_hash == record.log.tags_hash;", "co_return true;"),
    Mutation("A commit that is not whole is a crash's only if nothing proves its sync", "demofs/tree/recovery.cpp",
             "        if (!good && !head.synced) {", "        if (!good) {"),
    Mutation("The parent takes the place of a torn commit", "demofs/tree/recovery.cpp",
             "        if (!good && !head.synced) {", "        if (false) {"),
    Mutation("A damaged header is no crash", "demofs/tree/recovery_search.cpp",
             "    const bool crash = co_await catalog_.header_was_never_written(id);\n",
             "    const bool asked = co_await catalog_.header_was_never_written(id);\n    const bool crash = asked || !asked;\n"),
    Mutation("Behind the last record of a sealed segment nothing is damaged", "demofs/tree/recovery_search.cpp",
             "        if (seal && !below_is_past) co_await check_sealed_end(segment.id, scanned, *seal);\n", ""),
    Mutation("A missing segment of an unsynced commit makes the vault incomplete", "demofs/tree/recovery.cpp",
             "        if (!given_up) throw Error(Errc::vault_incomplete, sentence);", "        static_cast<void>(given_up);"),
    Mutation("Segments with live bytes are all there", "demofs/tree/recovery.cpp",
             "        if (entry.bytes > 0 && !catalog.is_listed(entry.segment))", "        if (entry.bytes < 0 && !catalog.is_listed(entry.segment))"),
    Mutation("Two histories are a fork", "demofs/tree/recovery.cpp",
             "            result_.judge(Verdict::fork, std::move(sentence));", "            result_.note(std::move(sentence));"),
    Mutation("A branch shows by numbers that are there twice", "demofs/tree/recovery_search.cpp",
             "        if (twice && twice_left_ > 0) {", "        if (twice && twice_left_ > (1u << 20)) {"),
    Mutation("A branch shows by segments that went on", "demofs/tree/recovery_search.cpp",
             "                if (open.size_bytes != segments[i].size_bytes) return true;\n", ""),
    Mutation("What is known to have been there is looked for", "demofs/tree/recovery.cpp",
             "    if (!settings_.known) co_return;", "    if (true) co_return;"),
    Mutation("A new state is above the one that was rolled back", "demofs/tree/recovery.cpp",
             "    result_.seen_generation = std::max(result_.seen_generation, known.commit.generation);\n", ""),
    Mutation("A tail that was given up is remembered", "demofs/tree/recovery.cpp",
             "            chosen.given_up.push_back(tail);\n", "            static_cast<void>(tail);\n"),
    Mutation("What a newer version wrote is refused", "demofs/block/block_codec.cpp",
             "    if (flags != 0) throw_unsupported(", "    if (flags == 255) throw_unsupported(", BLOCK),
    # -- the key slots --------------------------------------------------------------------------------------------
    Mutation("A new demofs.json is durable before it has that name", "demofs/store/vault_config_file.cpp",
             '        if (::fsync(file.get()) != 0) throw Error(errno, "cannot sync " + temporary.string());\n', "", KEYS),
    Mutation("One copy of demofs.json is durable before the other one is replaced", "demofs/store/vault_config_file.cpp",
             "    sync_directory(directory);\n", "", KEYS),
    Mutation("The second copy of demofs.json follows the first", "demofs/store/vault_config_file.cpp",
             "        replace_file(vault, vault_config_backup_name, text);\n", "", KEYS),
    Mutation("A slot's type is authentic", "demofs/crypto/key_slots.cpp",
             "        aad.sized_text(name_of(slot.description->type));\n", "", KEYS),
    Mutation("A slot of an unknown kind is kept", "demofs/crypto/vault_config_json.cpp",
             '    for (const ForeignSlot& slot : config.foreign_slots) json["key_slots"].push_back(Json::parse(slot.json));\n', "", KEYS),
    # -- what is authentic ----------------------------------------------------------------------------------------
    Mutation("A tag that does not fit is refused", "demofs/crypto/aead.cpp",
             "    std::array<unsigned char, tag_bytes> rest{};  // Final writes nothing for these ciphers\n",
             "    std::array<unsigned char, tag_bytes> rest{};  // Final writes nothing for these ciphers\n"
             "    if (rest[0] == 0) return true;\n", ("crypto_test", *BLOCK)),
    Mutation("What is wrong with a neighbour fails only those who want it", "demofs/tree/tree.cpp",
             "    if (error && addresses.size() > 1) {", "    if (error && addresses.empty()) {"),
)
