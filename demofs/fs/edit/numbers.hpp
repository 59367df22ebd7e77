// Fresh inode numbers and data ids. One that was taken by an operation that then failed, or that has to run
// again, goes back and is given out next: numbers are never reused, but also not wasted on failures.
//
// Threads: the core.
#pragma once

#include <cstdint>
#include <vector>

#include "demofs/fs/model/must_wait.hpp"
#include "demofs/tree/tree.hpp"

namespace demofs::fs {

class Numbers {
  public:
    /// `tree` must outlive this.
    explicit Numbers(tree::Tree& tree) : tree_(&tree) {}

    /// A number on loan: back to the pool unless keep() is called.
    class Lease {
      public:
        /// Throws MustWait if a commit has to reserve more first.
        explicit Lease(Numbers& numbers) : numbers_(&numbers), number_(numbers.take()) {}
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() {
            if (numbers_ != nullptr) numbers_->spare_.push_back(number_);
        }

        std::uint64_t number() const { return number_; }
        void keep() { numbers_ = nullptr; }

      private:
        Numbers* numbers_;
        std::uint64_t number_;
    };

  private:
    std::uint64_t take() {
        if (!spare_.empty()) {
            const std::uint64_t number = spare_.back();
            spare_.pop_back();
            return number;
        }
        if (!tree_->numbers_left()) throw MustWait(MustWait::Reason::numbers);
        spare_.reserve(16);  // so that giving a number back cannot fail
        return tree_->allocate_number();
    }

    tree::Tree* tree_;
    std::vector<std::uint64_t> spare_;
};

}  // namespace demofs::fs
