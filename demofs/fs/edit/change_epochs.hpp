// Which epoch of the tree holds an inode's last change: what fsync has to wait for. Entries disappear once
// their epoch is durable. Threads: the core.
#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "demofs/base/types.hpp"

namespace demofs::fs {

class ChangeEpochs {
  public:
    /// The inode was changed in `epoch`, the tree's newest.
    void note(InodeNumber inode, Epoch epoch) {
        const auto [entry, is_new] = latest_.try_emplace(inode, epoch);
        if (!is_new && entry->second == epoch) return;
        entry->second = epoch;
        by_epoch_[epoch].push_back(inode);
    }

    /// Everything up to the epoch `durable` is durable: nobody has to wait for it any more.
    void settle_until(Epoch durable) {
        while (!by_epoch_.empty() && by_epoch_.begin()->first <= durable) {
            const auto& [epoch, inodes] = *by_epoch_.begin();
            for (const InodeNumber inode : inodes) {
                const auto entry = latest_.find(inode);
                if (entry != latest_.end() && entry->second == epoch) latest_.erase(entry);
            }
            by_epoch_.erase(by_epoch_.begin());
        }
    }

    /// Null if the inode's last change is durable, or older than this mount.
    const Epoch* find(InodeNumber inode) const {
        const auto entry = latest_.find(inode);
        return entry == latest_.end() ? nullptr : &entry->second;
    }

    std::vector<InodeNumber> all() const {
        std::vector<InodeNumber> inodes;
        for (const auto& [inode, epoch] : latest_) inodes.push_back(inode);
        return inodes;
    }

  private:
    std::unordered_map<InodeNumber, Epoch> latest_;
    std::map<Epoch, std::vector<InodeNumber>> by_epoch_;
};

}  // namespace demofs::fs
