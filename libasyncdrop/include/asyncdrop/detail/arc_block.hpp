// What the clones of an AsyncDropArc share: the resource in a box, without its type, so that an Arc of a base
// shares the block of the Arc it was made of.
//
// Two counts. `owners_` is what strong_count() shows: one for each live handle; who takes it to zero is the
// cleaner. `references_` keeps the block itself: one for all owners together, one for each coroutine that is
// cleaning up or waiting for it.
//
// Threads: everything here may be called from any thread, except box(), which belongs to the cleaner or the
// only owner. Memory order: a release of ownership publishes that owner's writes, and the last one acquires
// them all before the cleanup reads. After completed_.complete() the cleaner gives back its reference and
// touches nothing else.
#pragma once

#include <asyncdrop/box.hpp>
#include <asyncdrop/detail/completion.hpp>
#include <asyncdrop/guard.hpp>
#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

namespace asyncdrop::detail {

// Stands for the type of a resource that nobody knows any more.
struct Opaque {};

class ArcBlock {
  public:
    using Box = AsyncDropBox<Opaque>;

    struct Unreference {
        void operator()(ArcBlock* block) const noexcept { block->release_reference(); }
    };
    using Reference = std::unique_ptr<ArcBlock, Unreference>;

    // Takes the resource out of the box. If an allocation fails, the box keeps it.
    template <class T>
    explicit ArcBlock(AsyncDropBox<T>& box) noexcept : ArcBlock() {
        hold(box);
    }
    ArcBlock(const ArcBlock&) = delete;
    ArcBlock& operator=(const ArcBlock&) = delete;

    // A guard's T moves to the heap. If an allocation fails, the guard keeps it.
    template <class T>
    static ArcBlock* from_guard(AsyncDropGuard<T>& guard, T*& value) {
        auto block = std::unique_ptr<ArcBlock>(new ArcBlock());
        AsyncDropBox<T> box = std::move(guard).into_box();
        value = &*box;
        block->hold(box);
        return block.release();
    }

    Box& box() noexcept { return box_; }
    template <class T>
    AsyncDropBox<T> take_box(T* value) noexcept {
        return CoreAccess::rebind<AsyncDropBox<T>>(box_, value);
    }

    std::size_t owners() const noexcept { return owners_.load(std::memory_order_acquire); }
    void add_owner() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }

    // Gives one share back unless it is the last one. Nobody can add an owner to a last one meanwhile, since
    // that takes a handle.
    bool release_if_shared() noexcept {
        std::size_t owners = owners_.load(std::memory_order_relaxed);
        while (owners > 1) {
            if (owners_.compare_exchange_weak(owners, owners - 1, std::memory_order_release,
                                              std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

    // Gives one share back; true elects the caller as the cleaner, who takes over the owners' reference.
    bool release_owner() noexcept { return owners_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

    // The cleaner's election is undone: the cleanup could not be started. Nobody else owns meanwhile.
    void restore_owner() noexcept { owners_.store(1, std::memory_order_relaxed); }

    // A share whose handle died without a drop; that was reported.
    void forget_owner() noexcept {
        if (!release_owner()) return;
        CoreAccess::destroy_unreported(box_);
        completed_.complete(abandoned());
        release_reference();
    }

    Reference reference() noexcept {
        references_.fetch_add(1, std::memory_order_relaxed);
        return Reference(this);
    }
    void release_reference() noexcept {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    bool is_sole_reference() const noexcept {
        return owners() == 1 && references_.load(std::memory_order_acquire) == 1;
    }

    Completion& completed() noexcept { return completed_; }

    // The duty of the elected cleaner: publishes the end of the cleanup, also if the cleaner's frame is
    // destroyed in the middle of it, and gives back the owners' common reference.
    class Cleaner {
      public:
        explicit Cleaner(ArcBlock& block) noexcept : block_(&block) {}
        Cleaner(const Cleaner&) = delete;
        Cleaner& operator=(const Cleaner&) = delete;
        ~Cleaner() {
            if (block_) done(abandoned());
        }
        void done(std::exception_ptr error) noexcept {
            ArcBlock* const block = std::exchange(block_, nullptr);
            // No owner is left to make another reference, so nobody waits.
            if (block->references_.load(std::memory_order_acquire) == 1) {
                delete block;
                return;
            }
            block->completed_.complete(std::move(error));
            block->release_reference();
        }
        void give_up_duty() noexcept { block_ = nullptr; }

      private:
        ArcBlock* block_;
    };

  private:
    ArcBlock() noexcept = default;
    ~ArcBlock() = default;
    friend std::default_delete<ArcBlock>;

    template <class T>
    void hold(AsyncDropBox<T>& box) noexcept {
        box_ = CoreAccess::rebind<Box>(box, nullptr);
    }

    static std::exception_ptr abandoned() noexcept {
        try {
            return std::make_exception_ptr(boost::system::system_error(
                boost::asio::error::operation_aborted, "the cleanup of a shared resource was abandoned"));
        } catch (...) {
            return std::current_exception();
        }
    }

    std::atomic<std::size_t> owners_{1};
    std::atomic<std::size_t> references_{1};
    Box box_;
    Completion completed_;
};

}  // namespace asyncdrop::detail
